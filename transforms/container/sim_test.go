package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// simLife is one life of a process in a simulated /proc.
type simLife struct {
	ppid       int32
	start, end int64
	moves      []tick
}

// simProc is /proc as it was at any moment of a capture, built from what the
// kernel recorded: a pid exists from its fork to its exit, and its control
// group is the last that it was moved to, else its parent's at the fork.
type simProc struct {
	lives map[int32][]*simLife
	boot  int64
	at    int64
}

func newSim(t testing.TB, path string) *simProc {
	t.Helper()
	s := &simProc{lives: map[int32][]*simLife{}}
	for line := range bytes.Lines(readAny(t, path)) {
		var k tick
		if err := json.Unmarshal(line, &k); err != nil {
			t.Fatal(err)
		}
		if s.boot == 0 {
			s.boot = k.T - int64(time.Hour)
		}
		cur := s.open(k.PID)
		switch {
		case k.K == "scan":
			s.lives[k.PID] = append(s.lives[k.PID], &simLife{ppid: k.PPID, start: s.boot, end: never, moves: []tick{k}})
		case k.K == "fork":
			l := &simLife{ppid: k.PPID, start: k.T, end: never}
			if p := s.open(k.PPID); p != nil {
				l.moves = append(l.moves, tick{T: k.T, CG: p.moves[len(p.moves)-1].CG})
			} else {
				l.moves = append(l.moves, tick{T: k.T, CG: "/unknown"})
			}
			s.lives[k.PID] = append(s.lives[k.PID], l)
		case cur == nil:
		case k.K == "exit":
			cur.end = k.T
		case k.K == "attach":
			cur.moves = append(cur.moves, k)
		}
	}
	return s
}

func (s *simProc) open(pid int32) *simLife {
	if l := s.lives[pid]; len(l) > 0 && l[len(l)-1].end == never {
		return l[len(l)-1]
	}
	return nil
}

func (s *simProc) now() time.Time { return time.Unix(0, s.at) }

func (s *simProc) read(path string) ([]byte, error) {
	if path == "/sim/uptime" {
		return fmt.Appendf(nil, "%.2f 0.00\n", float64(s.at-s.boot)/1e9), nil
	}
	dir, file := filepath.Split(path)
	pid, err := strconv.ParseInt(filepath.Base(dir), 10, 32)
	if err != nil {
		return nil, err
	}
	for _, l := range s.lives[int32(pid)] {
		if l.start > s.at || l.end <= s.at {
			continue
		}
		cg := ""
		for i, m := range l.moves {
			if i == 0 || m.T <= s.at {
				cg = m.CG
			}
		}
		if file == "cgroup" {
			return fmt.Appendf(nil, "4:memory:%s\n1:name=systemd:%s\n0::/\n", cg, cg), nil
		}
		return fmt.Appendf(nil, "%d (a) b) S %d 1 1 0 -1 4194304%s %d 0\n", pid, l.ppid, strings.Repeat(" 0", 12), (l.start-s.boot)/1e7), nil
	}
	return nil, os.ErrNotExist
}

// simulated builds the transform of a live host over a simulated /proc.
func simulated(t testing.TB, sim *simProc) *Transform {
	t.Helper()
	s := Default()
	s.DockerRoot = plugin.Text{}
	tr, err := New(&s, plugin.Env{Now: sim.now})
	if err != nil {
		t.Fatal(err)
	}
	c := tr.(*Transform)
	c.proc = &procfs{root: "/sim", now: sim.now, read: sim.read, link: func(path string) (string, error) {
		if strings.HasSuffix(path, "/ns/pid") {
			return "pid:[1]", nil
		}
		return "", os.ErrNotExist
	}}
	return c
}

// arrivals returns when a reader of the log saw each event, wall clock, ns.
func arrivals(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for line := range bytes.Lines(readAny(t, filepath.Join(dir, "arrival.jsonl.gz"))) {
		var a struct {
			Event string
			At    int64
		}
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		out[a.Event] = a.At
	}
	return out
}

// TestLiveCaptures replays the captures against a simulated /proc, each event
// alone and when it arrived, or later by a fixed time.
func TestLiveCaptures(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "corpus", "audit-live")
	if _, err := os.Stat(root); err != nil {
		t.Skip("SKIPPED, NO capture was replayed: ../shared is not beside this clone")
	}
	for _, name := range []string{"small-raw", "small-enriched", "medium-raw", "rotating", "lossy-enriched"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, name)
			events, at := decodeCapture(t, dir), arrivals(t, dir)
			sim := newSim(t, filepath.Join(dir, "timeline.jsonl.gz"))
			for _, late := range []time.Duration{0, time.Second} {
				if late > 0 && len(events) > 20_000 {
					continue // a race build takes a minute for it
				}
				if s := replay(t, name, dir, events, at, sim, late); s.wrongShare() > 0.2 {
					t.Errorf("%v late: %.2f %% wrong", late, s.wrongShare())
				}
			}
		})
	}
}

// replay sends events one by one at the time they arrived, and late, and judges
// what they were given.
func replay(t *testing.T, name, dir string, events []capturedEvent, at map[string]int64, sim *simProc, late time.Duration) *score {
	t.Helper()
	tr := simulated(t, sim)
	sim.at = events[0].ev.Time.UnixNano()
	out := make([]event.Event, 0, len(events))
	for _, e := range events {
		if a, ok := at[e.key]; ok {
			sim.at = max(sim.at, a+int64(late))
		}
		out = append(out, run(t, tr, []capturedEvent{e}, 1)...)
	}
	s := judge(t, dir, events, out)
	s.log(t, fmt.Sprintf("%s, live, %v late", name, late))
	return s
}
