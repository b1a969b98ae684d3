package container

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// simConnector tells what the kernel recorded of a capture, each change a while
// after it happened, as far as the simulated clock has come.
type simConnector struct {
	changes []change
	seen    int
	lag     int64
	proc    *simProc
	fail    error // of the next call
}

// connectorOf makes the connector of a capture's timeline. The kernel's own says
// which process forked, the timeline which thread: where that is none of the
// processes, the parent is the one that the child's first event names.
func connectorOf(ticks []tick, proc *simProc, lag time.Duration) *simConnector {
	c := &simConnector{lag: int64(lag), proc: proc}
	for _, k := range ticks {
		ch := change{t: k.T, pid: k.PID, ppid: k.PPID}
		switch k.K {
		case "fork":
			ch.kind = changeFork
			if l := proc.during(k.PID, k.T); l != nil {
				ch.ppid = l.ppid
			}
		case "exec":
			ch.kind = changeExec
		case "exit":
			ch.kind = changeExit
		default:
			continue
		}
		c.changes = append(c.changes, ch)
	}
	return c
}

// withMoves adds the moves between control groups, which only the kernel's trace
// tells of.
func (c *simConnector) withMoves(ticks []tick) {
	for _, k := range ticks {
		if k.K == "attach" {
			c.changes = append(c.changes, change{t: k.T, kind: changeMove, pid: k.PID, path: k.CG})
		}
	}
	slices.SortStableFunc(c.changes, func(a, b change) int { return cmp.Compare(a.t, b.t) })
}

func (c *simConnector) next(dst []change) ([]change, int64, error) {
	if c.fail != nil {
		err := c.fail
		c.fail = nil
		c.skip() // these are lost
		return dst, 0, err
	}
	if c.seen < len(c.changes) && c.changes[c.seen].t+c.lag <= c.proc.at {
		dst = append(dst, c.changes[c.seen])
		c.seen++
	}
	return dst, c.proc.at - c.lag, nil
}

func (c *simConnector) kick()        {}
func (c *simConnector) close() error { return nil }

// due returns when the next change is told, never for none.
func (c *simConnector) due() int64 {
	if c.seen < len(c.changes) {
		return c.changes[c.seen].t + c.lag
	}
	return never
}

// advance moves the clock, and follows the connector on the way: each change is
// read when it is due, not when an event comes.
func (r *replayed) advance(to int64) {
	for at := r.conn.due(); at <= to; at = r.conn.due() {
		r.sim.at = max(r.sim.at, at)
		if err := r.tr.follow.step(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.sim.at = max(r.sim.at, to)
	if err := r.tr.follow.step(); err != nil {
		r.t.Fatal(err)
	}
}

// replayed is a capture that is replayed live.
type replayed struct {
	t    testing.TB
	sim  *simProc
	conn interface {
		connector
		due() int64
	}
	tr *Transform
}

// newReplay builds the transform of a live host over a simulated /proc and, with
// a path, the connector of a timeline.
func newReplay(t testing.TB, sim *simProc, timeline string, lag time.Duration) *replayed {
	t.Helper()
	r := &replayed{t: t, sim: sim, tr: simulated(t, sim)}
	sim.at = sim.begin
	if timeline == "" {
		return r
	}
	r.follow(connectorOf(readTicks(t, timeline), sim, lag))
	return r
}

// follow sets a connector up.
func (r *replayed) follow(c interface {
	connector
	due() int64
}) {
	r.conn = c
	s := Default()
	r.tr.attach(r.conn, &s)
	r.tr.pause = func(_, _ <-chan struct{}, d time.Duration) {
		r.advance(min(r.sim.at+int64(d), max(r.sim.at, r.conn.due())))
	}
	r.tr.follow.rescan(0)
}

// send sends events one by one, each late after it happened, or in the batches
// that a reader so late would get.
func (r *replayed) send(events []capturedEvent, late time.Duration) []event.Event {
	out := make([]event.Event, 0, len(events))
	st := r.tr.Lane("audit")
	for i := range events {
		at := r.sim.happened(&events[i].ev) + int64(late)
		if r.conn != nil {
			r.advance(at)
		}
		r.sim.at = max(r.sim.at, at)
		out = append(out, apply(r.t, st, events[i:i+1])...)
	}
	return append(out, flush(st)...)
}

// happened returns when an event did: an audit stamp is some 5 ms behind, and the
// timeline has the moment of an exec.
func (s *simProc) happened(e *event.Event) int64 {
	const behind = int64(5 * time.Millisecond)
	t := e.Time.UnixNano()
	pid, _ := e.Fields.Get(schema.ProcessPID).Int64()
	if e.Fields.Get(schema.EventAction).Str() == "executed" {
		for _, at := range s.execs[int32(pid)] {
			if at >= t && at <= t+3*slack {
				return at + int64(50*time.Microsecond)
			}
		}
	}
	return t + behind
}

// thin drops a share of the events of a capture, or of its records: then what is
// left of an event is decoded.
func (s *subject) thin(t testing.TB, share float64, records, own bool, seed uint64) []capturedEvent {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	keep := func(string) bool { return share == 0 || r.Float64() >= share }
	if records {
		return decodeSome(t, s.dir, keep, own)
	}
	k := fmt.Sprint(own)
	if s.events[k] == nil {
		s.events[k] = decodeSome(t, s.dir, func(string) bool { return true }, own)
	}
	var out []capturedEvent
	for _, e := range s.events[k] {
		if keep("") {
			out = append(out, e)
		}
	}
	return out
}

// captures are the folders of the corpus.
var captures = []string{"small-raw", "small-enriched", "medium-raw", "rotating", "lossy-enriched"}

// corpus is where the captures are.
func corpus(t testing.TB) string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "corpus", "audit-live")
	if _, err := os.Stat(root); err != nil {
		t.Skip("SKIPPED, NO capture was replayed: ../shared is not beside this clone")
	}
	return root
}

// TestTheSimulationIsTrue holds the simulated /proc against the truth: a process
// is where its events are, or on its way there.
func TestTheSimulationIsTrue(t *testing.T) {
	root := corpus(t)
	for _, name := range captures {
		if name == "medium-raw" && !full() {
			continue
		}
		dir := filepath.Join(root, name)
		events := decodeCapture(t, dir)
		sim := newSim(t, filepath.Join(dir, "timeline.jsonl.gz"))
		sim.adopt(events)
		at := map[string]int{}
		for i := range events {
			at[events[i].key] = i
		}
		n, elsewhere, none := 0, 0, 0
		for line := range bytes.Lines(readAny(t, filepath.Join(dir, "truth.jsonl.gz"))) {
			var w truth
			if err := json.Unmarshal(line, &w); err != nil {
				t.Fatal(err)
			}
			i, ok := at[w.Event]
			if !ok {
				t.Fatalf("%s: no event %s", name, w.Event)
			}
			n++
			switch l := sim.during(int32(w.PID), sim.happened(&events[i].ev)); {
			case l == nil:
				none++ // gone by then: the stamp is behind by less than 5 ms
			case parseCgroup(l.group(never)).id != w.Container:
				elsewhere++ // its pid was given out twice within 15 ms
			}
		}
		if t.Logf("%s: of %d events %d are of a process that is elsewhere, %d of one that is gone", name, n, elsewhere, none); elsewhere > n/500 {
			t.Errorf("%s: the simulation is not the truth", name)
		}
	}
}

// skip forgets the changes of before the clock: nobody followed them.
func (c *simConnector) skip() {
	for c.seen < len(c.changes) && c.changes[c.seen].t+c.lag <= c.proc.at {
		c.seen++
	}
}

// withBoot is read, with the id of a boot.
func (s *simProc) withBoot(id string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if strings.HasSuffix(path, "/boot_id") {
			return []byte(id + "\n"), nil
		}
		return s.read(path)
	}
}
