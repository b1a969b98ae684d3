package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// live is an engine that runs in a bubble until its end is asked for.
type live struct {
	*Engine
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

// run lets p run; the end fails the test when it is not as wanted.
func (r *rig) run(t *testing.T, p *Pipeline) *live {
	t.Helper()
	e, err := New(p, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := &live{Engine: e, t: t, cancel: cancel, done: make(chan error, 1)}
	go func() { l.done <- e.Run(ctx) }()
	synctest.Wait()
	return l
}

// stop ends the run as a signal does and returns what Run said.
func (l *live) stop() error {
	l.t.Helper()
	l.cancel()
	return l.end()
}

// end waits for the end of the run.
func (l *live) end() error {
	l.t.Helper()
	err := <-l.done
	for _, b := range l.Books() {
		if !b.Balanced() {
			l.t.Errorf("the book of %s does not balance: %+v", b.Output, b)
		}
	}
	if err := l.Close(); err != nil {
		l.t.Error(err)
	}
	l.cancel()
	return err
}

func (l *live) book(name string) *journal.Book {
	for _, b := range l.Books() {
		if b.Output == name {
			return &b
		}
	}
	return nil
}

var errDown = plugin.Retry(errors.New("connection refused"))

func down() *sink { return &sink{fail: func([]event.Event) error { return errDown }} }

// slow is a sink that takes d for each batch.
func slow(d time.Duration) *sink {
	return &sink{fail: func([]event.Event) error { time.Sleep(d); return nil }}
}

func outs(a, b *sink) map[string]*sink { return map[string]*sink{"a": a, "b": b} }

func TestReloadRefusesABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		src := numbered(50)
		l := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(a, down())))
		time.Sleep(time.Second)

		next := &sink{}
		p := r.pipeline(t, false, &lines{all: src}, nil, "", outs(next, nil))
		begun := time.Now()
		err := l.Reload(p, false)
		if !errors.Is(err, ErrBacklog) {
			t.Fatalf("the reload: %v", err)
		}
		for _, want := range []string{"output b", "50 records", "--discard", "tallyman drain"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the refusal does not say %q: %v", want, err)
			}
		}
		if time.Since(begun) > 0 || a.closed || !next.closed {
			t.Errorf("an output that fails is not waited for (%v), what runs is not touched (closed %v), and the new one is closed (%v)",
				time.Since(begun), a.closed, next.closed)
		}

		if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(&sink{}, nil)), true); err != nil {
			t.Fatal(err)
		}
		if b := l.book("b"); b != nil {
			t.Errorf("the discarded output still has a book: %+v", b)
		}
		if log := r.log.String(); !strings.Contains(log, "output=b received=50 delivered=0") || !strings.Contains(log, "operator_discard=50") || !strings.Contains(log, "balanced=true") {
			t.Errorf("the log says\n%s", log)
		}
		if n := r.value("tallyman_discarded_records_total", "output", "b"); n != 50 {
			t.Errorf("%v records are counted as discarded", n)
		}
		if r.value("tallyman_output_up", "output", "b") != -1 || r.value("tallyman_output_up", "output", "a") != 1 {
			t.Error("the metrics still speak of the output that is gone, or not of the one that is there")
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if got := a.all(); !slices.Equal(got, src) {
			t.Errorf("a got %v", got)
		}
	})
}

// value returns a metric by its name and label, -1 when it is not served.
func (r *rig) value(name, label, value string) float64 {
	v := -1.0
	r.meter.Each(func(s meter.Sample) {
		if s.Name == name && slices.Contains(s.Labels, meter.Label{Name: label, Value: value}) {
			v = s.Value
		}
	})
	return v
}

// TestReloadDeliversFirst: an output that is removed while it works gets what
// was accepted for it, and then is forgotten.
func TestReloadDeliversFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := newRig(t), slow(100*time.Millisecond)
		src := numbered(70) // ten frames
		l := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(&sink{}, b)))
		if book := l.book("b"); book.Counts.Delivered > 0 {
			t.Fatalf("it was to be slow: %+v", book)
		}
		if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(&sink{}, nil)), false); err != nil {
			t.Fatal(err)
		}
		if got := b.all(); !slices.Equal(got, src) {
			t.Errorf("b got %v", got)
		}
		if l.book("b") != nil {
			t.Error("the output that is gone still has a book")
		}
		if !strings.Contains(r.log.String(), "output=b received=70 delivered=70") {
			t.Errorf("the log says\n%s", r.log.String())
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestReloadIsNotWaitedForWithoutEnd: an output too slow for the grace time is
// not removed, nothing stops meanwhile, and everything arrives.
func TestReloadIsNotWaitedForWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a, b := newRig(t), &sink{}, slow(time.Second)
		src := numbered(70)
		l := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(a, b)))
		begun := time.Now()
		if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(&sink{}, nil)), false); !errors.Is(err, ErrBacklog) {
			t.Fatalf("the reload: %v", err)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("it took %v, the grace time is 2s", took)
		}
		if a.closed || b.closed {
			t.Error("what ran was stopped for it")
		}
		time.Sleep(time.Minute)
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(b.all(), src) || !slices.Equal(a.all(), src) {
			t.Errorf("a got %v, b got %v", a.all(), b.all())
		}
	})
}

// TestOrphans: what an output of an earlier configuration has left is told at
// the start and in the status, keeps through a reload, and goes with --discard.
func TestOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		src := numbered(50)
		if _, err := r.once(t, r.pipeline(t, true, &lines{all: src}, nil, "", outs(down(), &sink{}))); !errors.Is(err, ErrLeft) {
			t.Fatal(err)
		}
		l := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(nil, &sink{})))
		if log := r.log.String(); !strings.Contains(log, "output=a") || !strings.Contains(log, "50 records (about 0.0 MiB") {
			t.Errorf("the log says\n%s", log)
		}
		orphan := func() (o BookStatus) {
			for _, one := range l.Status().Outputs {
				if one.Name == "a" {
					o = one
				}
			}
			return o
		}
		if o := orphan(); !o.Orphan || o.Up || o.Book["buffered"] != 50 || o.Waiting <= 0 || !o.Balanced {
			t.Errorf("the status of the orphan: %+v", o)
		}
		if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(nil, &sink{})), false); err != nil {
			t.Fatal(err)
		}
		if o := orphan(); o.Book["buffered"] != 50 {
			t.Errorf("after a reload: %+v", o)
		}
		// A reload that takes it up and fails gives it back.
		bad := r.pipeline(t, false, &lines{all: src, fails: errors.New("address in use")}, nil, "", outs(&sink{}, &sink{}))
		if err := l.Reload(bad, false); err == nil {
			t.Fatal("a reload that cannot start did")
		}
		if o := orphan(); !o.Orphan || o.Book["buffered"] != 50 {
			t.Errorf("after a failed reload: %+v", o)
		}
		if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(nil, &sink{})), true); err != nil {
			t.Fatal(err)
		}
		if l.book("a") != nil || !strings.Contains(r.log.String(), "operator_discard=50") {
			t.Errorf("it was not discarded:\n%s", r.log.String())
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestOrphansWithNothingLeft: an output that had delivered everything is
// forgotten at the start.
func TestOrphansWithNothingLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		src := numbered(50)
		if _, err := r.once(t, r.pipeline(t, true, &lines{all: src}, nil, "", outs(nil, &sink{}))); err != nil {
			t.Fatal(err)
		}
		r.log.Reset()
		fresh := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(&sink{}, nil))) // b had nothing left
		if b := fresh.book("b"); b != nil {
			t.Errorf("it has nothing left and still a book: %+v", b)
		}
		if !strings.Contains(r.log.String(), "output=b received=50 delivered=50") {
			t.Errorf("the log says\n%s", r.log.String())
		}
		if err := fresh.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestFailedReloadLeavesNoCursor: an output that only a failed reload had keeps
// nothing in the journal.
func TestFailedReloadLeavesNoCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, a := newRig(t), &sink{}
		l := r.run(t, r.pipeline(t, false, &lines{all: numbered(9)}, nil, "", outs(a, nil)))
		bad := r.pipeline(t, false, &lines{fails: errors.New("address in use")}, nil, "", outs(&sink{}, &sink{}))
		if err := l.Reload(bad, false); err == nil || !strings.Contains(err.Error(), "address in use") {
			t.Errorf("the reload: %v", err)
		}
		if b := l.book("b"); b != nil {
			t.Errorf("it left a cursor: %+v", b)
		}
		if err := l.Ready(); err != nil {
			t.Errorf("what ran before does not run: %v", err)
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestReloadsThatMayNotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		l := r.run(t, r.pipeline(t, false, &lines{}, nil, "", outs(&sink{}, nil)))
		p := r.pipeline(t, false, &lines{}, nil, "", outs(&sink{}, nil))
		p.Config.Journal.MaxSize *= 2
		if err := l.Reload(p, false); !errors.Is(err, ErrRefused) {
			t.Errorf("another journal: %v", err)
		}
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		late := &sink{}
		if err := l.Reload(r.pipeline(t, false, &lines{}, nil, "", outs(late, nil)), false); !errors.Is(err, errEnding) || !late.closed {
			t.Errorf("after the end: %v; closed %v", err, late.closed)
		}
		endless := &lines{}
		p = r.pipeline(t, true, endless, nil, "", outs(&sink{}, nil))
		endless.once = false
		once := r.run(t, p)
		if err := once.Reload(r.pipeline(t, true, &lines{}, nil, "", outs(&sink{}, nil)), false); !errors.Is(err, errOnce) {
			t.Errorf("a run with an end: %v", err)
		}
		if err := once.stop(); !errors.Is(err, ErrUnread) {
			t.Errorf("stopped before the end of its sources: %v", err)
		}
	})
}

// TestNothingRunsAnyMore: when neither the new nor the old configuration starts,
// the run ends with both reasons, so that whoever watches starts it again.
func TestNothingRunsAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, in := newRig(t), &lines{}
		l := r.run(t, r.pipeline(t, false, in, nil, "", outs(&sink{}, nil)))
		in.fails = errors.New("the port was taken")
		bad := r.pipeline(t, false, &lines{fails: errors.New("no such host")}, nil, "", outs(&sink{}, nil))
		err := l.Reload(bad, false)
		if err == nil || !strings.Contains(err.Error(), "no such host") || !strings.Contains(err.Error(), "nothing runs") {
			t.Errorf("the reload: %v", err)
		}
		if err := l.end(); err == nil || !strings.Contains(err.Error(), "the port was taken") {
			t.Errorf("the run: %v", err)
		}
	})
}

// TestReloadWithAFullJournal: what waits to be written when the journal is full
// is neither read again nor lost by a reload.
func TestReloadWithAFullJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var src []string
		for i := range 3000 {
			src = append(src, fmt.Sprintf("%04d%s", i, strings.Repeat("x", 1000)))
		}
		l := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(down(), nil)))
		time.Sleep(time.Minute)
		if l.Ready() == nil || l.Status().Journal.Blocked == "" || l.Status().Ready {
			t.Fatalf("the journal is not full: %+v", l.Status())
		}
		for range 3 { // the second one begins where the first one's lane stood
			if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(down(), nil)), false); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		up := &sink{}
		if err := l.Reload(r.pipeline(t, false, &lines{all: src}, nil, "", outs(up, nil)), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := l.stop(); err != nil {
			t.Error(err)
		}
		if got := up.all(); !slices.Equal(got, src) {
			t.Errorf("%d of %d arrived, %d of them twice", len(got), len(src), len(got)-len(slices.Compact(slices.Sorted(slices.Values(got)))))
		}
	})
}
