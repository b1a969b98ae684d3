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
		t.give(l, t.answer(n))
		l.got.conf = min(l.got.conf, confHigh)
		return
	}
	if q := t.older(l); q.maybe(l) {
		// The hand-over to the monitor was seen before the record that explains it.
		if t.bind(q); q.got.in != 0 && t.role(q).giver == l.ppid {
			t.give(l, t.answer(q))
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
	a := t.answer(p).child()
	if r := t.role(p); r.watches != nil && p.got.in == 0 && t.payload(l) && (r.ward == nil || r.ward.end >= l.first) {
		a = answer{in: r.watches, method: methodLineage, conf: min(r.trust(), confHigh)}
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
	t.give(l, a)
}

// stated returns the life of the same process as an inspect states it: an engine
// says when a container started, and its first process was there a little before.
func (t *table) stated(l *life) *life {
	if !l.entered || l.ended {
		return nil
	}
	for n := t.newest(l.who()); n != nil && n != l; n = t.older(n) {
		if n.prev == l.at && n.has(markBorn) && n.entered && n.got.method == methodInspect && n.first-l.last <= comeRound {
			return n
		}
	}
	return nil
}
