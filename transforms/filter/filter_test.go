package filter

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func texts(words ...string) (list []plugin.Text) {
	for _, w := range words {
		list = append(list, plugin.Text{Value: w})
	}
	return list
}

// exec is an event as the audit transform makes it: uid 33 (www-data) failed to
// open a file.
func exec() event.Event {
	var f event.Fields
	f.AddString(schema.EventOutcome, "failure")
	f.AddString(schema.EventCode, "SYSCALL")
	f.AddString(schema.ProcessExecutable, "/opt/agent/bin/node")
	f.AddString(schema.UserID, "33")
	f.AddString(schema.UserName, "www-data")
	f.AddString(schema.EventReason, "EACCES")
	f.AddString(schema.AuditdKey, "tm_file")
	f.AddString(schema.AuditdKey, "tm_second")
	f.AddNamed(schema.AuditdData, "syscall", event.String("openat"))
	f.AddNamed(schema.AuditdData, "exit", event.String("-13"))
	f.Add(schema.ProcessPID, event.Int(7))
	return event.Event{Dataset: "auditd.log", Records: 3, Fields: f}
}

func build(t testing.TB, s Settings, env plugin.Env) plugin.Transform {
	t.Helper()
	tr, err := New(&s, env)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func apply(t testing.TB, s plugin.Stage, events ...event.Event) *event.Batch {
	t.Helper()
	out := &event.Batch{}
	if err := s.Apply(context.Background(), &event.Batch{Events: events, Filtered: 100}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTerms(t *testing.T) {
	all := Entry{Key: texts("tm_second"), Type: texts("SYSCALL"), Syscall: texts("openat"), UID: texts("33"), Exe: texts("/opt/**"), Exit: texts("failure")}
	with := func(change func(*Entry)) Entry { e := all; change(&e); return e }
	for _, c := range []struct {
		name  string
		entry Entry
		drops bool
	}{
		{"every term", all, true},
		{"another key", with(func(e *Entry) { e.Key = texts("tm_exec") }), false},
		{"another type", with(func(e *Entry) { e.Type = texts("USER_CMD") }), false},
		{"another call", with(func(e *Entry) { e.Syscall = texts("open", "openat2") }), false},
		{"another user", with(func(e *Entry) { e.UID = texts("0", "root") }), false},
		{"another program", with(func(e *Entry) { e.Exe = texts("/opt/agent") }), false},
		{"another result", with(func(e *Entry) { e.Exit = texts("success", "0") }), false},
		{"one of two keys", Entry{Key: texts("tm_exec", "tm_file")}, true},
		{"a type in lower case", Entry{Type: texts("syscall")}, true},
		{"a user by name", Entry{UID: texts("www-data")}, true},
		{"a number of a longer number", Entry{UID: texts("3")}, false},
		{"a program by its name", Entry{Exe: texts("**/node")}, true},
		{"a program in a folder", Entry{Exe: texts("/opt/agent/*/node")}, true},
		{"a star stops at a slash", Entry{Exe: texts("/opt/*")}, false},
		{"a result by number", Entry{Exit: texts("-13")}, true},
		{"a result by its error", Entry{Exit: texts("ENOENT", "EACCES")}, true},
		{"an expression", Entry{When: plugin.Text{Value: `process.pid == 7`}}, true},
		{"an expression that does not hold", with(func(e *Entry) { e.When = plugin.Text{Value: `process.pid == 8`} }), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &meter.Registry{}
			tr := build(t, Settings{Drop: []Entry{c.entry}}, plugin.Env{Meter: m, Name: "filter"})
			out := apply(t, tr.Lane("a"), exec())
			if dropped := len(out.Events) == 0; dropped != c.drops {
				t.Fatalf("dropped: %v", dropped)
			}
			want := uint32(0)
			if c.drops {
				want = 3
			}
			if out.Filtered != want {
				t.Errorf("filtered %d records, want %d", out.Filtered, want)
			}
			n := m.Counter("tallyman_filter_records_total", "", meter.Label{Name: "entry", Value: "drop_1"}, meter.Label{Name: "transform", Value: "filter"}).Value()
			if n != uint64(want) {
				t.Errorf("the entry counted %d", n)
			}
		})
	}
}

// TestAbsentIsNothing: an event without a field is described by no word for it.
func TestAbsentIsNothing(t *testing.T) {
	for name, e := range map[string]Entry{
		"key": {Key: texts("k")}, "type": {Type: texts("SYSCALL")}, "syscall": {Syscall: texts("open")}, "uid": {UID: texts("0")},
		"exe": {Exe: texts("**")}, "exit": {Exit: texts("0")},
	} {
		out := apply(t, build(t, Settings{Drop: []Entry{e}}, plugin.Env{}).Lane("a"), event.Event{Records: 1, Dataset: "docker.events"})
		if len(out.Events) != 1 {
			t.Errorf("%s: an event without the field was dropped", name)
		}
	}
}

func TestKeepWins(t *testing.T) {
	s := Settings{Drop: []Entry{{Syscall: texts("openat")}}, Keep: []Entry{{UID: texts("33"), When: plugin.Text{Value: `file.path startsWith "/etc"`}}}}
	shadow, other := exec(), exec()
	shadow.Fields.AddString(schema.FilePath, "/etc/shadow")
	other.Fields.AddString(schema.FilePath, "/tmp/x")
	out := apply(t, build(t, s, plugin.Env{}).Lane("a"), shadow, other)
	if len(out.Events) != 1 || out.Events[0].Fields.Get(schema.FilePath).Str() != "/etc/shadow" || out.Filtered != 3 {
		t.Errorf("%d events, %d filtered", len(out.Events), out.Filtered)
	}
}

// TestNeverDropped: alerts, what tallyman says of itself, and what is not decoded.
func TestNeverDropped(t *testing.T) {
	var log bytes.Buffer
	everything := Settings{Drop: []Entry{{When: plugin.Text{Value: "true"}}}}
	stage := build(t, everything, plugin.Env{Log: slog.New(slog.NewTextHandler(&log, nil))}).Lane("a")
	alert, internal, raw := exec(), exec(), exec()
	alert.Records = 0
	internal.Dataset = "tallyman.internal"
	raw.Decode = "audit"
	for range 2 {
		if out := apply(t, stage, alert, exec(), internal, raw); len(out.Events) != 3 || out.Filtered != 3 {
			t.Errorf("%d events, %d filtered", len(out.Events), out.Filtered)
		}
	}
	if n := strings.Count(log.String(), "not decoded"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		entry Entry
		want  []string
	}{
		{"a call", Entry{Syscall: texts("opneat")}, []string{`no system call "opneat"`, `did you mean "openat"?`}},
		{"a type", Entry{Type: texts("USER_CMDS")}, []string{`no audit record type "USER_CMDS"`, `did you mean "USER_CMD"?`}},
		{"a result", Entry{Exit: texts("EACESS")}, []string{`no result "EACESS"`, `did you mean "EACCES"?`}},
		{"a program", Entry{Exe: texts("node")}, []string{`"node" is no absolute path`, "whole path"}},
		{"nothing", Entry{Name: "all"}, []string{"the entry all of a filter describes every event"}},
		{"an expression", Entry{When: plugin.Text{Value: "process.pidd == 1"}}, []string{"process.pidd", "process.pid"}},
		{"an empty key", Entry{Key: texts("")}, []string{"an empty word is no key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(&Settings{Drop: []Entry{c.entry}}, plugin.Env{})
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in: %v", w, err)
				}
			}
		})
	}
	if _, err := New(&Settings{}, plugin.Env{}); err == nil {
		t.Error("a filter without an entry was taken")
	}
	if _, err := New(&Settings{Drop: []Entry{{Name: "a", UID: texts("0")}, {Name: "a", UID: texts("1")}}}, plugin.Env{}); err == nil {
		t.Error("two entries of one name were taken")
	}
}

// TestKnownTypes: what the log may hold as a type is not refused.
func TestKnownTypes(t *testing.T) {
	for _, typ := range []string{"LANDLOCK_ACCESS", "UNKNOWN[1423]", "USER_AVC", "SYSCALL"} {
		if _, err := New(&Settings{Drop: []Entry{{Type: texts(typ)}}}, plugin.Env{}); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// TestConformance judges events whose user is the line; none is dropped, because
// the suite counts the records that come out.
func TestConformance(t *testing.T) {
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin: Plugin,
		Golden: filepath.Join("testdata", "suite"),
		Settings: func(testing.TB) any {
			return &Settings{Drop: []Entry{{UID: texts("0")}}, Keep: []Entry{{UID: texts("root")}}}
		},
		Event: func(_ testing.TB, line string, n int) event.Event {
			id, name, _ := strings.Cut(line, " ")
			var f event.Fields
			f.AddString(schema.UserID, id)
			f.AddString(schema.UserName, name)
			return event.Event{Records: 1, Offset: int64(n), Dataset: "auditd.log", Fields: f}
		},
		Refused: func(testing.TB) any { return &Settings{} },
	})
}

// ten are entries of which none describes exec, each for another reason.
func ten() []Entry {
	return []Entry{
		{Key: texts("tm_connect"), Exe: texts("/usr/bin/chronyd")}, {Key: texts("tm_exec", "tm_mount")},
		{Syscall: texts("connect"), UID: texts("0")}, {Syscall: texts("openat"), UID: texts("0", "1000")},
		{Type: texts("USER_CMD", "USER_START")}, {Type: texts("SYSCALL"), Exe: texts("/usr/lib/**")},
		{Exe: texts("/opt/agent/bin/other")}, {Exit: texts("success")}, {Exit: texts("ENOENT", "-11")},
		{UID: texts("prometheus", "node")},
	}
}

func BenchmarkTenEntries(b *testing.B) {
	e := exec()
	// As many fields as an event of a system call has beside those that count.
	for range 26 {
		e.Fields = slices.Insert(e.Fields, 3, event.NewField(schema.AuditdPaths, "0.mode", event.String("0100644")))
	}
	stage := build(b, Settings{Drop: ten()}, plugin.Env{}).Lane("a")
	in, out := &event.Batch{}, &event.Batch{}
	for range 256 {
		in.Add(e)
	}
	b.ReportAllocs()
	for b.Loop() {
		out.Events = out.Events[:0]
		if err := stage.Apply(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
	if len(out.Events) != 256 {
		b.Fatalf("%d events are left", len(out.Events))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/event")
}
