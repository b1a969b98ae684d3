package template

import (
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func sample(value string) *event.Event {
	e := &event.Event{Dataset: "auditd.log", Time: time.Date(2026, 1, 2, 23, 4, 5, 0, time.FixedZone("", -3600))}
	e.Fields.AddString(schema.ContainerName, value)
	return e
}

func TestAppend(t *testing.T) {
	name := func(c byte) bool { return c >= 'a' && c <= 'z' || c == '-' }
	for _, c := range []struct {
		text, value, want string
		rule              Rule
		options           Options
		changed           bool
	}{
		{"a-{{ container.name }}", "web", "a-web", Raw(), Options{}, false},
		{"a-{{ container.name }}", "w\r\nb\x00", "a-w\r\nb\x00", Raw(), Options{}, false},
		{"a-{{ container.name }}", "w\r\nb\x7f", "a-w__b_", Line(100), Options{}, true},
		{"a-{{ container.name }}", "0123456789", "a-012", Line(5), Options{}, true},
		{"a-{{ container.name }}", "", "a-", Line(5), Options{}, false},
		{"a-{{ container.name }}", "", "a-none", Name(name, 50), Options{}, false},
		{"A-{{ container.name }}", "WEB/..", "A-web___", LowerName(name, 50), Options{}, true},
		{"a/{{ container.name }}/b", "../../etc", "a/_._.._etc/b", Part(50), Options{}, true},
		{"a/{{ container.name }}/b", "0123456789", "a/0123/b", Part(4), Options{}, true},
		{"{{ container.id | container.name }}", "x", "x", Raw(), Options{}, false},
		{`{{ time "2006-01-02T15" }}`, "", "2026-01-03T00", Raw(), Options{}, false},
		{`{{ container.name == "" ? "nobody" : container.name }}-{{ time "06" }}`, "", "nobody-26", Raw(), Options{Expressions: true}, false},
		{"plain", "", "plain", Part(1), Options{}, false},
		{"", "", "", Raw(), Options{}, false},
	} {
		parsed, wrong := Parse(plugin.Text{Value: c.text}, "k", c.options)
		if wrong != nil {
			t.Errorf("%q: %v", c.text, wrong)
			continue
		}
		if got, changed := parsed.Append(nil, sample(c.value), &c.rule); string(got) != c.want || changed != c.changed {
			t.Errorf("%q of %q gives %q, changed %v; want %q, %v", c.text, c.value, got, changed, c.want, c.changed)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		text    string
		options Options
		says    string
	}{
		{"a\nb", Options{}, "line end"}, {"a\x00", Options{}, "zero byte"}, {"a\r{{ host.name }}", Options{}, "line end"},
		{"{{ host.name", Options{}, "no }}"}, {"{{ }}", Options{}, "nothing between"}, {"{{ no.such }}", Options{}, `"no.such"`},
		{"{{ labels }}", Options{}, `"labels"`}, {`{{ time 2006 }}`, Options{}, "quotes"}, {`{{ time "2006" }}`, Options{NoTime: true}, "no field"},
		{"{{ nonsense( }}", Options{Expressions: true}, ""}, {"abc", Options{Text: 2}, "3 bytes"}, {"{{ host.name }}{{ host.name }}", Options{Places: 1}, "2 places"},
	} {
		_, wrong := Parse(plugin.Text{Value: c.text, Pos: plugin.Pos{File: "f", Line: 2, Col: 5}}, "k", c.options)
		if !wrong.Bad() || wrong[0].Key != "k" || wrong[0].Pos.Line != 2 || wrong[0].Hint == "" || !strings.Contains(wrong[0].Text, c.says) {
			t.Errorf("%q: %v", c.text, wrong)
		}
	}
}

func TestChoice(t *testing.T) {
	legal := func(s string) bool { return s != "" && s[0] != '_' && !strings.ContainsAny(s, "/ ") }
	for _, c := range []struct {
		text string
		list []string
		says string
	}{
		{"audit", nil, ""}, {"a-{{ host.name }}", nil, ""}, {"{{ host.name }}", []string{"a"}, ""}, {"", nil, ""},
		{"{{ host.name }}", nil, "choose any index"}, {"_a", nil, "is no name of an index"}, {"_{{ host.name }}", nil, "begins with"},
		{"a{{ host.name }}/b", nil, "such as"}, {`a{{ time "2006/01" }}`, nil, "such as"}, {"a", []string{"a"}, "has no field"}, {"{{ host.name }}", []string{"a b"}, `"a b"`},
	} {
		parsed, wrong := Parse(plugin.Text{Value: c.text}, "index", Options{})
		if wrong != nil {
			t.Fatal(wrong)
		}
		choice := Choice{Key: "index", ListKey: "indexes", What: "an index", List: c.list, Legal: legal, Hint: "h"}
		got := choice.Check(parsed, plugin.Text{Value: c.text}).Error()
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%q, %v: %q", c.text, c.list, got)
		}
	}
	parsed, _ := Parse(plugin.Text{Value: "{{ container.name }}"}, "index", Options{})
	choice, raw := Choice{List: []string{"a"}}, Raw()
	if got := string(choice.Append([]byte("x"), parsed, sample("a"), &raw)) + string(choice.Append([]byte("y"), parsed, sample("b"), &raw)); got != "xay" {
		t.Errorf("the list gives %q", got)
	}
}

// FuzzPart (S3): whatever a value holds, it is one part of a path.
func FuzzPart(f *testing.F) {
	for _, s := range []string{"", ".", "..", "../x", "/", "a\x00b", "ü"} {
		f.Add(s)
	}
	parsed, _ := Parse(plugin.Text{Value: "a/{{ container.name }}"}, "k", Options{})
	f.Fuzz(func(t *testing.T, s string) {
		rule := Part(80)
		got, _ := parsed.Append(nil, sample(s), &rule)
		part := strings.TrimPrefix(string(got), "a/")
		if part == "" || part[0] == '.' || len(part) > 80 || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '/' || r == '\\' }) {
			t.Fatalf("%q gives %q", s, got)
		}
	})
}

// FuzzParse: whatever a template holds, it is understood or refused, and what is
// understood has no line end of its own.
func FuzzParse(f *testing.F) {
	f.Add("a{{ host.name }}b", false)
	f.Add(`{{ time "2006" }}`, true)
	f.Fuzz(func(t *testing.T, text string, expressions bool) {
		parsed, wrong := Parse(plugin.Text{Value: text}, "k", Options{Expressions: expressions, NoTime: true})
		if wrong != nil {
			return
		}
		rule := Line(0)
		if got, _ := parsed.Append(nil, sample("a\nb"), &rule); strings.ContainsAny(string(got), "\r\n\x00") {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
