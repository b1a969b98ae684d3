package json

import (
	stdjson "encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// long is exec with an argument of n bytes and everything that comes of it.
func long(n int) *event.Event {
	e := exec()
	arg := strings.Repeat("x\"\n", n/3)
	e.Raw = "type=EXECVE a2=" + arg
	for i := range e.Fields {
		switch f := &e.Fields[i]; f.Key {
		case schema.ProcessCommandLine:
			f.SetValue(event.String("bash -c '" + arg + "'"))
		case schema.Message:
			f.SetValue(event.String("uid 1000 ran bash -c '" + arg[:1000]))
		}
	}
	e.Fields.AddString(schema.ProcessArgs, arg)
	e.Fields.AddString(schema.ProcessTitle, arg)
	e.Fields.AddNamed(schema.AuditdData, "odd", event.String(arg))
	e.Fields.AddString(schema.RuleID, "TM-CT-001")
	return e
}

func shorter(t *testing.T, c *Encoder, e *event.Event, limit int) (map[string]any, string) {
	t.Helper()
	out, err := c.AppendMax([]byte("before"), e, limit)
	if err != nil || !strings.HasPrefix(string(out), "before") {
		t.Fatalf("%q, %v", out, err)
	}
	out = out[len("before"):]
	doc := map[string]any{}
	if err := stdjson.Unmarshal(out, &doc); err != nil || !utf8.Valid(out) {
		t.Fatalf("limit %d: %v in %s", limit, err, out)
	}
	return doc, string(out)
}

func TestALongArgumentHidesNobody(t *testing.T) {
	for _, dotted := range []bool{false, true} {
		for _, limit := range []int{8000, 3000, 1900, 1300} {
			c := New(dotted)
			doc, out := shorter(t, c, long(100_000), limit)
			if !c.Shortened() || len(out) > limit {
				t.Errorf("dotted %v, limit %d: %d bytes, shortened %v", dotted, limit, len(out), c.Shortened())
			}
			for name, want := range map[string]string{
				"@timestamp": "2026-11-21T02:25:01.123Z", "event.outcome": "success", "event.action": "executed", "event.id": exec().ID.String(), "host.name": "node-7",
				"user.id": "1000", "container.id": containerID, "container.name": "shop-api-1", "container.image.name": "registry.corp.example/shop/api",
				"process.pid": "4242", "process.name": "bash", "process.executable": "/usr/bin/bash", "rule.id": "TM-CT-001",
			} {
				got, ok := find(doc, name)
				if dotted {
					got, ok = doc[name]
				}
				if !ok || fmt.Sprint(got) != want {
					t.Errorf("dotted %v, limit %d: %s is %v, want %s", dotted, limit, name, got, want)
				}
			}
			if !strings.Contains(out, `"tm_exec","tallyman_shortened"]`) {
				t.Errorf("dotted %v, limit %d: it does not say that it was shortened: %s", dotted, limit, out)
			}
			if limit >= 1900 && !strings.Contains(out, `bash -c 'x\"\nx`) {
				t.Errorf("dotted %v, limit %d: nothing of the command is left: %s", dotted, limit, out)
			}
		}
	}
}

func TestWhatGivesWayFirst(t *testing.T) {
	c, e := New(false), long(2000)
	whole := len(render(t, c, e))
	has := func(limit int) string {
		doc, out := shorter(t, c, e, limit)
		if len(out) > limit {
			t.Errorf("%d bytes, the limit is %d", len(out), limit)
		}
		var s []string
		for _, name := range []string{"event.original", "process.args", "process.command_line", "process.title"} {
			v, ok := find(doc, name)
			full := e.Get(schema.EventOriginal).Str()
			switch name {
			case "process.args":
				full = fmt.Sprint([]any{"bash", "-c", "echo a=1|b", e.Get(schema.ProcessTitle).Str()})
			case "process.command_line":
				full = e.Get(schema.ProcessCommandLine).Str()
			case "process.title":
				full = e.Get(schema.ProcessTitle).Str()
			}
			switch {
			case !ok:
				s = append(s, "-")
			case fmt.Sprint(v) == full:
				s = append(s, "whole")
			default:
				s = append(s, "cut")
			}
		}
		return strings.Join(s, " ")
	}
	for _, one := range []struct {
		limit int
		want  string
	}{
		{whole, "whole whole whole whole"}, {whole - 1, "cut whole whole whole"}, {whole - 3500, "- cut whole whole"},
		{whole - 7000, "- - cut whole"}, {whole - 11000, "- - cut cut"}, {1600, "- - cut -"}, {900, "- - - -"},
	} {
		if got := has(one.limit); got != one.want {
			t.Errorf("%d of %d bytes: %s, want %s", one.limit, whole, got, one.want)
		}
	}
	if _, out := shorter(t, c, e, whole); c.Shortened() || strings.Contains(out, shortened) {
		t.Error("an event that fits was shortened")
	}
}

// A map that has lost all of its members leaves no trace, however often the event
// is tried again.
func TestAMapWithoutMembersGoes(t *testing.T) {
	for _, dotted := range []bool{false, true} {
		e := &event.Event{}
		e.Fields.AddString(schema.ProcessCommandLine, strings.Repeat("c", 2000))
		e.Fields.AddNamed(schema.AuditdData, "a", event.String(strings.Repeat("x", 300)))
		e.Fields.AddString(schema.UserName, "ana")
		for limit := 100; limit < 2400; limit++ {
			shorter(t, New(dotted), e, limit)
		}
	}
}

// Whatever an event holds and whatever the limit is, the result is valid JSON
// within it, and what is left of a text is its beginning.
func TestAnyEventFitsAnyLimit(t *testing.T) {
	encoders := map[string]*Encoder{"nested": New(false), "dotted": New(true)}
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{Fields: fields(t, "own"), Shared: fields(t, "shared"), Dataset: text().Draw(t, "dataset")}
		e.Raw = strings.Repeat(text().Draw(t, "raw"), rapid.IntRange(1, 50).Draw(t, "times"))
		for i := range e.Fields {
			if s := e.Fields[i].Str(); s != "" && rapid.Bool().Draw(t, "long") {
				e.Fields[i].SetValue(event.String(strings.Repeat(s, rapid.IntRange(1, 200).Draw(t, "repeat"))))
			}
		}
		e.ID = event.NewID([]byte(e.Raw))
		limit := rapid.IntRange(400, 9000).Draw(t, "limit")
		for shape, c := range encoders {
			full, _ := c.Append(nil, e)
			out, err := c.AppendMax(nil, e, limit)
			doc := map[string]any{}
			if err != nil || !utf8.Valid(out) || stdjson.Unmarshal(out, &doc) != nil || strings.ContainsAny(string(out), "\n\r\x1b") {
				t.Fatalf("%s: %v, %q", shape, err, out)
			}
			if len(out) > limit || (len(full) > limit) != c.Shortened() || strings.Contains(string(out), `"tallyman_shortened"]`) != c.Shortened() {
				t.Fatalf("%s: %d bytes of %d, the limit is %d, shortened %v: %s", shape, len(out), len(full), limit, c.Shortened(), out)
			}
			if again, _ := c.Append(nil, e); string(again) != string(full) {
				t.Fatalf("%s: after it an event is not what it was", shape)
			}
			beginnings(t, full, doc)
		}
	})
}

// beginnings checks that each text of short is the beginning of one in full.
func beginnings(t *rapid.T, full []byte, short map[string]any) {
	doc := map[string]any{}
	if err := stdjson.Unmarshal(full, &doc); err != nil {
		t.Fatal(err)
	}
	all, left := flat{}, flat{}
	for name, v := range doc {
		all.add(name, v)
	}
	for name, v := range short {
		left.add(name, v)
	}
	for path, values := range left {
		if strings.HasPrefix(path, "tags") || strings.Contains(path, "mounts") || strings.Contains(path, "paths") {
			continue // one has a value more, the others other places
		}
		if len(values) > len(all[path]) {
			t.Fatalf("%s is %q, of %q", path, values, all[path])
		}
		for _, v := range values {
			if !slices.ContainsFunc(all[path], func(s string) bool { return strings.HasPrefix(s, v) }) {
				t.Fatalf("%s is %q, of %q", path, v, all[path])
			}
		}
	}
}

func TestNothingIsAllocatedWithALimit(t *testing.T) {
	c, e, buf := New(false), exec(), make([]byte, 0, 8192)
	if n := testing.AllocsPerRun(100, func() { buf, _ = c.AppendMax(buf[:0], e, 8192) }); n != 0 || c.Shortened() {
		t.Errorf("%v allocations for an event that fits", n)
	}
}
