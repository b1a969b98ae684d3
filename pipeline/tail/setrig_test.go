package tail

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// setRig is a Set over a folder and what was read through it.
type setRig struct {
	t    *testing.T
	dir  string
	o    SetOptions
	s    *Set
	at   []byte // the position after what was read
	got  map[string][]string
	all  []string
	loss []event.Loss
	most int64 // files held open at once
}

func newSetRig(t *testing.T, o SetOptions, patterns ...string) *setRig {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	r := &setRig{t: t, dir: t.TempDir(), got: map[string][]string{}}
	for _, p := range patterns {
		o.Patterns = append(o.Patterns, filepath.Join(r.dir, p))
	}
	if o.Meter == nil {
		o.Meter = new(meter.Registry)
	}
	if o.Poll == 0 {
		o.Poll = time.Millisecond
	}
	o.Input, o.Decode = "many", "plain"
	r.o = o
	t.Cleanup(r.close)
	return r
}

func (r *setRig) open() {
	r.t.Helper()
	r.s = NewSet(r.o)
	if err := r.s.Open(context.Background(), r.at); err != nil {
		r.t.Fatal(err)
	}
}

func (r *setRig) close() {
	r.t.Helper()
	if r.s == nil {
		return
	}
	if err := r.s.Close(); err != nil {
		r.t.Error(err)
	}
	if n := r.s.open.Load(); n != 0 {
		r.t.Errorf("%d files are open after Close", n)
	}
	r.s = nil
}

// put appends to a file and makes its folder.
func (r *setRig) put(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *setRig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(filepath.Join(r.dir, from), filepath.Join(r.dir, to)); err != nil {
		r.t.Fatal(err)
	}
}

// read reads once and reports the end of a Set that has one.
func (r *setRig) read(wait time.Duration) bool {
	r.t.Helper()
	var b event.Batch
	err := r.s.Read(context.Background(), &b, wait)
	if err != nil && !errors.Is(err, io.EOF) {
		r.t.Fatal(err)
	}
	if len(b.Events) > 0 && b.Position == nil {
		r.t.Error("lines came without a position")
	}
	for i := range b.Events {
		e := &b.Events[i]
		rel, err2 := filepath.Rel(r.dir, e.Get(schema.LogFilePath).Str())
		if err2 != nil {
			r.t.Fatal(err2)
		}
		r.got[rel] = append(r.got[rel], strings.Clone(e.Raw))
		r.all = append(r.all, strings.Clone(e.Raw))
	}
	r.loss = append(r.loss, b.Losses...)
	if b.Position != nil {
		r.at = slices.Clone(b.Position)
	}
	r.most = max(r.most, r.s.open.Load())
	return err != nil
}

// until reads until n lines came in all, and what comes then in three looks.
func (r *setRig) until(n int) {
	r.t.Helper()
	for start := time.Now(); len(r.all) < n; {
		r.read(20 * time.Millisecond)
		if time.Since(start) > 20*time.Second {
			r.t.Fatalf("%d lines came, want %d: %.300q", len(r.all), n, r.all)
		}
	}
	for range 3 {
		r.read(2 * time.Millisecond)
	}
	if len(r.all) != n {
		r.t.Errorf("%d lines came, want %d: %.300q", len(r.all), n, r.all)
	}
}

func (r *setRig) want(name string, lines ...string) {
	r.t.Helper()
	if !slices.Equal(r.got[name], lines) {
		r.t.Errorf("of %s came %.300q, want %.300q", name, r.got[name], lines)
	}
}

// eventually lets the Set work until what is true.
func (r *setRig) eventually(what string, is func() bool) {
	r.t.Helper()
	for start := time.Now(); !is(); r.read(2 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			r.t.Fatalf("it did not come to: %s", what)
		}
	}
}

// followed is how many files are followed.
func (r *setRig) followed() int {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return len(r.s.members)
}
