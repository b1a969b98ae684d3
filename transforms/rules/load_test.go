package rules

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"not YAML", "rules:\n- id: [x", "0.yaml:1:1: did not find expected"},
		{"unknown key", "ruls: []", `0.yaml:1:1: unknown key "ruls" in a file of rules (did you mean "rules"?)`},
		{"unknown key of a rule", rule1("suppres: {for: 5m}"), `0.yaml:8:3: unknown key "suppres" in a rule (did you mean "suppress"?)`},
		{"key twice", rule1("title: again"), `0.yaml:8:3: "title" stands twice`},
		{"no list", "rules: {}", "0.yaml:1:8: rules must be a list"},
		{"no id", "rules:\n- {title: x, severity: low, condition: 'true'}", "0.yaml:2:3: a rule needs an id"},
		{"bad id", "rules:\n- {id: tm-1, title: x, severity: low, condition: 'true'}", `0.yaml:2:8: a rule needs an id, and "tm-1" is none`},
		{"no title", "rules:\n- {id: A-001, severity: low, condition: 'true'}", "0.yaml:2:3: rule A-001 has no title"},
		{"no condition", "rules:\n- {id: A-001, title: x, severity: low}", "rule A-001 has no condition"},
		{"no severity", "rules:\n- {id: A-001, title: x, condition: 'true'}", "rule A-001 has no severity"},
		{"same id", rule1() + "\n- {id: X-Y-001, title: x, severity: low, condition: 'true'}", "0.yaml:10:8: rule X-Y-001 stands at"},
		{"bad severity", rule1("override: x"), "unknown key"},
		{"severity", "rules:\n- {id: A-001, title: x, severity: hihg, condition: 'true'}", `0.yaml:2:35: "hihg" is no severity (did you mean "high"?)`},
		{"module", rule1("sources: [audit]"), `0.yaml:8:13: "audit" is no event.module (did you mean "auditd"?)`},
		{"technique", rule1("threat: {technique: [1059]}"), `0.yaml:8:24: "1059" is no technique`},
		{"duration", rule1("suppress: {for: 5}"), "0.yaml:8:19: for must be a duration"},
		{"count", rule1("threshold: {count: 0, window: 1m}"), "0.yaml:8:22: count must be a number from 1"},
		{"distinct count", rule1("distinct: {value: file.path, count: 5000, window: 1m}"), "count must be a number from 1 to 1000"},
		{"threshold without window", rule1("threshold: {count: 2}"), "0.yaml:8:14: threshold needs count and window"},
		{"exception without reason", rule1("exceptions: [{name: x, condition: 'true'}]"), "an exception needs a condition and a reason"},
		{"day", rule1("exceptions: [{condition: 'true', reason: x, expires: soon}]"), "0.yaml:8:56: expires must be a day"},
		{"enabled", rule1("enabled: maybe"), "0.yaml:8:12: enabled must be true or false"},
		{"field in a condition", "rules:\n- id: A-001\n  title: x\n  severity: low\n  condition: proces.name == \"x\"", `0.yaml:5:14: there is no field proces.name (did you mean "process.name"?)`},

		{"field in a folded block", "rules:\n- id: A-001\n  title: x\n  severity: low\n  condition: >-\n    true &&\n    false ||\n    proces.name == \"x\"", `0.yaml:8:5: there is no field proces.name`},
		{"field in a literal block", "rules:\n- id: A-001\n  title: x\n  severity: low\n  condition: |\n    true &&\n    proces.name == \"x\"", `0.yaml:7:5: there is no field proces.name`},
		{"cut condition", "rules:\n- id: A-001\n  title: x\n  severity: low\n  condition: any(process.args, # == \"x\")", "0.yaml:5:14: a # began a comment in condition and cut it (write the text as a block, after >-)"},
		{"key of state", rule1("suppress: {by: [user.nmae], for: 5m}"), `0.yaml:8:19: there is no field user.nmae (did you mean "user.name"?)`},
		{"value of state", rule1("first_seen: {value: process.args}"), "0.yaml:8:23: the expression gives a list"},
		{"message", rule1(`message: "by ${user.nmae}"`), "0.yaml:8:18: there is no field user.nmae"},
		{"open message", rule1(`message: "by ${user.name"`), "0.yaml:8:16: ${ has no } after it"},
		{"exception", rule1("exceptions: [{condition: 'x == 1', reason: x}]"), "0.yaml:8:29: there is no field x"},
		{"after nothing", rule1("after: {rule: X-Y-002, within: 1m}"), `0.yaml:8:17: there is no other rule X-Y-002 to come after (did you mean "X-Y-001"?)`},
		{"after itself", rule1("after: {rule: X-Y-001, within: 1m}"), "there is no other rule X-Y-001"},
		{"override without id", "override: {severity: low}", "0.yaml:1:11: an override needs the id of a rule"},
		{"override of nothing", rule1() + "\noverride: {id: X-Y-002, severity: low}", `0.yaml:10:16: there is no rule X-Y-002`},
		{"override of an id's source", rule1() + "\noverride: {id: X-Y-001, sources: [auditd]}", `0.yaml:10:25: unknown key "sources" in an override`},
		{"disable of nothing", "disable: [X-001]", "0.yaml:1:11: there is no rule X-001"},
		{"list twice", "lists:\n  a: [x]\n  a: [y]", ":3:"},
		{"append to nothing", "lists:\n  shels: {append: [x]}", "0.yaml:2:3: there is no list shels to change"},
		{"list in a condition", "lists: {shells: [sh]}\n" + rule1("exceptions: [{condition: 'inlist(process.name, \"shels\")', reason: x}]"), `there is no list shels (did you mean "shells"?)`},
		{"sample with an unknown field", rule1("tests: [{match: true, event: {process: {nam: x}}}]"), "0.yaml:8:43: the schema has no field process.nam"},
		{"sample within itself", rule1("tests: [{match: true, event: &e {process: {parent: *e}}}]"), "no field process.parent.process"},
		{"sample of a wrong type", rule1("tests: [{match: true, event: {process: {pid: x}}}]"), `process.pid is of type long, and "x" is none`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Default()
			s.Files = []plugin.Text{text("*.yaml")}
			_, err := New(&s, plugin.Env{Dir: write(t, c.file)})
			var p plugin.Problems
			if !errors.As(err, &p) || !p.Bad() {
				t.Fatalf("the error is %v", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the problems are\n%v\nand none says\n%s", err, c.want)
			}
		})
	}
}

func TestProblemsOfTheSettings(t *testing.T) {
	dir := write(t, "lists: {shells: [sh]}\n"+rule1())
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string
	}{
		{"no file", func(s *Settings) { s.Files = append(s.Files, text("none/*.yaml")) }, "tallyman.yaml:3:9: no file matches " + filepath.Join(dir, "none/*.yaml")},
		{"a folder", func(s *Settings) { s.Files = []plugin.Text{text(dir)} }, "cannot read the rules of"},
		{"bad pattern", func(s *Settings) { s.Files = []plugin.Text{text("[")} }, "no pattern of file names"},
		{"enable", func(s *Settings) { s.Enable = []plugin.Text{text("X-Y-002")} }, `tallyman.yaml:3:9: there is no rule X-Y-002 in the files (did you mean "X-Y-001"?)`},
		{"append", func(s *Settings) { s.Lists = map[string]List{"shels": {Append: []string{"x"}}} }, `a list shels that no file has (did you mean "shells"?)`},
		{"listen", func(s *Settings) {
			s.Inventory.Images = []Documented{{Image: text("a"), Listen: []plugin.Text{text("http")}}}
		}, `"http" is no port`},
		{"egress", func(s *Settings) {
			s.Inventory.Images = []Documented{{Image: text("a"), Egress: []plugin.Text{text("shop.example:443")}}}
		}, `"shop.example" is no network`},
		{"egress port", func(s *Settings) {
			s.Inventory.Images = []Documented{{Image: text("a"), Egress: []plugin.Text{text("10.0.0.0/8:0")}}}
		}, `"0" is no port`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Default()
			s.Files = []plugin.Text{text("*.yaml")}
			c.change(&s)
			_, err := New(&s, plugin.Env{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the problems are %v; none says %s", err, c.want)
			}
		})
	}
}

func TestLaterFilesChangeEarlierOnes(t *testing.T) {
	b := start(t, `
lists: {shells: [sh, bash], tools: [nc]}
rules:
- {id: A-001, title: a, severity: low, condition: 'inlist(process.name, "shells")', exceptions: [{condition: 'user.name == "x"', reason: r}]}
- {id: A-002, title: a, severity: low, condition: 'inlist(process.name, "tools")'}
- {id: A-003, title: a, severity: low, condition: 'true'}
- {id: A-004, title: a, severity: low, condition: 'true', enabled: false}
`, `
lists:
  shells: {append: [zsh]}
  tools: {replace: [socat]}
  mine: [m]
override:
- {id: A-001, severity: critical, title: b, exceptions: [{condition: 'user.name == "y"', reason: r}]}
- {id: A-002, suppress: {for: 1h}}
disable: [A-003]
`)
	for _, c := range []struct{ process, user, want string }{
		{"zsh", "", "A-001"}, {"bash", "", "A-001"}, {"zsh", "x", ""}, {"zsh", "y", ""},
		{"nc", "", ""}, {"socat", "", "A-002"}, {"socat", "", ""},
	} {
		out := b.alerts(exec(0, "process.name", c.process, "user.name", c.user))
		if got := strings.Join(out, " "); got != c.want {
			t.Errorf("%s of %q: %q, not %q", c.process, c.user, got, c.want)
		}
	}
	alert := b.run(exec(1, "process.name", "sh"))[1]
	if got := strings.Join(said(alert.Fields), " "); !strings.Contains(got, "event.severity=10") || !strings.Contains(got, "rule.name=b") {
		t.Errorf("the override is not in the alert: %s", got)
	}
}

func TestSettingsHaveTheLastWord(t *testing.T) {
	s := Default()
	s.Files = []plugin.Text{text("0.yaml"), text("*.yaml")}
	s.Enable, s.Disable = []plugin.Text{text("A-001")}, []plugin.Text{text("A-002")}
	s.Lists = map[string]List{"shells": {Append: []string{"zsh"}}, "own": {Replace: []string{"x"}}}
	b := &bench{t: t, dir: write(t, `
lists: {shells: [sh]}
rules:
- {id: A-001, title: a, severity: low, condition: 'inlist(process.name, "shells") || inlist(process.name, "own")', enabled: false}
- {id: A-002, title: a, severity: low, condition: 'true'}
`)}
	b.begin(&s)
	for process, want := range map[string]string{"sh": "A-001", "zsh": "A-001", "x": "A-001", "ls": ""} {
		if got := strings.Join(b.alerts(exec(0, "process.name", process)), " "); got != want {
			t.Errorf("%s: %q, not %q", process, got, want)
		}
	}
}

func TestSamplesAreJudged(t *testing.T) {
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	dir := write(t, rule1("exceptions: [{condition: 'user.name == \"ci\"', reason: r}]", "tests:",
		"- {match: true, event: {process: {name: sh}}}",
		"- {match: true, event: {process: {name: cat}}}",
		"- {match: false, event: {process.name: sh}}",
		"- {match: false, event: {process: {name: sh}, user: {name: ci}}}",
		`- {match: true, event: {"@timestamp": 2026-11-21T12:00:00Z, process: {name: sh, pid: 7, args: [a, b], interactive: true},`+
			` auditd: {data: {a0: 1}, paths: [{name: x}]}, source: {ip: 10.0.0.1}, event: {risk_score: 1.5, start: "2026-11-21T12:00:00Z"}}}`,
	))
	p := judgeSamples(t, &s, dir)
	if len(p) != 2 || !strings.Contains(p[0].String(), "0.yaml:11:5: rule X-Y-001 does not match") || !strings.Contains(p[1].String(), "0.yaml:12:5: rule X-Y-001 matches") {
		t.Errorf("the problems are %v", p)
	}
}

// TestTheRuleOfTheDocumentation takes the example of docs/rules.md as a user
// would.
func TestTheRuleOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\npack:")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/rules.md has no example that begins with a pack")
	}
	_, rest, _ = strings.Cut(string(page), "```yaml\ndisable:")
	change, _, _ := strings.Cut(rest, "```")
	packs, err := filepath.Abs("../../configs/rules/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := shipped()
	s.Files = []plugin.Text{text(packs), text("0.yaml"), text("1.yaml")}
	if p := judgeSamples(t, s, write(t, "pack:"+example, "disable:"+change)); len(p) > 0 {
		t.Error(p)
	}
}

func TestInventory(t *testing.T) {
	build := func(def string) *inventory {
		l := &loader{}
		in := &inventory{allow: def == "allow"}
		for _, d := range []Documented{
			{Image: text("shop/api"), Listen: []plugin.Text{text("8080"), text("9000-9010")}, Egress: []plugin.Text{text("10.0.0.0/8:5432"), text("203.0.113.9")}},
			{Image: text("shop/*"), Egress: []plugin.Text{text("[fd00::/8]:443"), text("[2001:db8::1]"), text("2001:db8::2")}},
		} {
			in.entries = append(in.entries, d.entry(l))
		}
		if len(l.problems) > 0 {
			t.Fatal(l.problems)
		}
		return in
	}
	allow, deny := build("allow"), build("deny")
	for _, c := range []struct {
		image string
		port  int
		want  bool
	}{{"shop/api", 8080, true}, {"shop/api", 9010, true}, {"shop/api", 8081, false}, {"shop/web", 80, false}} {
		if got := allow.listen(c.image, c.port); got != c.want {
			t.Errorf("%s listens on %d: %v", c.image, c.port, got)
		}
	}
	for _, c := range []struct {
		image, ip string
		port      int
		want      bool
	}{
		{"shop/api", "10.1.1.1", 5432, true}, {"shop/api", "::ffff:10.1.1.1", 5432, true}, {"shop/api", "10.1.1.1", 5433, false},
		{"shop/api", "203.0.113.9", 1, true}, {"shop/api", "x", 1, false}, {"shop/api", "fd00::1", 443, true},
		{"shop/web", "2001:db8::1", 9, true}, {"shop/web", "2001:db8::2", 9, true}, {"shop/web", "10.1.1.1", 5432, false},
	} {
		if got := allow.egress(c.image, c.ip, c.port); got != c.want {
			t.Errorf("%s to %s:%d: %v", c.image, c.ip, c.port, got)
		}
	}
	if !allow.listen("other", 1) || deny.listen("other", 1) || !allow.egress("other", "10.0.0.1", 1) || deny.egress("other", "10.0.0.1", 1) {
		t.Error("the default does not hold for an image without an entry")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(rule1("suppress: {by: [user.name], for: 5m}", "tests: [{match: true, event: {process: {name: sh}}}]"))
	f.Add("lists:\n  a: &a [x]\n  b: *a\noverride: {id: X}\ndisable: [Y]")
	f.Fuzz(func(t *testing.T, file string) {
		s := Default()
		l := newLoader()
		l.read("f.yaml", []byte(file))
		set, problems := l.compile(&s)
		for _, p := range problems {
			if p.Text == "" || p.Pos.File != "f.yaml" {
				t.Errorf("a problem says nothing, or not where: %+v", p)
			}
		}
		if problems.Bad() {
			return
		}
		st := &stage{t: &transform{log: slog.New(slog.DiscardHandler), errors: new(meter.Counter)}, index: newIndex(set.rules), machine: expr.NewMachine()}
		var in, out event.Batch
		in.Add(exec(0, "process.name", "sh"))
		if err := st.Apply(t.Context(), &in, &out); err != nil || len(out.Events) == 0 {
			t.Errorf("%d events, %v", len(out.Events), err)
		}
	})
}

// judgeSamples reads the rules of settings and judges their samples.
func judgeSamples(t *testing.T, s *Settings, dir string) plugin.Problems {
	t.Helper()
	book, problems := Read(s, dir)
	if book == nil {
		return problems
	}
	_, more := book.Samples()
	return append(problems, more...)
}
