package container

// The processes as the stream of events shows them: whose life an event belongs
// to, and what a life has from its parent or from an engine's command.

import (
	"strings"
	"time"
)

// table holds the lives. It joins on event time, so events may come late.
type table struct {
	lives map[who]*life // the newest of each pid
	count int
	max   int
	reg   *registry
	names map[string]string // one copy of each program name

	// vouch says whether the command line of an engine's program is believed,
	// and whether the process is proven to be on the host.
	vouch func(l *life, s *seen) (believed, proven bool)
}

func newTable(most int, reg *registry) *table {
	return &table{lives: map[who]*life{}, max: most, reg: reg, names: map[string]string{},
		vouch: func(*life, *seen) (bool, bool) { return true, false }}
}

// observe returns the life that an event belongs to, made at its first event,
// with what the event says of it taken over.
func (t *table) observe(s *seen) *life {
	l := t.find(s)
	if l == nil {
		l = t.add(s)
	}
	t.identify(l, s)
	t.take(l, s)
	return l
}

// find returns the life of s.pid that s belongs to, nil for one not seen yet.
// Another parent makes another life, unless the process was handed over.
func (t *table) find(s *seen) *life {
	for l := t.lives[s.who()]; l != nil; l = l.prev {
		switch {
		case s.t > l.end+slack && l.end != never:
			return nil
		case l.ppid == s.ppid || l.ppid == 0 || s.ppid == 0:
			if s.t+slack >= l.first || l.prev == nil && !l.born {
				if l.ppid == 0 {
					l.ppid = s.ppid
				}
				return l
			}
		case s.t+slack >= l.first && t.handed(l, s):
			l.ppid = s.ppid
			return l
		case s.t >= l.first:
			l.end = min(l.end, s.t)
			return nil
		}
	}
	return nil
}

// handed reports whether s is of the same process as l although its parent is
// another: the first process of a container goes from the engine's command to
// the monitor when the command ends.
func (t *table) handed(l *life, s *seen) bool {
	if !l.entered {
		return false
	}
	t.bind(l)
	if l.giver != 0 && l.giver == s.ppid {
		return true
	}
	m := t.alive(s.node, s.ppid, s.t)
	if m == nil || m.watches == nil {
		return false
	}
	if l.got.in == nil {
		l.got = answer{in: m.watches, method: methodLineage, conf: confHigh}
	}
	return l.got.in == m.watches
}

// comeRound is the time in which no pid is given out twice: the kernel counts
// through all pids before it starts again, at least 32,768 of them, and a fork
// takes tens of microseconds.
const comeRound = int64(250 * time.Millisecond)

// alive returns the life of pid that ran at an event of stamp at, nil where none
// is known to. A life whose first event is later is taken only when its pid
// cannot have been another's at the time.
func (t *table) alive(node uint32, pid int32, at int64) *life {
	if pid <= 1 {
		return nil
	}
	var later *life
	for l := t.lives[who{node, pid}]; l != nil; l = l.prev {
		switch {
		case l.first > at+slack:
			later = l
			continue
		case l.end == never || at <= l.end+slack:
			return l
		}
		break
	}
	if later != nil && !later.born && later.first-at <= comeRound {
		return later
	}
	return nil
}

// add makes a life for the first event of it.
func (t *table) add(s *seen) *life {
	if t.count >= t.max {
		t.evict()
	}
	l := &life{node: s.node, pid: s.pid, ppid: s.ppid, first: s.t, last: s.t, end: never}
	at := t.lives[s.who()]
	if at == nil || at.first <= s.t {
		l.prev = at
		t.lives[s.who()] = l
	} else {
		for at.prev != nil && at.prev.first > s.t {
			at = at.prev
		}
		l.prev, at.prev = at.prev, l
		l.end = at.first
	}
	t.count++
	return l
}

// inherit gives l the container of its parent, whose own is found the same way
// where it is not known yet.
func (t *table) inherit(l *life, at int64, depth int) {
	const deepest = 8
	if l.entered {
		if t.bind(l); l.got.found() {
			return
		}
	}
	if q := l.prev; q.maybe(l) {
		// The hand-over to the monitor was seen before the record that explains it.
		if t.bind(q); q.got.in != nil && q.giver == l.ppid {
			l.got = q.got
			return
		}
	}
	p := t.alive(l.node, l.ppid, at)
	if p == nil || p == l || depth == deepest {
		return
	}
	if !p.got.found() {
		t.inherit(p, min(at, p.last), depth+1)
	}
	if a := p.got.child(); a.found() {
		l.got = a
	}
}

// identify recognises the first process of a container, and one that is brought
// in by exec: the child of the engine's command that makes itself a session
// leader while it still is the engine's program.
func (t *table) identify(l *life, s *seen) {
	const initName = "runc:[2:INIT]"
	if l.got.in != nil {
		return
	}
	if !l.entered {
		if s.name != initName {
			p := t.alive(s.node, s.ppid, s.t)
			if s.act != actSetsid || p == nil || p.started == nil || p.exe == "" || p.exe != s.exe {
				return
			}
		}
		l.entered, l.from, l.since = true, s.ppid, s.t
	}
	t.bind(l)
}

// bind gives l, which entered a container, the one that its engine's command or
// its monitor names, as soon as that is known: records may come out of order.
func (t *table) bind(l *life) {
	if l.got.in != nil {
		return
	}
	switch p := t.alive(l.node, l.from, l.since); {
	case p == nil || p.execAt > l.since+slack: // its command line is of another time
	case p.started != nil:
		// A command brings one process in. Another one is of a command whose
		// record is missing and that has the pid of an earlier one.
		if p.brought {
			return
		}
		p.brought = true
		l.giver = p.ppid
		l.got = answer{in: p.started, method: methodLineage, conf: confHigh}
		if p.vouched {
			l.got.conf = confExact
		}
	case p.watches != nil:
		l.giver = p.pid
		l.got = answer{in: p.watches, method: methodLineage, conf: confHigh}
	}
}

// take notes what s changes in l.
func (t *table) take(l *life, s *seen) {
	l.first, l.last = min(l.first, s.t), max(l.last, s.t)
	switch s.act {
	case actEnd:
		l.end, l.ended = min(l.end, s.t), true
	case actExec:
		if s.t < l.execAt {
			return
		}
		l.execAt = s.t
		l.stale = l.got.host
		l.looks = 0
		l.started, l.watches, l.brought = nil, nil, false
	default:
		if l.execAt != 0 || l.exe == s.exe {
			return
		}
	}
	t.rename(l, s)
	if s.act == actExec {
		t.command(l, s)
	}
}

// rename notes which program l runs.
func (t *table) rename(l *life, s *seen) {
	if s.name != "" && l.name != s.name {
		l.name = t.intern(s.name)
	}
	if s.exe != "" && l.exe != s.exe {
		l.exe = t.intern(s.exe)
	}
}

// command reads the command line of an engine's program. Inside a container it
// is not believed: there anyone may run a program of that name.
func (t *table) command(l *life, s *seen) {
	c, ok := parseCommand(s.exe, s.args)
	if !ok || c.runtime != "" && !t.reg.runtimes[c.runtime] {
		return
	}
	in := t.reg.get(c.id)
	if c.runtime != "" && in.known.runtime == "" {
		in.learn(facts{runtime: c.runtime}, t.reg.kubernetes)
	}
	if in.known.runtime != "" && !t.reg.runtimes[in.known.runtime] {
		return
	}
	if !l.got.found() {
		t.inherit(l, s.t, 0)
	}
	believed, proven := t.vouch(l, s)
	switch {
	case l.got.in != nil || !believed || !proven && l.prev.maybe(l):
	case c.monitor:
		l.watches, l.vouched = in, proven
	default:
		l.started, l.vouched = in, proven
	}
}

// intern returns the one copy of s that is kept.
func (t *table) intern(s string) string {
	if kept, ok := t.names[s]; ok {
		return kept
	}
	if len(t.names) >= t.max {
		clear(t.names)
	}
	s = strings.Clone(s)
	t.names[s] = s
	return s
}
