package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/plugin"
)

// crate is a Collector that confirms a crate when it is full, or an hour old.
type crate struct {
	sink
	size   int
	open   []string
	since  time.Time
	last   uint64
	seqs   []uint64
	fail   func(raw []string) error // of Collect
	closed func() error             // of the moment that a crate is handed over
	asked  int                      // how often Settle was called
}

func (c *crate) Send(context.Context, []event.Event) error { return errors.New("nobody calls this") }

func (c *crate) Collect(_ context.Context, seq uint64, events []event.Event) error {
	var raw []string
	for i := range events {
		raw = append(raw, strings.Clone(events[i].Raw))
	}
	if c.fail != nil {
		if err := c.fail(raw); err != nil {
			return err
		}
	}
	if len(c.open) == 0 {
		c.since = time.Now()
	}
	c.open, c.last, c.seqs = append(c.open, raw...), seq, append(c.seqs, seq)
	return nil
}

func (c *crate) Settle(_ context.Context, all bool) (uint64, time.Duration, error) {
	c.asked++
	due := time.Hour - time.Since(c.since)
	if len(c.open) == 0 {
		return c.last, 0, nil
	}
	if len(c.open) < c.size && due > 0 && !all {
		return 0, due, nil
	}
	if c.closed != nil {
		if err := c.closed(); err != nil {
			return 0, 0, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.open = append(c.got, c.open...), nil
	return c.last, 0, nil
}

// collected runs n records to the end through a Collector.
func collected(t *testing.T, r *rig, n int, c *crate, when string) error {
	t.Helper()
	p := r.pipeline(t, true, &lines{all: numbered(n)}, nil, when, map[string]*sink{"b": {}})
	p.outputs[0].plugin = c
	_, err := r.once(t, p)
	if !slices.IsSorted(c.seqs) {
		t.Errorf("the sequences do not grow: %v", c.seqs)
	}
	return err
}

func TestCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crate{size: 20}
		if err := collected(t, newRig(t), 70, c, ""); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.all(), numbered(70)) {
			t.Errorf("got %v", c.all())
		}
		if c.asked > 40 {
			t.Errorf("a Collector with ten frames was asked %d times", c.asked)
		}
	})
}

// TestCollectedByAge: what lies in a crate that is not full is in flight, and goes
// when its time has come.
func TestCollectedByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := newRig(t), &crate{size: 1000}
		p := r.pipeline(t, false, &lines{all: numbered(9)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin = c
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		ctx, done := t.Context(), make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if b := e.Books()[0]; b.InFlight != 9 || !b.Balanced() || len(c.all()) > 0 {
			t.Errorf("before its time: %+v, %v", b, c.all())
		}
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		if b := e.Books()[0]; b.Counts.Delivered != 9 || !b.Balanced() || len(c.all()) != 9 {
			t.Errorf("after its time: %+v, %v", b, c.all())
		}
		if c.asked > 10 {
			t.Errorf("in an hour the Collector was asked %d times", c.asked)
		}
		e.Drain(time.Minute)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCollectedAndNotConfirmed: what a crate held when the run ended comes again,
// with the same sequences.
func TestCollectedAndNotConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, shut := newRig(t), &crate{size: 20, closed: func() error { return plugin.Retry(errors.New("the store is away")) }}
		if err := collected(t, r, 70, shut, ""); !errors.Is(err, ErrLeft) {
			t.Fatalf("run: %v", err)
		}
		if len(shut.seqs) < 10 {
			t.Errorf("while the store was away %d frames were collected", len(shut.seqs))
		}
		well := &crate{size: 20}
		if err := collected(t, r, 70, well, ""); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(well.all(), numbered(70)) {
			t.Errorf("got %v", well.all())
		}
		if !slices.Equal(well.seqs[:10], shut.seqs[:10]) {
			t.Errorf("the sequences were %v, then %v", shut.seqs, well.seqs)
		}
		if n := strings.Count(r.log.String(), "output failed"); n != 1 {
			t.Errorf("the same trouble was spoken of %d times:\n%s", n, r.log.String())
		}
	})
}

// TestCollectedWithRefusals: a Collector that is full, that refuses an event for
// good, and that gets frames with nothing for it.
func TestCollectedWithRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, c := true, &crate{size: 20}
		c.fail = func(raw []string) error {
			if full {
				full = false
				return plugin.After(errors.New("the window is full"), time.Second)
			}
			if i := slices.Index(raw, "33"); i >= 0 {
				return plugin.Permanent(errors.New("unlucky"))
			}
			return nil
		}
		r := newRig(t)
		if err := collected(t, r, 70, c, "int(event.original) > 29 && int(event.original) < 50"); err != nil {
			t.Fatal(err)
		}
		if want := slices.Concat(numbered(33)[30:], numbered(50)[34:]); !slices.Equal(c.all(), want) {
			t.Errorf("got %v, want %v", c.all(), want)
		}
		if len(c.seqs) < 10 {
			t.Errorf("it was told of %d frames", len(c.seqs))
		}
		letters, err := os.ReadFile(filepath.Join(r.dir, "j", "deadletter", "b.jsonl"))
		if err != nil || !strings.Contains(string(letters), "unlucky") {
			t.Errorf("dead letters %q, %v", letters, err)
		}
	})
}

// TestACollectorThatConfirmsTooMuch: a sequence that was never offered is a mistake
// that is said, and finishes nothing.
func TestACollectorThatConfirmsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.pipeline(t, true, &lines{all: numbered(9)}, nil, "", map[string]*sink{"a": {}})
		p.outputs[0].plugin = &liar{}
		books, err := r.once(t, p)
		if !errors.Is(err, ErrLeft) || books["a"].Counts.Delivered != 0 {
			t.Errorf("run: %v, %+v", err, books["a"])
		}
		if !strings.Contains(r.log.String(), "was offered no more than") {
			t.Errorf("nothing was said:\n%s", r.log.String())
		}
	})
}

// TestACollectorThatLost: what a Collector has lost comes again from the oldest on, and
// what it had confirmed before is no mistake afterwards.
func TestACollectorThatLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, shut := &crate{size: 20}, 0
		c.closed = func() error {
			if shut++; shut != 3 {
				return nil
			}
			c.open = nil
			c.seqs = nil
			c.last = 0
			return fmt.Errorf("the upload is gone: %w", plugin.ErrCollectAgain)
		}
		if err := collected(t, newRig(t), 140, c, ""); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.all(), numbered(140)) {
			t.Errorf("got %v", c.all())
		}
		if shut < 7 {
			t.Errorf("%d crates were shut", shut)
		}
	})
}

// TestACollectorTidiesUp: at the end of the sources a Collector is asked to move on
// everything also when nothing came, for it may have more to write than events.
func TestACollectorTidiesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, tidied := &tidy{}, 0
		c.tidied = &tidied
		r := newRig(t)
		p := r.pipeline(t, true, &lines{}, nil, "", map[string]*sink{"b": {}})
		p.outputs[0].plugin = c
		if _, err := r.once(t, p); err != nil || tidied == 0 {
			t.Errorf("%v, tidied up %d times", err, tidied)
		}
		c.fail = true
		p = r.pipeline(t, true, &lines{}, nil, "", map[string]*sink{"b": {}})
		p.outputs[0].plugin = c
		if _, err := r.once(t, p); err != nil {
			t.Errorf("one that cannot, and has no events left: %v", err)
		}
	})
}

// TestACollectorWritesItsManifest: what a Collector has to write once all is confirmed is
// written in the same run, however many exchanges that takes.
func TestACollectorWritesItsManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &bookish{crate: crate{size: 20}}
		r := newRig(t)
		p := r.pipeline(t, true, &lines{all: numbered(30)}, nil, "", map[string]*sink{"b": {}})
		p.outputs[0].plugin = c
		if _, err := r.once(t, p); err != nil || len(c.all()) != 30 || c.written != 3 {
			t.Errorf("%v; of %d events %d parts of 3 of the manifest are written", err, len(c.all()), c.written)
		}
	})
}

// bookish is a crate with a manifest of three parts, one for each exchange.
type bookish struct {
	crate
	written int
}

func (b *bookish) Settle(ctx context.Context, all bool) (uint64, time.Duration, error) {
	open := len(b.open) > 0
	seq, again, err := b.crate.Settle(ctx, all)
	if !all || err != nil {
		return seq, again, err
	}
	if !open {
		b.written = min(b.written+1, 3)
	}
	if b.written < 3 {
		again = time.Millisecond
	}
	return seq, again, nil
}

type tidy struct {
	crate
	tidied *int
	fail   bool
}

func (c *tidy) Settle(_ context.Context, all bool) (uint64, time.Duration, error) {
	if all && c.fail {
		return 0, 0, plugin.Retry(errors.New("the store is away"))
	}
	if all {
		*c.tidied++
	}
	return c.last, 0, nil
}

type liar struct{ crate }

func (l *liar) Settle(context.Context, bool) (uint64, time.Duration, error) {
	return 1 << 40, 0, nil
}

// What one type keeps under a name is not given to another, is there when it comes
// back, and goes with the name.
func TestStoreIsOfItsType(t *testing.T) {
	dir, said := t.TempDir(), new(bytes.Buffer)
	log := slog.New(slog.NewTextHandler(said, nil))
	of := func(typ string) *store { return newStore(dir, "archive", typ, false, log) }
	load := func(typ, want string) {
		t.Helper()
		if got, err := of(typ).Load(); err != nil || string(got) != want {
			t.Errorf("%s loaded %q, %v; want %q", typ, got, err, want)
		}
	}
	// A file of before types were kept.
	w := keep.NewWriter(nil, storeMark, storeUntyped)
	w.Str("archive")
	w.Bytes([]byte("old"))
	if err := os.MkdirAll(of("").dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(of("").untyped(), w.End(), 0o600); err != nil {
		t.Fatal(err)
	}
	load("s3", "old")
	if err := of("s3").Save([]byte("parts")); err != nil {
		t.Fatal(err)
	}
	if said.Len() > 0 {
		t.Errorf("said without a reason: %s", said)
	}
	load("respond", "")
	if !strings.Contains(said.String(), "kept=[s3]") || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("it said %q", said)
	}
	if err := of("respond").Save([]byte("done")); err != nil {
		t.Fatal(err)
	}
	load("s3", "parts")
	load("respond", "done")
	if err := of("respond").Save(nil); err != nil {
		t.Fatal(err)
	}
	load("s3", "parts")
	if err := of("").removeAll(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(of("").dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	newStore := func(dir, name string, dry bool) *store {
		return newStore(dir, name, "crate", dry, slog.New(slog.DiscardHandler))
	}
	s := newStore(dir, "archive", false)
	load := func(s *store, want string) {
		t.Helper()
		if got, err := s.Load(); err != nil || string(got) != want {
			t.Errorf("loaded %q, %v; want %q", got, err, want)
		}
	}
	save := func(s *store, state string) {
		t.Helper()
		if err := s.Save([]byte(state)); err != nil {
			t.Error(err)
		}
	}
	load(s, "")
	save(s, "one")
	save(s, "two")
	load(newStore(dir, "archive", false), "two")
	load(newStore(dir, "other", false), "")
	save(newStore(dir, "archive", true), "dry")
	load(s, "two")
	if err := s.Save(make([]byte, maxStored+1)); !errors.Is(err, errStored) {
		t.Errorf("too much was saved: %v", err)
	}
	load(s, "two")
	b, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.path()); err != nil || info.Mode() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "other@crate"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := newStore(dir, "other", false).Load(); err == nil {
		t.Errorf("another's state was loaded: %q", got)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1
		if err := os.WriteFile(s.path(), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(); err == nil {
			t.Errorf("with byte %d changed it loads %q", i, got)
		}
	}
	save(s, "")
	load(s, "")
	if _, err := os.Stat(s.path()); err == nil {
		t.Error("an empty state leaves a file")
	}
}
