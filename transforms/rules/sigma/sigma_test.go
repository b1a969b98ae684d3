package sigma

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

const example = `title: Something odd
id: 5a3f7c1e-0b1d-4c2e-9a3f-1234567890ab
description: A program
  that is odd.
references: [https://example.org/odd]
level: high
tags: [attack.execution, attack.t1059.004, cve.2021-1]
falsepositives: [Administrators]
logsource: {product: linux, category: process_creation}
detection:
  selection_img: {Image|endswith: [/nc, /ncat]}
  selection_cli:
    CommandLine|contains|all: [' -e ', sh]
  filter: {User: root, CurrentDirectory|startswith: /opt/}
  condition: all of selection_* and not filter
`

// one translates a text with one rule.
func one(t testing.TB, text string) One {
	t.Helper()
	list, err := Translate([]byte(text))
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %d rules in %s", err, len(list), text)
	}
	return list[0]
}

func compiled(t testing.TB, r *Rule) *expr.Program {
	t.Helper()
	p, err := expr.NewCompiler(expr.Options{}).Bool(plugin.Text{Value: r.Condition})
	if err != nil {
		t.Fatalf("%v in %s", err, r.Condition)
	}
	return p
}

func TestTranslate(t *testing.T) {
	got := one(t, example)
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	r := got.Rule
	if want := `((lower(process.command_line) contains " -e " && lower(process.command_line) contains "sh") && (lower(process.executable) endsWith "/nc" || lower(process.executable) endsWith "/ncat")) && !((lower(user.name) == "root" && lower(process.working_directory) startsWith "/opt/"))`; !strings.Contains(r.Condition, `!((lower(user.name) == "root"`) || !strings.Contains(r.Condition, `lower(process.executable) endsWith "/nc"`) {
		t.Errorf("the condition is\n%s, about\n%s", r.Condition, want)
	}
	if r.Severity != "high" || r.Threat == nil || r.Threat.Technique[0] != "T1059.004" || r.Threat.Tactic[0] != "TA0002" || r.Sources[0] != "auditd" || r.Actions[0] != "executed" ||
		r.Description != "A program that is odd. Known to match without harm: Administrators." || r.Reference != "https://example.org/odd" {
		t.Errorf("%+v", r)
	}
	if !regexp.MustCompile(`^[A-Z0-9]+(-[A-Z0-9]+)*-[0-9]{3}$`).MatchString(r.ID) || !strings.HasPrefix(r.ID, "SIGMA-5A3F7C1E-") || one(t, example).Rule.ID != r.ID {
		t.Errorf("its id is %s", r.ID)
	}
	var b bytes.Buffer
	if err := Write(&b, "imported", []*Rule{r}); err != nil {
		t.Fatal(err)
	}
	var file struct {
		Rules []struct{ Condition string }
	}
	if err := yaml.Unmarshal(b.Bytes(), &file); err != nil || strings.TrimSpace(file.Rules[0].Condition) != r.Condition || !strings.Contains(b.String(), "condition: |") {
		t.Errorf("%v in\n%s", err, b.String())
	}
	compiled(t, r)
}

func TestWhatIsNotTranslated(t *testing.T) {
	for _, c := range []struct{ name, from, to, why string }{
		{"another product", "product: linux", "product: windows", `product "windows"`},
		{"another category", "process_creation", "dns_query", `category "dns_query"`},
		{"a field", "Image|endswith", "Hashes|endswith", "the field Hashes has no counterpart"},
		{"a modifier", "CommandLine|contains|all", "CommandLine|windash|contains", "the modifier windash"},
		{"words", "filter: {User: root, CurrentDirectory|startswith: /opt/}", "filter: [one, two]", "looks for words anywhere"},
		{"a count", "and not filter", "| count() by Image > 5", "its condition counts (count"},
		{"a timeframe", "  filter:", "  timeframe: 5m\n  filter:", "within 5m"},
		{"a name", "not filter", "not fliter", `names "fliter"`},
		{"a pattern", "all of selection_*", "1 of other_*", `names "other_*"`},
		{"open", "not filter", "not (filter", "is open"},
		{"too much", "not filter", "not filter filter", "not understood at"},
		{"too little", "not filter", "not", "ends too early"},
		{"a level", "level: high", "level: urgent", `"urgent"`},
		{"an expression", "Image|endswith: [/nc, /ncat]", "Image|re: '(?<x>a)\\1'", "none of RE2's"},
		{"no title", "title: Something odd", "title: ''", "no title"},
		{"no condition", "  condition: all of selection_* and not filter\n", "", "no condition"},
		{"a correlation", "title:", "correlation: {type: event_count}\ntitle:", "correlation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := one(t, strings.Replace(example, c.from, c.to, 1))
			if !errors.Is(got.Err, ErrNot) || !strings.Contains(got.Err.Error(), c.why) || got.Rule != nil {
				t.Errorf("%v", got.Err)
			}
		})
	}
	if _, err := Translate([]byte("a: [")); err == nil {
		t.Error("what is no YAML was translated")
	}
}

func TestOtherSources(t *testing.T) {
	for _, c := range []struct{ name, source, detection, want string }{
		{"arguments", "{product: linux, service: auditd}", "{s: {type: EXECVE, a0: chattr, a1|contains: i}, condition: s}",
			`(event.action == "executed" && lower(process.args[0]) == "chattr" && lower(process.args[1]) contains "i")`},
		{"arguments of calls", "{product: linux, service: auditd}", "{s: {type: SYSCALL, a0: '1f'}, condition: s}", `(event.code == "SYSCALL" && lower(auditd.data["a0"]) == "1f")`},
		{"a key", "{product: linux, service: auditd}", "{s: {key: k*}, condition: s}", `any(auditd.key, {lower(#) startsWith "k"})`},
		{"paths", "{product: linux, service: auditd}", "{s: {type: PATH, name|startswith: /etc/}, condition: s}", `(file.path != "" && lower(file.path) startsWith "/etc/")`},
		{"success", "{product: linux, service: auditd}", "{s: {success: 'no'}, condition: s}", `!(event.outcome == "success")`},
		{"another field", "{product: linux, service: auditd}", "{s: {op: PAM:authentication}, condition: s}", `lower(auditd.data["op"]) == "pam:authentication"`},
		{"files", "{product: linux, category: file_event}", "{s: {TargetFilename: /etc/x}, condition: s}", `("creation" in event.type || "change" in event.type) && (lower(file.path) == "/etc/x")`},
		{"ports", "{product: linux, category: network_connection}", "{s: {DestinationPort: [22, 80], Initiated: 'true'}, condition: s}", `((destination.port == 22 || destination.port == 80) && event.action == "connected-to")`},
		{"greater", "{product: linux, category: network_connection}", "{s: {DestinationPort|gte: 1024}, condition: s}", `destination.port >= 1024`},
		{"networks", "{product: linux, category: network_connection}", "{s: {DestinationIp|cidr: 10.0.0.0/8}, condition: s}", `cidr(destination.ip, "10.0.0.0/8")`},
		{"cluster", "{product: kubernetes, service: audit}", "{s: {verb: create, objectRef.resource: pods, objectRef.subresource: exec}, condition: s}",
			`(lower(kubernetes.audit.verb) == "create" && lower(kubernetes.audit.objectRef.resource) == "pods" && lower(kubernetes.audit.objectRef.subresource) == "exec")`},
		{"nothing", "{product: linux, category: process_creation}", "{s: {ParentImage: null}, condition: s}", `process.parent.executable == ""`},
		{"exists", "{product: linux, category: process_creation}", "{s: {ParentImage|exists: false}, condition: s}", `process.parent.executable == ""`},
		{"base64", "{product: linux, category: process_creation}", "{s: {CommandLine|base64|contains: id}, condition: s}", `process.command_line contains "aWQ="`},
		{"one of them", "{product: linux, category: process_creation}", "{a: {User: x}, b: {User: y}, _c: {User: z}, condition: 1 of them}", `(lower(user.name) == "x" || lower(user.name) == "y")`},
		{"several conditions", "{product: linux, category: process_creation}", "{a: {User: x}, b: {User: y}, condition: [a, b]}", `(lower(user.name) == "x" || lower(user.name) == "y")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := one(t, "title: x\nlogsource: "+c.source+"\ndetection: "+c.detection+"\n")
			if got.Err != nil || got.Rule.Condition != c.want {
				t.Fatalf("%v: %+v, want %s", got.Err, got.Rule, c.want)
			}
			compiled(t, got.Rule)
		})
	}
	for _, s := range []string{"a", "ab", "abc", "http://x"} {
		for at := range 3 {
			whole := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("z", at) + s + "yyyy"))
			found := false
			for _, o := range offsets(s) {
				found = found || strings.Contains(whole, o)
			}
			if !found {
				t.Errorf("%q at %d is not found in %s by %q", s, at, whole, offsets(s))
			}
		}
	}
}

// names are the fields of the property test, and how ours are filled.
var names = map[string]schema.Key{"Image": schema.ProcessExecutable, "CommandLine": schema.ProcessCommandLine, "User": schema.UserName}

// TestTheSameIsMeant: what a rule of Sigma says of an event by a reading of its own,
// its translation says as well.
func TestTheSameIsMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "b", "/", " ", ".", "#", "\"", "\\", "é", "\n"}), 0, 5).Draw(t, "text"), "")
		})
		value := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "b", "/", " ", ".", "*", "?", `\*`, `\?`, `\\`, "#", "\""}), 1, 4).Draw(t, "value"), "")
		})
		mods := rapid.SampledFrom([]string{"", "|contains", "|startswith", "|endswith", "|contains|all", "|cased", "|contains|cased"})
		selection := rapid.MapOfN(rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"Image", "CommandLine", "User"}).Draw(t, "field") + mods.Draw(t, "mods")
		}), rapid.SliceOfN(value, 1, 3), 1, 3)
		detection := map[string]any{"sel_a": selection.Draw(t, "a"), "sel_b": []any{selection.Draw(t, "b1"), selection.Draw(t, "b2")}, "flt": selection.Draw(t, "flt")}
		condition := rapid.SampledFrom([]string{"sel_a", "sel_a and not flt", "sel_a or sel_b and flt", "(sel_a or sel_b) and not (flt)", "1 of sel_*", "all of sel_* or flt", "not 1 of them", "all of them"}).Draw(t, "condition")
		detection["condition"] = condition
		doc := map[string]any{"title": "x", "logsource": map[string]string{"product": "linux", "category": "process_creation"}, "detection": detection}
		b, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Translate(b)
		if err != nil || list[0].Err != nil {
			t.Fatalf("%v %v in\n%s", err, list[0].Err, b)
		}
		p, err := expr.NewCompiler(expr.Options{}).Bool(plugin.Text{Value: list[0].Rule.Condition})
		if err != nil {
			t.Fatalf("%v in %s", err, list[0].Rule.Condition)
		}
		e, fields := event.Event{}, map[string]string{}
		for name, key := range names {
			if fields[name] = text.Draw(t, name); fields[name] != "" {
				e.Fields.AddString(key, fields[name])
			}
		}
		got, err := p.Test(expr.NewMachine(), &e)
		if want := meant(detection, condition, fields); err != nil || got != want {
			t.Fatalf("%v, %v: it is meant %v\n%s\n%s\n%q", got, err, want, b, list[0].Rule.Condition, fields)
		}
	})
}

// meant is a second reading of Sigma, of no more than the property test writes.
func meant(detection map[string]any, condition string, fields map[string]string) bool {
	sel := map[string]bool{}
	all := func(m map[string][]string) bool {
		ok := true
		for key, values := range m {
			parts := strings.Split(key, "|")
			some, every := false, true
			for _, v := range values {
				is := alike(v, fields[parts[0]], strings.Join(parts[1:], "|"))
				some, every = some || is, every && is
			}
			if strings.HasSuffix(key, "|all") {
				ok = ok && every
			} else {
				ok = ok && some
			}
		}
		return ok
	}
	sel["a"] = all(detection["sel_a"].(map[string][]string))
	for _, m := range detection["sel_b"].([]any) {
		sel["b"] = sel["b"] || all(m.(map[string][]string))
	}
	sel["f"] = all(detection["flt"].(map[string][]string))
	a, b, f := sel["a"], sel["b"], sel["f"]
	return map[string]bool{"sel_a": a, "sel_a and not flt": a && !f, "sel_a or sel_b and flt": a || b && f, "(sel_a or sel_b) and not (flt)": (a || b) && !f,
		"1 of sel_*": a || b, "all of sel_* or flt": a && b || f, "not 1 of them": !a && !b && !f, "all of them": a && b && f}[condition]
}

// alike matches a text against a value with wildcards, character by character.
func alike(pattern, text, mods string) bool {
	if !strings.Contains(mods, "cased") {
		pattern, text = strings.ToLower(pattern), strings.ToLower(text)
	}
	type char struct {
		c    rune
		wild bool
	}
	var list []char
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '\\' && i+1 < len(runes) && strings.ContainsRune(`*?\`, runes[i+1]):
			i++
			list = append(list, char{runes[i], false})
		default:
			list = append(list, char{c, c == '*' || c == '?'})
		}
	}
	star := char{'*', true}
	if strings.Contains(mods, "contains") || strings.Contains(mods, "endswith") {
		list = append([]char{star}, list...)
	}
	if strings.Contains(mods, "contains") || strings.Contains(mods, "startswith") {
		list = append(list, star)
	}
	var match func(p []char, s []rune) bool
	match = func(p []char, s []rune) bool {
		switch {
		case len(p) == 0:
			return len(s) == 0
		case p[0] == star:
			return match(p[1:], s) || len(s) > 0 && match(p, s[1:])
		case len(s) == 0:
			return false
		case p[0].wild || p[0].c == s[0]:
			return match(p[1:], s[1:])
		}
		return false
	}
	// A value of stars alone asks for a field that is there.
	if strings.Trim(pattern, "*") == "" {
		return text != ""
	}
	return match(list, []rune(text))
}

func FuzzTranslate(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("title: x\nlogsource: {product: linux, service: auditd}\ndetection: {s: {a00: '\\x', key|re|i: 'a'}, condition: not s}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, _ := Translate(text)
		for _, o := range list {
			if (o.Rule == nil) != (o.Err != nil) {
				t.Fatalf("%+v", o)
			}
			if o.Rule == nil {
				continue
			}
			if _, err := expr.NewCompiler(expr.Options{}).Bool(plugin.Text{Value: o.Rule.Condition}); err != nil && !strings.Contains(err.Error(), "nodes") {
				t.Fatalf("%v in %s", err, fmt.Sprint(o.Rule.Condition))
			}
		}
	})
}
