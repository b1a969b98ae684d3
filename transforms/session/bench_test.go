package session

import (
	"fmt"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// busy returns a transform that knows a thousand sessions and execs, and an
// event with the fields that a recorded one has.
func busy(t testing.TB, line string) (*Transform, event.Event) {
	tr := build(t, nil)
	for i := range 1000 {
		for _, l := range []string{
			fmt.Sprintf("0 USER_LOGIN by=sshd ses=%d auid=ana host=h", i),
			fmt.Sprintf("0 exec_start exec=e%d cmd=sh box=b%d host=h", i, i),
			fmt.Sprintf("0 ran box=b%d pid=%d pname=runc arg=sh host=h", i, i+1),
		} {
			tr.Learn([]event.Event{tell(t, l)})
		}
	}
	e := tell(t, line)
	for i := range 24 {
		e.Fields.AddNamed(schema.AuditdData, fmt.Sprintf("a%d", i), event.String("7ffd0decde60"))
	}
	e.Shared = event.Fields{event.NewField(schema.HostName, "", event.String("h")), event.NewField(schema.HostBootID, "", event.String("b"))}
	return tr, e
}

// kinds are the events that most events are.
var kinds = map[string]string{
	"of a service":               "9 did pid=7 ppid=6 ses=4294967295 name=nginx pname=nginx host=h",
	"of a container":             "9 did pid=7 ppid=6 ses=4294967295 box=b7 name=nginx pname=nginx ent=A pent=B host=h",
	"of nobody's session":        "9 ran pid=7 ppid=6 ses=100000 name=cat pname=bash arg=cat host=h",
	"a program in a child":       "9 ran pid=7 ppid=6 ses=4294967295 box=b7 name=cat pname=sh arg=cat ent=A pent=B host=h",
	"of a session that is known": "9 did pid=7 ppid=6 ses=100 name=cat pname=bash host=h",
}

// apply sends one event through a stage, as a lane does.
func apply(t testing.TB, st *stage, in, out *event.Batch, e *event.Event) {
	out.Reset()
	in.Events = append(in.Events[:0], *e)
	if err := st.Apply(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
}

// TestEventsOfOthersCostNoMemory: what nobody is known to be behind passes
// without an allocation.
func TestEventsOfOthersCostNoMemory(t *testing.T) {
	for name, line := range kinds {
		tr, e := busy(t, line)
		st := tr.Lane("a").(*stage)
		var in, out event.Batch
		apply(t, st, &in, &out, &e)
		if n := testing.AllocsPerRun(100, func() { apply(t, st, &in, &out, &e) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for name, line := range kinds {
		b.Run(name, func(b *testing.B) {
			tr, e := busy(b, line)
			st := tr.Lane("a").(*stage)
			var in, out event.Batch
			b.ReportAllocs()
			for b.Loop() {
				apply(b, st, &in, &out, &e)
			}
		})
	}
}
