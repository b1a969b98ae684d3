package container

// A log that is cut into batches, and a program that is killed between them.

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// lane is what the engine does with one stage and its journal, as far as a
// restart is concerned: a batch of which nothing comes out is not committed.
type lane struct {
	t      testing.TB
	tr     *Transform
	st     plugin.Stage
	frames []frame
}

// frame is what the journal holds of one batch.
type frame struct {
	events []event.Event
	held   []event.Event
	next   int // the event that the source goes on with
}

func newLane(t testing.TB, tr *Transform) *lane {
	return &lane{t: t, tr: tr, st: tr.Lane("audit")}
}

// read takes events through the stage that end before the event next.
func (l *lane) read(events []capturedEvent, next int) {
	l.t.Helper()
	events = slices.Clone(events)
	for i := range events {
		events[i].ev = own(&events[i].ev)
		events[i].ev.ID = event.NewID([]byte(events[i].key))
	}
	out := owned(apply(l.t, l.st, events))
	if len(out) > 0 {
		l.frames = append(l.frames, frame{out, owned(l.st.(plugin.Holder).Held(nil)), next})
	}
}

// own returns a copy of an event that outlives its batch.
func own(e *event.Event) event.Event {
	c := *e
	c.Fields = slices.Grow(slices.Clone(e.Fields), 16)
	return c
}

// owned returns copies of events.
func owned(events []event.Event) (out []event.Event) {
	for i := range events {
		out = append(out, own(&events[i]))
	}
	return out
}

// readAll takes events from the first on, in batches of a size, and what is kept
// then. It returns all that is in the journal.
func (l *lane) readAll(events []capturedEvent, first, size int) (all []event.Event) {
	l.t.Helper()
	for ; first < len(events); first += size {
		next := min(first+size, len(events))
		l.read(events[first:next], next)
	}
	for _, f := range l.frames {
		all = append(all, f.events...)
	}
	return append(all, flush(l.st)...)
}

// saved is what a run left when it was saved: a snapshot, and how many frames it
// stands for.
type saved struct {
	snapshot []byte
	frames   int
}

// resume goes on after a kill: what was saved, what was journalled since, what
// was kept at the last frame, and the source from the position of that.
func (l *lane) resume(s *saved, frames []frame, events []capturedEvent, size int) []event.Event {
	l.t.Helper()
	if err := l.tr.Restore(s.snapshot); err != nil {
		l.t.Fatal(err)
	}
	for _, f := range frames[s.frames:] {
		l.tr.Learn(f.events)
	}
	next := 0
	if n := len(frames); n > 0 {
		last := frames[n-1]
		next = last.next
		in, out := event.Batch{Events: owned(last.held)}, event.Batch{}
		if err := l.st.Apply(l.t.Context(), &in, &out); err != nil {
			l.t.Fatal(err)
		}
		l.frames = append(slices.Clone(frames), frame{events: owned(out.Events)})
	}
	return l.readAll(events, next, size)
}

// stampOn says what an event was given, but for the hops: what goes on after a
// kill may know already who took an orphan over, and has one less to go.
func stampOn(e *event.Event) string {
	f := &e.Fields
	return fmt.Sprintf("%s %s %s %s host=%v ambiguous=%v", f.Get(schema.ContainerID).Str(), f.Get(schema.ContainerName).Str(), f.Get(schema.TallymanContainerMethod).Str(),
		f.Get(schema.TallymanContainerConfidence).Str(), f.Get(schema.TallymanContainerHost).True(), f.Get(schema.TallymanContainerAmbiguous).True())
}

// still builds a transform whose clock stands still, so that a busy machine ends no
// wait.
func still(t *testing.T, s *Settings) *Transform {
	t.Helper()
	tr, err := New(s, plugin.Env{Now: func() time.Time { return time.UnixMilli(storyStart) }})
	if err != nil {
		t.Fatal(err)
	}
	return tr.(*Transform)
}

// TestBatchesChangeNoAnswer cuts a log into batches of one event, of a few, and
// of all: each event is given the same.
func TestBatchesChangeNoAnswer(t *testing.T) {
	dir := filepath.Join("testdata", "small")
	events := decodeCapture(t, dir)
	for _, inspect := range []bool{true, false} {
		mk := func() *Transform { return still(t, offline(dir, inspect, inspect, false)) }
		whole := newLane(t, mk()).readAll(events, 0, len(events))
		for _, size := range []int{1, 2, 7, 60} {
			got := newLane(t, mk()).readAll(events, 0, size)
			sameStamps(t, fmt.Sprintf("inspect %v, batches of %d", inspect, size), whole, got)
		}
	}
}

func sameStamps(t *testing.T, what string, want, got []event.Event) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %d events, want %d", what, len(got), len(want))
	}
	bad := 0
	for i := range want {
		if w, g := stampOn(&want[i]), stampOn(&got[i]); w != g || want[i].ID != got[i].ID {
			if bad++; bad <= 3 {
				t.Errorf("%s: event %d is given %q, want %q", what, i, g, w)
			}
		}
	}
	if bad > 3 {
		t.Errorf("%s: %d events of %d differ", what, bad, len(want))
	}
}

// TestAKillChangesNoAnswer saves after each batch and kills after each later one;
// what goes on has other batches. Each event is given what it would have been.
func TestAKillChangesNoAnswer(t *testing.T) {
	const size = 29
	dir := filepath.Join("testdata", "small")
	events := decodeCapture(t, dir)
	for _, inspect := range []bool{true, false} {
		mk := func() *Transform { return still(t, offline(dir, inspect, inspect, false)) }
		whole := newLane(t, mk()).readAll(events, 0, len(events))
		run := newLane(t, mk())
		saves := []saved{{snap(t, run.tr), 0}}
		kept := 0
		for first := 0; first < len(events); first += size {
			next := min(first+size, len(events))
			run.read(events[first:next], next)
			saves = append(saves, saved{snap(t, run.tr), len(run.frames)})
		}
		for i := range saves {
			again := mk()
			if err := again.Restore(saves[i].snapshot); err != nil || !bytes.Equal(snap(t, again), saves[i].snapshot) {
				t.Fatalf("inspect %v, save %d: what is restored is another: %v", inspect, i, err)
			}
			for kill := saves[i].frames + i%5; kill <= len(run.frames); kill += 5 {
				if kill > 0 {
					kept += len(run.frames[kill-1].held)
				}
				got := newLane(t, mk()).resume(&saves[i], run.frames[:kill], events, []int{1, 5, 29, 64}[(i+kill)%4])
				sameStamps(t, fmt.Sprintf("inspect %v, save %d, kill after frame %d", inspect, i, kill), whole, got)
				if t.Failed() {
					return
				}
			}
		}
		if kept == 0 {
			t.Error("no kill met an event that was kept: nothing was tried")
		}
	}
}
