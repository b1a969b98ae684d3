package container

import (
	"context"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestWhatIsNotItsOwnGoesThrough(t *testing.T) {
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
	record := event.Event{Decode: "audit", Raw: "type=SYSCALL …", Dataset: dataset, Records: 1}
	other := event.Event{Dataset: "syslog", Records: 1, Raw: "x"}
	bare := event.Event{Dataset: dataset, Records: 1}
	out := run(t, tr, []capturedEvent{{ev: record}, {ev: other}, {ev: bare}}, 3)
	if len(out[0].Fields) != 0 || out[0].Raw != record.Raw || len(out[1].Fields) != 0 {
		t.Errorf("changed: %+v", out[:2])
	}
	if got := told(&out[2]); got != " none unknown" || len(out[2].Fields) != 2 {
		t.Errorf("an event without a process: %q %v", got, out[2].Fields)
	}
}

// TestAnEventThatNamesItsContainerIsCompleted: docker events and the like.
func TestAnEventThatNamesItsContainerIsCompleted(t *testing.T) {
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
	e := event.Event{Dataset: "docker.events"}
	e.Fields.AddString(schema.ContainerID, idA)
	e.Fields.AddString(schema.ContainerName, "web")
	e.Fields.AddString(schema.ContainerImageName, "shop/api")
	e.Fields.AddString(schema.ContainerImageTag, "1.4")
	e.Fields.AddNamed(schema.ContainerLabels, "tier", event.String("front"))
	later := event.Event{Dataset: "falco.alert"}
	later.Fields.AddString(schema.ContainerID, idA)
	start := tell(t, strings.Replace(create, "/p A", "/p "+idA, 1))
	out := run(t, tr, []capturedEvent{{ev: e}, {ev: later}, start, tell(t, setsid)}, 1)
	if got := told(&out[0]); got != "4c07 source exact" || len(out[0].Fields) != 8 {
		t.Errorf("%q %v", got, out[0].Fields)
	}
	for _, i := range []int{1, 3} {
		f := out[i].Fields
		if f.Get(schema.ContainerName).Str() != "web" || f.Get(schema.ContainerImageName).Str() != "shop/api" || f.GetNamed(schema.ContainerLabels, "tier").Str() != "front" {
			t.Errorf("event %d lacks what docker said: %v", i, f)
		}
		n := 0
		for range f.All(schema.ContainerID) {
			n++
		}
		if n != 1 {
			t.Errorf("event %d has %d ids", i, n)
		}
	}
}

// hot builds a transform that knows a container's process, and a batch of its
// events.
func hot(t testing.TB) (plugin.Stage, *event.Batch) {
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
	run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid), tell(t, main)}, 10)
	var in event.Batch
	for range 256 {
		in.Add(tell(t, "at 100: 22 of 10 openat /bin/app").ev)
	}
	return tr.Lane("audit"), &in
}

func TestKnownProcessesCostNoAllocation(t *testing.T) {
	st, in := hot(t)
	var out event.Batch
	n := testing.AllocsPerRun(20, func() {
		out.Reset()
		if err := st.Apply(context.Background(), in, &out); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for %d events of a known process", n, len(in.Events))
	}
	if got := told(&out.Events[255]); got != "A lineage medium" {
		t.Errorf("%q", got)
	}
}

func BenchmarkApply(b *testing.B) {
	st, in := hot(b)
	var out event.Batch
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		out.Reset()
		if err := st.Apply(context.Background(), in, &out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-begin)/float64(b.N*len(in.Events)), "cpu-ns/event")
}

func TestEveryKeyIsItsOwn(t *testing.T) {
	if all := schema.Keys(); int(all[len(all)-1]) >= keys {
		t.Fatalf("the schema has keys up to %d: raise keys", all[len(all)-1])
	}
}
