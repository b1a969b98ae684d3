package container

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/schema"
)

// world is a host with containers, as a model: it knows where every process
// is, and tells it in audit events.
type world struct {
	t      *rapid.T
	ms     int
	next   int
	procs  map[int]*proc // that run
	freed  map[int]int   // when a pid was last given up
	events []string
	truth  []string
}

type proc struct {
	pid, ppid int
	in        string // "" on the host
	told      bool   // an event was of it
	program   string
}

func (w *world) emit(p *proc, call string) {
	w.ms += rapid.IntRange(0, 3).Draw(w.t, "pause")
	w.events = append(w.events, fmt.Sprintf("at %d: %d of %d %s", w.ms, p.pid, p.ppid, call))
	w.truth = append(w.truth, p.in)
	p.told = true
}

// fork makes a child where its parent is. Its pid is fresh, or that of one that
// ended; a pid that comes again is told of at once, for no reader of the log
// could know otherwise.
func (w *world) fork(p *proc) *proc {
	c := &proc{ppid: p.pid, in: p.in, program: p.program}
	if w.next++; w.next > 120 {
		w.next = 100
		w.ms += 500 // no pid comes round sooner
	}
	for w.taken(w.next) {
		w.next++
	}
	c.pid = w.next
	w.procs[c.pid] = c
	return c
}

// taken reports whether a pid is in use, or was until just now.
func (w *world) taken(pid int) bool {
	at, freed := w.freed[pid]
	return w.procs[pid] != nil || freed && at > w.ms-300
}

func (w *world) free(p *proc) {
	delete(w.procs, p.pid)
	w.freed[p.pid] = w.ms
}

func (w *world) pick() *proc {
	var pids []int
	for pid := range 300 {
		if w.procs[pid] != nil && pid > 1 {
			pids = append(pids, pid)
		}
	}
	return w.procs[rapid.SampledFrom(pids).Draw(w.t, "process")]
}

// enter is an engine's command on the host: it starts a container, or brings a
// process into one. The process leaves the command for the monitor.
func (w *world) enter(monitor *proc, verb, id string) {
	r := w.fork(monitor)
	w.emit(r, fmt.Sprintf("execve /usr/sbin/runc runc %s %s", verb, id))
	c := w.fork(r)
	c.in = id
	w.emit(c, "setsid / [runc:[2:INIT]]")
	c.ppid = monitor.pid
	w.free(r)
	w.emit(c, "execve /bin/app app")
	c.program = "/bin/app"
}

// end ends a process. What it leaves goes to pid 1 on the host, and to whoever
// is left in the container: here it ends with it.
func (w *world) end(p *proc) {
	w.emit(p, "exit_group "+p.program)
	w.free(p)
	for pid := range 300 {
		if c := w.procs[pid]; c != nil && c.ppid == p.pid {
			w.end(c)
		}
	}
}

// play lets up to so many things happen on the host.
func (w *world) play(most int) {
	w.procs[2] = &proc{pid: 2, ppid: 1, program: "/usr/bin/shell"}
	w.procs[3] = &proc{pid: 3, ppid: 1, program: "/usr/bin/containerd-shim-runc-v2"}
	w.enter(w.procs[3], "create --bundle /b", "A")
	for range rapid.IntRange(5, most).Draw(w.t, "steps") {
		p := w.pick()
		switch what := rapid.SampledFrom([]string{"fork", "fork", "exec", "open", "open", "end", "create", "enter", "fake", "hook"}).Draw(w.t, "what"); {
		case what == "fork" && len(w.procs) < 15:
			w.emit(w.fork(p), "openat "+p.program)
		case what == "exec" && p.pid != 3:
			p.program = rapid.SampledFrom([]string{"/bin/ls", "/bin/sh"}).Draw(w.t, "program")
			w.emit(p, "execve "+p.program+" x")
		case what == "open":
			w.emit(p, "openat "+p.program)
		case what == "end" && p.pid > 3:
			w.end(p)
		case what == "create":
			w.enter(w.procs[3], "create --bundle /b", rapid.SampledFrom([]string{"A", "B", "C"}).Draw(w.t, "id"))
		case what == "enter":
			w.enter(w.procs[3], "exec --detach", rapid.SampledFrom([]string{"A", "B", "C"}).Draw(w.t, "id"))
		case what == "fake" && p.in != "" && p.told:
			w.emit(p, "execve /usr/sbin/runc runc create --bundle /b F")
			p.program = "/usr/sbin/runc"
			w.emit(w.fork(p), "setsid / [runc:[2:INIT]]")
		case what == "hook" && p.in == "":
			w.emit(p, "execve /usr/bin/hook hook A")
			p.program = "/usr/bin/hook"
		}
	}
}

// TestNoProcessIsGivenAnothersContainer plays random hosts: forks, execs, ends,
// pids that come again, containers that start and are entered, engines' names
// used inside containers, and events that are lost or come out of order. What a
// process is given is its own container or none.
func TestNoProcessIsGivenAnothersContainer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, next: 100, procs: map[int]*proc{}, freed: map[int]int{}}
		w.play(80)
		check(t, rt, w)
	})
}

// check runs what the world told, a little out of order and with ends lost.
func check(t *testing.T, rt *rapid.T, w *world) {
	var events []capturedEvent
	want, lines := slices.Clone(w.truth), slices.Clone(w.events)
	for _, line := range w.events {
		events = append(events, tell(t, line))
	}
	for i := 0; i+1 < len(events); i += 2 { // auditd writes the records of two processors a little out of order
		if i += rapid.IntRange(0, 10).Draw(rt, "in order"); i+1 >= len(events) {
			break
		}
		if events[i+1].ev.Time.Sub(events[i].ev.Time) > 100*time.Millisecond {
			continue
		}
		events[i], events[i+1], want[i], want[i+1] = events[i+1], events[i], want[i+1], want[i]
		lines[i], lines[i+1] = lines[i+1], lines[i]
	}
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
	for i, e := range run(t, tr, events, rapid.SampledFrom([]int{1, 7, 1000}).Draw(rt, "batch")) {
		if got := short(e.Fields.Get(schema.ContainerID).Str()); got != "" && got != want[i] {
			rt.Fatalf("event %d was given %q, it is of %q\n%s", i, got, want[i], strings.Join(lines, "\n"))
		}
		if e.Fields.Get(schema.TallymanContainerHost).True() {
			rt.Fatalf("event %d is called the host's without proof", i)
		}
	}
}
