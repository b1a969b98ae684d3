package container

// Orphans: who takes over a process whose parent ended, and what that proves.

// adopted reports whether s is of the same process as l although its parent is
// another: the parent ended, and a process that an engine brought into a
// container took the orphan over. The kernel gives an orphan to one above it, or
// to the first process of its pid namespace. That the parent ended has to be seen:
// else the pid may be another's. What runs another program is not taken for the
// same.
func (t *table) adopted(l *life, s *seen) bool {
	if l.ended || l.entered || l.has(markEngine) || s.act == actExec || s.t-l.last > comeRound {
		return false
	}
	if is := t.program(l); is.exe != s.exe || is.name != s.name {
		return false
	}
	if p := t.above(l, l.last); p != nil && !p.ended {
		return false // nobody loses a child while it runs
	}
	a := t.alive(s.node, s.ppid, s.t)
	if a == nil || !a.entered || a.got.in == 0 || t.in(a).shares() {
		return false
	}
	if !l.got.found() {
		t.inherit(l, l.last, 0)
	}
	return !l.got.host && (l.got.in == 0 || l.got.in == a.got.in)
}

// adopt gives an orphan to the process that took it over, and its container to
// the one above that an engine brought in and of which nothing else tells into
// which: all that is below such a process is in the same one.
func (t *table) adopt(l *life, s *seen) {
	const highest = 16
	a := t.alive(s.node, s.ppid, s.t)
	p := t.alive(uint32(l.node), l.ppid, l.first)
	for n := 0; n < highest && p != nil && !p.got.found() && !p.has(markEngine); n++ {
		q := p
		if o := t.older(p); !q.entered && o.maybe(p) && p.first-o.last <= comeRound && t.program(o).exe == t.program(p).exe {
			q = o // the command that brought it in ended meanwhile
		}
		if q.entered {
			if t.bind(q); !q.got.found() {
				t.give(q, answer{in: t.in(a), method: methodLineage, conf: min(a.got.conf, confHigh)})
			}
			t.give(p, t.answer(q))
			break
		}
		p = t.alive(uint32(p.node), p.ppid, p.first)
	}
	l.ppid = s.ppid
}

// shares reports whether processes of other containers may be given to the first
// one of c: those of a pod, and those that an inspect says to be in its pid
// namespace.
func (c *container) shares() bool {
	return c.lends || c.known.kube || c.known.pod != "" || c.known.runtime == runtimeCRIO
}
