package container

// Whether an engine's command line is to be believed: who ran it, and where.

// vouch says how far the command line of an engine's program is believed: not
// at all inside a container, where anyone may run a program of that name, and
// exactly where the kernel shows the process or its parent on the host. An
// engine that a user runs is believed little, for he may write what he likes.
func (t *Transform) vouch(l *life, s *seen) confidence {
	most := confExact
	if s.user {
		most = confMedium
	}
	if t.history != nil && s.node == 0 {
		if a := t.history.answer(s.pid, s.ppid, s.t); a.found() || a.ambiguous {
			if a.host {
				return most
			}
			return confUnknown
		}
	}
	if !t.live || s.node != 0 {
		if s.user {
			return confUnknown
		}
		return confMedium // nothing can be asked: not proven, and not in a container that is known
	}
	if t.reply(&s.kin.at).in != nil {
		return confUnknown
	}
	if s.told != nil && s.told.host || t.bornOutside(s) {
		return most
	}
	if t.proc != nil && !l.got.host {
		t.look(l, s)
	}
	switch {
	case l.got.host:
		return most
	case l.got.in != 0:
		return confUnknown
	}
	switch hops := t.above(s); {
	case hops == 1:
		return most
	case hops > 1:
		return confMedium
	}
	return confUnknown
}

// above returns how many steps above a process the first one is that is proven
// to be on the host, where those between are gone and were programs of an
// engine that root ran; 0 where there is none. Two or more is no proof, as
// where nothing but the path of the control group is not known.
func (t *Transform) above(s *seen) int {
	pid, ppid, at := s.pid, s.ppid, s.t
	var g glance
	for hops := 0; hops <= 6; hops++ {
		if pid <= 1 {
			if hops < 2 {
				return 0 // it may be a container's first process
			}
			return hops // what a container leaves behind goes to its own first process
		}
		p := t.table.alive(s.node, pid, at)
		if p != nil && p.got.found() {
			if p.got.host {
				return max(hops, 1)
			}
			return 0
		}
		if t.proc != nil {
			switch a := t.glance(&g, pid, at, ppid); {
			case a.found():
				if p == nil {
					p = t.meet(pid, g)
				}
				t.table.give(p, a)
				if p.stale = a.host; a.host {
					return max(hops, 1)
				}
				return 0
			case g.was(at, ppid) && len(g.where) > 0:
				if g.bare() {
					return 2
				}
				return 0
			}
		}
		if p == nil || !p.has(markEngine) {
			return 0
		}
		pid, ppid, at = p.ppid, 0, min(at, p.last)
	}
	return 0
}

// bornOutside reports whether the kernel's table proves an event's process to be
// on the host: it was read there, and was not in a container afterwards, or its
// parent was read there after it had begun.
func (t *Transform) bornOutside(s *seen) bool {
	l := s.kin.life
	if l == nil {
		return false
	}
	t.kernel.mu.Lock()
	defer t.kernel.mu.Unlock()
	if l.in != nil || l.told != nil {
		return false
	}
	if l.host > 0 {
		return true
	}
	if l.ppid <= 1 || l.start == always {
		return false
	}
	p := t.kernel.at(l.ppid, l.start)
	return p != nil && p.in == nil && p.host >= l.start
}
