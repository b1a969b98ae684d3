package session

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/meter"
)

// knowledge is what is remembered. It is not safe for several goroutines.
type knowledge struct {
	window, life time.Duration
	ambiguous    *meter.Counter

	sessions  *table[loginKey, login]
	processes *table[processKey, process]
	execs     queue[evidence]
	starts    queue[start]
	clients   queue[client]
	runs      *table[processKey, run]
	trees     int64          // how many starts there were
	boxes     map[string]int // how many of the processes are of a container
	seen      seen           // of the event at hand
	words     words
}

// process is one that an exec began, or that descends from one.
type process struct {
	mark
	tree int64     // the number of the start that it descends from
	last time.Time // when something was last heard of it
}

// processKey is a process by its entity id, which no other has, or by its number
// in a container, which another may have later.
type processKey struct {
	place
	container, entity string
	pid               int64
}

// pidLife is how long a process that has only its number is known by it: the
// kernel gives numbers again.
const pidLife = 10 * time.Minute

func newKnowledge(s *Settings, ambiguous *meter.Counter, forgotten func(what string) *meter.Counter) *knowledge {
	k := &knowledge{
		window: s.Window, life: s.Life, ambiguous: ambiguous, words: newWords(keep.NewSeal()),
		sessions:  newTable[loginKey, login](s.Sessions, forgotten("sessions")),
		processes: newTable[processKey, process](s.Processes, forgotten("processes")),
		execs:     queue[evidence]{max: s.Execs, forgotten: forgotten("execs")},
		starts:    queue[start]{max: s.Execs, forgotten: forgotten("starts")},
		clients:   queue[client]{max: s.Execs, forgotten: forgotten("clients")},
		runs:      newTable[processKey, run](s.Execs, forgotten("runs")),
	}
	k.count()
	return k
}

// count keeps the number of processes per container: most containers have none,
// and that is cheap to know.
func (k *knowledge) count() {
	k.boxes = map[string]int{}
	k.processes.changed = func(key processKey, by int) {
		if k.boxes[key.container] += by; k.boxes[key.container] == 0 {
			delete(k.boxes, key.container)
		}
	}
}

// empty returns knowledge of nothing within the same bounds.
func (k *knowledge) empty() *knowledge {
	n := &knowledge{
		window: k.window, life: k.life, ambiguous: k.ambiguous, words: k.words,
		sessions:  newTable[loginKey, login](k.sessions.max, k.sessions.forgotten),
		processes: newTable[processKey, process](k.processes.max, k.processes.forgotten),
		execs:     queue[evidence]{max: k.execs.max, forgotten: k.execs.forgotten},
		starts:    queue[start]{max: k.starts.max, forgotten: k.starts.forgotten},
		clients:   queue[client]{max: k.clients.max, forgotten: k.clients.forgotten},
		runs:      newTable[processKey, run](k.runs.max, k.runs.forgotten),
	}
	n.count()
	return n
}

// see learns from an event and returns what it is told of who is behind it. An
// alert repeats the fields of an event that was judged: it teaches nothing.
func (k *knowledge) see(e *event.Event) (mark, bool) {
	if e.Decode != "" {
		return mark{}, false
	}
	s := &k.seen
	s.read(e)
	m, ok := k.judged(s)
	*s = seen{} // its views would keep the batch
	return m, ok
}

func (k *knowledge) judged(s *seen) (mark, bool) {
	if s.kind == "alert" {
		return mark{}, false
	}
	switch s.module {
	case "docker":
		k.engineExec(s)
	case "kubernetes":
		k.kubeExec(s)
	case "auditd":
		return k.audited(s)
	}
	return mark{}, false
}

// audited judges an event of the kernel or of a program that logs to it. What is
// known of the process itself says more than its session.
func (k *knowledge) audited(s *seen) (mark, bool) {
	login, logged := k.login(s)
	if s.executed() {
		switch {
		case s.isClient():
			k.called(s, login)
		case isRuntime(s.name):
			k.ran(s)
		}
	}
	if s.box.id == "" || s.pid <= 0 {
		return login, logged
	}
	of := k.lookup(s, s.entity, s.pid)
	if s.executed() && (of == nil || s.entity == "") {
		if is, sure := k.byRuntime(s); is {
			if m, ok := k.started(s, sure); ok {
				return m, true
			}
		}
	}
	if of == nil {
		if of = k.lookup(s, s.parentEntity, s.ppid); of != nil {
			k.remember(s.place.clone(), strings.Clone(s.box.id), strings.Clone(s.entity), s.pid, process{of.mark, of.tree, s.at})
		}
	}
	if of == nil {
		return login, logged
	}
	return of.mark, true
}

// lookup returns a process of the event's container by its entity id, and by its
// number where it has none; nil where it is not known.
func (k *knowledge) lookup(s *seen, entity string, pid int64) *process {
	if k.boxes[s.box.id] == 0 {
		return nil
	}
	key, life := processKey{place: s.place, container: s.box.id, entity: entity}, k.life
	if entity == "" {
		key.pid, life = pid, min(life, pidLife)
	}
	p := k.processes.get(key)
	if p == nil {
		return nil
	}
	if s.at.Sub(p.last) > life {
		k.processes.drop(key)
		return nil
	}
	if s.at.After(p.last) {
		p.last = s.at
	}
	return p
}

// root remembers a program as the first process of an exec.
func (k *knowledge) root(p *start) {
	k.remember(p.place, p.box.id, p.entity, p.pid, process{p.told, p.tree, p.at})
}

// retell gives a program and its tree another mark.
func (k *knowledge) retell(p *start, m mark) {
	p.told = m
	k.processes.each(func(o *process) {
		if o.tree == p.tree {
			o.mark = m
		}
	})
}

// remember keeps a process under both its names: an event may have either.
func (k *knowledge) remember(at place, container, entity string, pid int64, p process) {
	k.processes.put(processKey{place: at, container: container, pid: pid}, p)
	if entity != "" {
		k.processes.put(processKey{place: at, container: container, entity: entity}, p)
	}
}
