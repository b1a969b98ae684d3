package container

// What a process has from its parent, or from what an engine states.

// inherit gives l the container of its parent, whose own is found the same way
// where it is not known yet.
func (t *table) inherit(l *life, at int64, depth int) {
	const deepest = 8
	if l.entered {
		if t.bind(l); l.got.found() {
			return
		}
	}
	if n := t.stated(l); n != nil {
		l.got = n.got
		l.got.conf = min(l.got.conf, confHigh)
		return
	}
	if q := l.prev; q.maybe(l) {
		// The hand-over to the monitor was seen before the record that explains it.
		if t.bind(q); q.got.in != nil && q.giver == l.ppid {
			l.got = q.got
			return
		}
	}
	p := t.above(l, at)
	if p == nil || p == l || depth == deepest {
		return
	}
	if !p.got.found() {
		t.inherit(p, min(at, p.last), depth+1)
	}
	a := p.got.child()
	if p.watches != nil && p.got.in == nil && l.payload() && (p.ward == nil || p.ward.end >= l.first) {
		a = answer{in: p.watches, method: methodLineage, conf: min(p.trust(), confHigh)}
	}
	if !a.found() {
		return
	}
	same, sure := t.still(p, at)
	if !same {
		return
	}
	if !sure {
		a.conf = confMedium
	}
	l.got = a
}

// stated returns the life of the same process as an inspect states it: an engine
// says when a container started, and its first process was there a little before.
func (t *table) stated(l *life) *life {
	if !l.entered || l.ended {
		return nil
	}
	for n := t.lives.get(l.who()); n != nil && n != l; n = n.prev {
		if n.prev == l && n.has(markBorn) && n.entered && n.got.method == methodInspect && n.first-l.last <= comeRound {
			return n
		}
	}
	return nil
}
