package session

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
)

// A host is what really happens on one: people who log in and enter containers,
// services, probes, and programs that speak to the engine's socket.
type host struct {
	t                   testing.TB
	audit, engine, kube []happening
	second              float64
	pids, ids           int
	people              map[string]int // their sessions
	processes           []happening    // one last event of each
}

// happening is an event, and who is really behind its process. A person who is
// told of by another record is known once that was heard.
type happening struct {
	event event.Event
	who   string
	by    event.ID
}

func (h *host) tell(after float64, format string, args ...any) event.Event {
	return tell(h.t, fmt.Sprintf("%.3f %s", h.second+after, fmt.Sprintf(format, args...)))
}

// process lets a program run, and a child of it.
func (h *host) process(who string, by event.ID, format string, args ...any) {
	pid := h.pids + 1
	h.pids += 2
	first := fmt.Sprintf(format, args...)
	box := fmt.Sprintf(" box=c0ffee%d boxname=web%d ns=shop pod=web-%d", h.ids%2, h.ids%2, h.ids%2)
	h.audit = append(h.audit, happening{h.tell(0.1, "ran pid=%d %s%s", pid, first, box), who, by},
		happening{h.tell(0.15, "did pid=%d ppid=%d%s", pid+1, pid, box), who, by})
	for i := range 2 {
		h.processes = append(h.processes, happening{tell(h.t, fmt.Sprintf("200 did pid=%d ppid=1%s", pid+i, box)), who, by})
	}
}

// act lets something happen: what, who and which command choose.
func (h *host) act(what int, who, command string, withID bool) {
	h.ids++
	box := fmt.Sprintf(" box=c0ffee%d boxname=web%d", h.ids%2, h.ids%2)
	id := fmt.Sprintf("%064x", h.ids)
	run := ""
	if withID {
		h.pids++
		run = fmt.Sprintf("ppid=%d ", h.pids)
		h.audit = append(h.audit, happening{event: h.tell(0.07, "ran pid=%d name=runc arg=runc arg=exec arg=--pid-file arg=/b/%s.pid arg=c0ffee", h.pids, id)})
	}
	switch what {
	case 0: // logs in, and works
		h.people[who] = h.ids
		e := h.tell(0, "USER_LOGIN by=sshd ses=%d auid=%s", h.ids, who)
		h.audit = append(h.audit, happening{e, who, e.ID}, happening{h.tell(0.2, "did ses=%d pid=1", h.ids), who, e.ID})
	case 1: // docker exec
		if ses := h.people[who]; ses > 0 {
			h.audit = append(h.audit, happening{h.tell(0, "ran name=docker ses=%d arg=docker arg=exec arg=web%d arg=%s", ses, h.ids%2, command), who, event.ID{}})
			e := h.tell(0.05, "exec_start exec=%s cmd=%s%s", id, command, box)
			h.engine = append(h.engine, happening{event: e})
			h.process(who, e.ID, "%spname=runc arg=%s", run, command)
		}
	case 2: // kubectl exec
		e := h.tell(0, "kube user=%s audit=a%d ns=shop pod=web-%d arg=%s", who, h.ids, h.ids%2, command)
		h.kube = append(h.kube, happening{event: e})
		h.process(who, e.ID, "pname=runc arg=%s", command)
	case 3: // a service
		h.process("", event.ID{}, "pname=nginx arg=%s", command)
	case 4: // a probe
		h.process("", event.ID{}, "pname=runc arg=cat")
	case 5: // the socket
		e := h.tell(0.05, "exec_start exec=%s cmd=sock%s", id, box)
		h.engine = append(h.engine, happening{event: e})
		h.process("", e.ID, "%spname=runc arg=sock", run)
	}
}

// newHost lets what the bytes say happen.
func newHost(t testing.TB, steps []byte) *host {
	h := &host{t: t, people: map[string]int{}, pids: 100, second: -100}
	h.act(4, "", "", false)
	h.act(4, "", "", false) // every container is probed before somebody comes
	h.second = 0
	for _, b := range steps[:min(len(steps), 40)] {
		h.act(int(b%6), []string{"ana", "bob", "eve"}[b/6%3], []string{"sh", "cat", "id"}[b/18%3], b/54%2 > 0)
		h.second += []float64{0.2, 0.4, 1.5, 6}[b>>6]
	}
	return h
}

// hear takes in what the inputs read, each in order and not in step, and returns
// what is wrong.
func (h *host) hear(tr *Transform, order *rand.Rand) (told int, wrong string) {
	heard := map[event.ID]bool{{}: true}
	judge := func(w happening) {
		heard[w.event.ID] = true
		m, _ := tr.known.see(&w.event)
		if m.user != "" {
			told++
		}
		if m.user != "" && m.user != w.who && heard[w.by] && wrong == "" {
			wrong = fmt.Sprintf("at %v %v is told %+v, and is of %q", w.event.Time, w.event.Fields, m, w.who)
		}
	}
	streams := [][]happening{h.audit, h.engine, h.kube}
	for len(streams[0])+len(streams[1])+len(streams[2]) > 0 {
		if i := order.IntN(3); len(streams[i]) > 0 {
			n := 1 + order.IntN(min(len(streams[i]), 6))
			for _, w := range streams[i][:n] {
				judge(w)
			}
			streams[i] = streams[i][n:]
		}
	}
	for _, w := range h.processes {
		judge(w)
	}
	return told, wrong
}

// TestNobodyIsTakenForAnother: whatever happens, and in whatever order it is
// heard, no process outside the tree of somebody's session is told that it is
// theirs, once the record of who it is was heard; where there is none, never.
func TestNobodyIsTakenForAnother(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHost(t, rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(r, "steps"))
		if _, wrong := h.hear(build(t, nil), rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "order"), 1))); wrong != "" {
			r.Fatal(wrong)
		}
	})
	told := 0 // in worlds that are the same each time
	for seed := range uint64(20) {
		order := rand.New(rand.NewPCG(seed, 1))
		steps := make([]byte, 40)
		for i := range steps {
			steps[i] = byte(order.Uint32())
		}
		n, wrong := newHost(t, steps).hear(build(t, nil), order)
		if told += n; wrong != "" {
			t.Error(wrong)
		}
	}
	if told < 100 {
		t.Errorf("only %d events were told somebody: the world is too poor to show anything", told)
	}
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte{0, 6, 1, 2, 8, 20, 61, 115, 4, 3, 5}, uint64(1))
	f.Add([]byte{2, 8, 14, 2, 22, 28, 4}, uint64(7))
	f.Add([]byte("\x00\x0672z200020000"), uint64(1))
	f.Fuzz(func(t *testing.T, steps []byte, order uint64) {
		if _, wrong := newHost(t, steps).hear(build(t, nil), rand.New(rand.NewPCG(order, 1))); wrong != "" {
			t.Error(wrong)
		}
	})
}
