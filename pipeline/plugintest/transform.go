package plugintest

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// TransformSuite is a transform and what flows into it.
type TransformSuite struct {
	Plugin plugin.Plugin

	// Golden is the folder of the pairs: source records, one a line, and the
	// events that come of them.
	Golden string

	// Settings returns settings for the transform; nil for the defaults.
	Settings func(t testing.TB) any

	// Refused returns settings that the constructor refuses; nil where it takes all.
	Refused func(t testing.TB) any

	// Event makes the nth event of a file from its line; nil for a source record
	// that waits for the decoder Decode.
	Event  func(t testing.TB, line string, n int) event.Event
	Decode string
}

// Transform runs the suite.
func Transform(t *testing.T, s TransformSuite) {
	t.Run("settings", func(t *testing.T) { Documented(t, s.Plugin) })
	t.Run("refused", func(t *testing.T) { refused(t, s.Refused, s.Plugin.Transform) })
	for _, file := range goldens(t, s.Golden) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			noLeak(t)
			in := s.events(t, file)
			tr := s.build(t)
			defer shut(t, tr)
			whole := s.pass(t, tr.Lane("whole"), in, len(in))
			golden(t, file, dump(whole))
			if a, b := total(in), total(whole); a != b {
				t.Errorf("%d source records went in, the events that came out stand for %d", a, b)
			}
			s.batches(t, in, whole)
			s.restart(t, in, whole)
		})
	}
}

func (s *TransformSuite) build(t testing.TB) plugin.Transform {
	t.Helper()
	settings := s.Plugin.Settings()
	if s.Settings != nil {
		settings = s.Settings(t)
	}
	tr, err := s.Plugin.Transform(settings, Env(t.TempDir()))
	if err != nil {
		alone(t, tr, err)
		t.Fatalf("build: %v", err)
	}
	return tr
}

func (s *TransformSuite) events(t testing.TB, file string) []event.Event {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := Env("")
	var list []event.Event
	offset := int64(0)
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		line := lines.Text()
		e := event.Event{Decode: s.Decode, Raw: line, Records: 1, Offset: offset, Seen: env.Now(), Shared: env.Shared}
		if s.Event != nil {
			e = s.Event(t, line, len(list))
		}
		list = append(list, e)
		offset += int64(len(line)) + 1
	}
	return list
}

func total(events []event.Event) (n uint64) {
	for i := range events {
		n += uint64(events[i].Records)
	}
	return n
}

// pass takes events through a stage, size of them at a time, and flushes it.
func (s *TransformSuite) pass(t testing.TB, stage plugin.Stage, in []event.Event, size int) []event.Event {
	t.Helper()
	all := s.apply(t, stage, in, size, func([]event.Event) {})
	h, ok := stage.(plugin.Holder)
	if !ok {
		return all
	}
	var out event.Batch
	h.Flush(&out)
	if left := h.Held(nil); len(left) > 0 {
		t.Errorf("%d records are held after a flush", len(left))
	}
	return append(all, keep(out.Events)...)
}

// apply calls after with all that came out until then, after each batch. Then the texts of
// the batch are overwritten, as the chunk is that a lane's are views of.
func (s *TransformSuite) apply(t testing.TB, stage plugin.Stage, in []event.Event, size int, after func([]event.Event)) []event.Event {
	t.Helper()
	var all []event.Event
	for part := range slices.Chunk(in, max(1, size)) {
		b := event.Batch{Events: keep(part)}
		texts := lend(b.Events)
		var out event.Batch
		if err := stage.Apply(context.Background(), &b, &out); err != nil {
			t.Fatalf("apply: %v", err)
		}
		all = append(all, keep(out.Events)...)
		after(all)
		for i := range texts {
			texts[i] = 0xDB
		}
	}
	return all
}

// keep copies events out of a batch's memory, and of the chunk that it is of.
func keep(events []event.Event) []event.Event {
	list := make([]event.Event, len(events))
	for i := range events {
		list[i] = events[i].Own()
	}
	return list
}

// lend moves the texts of events into one piece of memory and returns it.
func lend(events []event.Event) []byte {
	n := 0
	for i := range events {
		n += events[i].TextSize()
	}
	texts := make([]byte, 0, n)
	for i := range events {
		texts = events[i].Move(texts)
	}
	return texts
}

// batches checks that it does not matter how records are parted into batches,
// and that at each moment what went in is out or held.
func (s *TransformSuite) batches(t testing.TB, in, whole []event.Event) {
	t.Helper()
	for _, size := range []int{1, 3} {
		tr := s.build(t)
		stage := tr.Lane("parted")
		got := s.pass(t, stage, in, size)
		if diff := cmp.Diff(dump(whole), dump(got)); diff != "" {
			t.Errorf("in batches of %d (- in one, + now):\n%s", size, diff)
		}
		stage, sent := tr.Lane("counted"), 0
		s.apply(t, stage, in, size, func(out []event.Event) {
			sent = min(sent+size, len(in))
			held := s.held(t, stage)
			if a, b := total(in[:sent]), total(out)+total(held); a != b {
				t.Errorf("after %d records: %d went in, %d are out or held", sent, a, b)
			}
		})
		shut(t, tr)
	}
}

func (s *TransformSuite) held(t testing.TB, stage plugin.Stage) []event.Event {
	t.Helper()
	h, ok := stage.(plugin.Holder)
	if !ok {
		return nil
	}
	held := h.Held(nil)
	for i := range held {
		if held[i].Decode == "" || held[i].Raw == "" {
			t.Errorf("a held record is not as it was read: %s", Dump(&held[i]))
		}
	}
	return held
}

// restart stops after each record and gives what was held to a fresh transform:
// the same events come of it. A transform that learns from what it has seen
// learns it again from nothing, so only one that holds records is judged.
func (s *TransformSuite) restart(t testing.TB, in, whole []event.Event) {
	t.Helper()
	probe := s.build(t)
	defer shut(t, probe)
	if _, ok := probe.Lane("probe").(plugin.Holder); !ok {
		return
	}
	step := max(1, len(in)/64) // every record of a short file, some of a long one
	for stop := 0; stop <= len(in); stop += step {
		tr := s.build(t)
		stage := tr.Lane("restarted")
		got := s.apply(t, stage, in[:stop], len(in), func([]event.Event) {})
		again := append(keep(s.held(t, stage)), in[stop:]...)
		fresh := s.build(t)
		got = append(got, s.pass(t, fresh.Lane("restarted"), again, len(again))...)
		shut(t, fresh)
		shut(t, tr)
		if diff := cmp.Diff(sorted(whole), sorted(got)); diff != "" {
			t.Errorf("stopped after %d records (- without a stop, + now):\n%s", stop, diff)
		}
	}
}

func sorted(events []event.Event) []string {
	list := dump(events)
	slices.Sort(list)
	return list
}
