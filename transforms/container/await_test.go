package container

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/plugin"
)

// waiting is a transform that keeps events, without anything but the log, and its
// clock.
func waiting(t *testing.T) (tr *Transform, clock *time.Time) {
	t.Helper()
	now := time.UnixMilli(storyStart)
	s := Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000, Wait: 250 * time.Millisecond}
	p, err := New(&s, plugin.Env{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Transform), &now
}

// out sends lines as one batch and returns what came of it.
func out(t *testing.T, st plugin.Stage, lines ...string) (all []string) {
	t.Helper()
	var events []capturedEvent
	for _, line := range lines {
		e := tell(t, line)
		e.ev.ID = event.NewID([]byte(line))
		events = append(events, e)
	}
	for _, e := range apply(t, st, events) {
		all = append(all, told(&e))
	}
	return all
}

const (
	forked  = "at 100: 32 of 31 openat" // 31 only forks
	between = "at 101: 31 of 22 exit_group"
)

// TestAnEventWaitsForItsParent: the parent is in no record before the batch after.
func TestAnEventWaitsForItsParent(t *testing.T) {
	tr, _ := waiting(t)
	st := tr.Lane("audit")
	if got := out(t, st, create, setsid, main, forked, "at 100: 22 of 10 openat"); len(got) != 3 {
		t.Fatalf("given are %v, want three: one waits, and what came after it", got)
	}
	got := out(t, st, between)
	if want := "A lineage medium"; len(got) != 3 || got[0] != want || got[1] != want || got[2] != want {
		t.Errorf("then %v", got)
	}
}

// TestNoEventWaitsLong: a silent source, a log that goes on, and many events end
// the wait; and nothing waits for the same process again.
func TestNoEventWaitsLong(t *testing.T) {
	many := []string{forked}
	for i := range aheadEvents + 1 {
		many = append(many, fmt.Sprintf("at %d: 22 of 10 openat", 100+i%50))
	}
	for name, c := range map[string]struct {
		lines []string
		after time.Duration
		kept  int
	}{
		"at once":       {[]string{forked}, 0, 1},
		"in silence":    {[]string{forked}, 250 * time.Millisecond, 0},
		"as time goes":  {[]string{forked, "at 201: 22 of 10 openat"}, 0, 0},
		"not so far":    {[]string{forked, "at 199: 22 of 10 openat"}, 0, 2},
		"behind others": {many, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tr, clock := waiting(t)
			st := tr.Lane("audit")
			out(t, st, create, setsid, main)
			out(t, st, c.lines...)
			*clock = clock.Add(c.after)
			out(t, st)
			if n := len(st.(plugin.Holder).Held(nil)); n != c.kept {
				t.Errorf("%d are kept, want %d", n, c.kept)
			}
			if c.kept > 0 {
				return
			}
			if got := out(t, st, "at 202: 33 of 31 openat"); !slices.Equal(got, []string{" none unknown"}) {
				t.Errorf("another child of the same waits: %v", got)
			}
		})
	}
}

// TestAClockThatStepsBackHoldsNoLane: the log's time stands still before what is
// kept, events keep coming, and the wall clock ends the wait.
func TestAClockThatStepsBackHoldsNoLane(t *testing.T) {
	tr, clock := waiting(t)
	st := tr.Lane("audit")
	out(t, st, create, setsid, main, "at 3600100: 32 of 31 openat")
	given := 0
	for i := range 11 {
		given += len(out(t, st, fmt.Sprintf("at %d: 22 of 10 openat", 200+i)))
		if i < 10 && given > 0 {
			t.Fatalf("after %d s %d events are given", i, given)
		}
		*clock = clock.Add(time.Second)
	}
	if given != 12 {
		t.Errorf("%d events are given, want all 12", given)
	}
}

// TestAForgedTimeEndsNoWaitForGood: an event of another time than all others has
// no effect on those after its batch.
func TestAForgedTimeEndsNoWaitForGood(t *testing.T) {
	tr, _ := waiting(t)
	st := tr.Lane("audit")
	out(t, st, create, setsid, main)
	if got := out(t, st, "at 9000000: 22 of 10 openat"); len(got) != 1 {
		t.Fatal("it waits for nothing")
	}
	if got := out(t, st, forked); len(got) != 0 {
		t.Errorf("the next one does not wait: %v", got)
	}
}

// TestWhatIsKeptIsLearntOnce saves while a command that brings a process in is
// kept: given again, it does not bring in another.
func TestWhatIsKeptIsLearntOnce(t *testing.T) {
	tr, _ := waiting(t)
	st := tr.Lane("audit")
	out(t, st, forked, create, setsid)
	held := owned(st.(plugin.Holder).Held(nil))
	if len(held) != 3 {
		t.Fatalf("%d are kept", len(held))
	}
	again, _ := waiting(t)
	if err := again.Restore(snap(t, tr)); err != nil {
		t.Fatal(err)
	}
	before := again.table.count
	st = again.Lane("audit")
	in, res := event.Batch{Events: held}, event.Batch{}
	if err := st.Apply(t.Context(), &in, &res); err != nil {
		t.Fatal(err)
	}
	if again.table.count != before || len(again.resumed) > 0 {
		t.Errorf("%d processes became %d, %d events did not come again", before, again.table.count, len(again.resumed))
	}
	if again.table.newest(who{0, 20}) == nil {
		t.Fatal("the command is not known")
	}
	for l := again.table.newest(who{0, 20}); l != nil; l = again.table.older(l) {
		if r := again.table.role(l); r.started == nil || !r.brought {
			t.Error("the command may bring in another process")
		}
	}
	if !bytes.Equal(snap(t, again), snap(t, tr)) {
		t.Error("what is known is not what it was")
	}
}

// TestASnapshotOfVersion3 is read: it ends before the events that are kept.
func TestASnapshotOfVersion3(t *testing.T) {
	tr := plain(t).(*Transform)
	run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid)}, 1)
	now := snap(t, tr)
	body := now[len(keepMark)+1 : len(now)-len("0")-4] // without the count of none
	old := keep.NewWriter(nil, keepMark+string(rune(keepVersion-1))+string(body[:len(body)-1]), body[len(body)-1]).End()
	again := plain(t)
	if err := again.(plugin.Keeper).Restore(old); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snap(t, again), now) {
		t.Error("what is known is not what it was")
	}
	if again.(plugin.Keeper).Restore(append(bytes.Clone(old[:len(old)-5]), 0, 0, 0, 0, 0)) == nil {
		t.Error("a damaged one is read")
	}
}

// TestNothingWaitsWhereThatIsInVain: a log in which each process has another parent that
// nothing tells of is kept back no longer once that is plain; an explanation that comes
// makes waiting worth it again.
func TestNothingWaitsWhereThatIsInVain(t *testing.T) {
	tr, _ := waiting(t)
	st := tr.Lane("audit").(*patient)
	for i := range 2 * mostVain {
		out(t, st, fmt.Sprintf("at %d: %d of %d openat", 100+i*200, 1000+2*i, 1001+2*i))
	}
	if n := len(st.kept); n != 0 || st.vain != mostVain {
		t.Errorf("%d events are kept after %d waits in vain", n, st.vain)
	}
	st.vain -= worth // as a try that was not in vain does
	last := 100 + 2*mostVain*200
	out(t, st, create, setsid, main)
	if out(t, st, fmt.Sprintf("at %d: 32 of 31 openat", last)); len(st.kept) == 0 {
		t.Error("nothing waits although there was one that was not in vain")
	}
	out(t, st, fmt.Sprintf("at %d: 31 of 22 exit_group", last+1))
	if len(st.kept) > 0 || st.vain >= mostVain-worth {
		t.Errorf("the explanation came: %d events are kept, and %d waits count as in vain", len(st.kept), st.vain)
	}
}
