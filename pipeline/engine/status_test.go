package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/plugin"
)

func TestDrain(t *testing.T) {
	src := numbered(70)
	for _, c := range []struct {
		name  string
		out   *sink
		limit time.Duration
		term  time.Duration // when a signal comes, 0: none
		left  bool
		took  time.Duration
	}{
		{"all is delivered", slow(time.Second), time.Minute, 0, false, 10 * time.Second},
		{"the limit is longer than the grace time, and no longer", slow(time.Second), 5 * time.Second, 0, true, 6 * time.Second},
		{"an output that is down", down(), 5 * time.Second, 0, true, 5 * time.Second},
		{"a signal leaves the grace time", down(), time.Hour, 3 * time.Second, true, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				l := r.run(t, r.pipeline(t, false, &lines{all: src}, nil, "", outs(c.out, nil)))
				begun := time.Now()
				l.Drain(c.limit)
				l.Drain(c.limit) // a second one changes nothing
				synctest.Wait()
				if err := l.Ready(); !errors.Is(err, errDraining) {
					t.Errorf("while it drains: %v", err)
				}
				if c.term > 0 {
					time.Sleep(c.term)
					l.cancel()
				}
				if err := l.end(); errors.Is(err, ErrLeft) != c.left || err != nil && !c.left {
					t.Errorf("the run ended with %v, left %v", err, c.left)
				}
				if took := time.Since(begun); took > c.took {
					t.Errorf("it took %v, want %v at most", took, c.took)
				}
				if !c.left && !slices.Equal(c.out.all(), src) {
					t.Errorf("it got %v", c.out.all())
				}
			})
		})
	}
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.pipeline(t, false, &lines{all: numbered(10)}, nil, `event.original == "7"`, outs(down(), &sink{}))
		p.Config.Path, p.Config.Hash, p.around.Version = "/etc/t.yaml", "abc", "v1"
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Ready(); !errors.Is(err, errStarting) {
			t.Errorf("before the run: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		time.Sleep(90 * time.Second)
		s := e.Status()
		if s.Version != "v1" || s.Config != (ConfigStatus{"/etc/t.yaml", "abc"}) || s.Uptime != 90 || s.Journal.Bytes <= 0 || s.Journal.Max != 1<<20 {
			t.Errorf("the status: %+v", s)
		}
		if s.Ready || !strings.Contains(s.Problem, "output a: connection refused") {
			t.Errorf("ready %v: %q", s.Ready, s.Problem)
		}
		if len(s.Inputs) != 1 || s.Inputs[0] != (PartStatus{Name: "in", Up: true, Records: 10}) {
			t.Errorf("the inputs: %+v", s.Inputs)
		}
		if a := s.Outputs[0]; a.Name != "a" || a.Up || a.Error != "connection refused" || a.Book["buffered"]+a.Book["in_flight"] != 10 || a.Lag == 0 || a.Waiting <= 0 || a.Oldest < 88 || a.Oldest > 90 {
			t.Errorf("output a: %+v", a)
		}
		if b := s.Outputs[1]; b.Name != "b" || !b.Up || !b.Balanced || b.Book["received"] != 10 || b.Book["delivered"] != 1 || b.Book["filtered"] != 9 || b.Lag != 0 || b.Waiting != 0 || b.Oldest != 0 {
			t.Errorf("output b: %+v", b)
		}
		for name, s := range map[string]BookStatus{"a": s.Outputs[0], "b": s.Outputs[1]} {
			if bytes, age := r.value("tallyman_output_waiting_bytes", "output", name), r.value("tallyman_output_oldest_age_seconds", "output", name); bytes != float64(s.Waiting) || age != s.Oldest {
				t.Errorf("of output %s %v bytes and %v seconds are served, want %d and %v", name, bytes, age, s.Waiting, s.Oldest)
			}
		}
		if r.value("tallyman_config_info", "hash", "abc") != 1 {
			t.Error("the hash of the configuration is not served")
		}
		cancel()
		if err := <-done; !errors.Is(err, ErrLeft) {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// reporting is a transform that reports.
type reporting struct{ plugin.Transform }

func (reporting) Report() any { return map[string]int{"n": 7} }

// silent is one that does not.
type silent struct{ plugin.Transform }

// TestStatusReports wants the report of each transform that has one, as JSON.
func TestStatusReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.pipeline(t, false, &lines{}, nil, "", outs(&sink{}, nil))
		e, err := New(p, "test")
		if err != nil {
			t.Fatal(err)
		}
		if s := e.Status(); s.Transforms != nil {
			t.Errorf("nobody reports: %+v", s.Transforms)
		}
		p.stages = append(p.stages, transform{name: "a", typ: "quiet", plugin: silent{}}, transform{name: "b", typ: "loud", plugin: reporting{}})
		got, err := json.Marshal(e.Status().Transforms)
		if want := `[{"name":"b","type":"loud","report":{"n":7}}]`; err != nil || string(got) != want {
			t.Errorf("the transforms: %s, %v", got, err)
		}
		p.stages = nil // they have no Close
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
