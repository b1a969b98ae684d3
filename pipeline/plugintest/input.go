package plugintest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// InputSuite is an input and its source. Golden and Append are required.
type InputSuite struct {
	Plugin plugin.Plugin

	// Golden is the folder of the pairs: what the source holds, and the records
	// that come of it. Each file is a text of lines.
	Golden string

	// Settings returns settings for the source in a folder, which may not exist
	// yet: what Plugin.Settings gave, filled.
	Settings func(t testing.TB, dir string) any

	// Append adds to the source in a folder, and makes it if need be.
	Append func(t testing.TB, dir string, content []byte)

	// Vanish takes the source away; nil where that cannot be.
	Vanish func(t testing.TB, dir string)

	// Refused returns settings that the constructor refuses; nil where it takes all.
	Refused func(t testing.TB) any

	// NoPosition says that the source cannot be read again (a socket).
	NoPosition bool

	// NoEnd says that the source has no end, even with Env.Once.
	NoEnd bool
}

// Input runs the suite.
func Input(t *testing.T, s InputSuite) {
	t.Run("settings", func(t *testing.T) { Documented(t, s.Plugin) })
	t.Run("refused", func(t *testing.T) { refused(t, s.Refused, s.Plugin.Input) })
	for _, file := range goldens(t, s.Golden) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			if !s.NoEnd {
				t.Run("golden", func(t *testing.T) { noLeak(t); s.golden(t, file, content) })
			}
			if !s.NoEnd && !s.NoPosition {
				t.Run("resume", func(t *testing.T) { noLeak(t); s.resume(t, content) })
			}
			t.Run("back-pressure", func(t *testing.T) { noLeak(t); s.pressure(t, content) })
		})
	}
	t.Run("waits", func(t *testing.T) { noLeak(t); s.waits(t) })
	t.Run("stops", func(t *testing.T) { noLeak(t); s.stops(t) })
	t.Run("closes unread", func(t *testing.T) { noLeak(t); s.unread(t) })
	if s.Vanish != nil {
		t.Run("vanishes", func(t *testing.T) { noLeak(t); s.vanishes(t) })
	}
}

// build opens an input on the source in dir.
func (s *InputSuite) build(t testing.TB, dir string, once bool, from []byte) plugin.Input {
	t.Helper()
	env := Env(dir)
	env.Once = once
	in, err := s.Plugin.Input(s.Settings(t, dir), env)
	if err != nil {
		alone(t, in, err)
		t.Fatalf("build: %v", err)
	}
	if err := in.Open(context.Background(), from); err != nil {
		t.Fatalf("open at %q: %v", from, err)
	}
	return in
}

func shut(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// batch reads once. Records carry what the contract asks for.
func (s *InputSuite) batch(t testing.TB, in plugin.Input, wait time.Duration) ([]event.Event, []byte, error) {
	t.Helper()
	var b event.Batch
	err := in.Read(context.Background(), &b, wait)
	for i := range b.Events {
		e := &b.Events[i]
		if e.Records != 1 || e.Seen.IsZero() || e.Decode == "" && e.Dataset == "" {
			t.Errorf("a source record is not whole: %s, seen %v", Dump(e), e.Seen)
		}
		if e.Get(schema.HostName).Str() != "host-1" {
			t.Errorf("a record lacks what Env.Shared gives: %s", Dump(e))
		}
	}
	if len(b.Events) > 0 && b.Position == nil && !s.NoPosition {
		t.Errorf("%d records came without a position", len(b.Events))
	}
	// The texts live until the next Read, and the suite compares what came by many.
	for i := range b.Events {
		b.Events[i] = b.Events[i].Own()
	}
	return b.Events, bytes.Clone(b.Position), err
}

// rest reads to the end of a source that has one.
func (s *InputSuite) rest(t testing.TB, in plugin.Input) []string {
	t.Helper()
	all := []string{}
	for {
		events, _, err := s.batch(t, in, patience)
		all = append(all, dump(events)...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
	}
}

func (s *InputSuite) golden(t testing.TB, file string, content []byte) {
	dir := t.TempDir()
	s.Append(t, dir, content)
	in := s.build(t, dir, true, nil)
	defer shut(t, in)
	golden(t, file, s.rest(t, in))
}

// resume lets the source grow line by line; a fresh input at each position that
// was given reads exactly what follows it.
func (s *InputSuite) resume(t testing.TB, content []byte) {
	dir := t.TempDir()
	s.Append(t, dir, nil)
	in := s.build(t, dir, false, nil)
	type cut struct {
		position []byte
		read     int
	}
	cuts := []cut{{}}
	read := []string{}
	for _, line := range bytes.SplitAfter(content, []byte("\n")) {
		s.Append(t, dir, line)
		events, position, err := s.batch(t, in, time.Millisecond)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		read = append(read, dump(events)...)
		if position != nil {
			cuts = append(cuts, cut{position, len(read)})
		}
	}
	shut(t, in)
	whole := s.build(t, dir, true, nil)
	all := s.rest(t, whole)
	shut(t, whole)
	for _, c := range cuts {
		again := s.build(t, dir, true, c.position)
		if diff := cmp.Diff(all[c.read:], s.rest(t, again)); diff != "" {
			t.Errorf("after %d records, at %q (- wanted, + read):\n%s", c.read, c.position, diff)
		}
		shut(t, again)
	}
}

// pressure lets the source grow while nobody reads; nothing of it is lost or
// changes its order, and no batch takes all of it.
func (s *InputSuite) pressure(t testing.TB, content []byte) {
	dir := t.TempDir()
	if len(content) > 0 && content[len(content)-1] != '\n' {
		content = append(bytes.Clone(content), '\n')
	}
	if len(bytes.Trim(content, "\n")) == 0 {
		return
	}
	times := 1 + min(4<<20/len(content), 20_000/bytes.Count(content, []byte("\n")))
	s.Append(t, dir, content)
	in := s.build(t, dir, false, nil)
	defer shut(t, in)
	first := s.until(t, in, 1)
	s.Append(t, dir, bytes.Repeat(content, times-1))
	got := slices.Concat(first, s.until(t, in, len(first)*times-len(first)))
	for i := range got {
		if got[i].Raw != got[i%len(first)].Raw {
			t.Fatalf("record %d is %s, want %s", i, Dump(&got[i]), Dump(&got[i%len(first)]))
		}
	}
}

// until reads at least n records, and what else is there at once.
func (s *InputSuite) until(t testing.TB, in plugin.Input, n int) []event.Event {
	t.Helper()
	var all []event.Event
	for start := time.Now(); ; {
		events, _, err := s.batch(t, in, 10*time.Millisecond)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if len(events) > 1<<14 {
			t.Errorf("a batch holds %d records", len(events))
		}
		all = append(all, events...)
		if len(all) >= n && len(events) == 0 {
			return all
		}
		if time.Since(start) > patience {
			t.Fatalf("%d records came, want %d", len(all), n)
		}
	}
}

// waits checks that a Read with nothing there lets time pass.
func (s *InputSuite) waits(t testing.TB) {
	dir := t.TempDir()
	s.Append(t, dir, nil)
	in := s.build(t, dir, false, nil)
	defer shut(t, in)
	for range 2 {
		events, _, err := s.batch(t, in, time.Millisecond)
		if err != nil || len(events) > 0 {
			t.Errorf("a read of nothing gave %q, %v", dump(events), err)
		}
	}
}

// stops checks that a Read that waits ends with its context.
func (s *InputSuite) stops(t testing.TB) {
	dir := t.TempDir()
	s.Append(t, dir, nil)
	in := s.build(t, dir, false, nil)
	defer shut(t, in)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		var b event.Batch
		done <- in.Read(ctx, &b, time.Hour)
	}()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a stopped read returned %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a read goes on after its context is done")
	}
}

func (s *InputSuite) unread(t testing.TB) {
	dir := t.TempDir()
	s.Append(t, dir, []byte("one\n"))
	shut(t, s.build(t, dir, false, nil))
}

// vanishes takes the source away: that is no end and no lasting error, and what
// comes later is read.
func (s *InputSuite) vanishes(t testing.TB) {
	dir := t.TempDir()
	s.Append(t, dir, []byte("one\n"))
	in := s.build(t, dir, false, nil)
	defer shut(t, in)
	s.until(t, in, 1)
	s.Vanish(t, dir)
	for range 3 {
		_, _, err := s.batch(t, in, time.Millisecond)
		if kind, _ := plugin.KindOf(err); err != nil && (kind == plugin.KindPermanent || errors.Is(err, io.EOF)) {
			t.Fatalf("a source that vanished gave %v", err)
		}
	}
	s.Append(t, dir, []byte("two\n"))
	for start := time.Now(); ; {
		events, _, err := s.batch(t, in, 10*time.Millisecond)
		if len(events) > 0 {
			if events[0].Raw != "two" {
				t.Errorf("after the source came back: %s", Dump(&events[0]))
			}
			return
		}
		if time.Since(start) > patience {
			t.Fatalf("nothing was read after the source came back: %v", err)
		}
	}
}
