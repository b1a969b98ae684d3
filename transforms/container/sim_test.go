package container

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
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
	runs  map[int32][]ran // by time
	execs map[int32][]int64
	boot  int64
	begin int64 // of what was recorded
	at    int64
}

func newSim(t testing.TB, path string) *simProc {
	t.Helper()
	return simOf(readTicks(t, path))
}

// readTicks reads a timeline.
func readTicks(t testing.TB, path string) []tick {
	t.Helper()
	var out []tick
	for line := range bytes.Lines(readAny(t, path)) {
		var k tick
		if err := json.Unmarshal(line, &k); err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func simOf(ticks []tick) *simProc {
	s := &simProc{lives: map[int32][]*simLife{}, runs: map[int32][]ran{}, execs: map[int32][]int64{}}
	for _, k := range ticks {
		if s.boot == 0 {
			s.boot, s.begin = k.T-int64(time.Hour), k.T
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
				l.moves = append(l.moves, tick{T: k.T, CG: unknownGroup})
			}
			s.lives[k.PID] = append(s.lives[k.PID], l)
		case k.K == "exec":
			s.execs[k.PID] = append(s.execs[k.PID], k.T)
		case cur == nil:
		case k.K == "exit":
			cur.end = k.T
		case k.K == "attach":
			cur.moves = append(cur.moves, k)
		}
	}
	return s
}

// ran is what a process runs from a time on.
type ran struct {
	t         int64
	name, exe string
}

// program returns what a process runs at a time: what the log says of it, else
// what its parent ran when it forked it.
func (s *simProc) program(pid int32, t int64, depth int) ran {
	l := s.during(pid, t)
	if l == nil || depth > 20 {
		return ran{name: "a) b"}
	}
	list := s.runs[pid]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].t >= l.start && list[i].t <= t {
			return list[i]
		}
	}
	for _, e := range s.execs[pid] {
		if e >= l.start && e <= t {
			return ran{name: "a) b"} // it ran something that no event was of
		}
	}
	return s.program(l.ppid, l.start, depth+1)
}

// namedParent is the parent that an event names.
type namedParent struct {
	t    int64
	ppid int32
}

// near reports whether an event of a stamp may be of l.
func (l *simLife) near(t int64) bool { return t >= l.start-slack && t <= l.end }

// parent returns the parent that the events of l name, its own where none does.
// A parent that lives on is not replaced: then the other one is a thread's id.
func (s *simProc) parent(l *simLife, events []namedParent) int32 {
	best := l.ppid
	for _, n := range events {
		if p := s.during(l.ppid, l.start); !l.near(n.t) || p != nil && p.end <= n.t+slack {
			continue
		}
		best = n.ppid
		if n.t >= l.start {
			break // surely this one's, not that of the life before of its pid
		}
	}
	return best
}

// adopt gives processes that a thread forked the parent that their first event
// names: the timeline has the thread.
func (s *simProc) adopt(events []capturedEvent) {
	first := map[int32][]namedParent{}
	for i := range events {
		f := &events[i].ev.Fields
		pid, _ := f.Get(schema.ProcessPID).Int64()
		ppid, _ := f.Get(schema.ProcessParentPID).Int64()
		first[int32(pid)] = append(first[int32(pid)], namedParent{events[i].ev.Time.UnixNano(), int32(ppid)})
		if exe := f.Get(schema.ProcessExecutable).Str(); exe != "" && f.Get(schema.EventOutcome).Str() != "failure" {
			s.runs[int32(pid)] = append(s.runs[int32(pid)], ran{s.happened(&events[i].ev), f.Get(schema.ProcessName).Str(), exe})
		}
	}
	var all []*simLife
	of := map[*simLife]int32{}
	for pid, lives := range s.lives {
		for _, l := range lives {
			all, of[l] = append(all, l), pid
		}
	}
	slices.SortFunc(all, func(a, b *simLife) int { return cmp.Compare(a.start, b.start) })
	for _, l := range all {
		if l.start == s.boot {
			continue
		}
		forker := s.during(l.ppid, l.start)
		if forker == nil || !slices.ContainsFunc(first[of[l]], func(n namedParent) bool { return l.near(n.t) && n.ppid == l.ppid }) {
			l.ppid = s.parent(l, first[of[l]])
		}
		// Its group is that of the one which forked it, which need not be its parent
		// (CLONE_PARENT). A thread of no process that is known is an engine's, and
		// none of those is in a container here.
		p := forker
		if p == nil {
			p = s.during(l.ppid, l.start)
		}
		l.moves[0].CG = "/"
		if p != nil {
			l.moves[0].CG = p.group(l.start)
		}
	}
}

// unknownGroup is where a process is whose parent is not known.
const unknownGroup = "/unknown"

// during returns the life of a pid at a time.
func (s *simProc) during(pid int32, t int64) *simLife {
	for _, l := range s.lives[pid] {
		if l.start <= t && t < l.end {
			return l
		}
	}
	return nil
}

// group returns where a life is at a time.
func (l *simLife) group(t int64) string {
	cg := ""
	for i, m := range l.moves {
		if i == 0 || m.T <= t {
			cg = m.CG
		}
	}
	return cg
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
		cg := l.group(s.at)
		if file == "cgroup" {
			return fmt.Appendf(nil, "4:memory:%s\n1:name=systemd:%s\n0::/\n", cg, cg), nil
		}
		return fmt.Appendf(nil, "%d (%s) S %d 1 1 0 -1 4194304%s %d 0\n", pid, s.program(int32(pid), s.at, 0).name, l.ppid, strings.Repeat(" 0", 12), (l.start-s.boot)/1e7), nil
	}
	return nil, os.ErrNotExist
}

// list returns the processes that there are.
func (s *simProc) list(string) ([]string, error) {
	var out []string
	for pid, lives := range s.lives {
		for _, l := range lives {
			if l.start <= s.at && l.end > s.at {
				out = append(out, strconv.Itoa(int(pid)))
			}
		}
	}
	return out, nil
}

// simulated builds the transform of a live host over a simulated /proc.
func simulated(t testing.TB, sim *simProc) *Transform {
	t.Helper()
	s := Default()
	s.DockerRoot, s.Connector = plugin.Text{}, connectorOff
	tr, err := New(&s, plugin.Env{Now: sim.now})
	if err != nil {
		t.Fatal(err)
	}
	c := tr.(*Transform)
	c.proc = &procfs{root: "/sim", now: sim.now, read: sim.read, list: sim.list, link: func(path string) (string, error) {
		if strings.HasSuffix(path, "/ns/pid") {
			return "pid:[1]", nil
		}
		if dir, ok := strings.CutSuffix(path, "/exe"); ok {
			pid, err := strconv.ParseInt(filepath.Base(dir), 10, 32)
			if exe := sim.program(int32(pid), sim.at, 0).exe; err == nil && exe != "" {
				return exe, nil
			}
		}
		return "", os.ErrNotExist
	}}
	return c
}
