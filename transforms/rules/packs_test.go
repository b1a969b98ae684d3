package rules

import (
	"os"
	"regexp"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func text(s string) plugin.Text {
	return plugin.Text{Value: s, Pos: plugin.Pos{File: "tallyman.yaml", Line: 3, Col: 9}}
}

// shipped are settings with the packs of the repository and the documentation
// that their samples speak of.
func shipped() *Settings {
	s := Default()
	s.Files = []plugin.Text{text("../../configs/rules/*.yaml")}
	s.Images.Allowed = []plugin.Text{text("registry.corp.example/**")}
	s.Inventory.Default = "deny"
	s.Inventory.Images = []Documented{{Image: text("shop/api"), Listen: []plugin.Text{text("8080")}, Egress: []plugin.Text{text("10.0.0.0/8:5432")}}}
	return &s
}

func TestShippedPacks(t *testing.T) {
	set, problems := compileAll(shipped(), ".")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	samples := 0
	for _, r := range set.all {
		samples += len(r.def.tests)
		if len(r.def.tests) == 0 || len(r.def.sources) == 0 || r.def.pack == "" || r.def.version == "" || r.def.description == "" {
			t.Errorf("%s lacks a test, sources, a pack, a version or a description", r.def.id.Value)
		}
		for _, one := range r.def.tests {
			e := one.event(r.def)
			if one.match && !contains(candidates(newIndex(set.rules), e), r) {
				t.Errorf("%s: the index does not lead from its sample to it", r.def.id.Value)
			}
		}
	}
	if len(set.all) != 86 || samples < 150 {
		t.Errorf("there are %d rules and %d samples", len(set.all), samples)
	}
	// What the samples take for granted stands beside them, whatever a host has.
	plain := Default()
	plain.Files = shipped().Files
	book, problems := Read(&plain, ".")
	if book == nil {
		t.Fatal(problems)
	}
	if n, problems := book.Samples(); len(problems) > 0 || n != samples {
		t.Error(n, problems)
	}
	if problems := book.Lint(time.Now()); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestTheAuditRulesFeedThePacks takes the keys that rules name as what the
// kernel is told to report under.
func TestTheAuditRulesFeedThePacks(t *testing.T) {
	file, err := os.ReadFile("../../configs/audit.rules")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^-a .*-F key=(\S+)`).FindAllStringSubmatch(string(file), -1) {
		keys[m[1]] = true
	}
	set, problems := compileAll(shipped(), ".")
	if len(problems) > 0 || len(keys) == 0 {
		t.Fatal(problems, keys)
	}
	for _, r := range set.all {
		for _, k := range r.def.auditKeys {
			if !keys[k] {
				t.Errorf("%s looks at what is reported as %s, and no audit rule reports that", r.def.id.Value, k)
			}
		}
	}
}

// candidates are the rules whose conditions an event is judged by.
func candidates(x *index, e *event.Event) []*rule {
	g := x.of(module(e), e.Get(schema.EventAction).Str())
	var out []*rule
	m := expr.NewMachine()
	m.Load(e)
	bits := g.candidates(nil, m)
	for i, r := range g.rules {
		if bits[i/64]>>(i%64)&1 == 1 {
			out = append(out, r)
		}
	}
	return out
}

func contains(list []*rule, r *rule) bool {
	for _, one := range list {
		if one == r {
			return true
		}
	}
	return false
}

// execEvent is what the audit and container transforms make of an execve.
func execEvent() event.Event {
	e := event.Event{ID: event.NewID([]byte("e")), Dataset: "auditd.log", Records: 3, Time: time.Date(2026, 11, 21, 2, 25, 1, 0, time.UTC)}
	f := &e.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventCategory, "process")
	f.AddString(schema.EventType, "start")
	f.AddString(schema.EventAction, "executed")
	f.AddString(schema.EventOutcome, "success")
	f.AddString(schema.EventModule, "auditd")
	f.AddString(schema.EventCode, "SYSCALL")
	f.Add(schema.EventSeverity, event.Int(2))
	f.Add(schema.EventSequence, event.Int(348501))
	f.AddString(schema.UserID, "1000")
	f.AddString(schema.UserEffectiveID, "1000")
	f.Add(schema.ProcessPID, event.Int(4242))
	f.AddString(schema.ProcessName, "curl")
	f.AddString(schema.ProcessExecutable, "/usr/bin/curl")
	for _, a := range []string{"curl", "-s", "https://shop.example/"} {
		f.AddString(schema.ProcessArgs, a)
	}
	f.Add(schema.ProcessArgsCount, event.Int(3))
	f.AddString(schema.ProcessCommandLine, "curl -s https://shop.example/")
	f.AddString(schema.ProcessWorkingDirectory, "/app")
	f.Add(schema.ProcessParentPID, event.Int(4100))
	f.AddString(schema.ProcessParentName, "node")
	f.AddString(schema.ContainerID, "9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724")
	f.AddString(schema.ContainerName, "shop-api-1")
	f.AddString(schema.ContainerImageName, "registry.corp.example/shop/api")
	f.AddString(schema.AuditdKey, "tm_exec")
	f.AddNamed(schema.AuditdData, "syscall", event.String("execve"))
	f.AddNamed(schema.AuditdData, "arch", event.String("x86_64"))
	f.AddString(schema.Tags, "tm_exec")
	e.Shared.AddString(schema.HostID, "4c4c4544")
	e.Shared.AddString(schema.HostName, "node-7")
	return e
}

func BenchmarkRulesExec(b *testing.B) {
	tr, err := New(shipped(), plugin.Env{Dir: "."})
	if err != nil {
		b.Fatal(err)
	}
	s := tr.Lane("audit")
	var in, out event.Batch
	in.Add(execEvent())
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		in.Events[0].Time = in.Events[0].Time.Add(time.Second) // so that no window fills
		if err := s.Apply(b.Context(), &in, &out); err != nil {
			b.Fatal(err)
		}
	}
	if len(out.Events) != 1 {
		b.Fatalf("the event raised %d alerts", len(out.Events)-1)
	}
}

// TestNoAllocationWithoutAMatch: an event that no shipped rule matches costs no
// allocation, with all the state that its rules keep.
func TestNoAllocationWithoutAMatch(t *testing.T) {
	b := &bench{t: t, dir: "."}
	b.begin(shipped())
	var in, out event.Batch
	in.Add(execEvent())
	run := func() {
		out.Reset()
		if err := b.stage.Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, run); n > 0 || len(out.Events) != 1 {
		t.Errorf("%v allocations, and %d events came out", n, len(out.Events))
	}
}
