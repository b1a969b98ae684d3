package container

// The table of docs/ATTRIBUTION.md, and the bars that it has to reach.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// full is set by `make attribution`: every capture, delay and loss, and the table.
func full() bool { return os.Getenv("TALLYMAN_ATTRIBUTION") != "" }

// way is how events are attributed.
type way struct {
	name      string
	live      bool
	connector bool
	moves     bool // the kernel's trace of moves between control groups too
	inspect   bool
	timeline  bool
}

var ways = []way{
	{name: "connector", live: true, connector: true},
	{name: "connector, tracefs", live: true, connector: true, moves: true},
	{name: "/proc", live: true},
	{name: "timeline", inspect: true, timeline: true},
	{name: "inspect", inspect: true},
	{name: "log alone"},
}

// cell is one number of the table.
type cell struct {
	capture string
	way     way
	own     bool // the rules of a user who does not know of this program
	late    time.Duration
	lost    float64
	records bool // lost one by one, rather than whole events
}

func (c *cell) String() string {
	rules := "runtime rules"
	if c.own || c.capture == "rotating" {
		rules = "own rules"
	}
	s := fmt.Sprintf("%s, %s, %s", c.capture, rules, c.way.name)
	if c.way.live {
		s += fmt.Sprintf(", %v late", c.late)
	}
	return s + ", " + c.loss() + " lost"
}

func (c *cell) loss() string {
	what := ""
	if c.lost > 0 && c.records {
		what = " of records"
	} else if c.lost > 0 {
		what = " of events"
	}
	return fmt.Sprintf("%.0f %%%s", 100*c.lost, what)
}

// bar is what a cell has to reach, in percent.
type bar struct{ right, wrong, category float64 }

// bar returns what issue and documentation promise.
func (c *cell) bar() bar {
	own := c.own || c.capture == "rotating"
	switch {
	case c.way.moves && c.lost == 0 && c.capture != "lossy-enriched":
		return bar{99.9, 0.01, 99}
	case c.way.moves:
		return bar{99.5, 0.02, 0}
	case c.way.connector && !own && c.lost == 0 && c.capture != "lossy-enriched":
		return bar{99.9, 0.01, 99}
	case c.way.connector:
		return bar{99, 0.05, 0}
	case c.way.timeline:
		return bar{99.5, 0, 0}
	case c.way.live:
		return bar{0, 0.05, 0}
	case !c.way.inspect:
		return bar{0, 0.1, 0}
	case c.capture == "lossy-enriched" && !own && c.lost == 0:
		return bar{91, 0, 0}
	case c.capture == "lossy-enriched":
		return bar{0, 0.1, 0}
	case own && c.lost == 0:
		return bar{83, 0.1, 0}
	case own:
		return bar{0, 0.1, 0}
	}
	// Single captures are small, so that one command more or less that is lost
	// counts; TestLossOffline takes them together.
	return bar{map[float64]float64{0: 99.9, 0.01: 99.3, 0.05: 98.5, 0.2: 96}[c.lost], 0, 0}
}

// subject is a capture that is read once for many cells.
type subject struct {
	name, dir, timeline string
	sim                 *simProc
	events              map[string][]capturedEvent
	truth               map[string]truth
}

func newSubject(t testing.TB, root, name string) *subject {
	dir := filepath.Join(root, name)
	s := &subject{name: name, dir: dir, timeline: filepath.Join(dir, "timeline.jsonl.gz"), events: map[string][]capturedEvent{}, truth: truths(t, dir)}
	s.sim = newSim(t, s.timeline)
	s.events[fmt.Sprint(false)] = decodeCapture(t, dir)
	s.sim.adopt(s.events[fmt.Sprint(false)])
	return s
}

// score attributes the events of a cell and judges them.
func (s *subject) score(t testing.TB, c *cell) *score {
	t.Helper()
	k := fmt.Sprint(c.own, c.lost, c.records)
	events := s.events[k]
	if events == nil {
		events = s.thin(t, c.lost, c.records, c.own, uint64(1000*c.lost))
		s.events[k] = events
	}
	if !c.way.live {
		return judge(t, s.truth, events, run(t, build(t, offline(s.dir, c.way.inspect, c.way.inspect, c.way.timeline)), events, 256))
	}
	timeline := ""
	if c.way.connector {
		timeline = s.timeline
	}
	r := newReplay(t, s.sim, timeline, 300*time.Microsecond)
	if c.way.moves {
		r = newReplay(t, s.sim, "", 0)
		conn := connectorOf(readTicks(t, timeline), s.sim, 300*time.Microsecond)
		conn.withMoves(readTicks(t, timeline))
		r.follow(conn)
	}
	return judge(t, s.truth, events, r.send(events, c.late))
}

// check holds a score against its bar.
func (c *cell) check(t testing.TB, s *score) {
	t.Helper()
	b := c.bar()
	wrong := 100 * float64(s.wrong) / float64(max(s.events, 1))
	if s.rightShare() < b.right || wrong > b.wrong {
		t.Errorf("%v: %.3f %% right, %.3f %% wrong; want %v and %v", c, s.rightShare(), wrong, b.right, b.wrong)
	}
	if host := 100 * float64(s.hostWrong) / float64(max(s.hosts, 1)); host > 0.02 {
		t.Errorf("%v: %.3f %% of the host's events were given a container", c, host)
	}
	for name, n := range s.category {
		if share := 100 * float64(n[0]) / float64(n[0]+n[1]+n[2]); share < b.category {
			t.Errorf("%v: of %s only %.1f %% are right", c, name, share)
		}
	}
}

// TestAttribution replays the captures. In full it takes minutes, and prints the
// tables; otherwise it takes the corners.
func TestAttribution(t *testing.T) {
	root := corpus(t)
	delays := []time.Duration{200 * time.Microsecond, 10 * time.Second}
	losses := []float64{0, 0.2}
	names := []string{"small-raw", "small-enriched", "rotating", "lossy-enriched"}
	if full() {
		delays = []time.Duration{200 * time.Microsecond, 5 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second}
		losses = []float64{0, 0.01, 0.05, 0.2}
		names = captures
	}
	sum := newSummary()
	for _, name := range names {
		s := newSubject(t, root, name)
		for _, own := range []bool{false, true} {
			if own && name == "rotating" {
				continue // it has no others
			}
			for _, lost := range losses {
				for _, w := range ways {
					for i, late := range delays {
						if !w.live && i > 0 {
							continue
						}
						for _, records := range []bool{false, true} {
							if records && (lost == 0 || !full()) {
								continue
							}
							c := cell{name, w, own, late, lost, records}
							got := s.score(t, &c)
							c.check(t, got)
							sum.add(&c, got)
						}
					}
				}
			}
		}
	}
	if full() {
		sum.print()
	}
}

// TestLossOffline takes the captures with runtime rules together, several losses
// of each: what inspect and the rest of the log still tell.
func TestLossOffline(t *testing.T) {
	root := corpus(t)
	names, seeds := []string{"small-raw", "small-enriched"}, uint64(2)
	if full() {
		names, seeds = append(names, "medium-raw"), 4
	}
	var subjects []*subject
	for _, name := range names {
		subjects = append(subjects, newSubject(t, root, name))
	}
	perChunk := map[string]int{"small-raw": 1172, "small-enriched": 916, "medium-raw": 1248} // of 1 MiB, what is read at once under --once
	for _, c := range []struct {
		lost                float64
		ofEvents, ofRecords float64
	}{{0.01, 99.9, 99.7}, {0.05, 99.5, 99.1}, {0.2, 97.5, 97}} {
		for _, records := range []bool{false, true} {
			n, right, wrong := 0, 0, 0
			for _, sub := range subjects {
				for seed := range seeds {
					events := sub.thin(t, c.lost, records, false, seed)
					s := judge(t, sub.truth, events, run(t, build(t, offline(sub.dir, true, true, false)), events, perChunk[sub.name]))
					n, right, wrong = n+s.events, right+s.right, wrong+s.wrong+s.hostWrong
				}
			}
			share, want, what := 100*float64(right)/float64(n), c.ofEvents, "events"
			if records {
				want, what = c.ofRecords, "records"
			}
			t.Logf("%.0f %% of %s lost: of %d events %.2f %% right, %d wrong", 100*c.lost, what, n, share, wrong)
			if share < want || wrong > 0 {
				t.Errorf("%.0f %% of %s lost: %.3f %% right, %d wrong; want %v and none", 100*c.lost, what, share, wrong, want)
			}
		}
	}
}
