package container

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// score counts how many events of a capture were given the right container.
type score struct {
	events, right, wrong, none int
	hosts, hostWrong, hostSeen int
	category                   map[string]*[3]int // right, wrong, none
	source                     map[string]*[3]int // by method and confidence; hosts that were proven are right
}

func (s *score) rightShare() float64 { return 100 * float64(s.right) / float64(s.events) }
func (s *score) wrongShare() float64 {
	return 100 * float64(s.wrong+s.hostWrong) / float64(s.events+s.hosts)
}

// truth is one line of truth.jsonl.
type truth struct {
	Event, Category, Context, Runtime string
	Container                         string `json:"container_id"`
	PID, PPID                         int64
}

// run sends events through a transform in batches of the size and returns them
// with what was added.
func run(t testing.TB, tr plugin.Transform, events []capturedEvent, size int) []event.Event {
	t.Helper()
	var out []event.Event
	st := tr.Lane("audit")
	for part := range slices.Chunk(events, size) {
		out = append(out, apply(t, st, part)...)
	}
	out = append(out, flush(st)...)
	if len(out) != len(events) {
		t.Fatalf("%d events became %d", len(events), len(out))
	}
	return out
}

// apply sends one batch through a stage.
func apply(t testing.TB, st plugin.Stage, events []capturedEvent) []event.Event {
	t.Helper()
	var in, out event.Batch
	for i := range events {
		e := events[i].ev.Own()
		chunk := e.Move(make([]byte, 0, e.TextSize()))
		in.Add(e)
		// It is used again after a batch: who keeps a text has copied it.
		defer func() {
			for k := range chunk {
				chunk[k] = 0xDB
			}
		}()
	}
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	list := make([]event.Event, len(out.Events))
	for i := range out.Events {
		list[i] = out.Events[i].Own()
	}
	return list
}

// flush returns what a stage still keeps.
func flush(st plugin.Stage) []event.Event {
	h, ok := st.(plugin.Holder)
	if !ok {
		return nil
	}
	var out event.Batch
	h.Flush(&out)
	return out.Events
}

// truths reads the truth of a capture, by event.
func truths(t testing.TB, dir string) map[string]truth {
	t.Helper()
	out := map[string]truth{}
	for line := range bytes.Lines(readAny(t, filepath.Join(dir, "truth.jsonl.gz"))) {
		var w truth
		if err := json.Unmarshal(line, &w); err != nil {
			t.Fatal(err)
		}
		out[w.Event] = w
	}
	return out
}

// judge compares events with the truth of their capture.
func judge(t testing.TB, known map[string]truth, events []capturedEvent, out []event.Event) *score {
	t.Helper()
	s := &score{category: map[string]*[3]int{}, source: map[string]*[3]int{}}
	for i := range events {
		w, ok := known[events[i].key]
		e := &out[i]
		if !ok || e.Fields.Get(schema.ProcessPID).IsZero() {
			continue // of no process that the capture is about, or its record is lost
		}
		if e.Fields.Get(schema.TallymanContainerMethod).IsZero() || e.Fields.Get(schema.TallymanContainerConfidence).IsZero() {
			t.Fatalf("%s has no method", w.Event)
		}
		s.add(t, &w, e)
	}
	return s
}

// add counts what one event was given.
func (s *score) add(t testing.TB, w *truth, e *event.Event) {
	t.Helper()
	got := e.Fields.Get(schema.ContainerID).Str()
	host := e.Fields.Get(schema.TallymanContainerHost).True()
	by := s.by(e)
	if w.Container == "" {
		s.hosts++
		if got != "" {
			s.hostWrong++
			by[1]++
			t.Logf("host event %s of pid %d was given %.8s by %s", w.Event, w.PID, got, e.Fields.Get(schema.TallymanContainerMethod).Str())
		}
		if host {
			s.hostSeen++
			by[0]++
		}
		return
	}
	if e.Fields.Get(schema.EventAction).Str() == "end" && (got == w.Container || got == "" && !host) {
		return // right ones are not counted: no user has a rule for exit_group
	}
	s.events++
	k, result := w.Context+"/"+w.Category, 2
	if s.category[k] == nil {
		s.category[k] = new([3]int)
	}
	switch {
	case got == w.Container:
		s.right++
		result = 0
	case got != "" || host:
		s.wrong++
		result = 1
		t.Logf("%s of pid %d: got %.8s host %v by %s, want %.8s", w.Event, w.PID, got, host, e.Fields.Get(schema.TallymanContainerMethod).Str(), w.Container)
	default:
		s.none++
	}
	s.category[k][result]++
	by[result]++
}

// by returns the counts of what an event was found by.
func (s *score) by(e *event.Event) *[3]int {
	k := e.Fields.Get(schema.TallymanContainerMethod).Str() + ", " + e.Fields.Get(schema.TallymanContainerConfidence).Str()
	if s.source[k] == nil {
		s.source[k] = new([3]int)
	}
	return s.source[k]
}

func (s *score) log(t testing.TB, what string) {
	t.Helper()
	t.Logf("%s: of %d events %.2f %% right, %.2f %% wrong, %d not found; %d of %d host events wrong, %d proven", what, s.events,
		s.rightShare(), s.wrongShare(), s.none, s.hostWrong, s.hosts, s.hostSeen)
	for k, c := range s.category {
		if c[1]+c[2] > 0 {
			t.Logf("    %-24s right %d wrong %d none %d", k, c[0], c[1], c[2])
		}
	}
}

// offline returns the settings for a capture's folder, with what is asked for.
func offline(dir string, inspect, events, timeline bool) *Settings {
	s := Default()
	s.Offline = &Offline{}
	if inspect {
		s.Offline.Inspect = []plugin.Text{{Value: maybeZip(dir, "inspect.json")}}
	}
	if events {
		for _, f := range []string{"docker-events.jsonl", "podman-events.jsonl"} {
			s.Offline.Events = append(s.Offline.Events, plugin.Text{Value: maybeZip(dir, f)})
		}
	}
	if timeline {
		s.Offline.Timeline = plugin.Text{Value: filepath.Join(dir, "timeline.jsonl.gz")}
	}
	return &s
}

// maybeZip returns the path of a file that may have been compressed.
func maybeZip(dir, name string) string {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return path + ".gz"
	}
	return path
}

func build(t testing.TB, s *Settings) plugin.Transform {
	t.Helper()
	tr, err := New(s, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestSmallCapture scores the capture that is kept with the code.
func TestSmallCapture(t *testing.T) {
	dir := filepath.Join("testdata", "small")
	events := decodeCapture(t, dir)
	for what, c := range map[string]struct {
		s     *Settings
		right float64
	}{
		"timeline":           {offline(dir, true, true, true), 99.9},
		"inspect and events": {offline(dir, true, true, false), 95},
		"the log alone":      {offline(dir, false, false, false), 35},
	} {
		s := judge(t, truths(t, dir), events, run(t, build(t, c.s), events, 256))
		s.log(t, what)
		if s.events < 380 || s.hosts < 50 {
			t.Errorf("the capture has only %d events and %d host events", s.events, s.hosts)
		}
		if s.rightShare() < c.right || s.wrong+s.hostWrong > 0 {
			t.Errorf("%s: want at least %.1f %% right and none wrong", what, c.right)
		}
	}
	sub := &subject{name: "small", dir: dir, timeline: filepath.Join(dir, "timeline.jsonl.gz"), events: map[string][]capturedEvent{}, truth: truths(t, dir)}
	sub.sim = newSim(t, sub.timeline)
	sub.sim.adopt(events)
	for _, c := range []cell{{way: way{live: true}}, {way: way{live: true, connector: true}}} {
		for _, c.late = range []time.Duration{0, 5 * time.Millisecond, 100 * time.Millisecond, 10 * time.Second} {
			want := 90.0
			if c.way.connector {
				want = 100
			} else if c.late == 10*time.Second {
				want = 0
			}
			if s := sub.score(t, &c); s.rightShare() < want || s.wrong+s.hostWrong > 0 {
				t.Errorf("%v: %.2f %% right, %d wrong", &c, s.rightShare(), s.wrong+s.hostWrong)
			}
		}
	}
}

// TestLostAndDisorderedEventsMakeNoAnswerWrong drops and swaps events of the
// kept capture: what is lost makes fewer answers, never wrong ones.
func TestLostAndDisorderedEventsMakeNoAnswerWrong(t *testing.T) {
	dir := filepath.Join("testdata", "small")
	all := decodeCapture(t, dir)
	for _, c := range []struct {
		lost, right float64
	}{{0.01, 90}, {0.05, 80}, {0.2, 60}} {
		for seed := range uint64(5) {
			r := rand.New(rand.NewPCG(seed, 1))
			var events []capturedEvent
			for _, e := range all {
				if r.Float64() >= c.lost {
					events = append(events, e)
				}
			}
			for range len(events) / 20 {
				i := r.IntN(len(events) - 1)
				events[i], events[i+1] = events[i+1], events[i]
			}
			for _, timeline := range []bool{false, true} {
				s := judge(t, truths(t, dir), events, run(t, build(t, offline(dir, true, true, timeline)), events, 64))
				if s.wrong+s.hostWrong > 0 || s.rightShare() < c.right || timeline && s.rightShare() < 99.9 {
					t.Errorf("%.0f %% lost, seed %d, timeline %v: %.2f %% right, %d wrong", 100*c.lost, seed, timeline, s.rightShare(), s.wrong+s.hostWrong)
				}
			}
		}
	}
}
