package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// drip is an input that gives one numbered record every ten seconds.
type drip struct {
	lines
	due time.Time
}

func (d *drip) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if d.due.IsZero() {
		d.due = time.Now().Add(10 * time.Second)
	}
	if left := time.Until(d.due); d.at == len(d.all) || left > 0 {
		t := time.NewTimer(min(wait, max(left, time.Millisecond)))
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.due = d.due.Add(10 * time.Second)
	b.Add(event.Event{Dataset: "test", Raw: d.all[d.at], Records: 1, Offset: int64(d.at) + 1, Time: time.Unix(int64(d.at), 0)})
	d.at++
	b.Position = strconv.AppendInt(nil, int64(d.at), 10)
	return nil
}

// firsts is a Keeper that makes an alert of each remainder that it never saw. It
// writes down what it was told.
type firsts struct {
	by       int
	seen     []string // every record, in order
	restored int      // of seen, those of the snapshot
	learned  []string
	fails    string // the record at which a stage behind it would fail
}

func (f *firsts) Lane(string) plugin.Stage { return f }
func (f *firsts) Close() error             { return nil }

func (f *firsts) knows(raw string) bool {
	return slices.ContainsFunc(f.seen, func(s string) bool { return f.rest(s) == f.rest(raw) })
}

func (f *firsts) rest(raw string) int {
	n, err := strconv.Atoi(raw)
	if err != nil {
		panic(err)
	}
	return n % f.by
}

func (f *firsts) Apply(_ context.Context, in, out *event.Batch) error {
	for _, e := range in.Events {
		out.Add(e)
		if !f.knows(e.Raw) {
			a := event.Event{Dataset: "alert", Raw: "alert " + strconv.Itoa(f.rest(e.Raw)), Time: e.Time, ID: event.NewID([]byte(e.Raw))}
			a.Fields.AddString(schema.EventKind, "alert")
			out.Add(a)
		}
		f.seen = append(f.seen, e.Raw)
		if f.fails == e.Raw {
			return errors.New("a later transform failed")
		}
	}
	return nil
}

func (f *firsts) Snapshot(dst []byte) ([]byte, error) {
	return append(dst, "v1 "+strings.Join(f.seen, " ")...), nil
}

func (f *firsts) Restore(b []byte) error {
	f.seen = nil
	s, ok := strings.CutPrefix(string(b), "v1")
	if !ok {
		return errors.New("another version")
	}
	f.seen = strings.Fields(s)
	f.restored = len(f.seen)
	return nil
}

func (f *firsts) Learn(events []event.Event) {
	for i := range events {
		if events[i].Records > 0 {
			f.seen = append(f.seen, strings.Clone(events[i].Raw))
			f.learned = append(f.learned, strings.Clone(events[i].Raw))
		}
	}
}

var _ plugin.Keeper = (*firsts)(nil)

// dripping is a pipeline of drip and a transform.
func (r *rig) dripping(t *testing.T, tr plugin.Transform) *Pipeline {
	t.Helper()
	p := r.pipeline(t, false, &lines{}, tr, "", map[string]*sink{"a": {}})
	p.inputs[0].plugin = &drip{lines: lines{all: numbered(100)}}
	return p
}

// running is an engine that runs.
type running struct {
	*Engine
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

func run(t *testing.T, p *Pipeline) *running {
	t.Helper()
	e, err := New(p, "test")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Engine: e, t: t, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.done <- e.Run(ctx) }()
	return r
}

func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil && !strings.Contains(err.Error(), "a later transform failed") {
		r.t.Error(err)
	}
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
}

// kill leaves in the rig what a kill at this moment would leave, and ends r.
func (r *rig) kill(t *testing.T, e *running) {
	t.Helper()
	synctest.Wait()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(r.dir)); err != nil {
		t.Fatal(err)
	}
	e.end()
	r.dir = dir
}

// journalled returns the raw text of every event in the journal.
func (r *rig) journalled(t *testing.T) (all []string) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(r.dir, "j")})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Replay(0, func(_ uint64, payload []byte) error {
		b := &event.Batch{}
		if err := codec.NewDecoder().Decode(payload, b); err != nil {
			return err
		}
		for i := range b.Events {
			all = append(all, b.Events[i].Raw)
		}
		return nil
	})
	if err = errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAKillLosesNoMemory: what a transform knows after a kill is the snapshot of
// the last minute and every frame after it, once and in order.
func TestAKillLosesNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := run(t, r.dripping(t, &firsts{by: 3}))
		time.Sleep(155 * time.Second)
		r.kill(t, e) // 15 records; the last snapshot was at 120 s
		f := &firsts{by: 3}
		e = run(t, r.dripping(t, f))
		time.Sleep(25 * time.Second)
		e.end()
		if f.restored < 11 || f.restored > 12 || !slices.Equal(f.learned, numbered(15)[f.restored:]) {
			t.Errorf("%d of the snapshot, learned %v", f.restored, f.learned)
		}
		if !slices.Equal(f.seen, numbered(17)) {
			t.Errorf("it knows %v", f.seen)
		}
		// A stop saves all: nothing is learned from the journal.
		f = &firsts{by: 3}
		e = run(t, r.dripping(t, f))
		time.Sleep(time.Second)
		e.end()
		if f.restored != 17 || len(f.learned) > 0 {
			t.Errorf("after a stop: %d of the snapshot, learned %v", f.restored, f.learned)
		}
	})
}

// TestNoAlertIsLostOrDoubled kills at random moments: every record is in the
// journal once, and each alert too.
func TestNoAlertIsLostOrDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(7, 7))
		r := newRig(t)
		for range 12 {
			f := &firsts{by: 40}
			e := run(t, r.dripping(t, f))
			time.Sleep(time.Duration(rnd.IntN(150_000)) * time.Millisecond)
			r.kill(t, e)
			if !slices.Equal(f.seen, numbered(len(f.seen))) {
				t.Fatalf("it knew %v", f.seen)
			}
		}
		var records, alerts []string
		for _, raw := range r.journalled(t) {
			if rest, ok := strings.CutPrefix(raw, "alert "); ok {
				alerts = append(alerts, rest)
			} else {
				records = append(records, raw)
			}
		}
		if len(records) < 45 || !slices.Equal(records, numbered(len(records))) {
			t.Errorf("records %v", records)
		}
		if !slices.Equal(alerts, numbered(40)) {
			t.Errorf("alerts %v", alerts)
		}
	})
}

// TestWhatWasNotAcceptedIsNotRemembered: a record went through the transform and
// not into the journal. It is read again, and its alert is made.
func TestWhatWasNotAcceptedIsNotRemembered(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at a stop": 45 * time.Second, "later": 3 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				e := run(t, r.dripping(t, &firsts{by: 50, fails: "3"}))
				time.Sleep(wait)
				e.end()
				f := &firsts{by: 50}
				e = run(t, r.dripping(t, f))
				time.Sleep(25 * time.Second)
				e.end()
				if !slices.Equal(f.seen, numbered(5)) {
					t.Errorf("it knows %v", f.seen)
				}
				if got := r.journalled(t); !slices.Contains(got, "alert 3") {
					t.Errorf("journalled %v", got)
				}
			})
		})
	}
}

func TestAReloadHandsMemoryOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e := run(t, r.dripping(t, &firsts{by: 3}))
		time.Sleep(35 * time.Second)
		f := &firsts{by: 3}
		if err := e.Reload(r.dripping(t, f), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		other := &firsts{by: 3}
		p := r.dripping(t, other)
		p.stages[0].typ = "another"
		if err := e.Reload(p, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		e.end()
		if f.restored != 3 || len(f.learned) > 0 || !slices.Equal(f.seen, numbered(4)) {
			t.Errorf("%d were handed over, learned %v, knows %v", f.restored, f.learned, f.seen)
		}
		if other.restored != 0 || len(other.learned) > 0 {
			t.Errorf("a transform of another type was given %d", other.restored)
		}
	})
}
