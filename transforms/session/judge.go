package session

import "slices"

// judge decides what a program and its tree are told by all execs and programs
// that are known. The order in which they came does not matter, but that it can
// only become less, unless an id decides: what was forgotten since makes nobody
// more certain.
func (k *knowledge) judge(p *start) {
	var fit []*evidence
	for _, v := range k.execs.list {
		if k.fits(v, p) {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		return
	}
	if p.known {
		return
	}
	for _, v := range fit {
		v.used = true
	}
	m := k.weigh(p, fit)
	if p.told == (mark{}) {
		p.told = m
		if m.confidence == low {
			k.ambiguous.Inc()
		}
		k.root(p)
		return
	}
	if !p.known && !k.disproved(p) {
		m = less(p.told, m)
	}
	if m != p.told {
		if m.confidence == low && p.told.confidence != low {
			k.ambiguous.Inc()
		}
		k.retell(p, m)
	}
}

// weigh makes one mark of the execs that a program may be of.
func (k *knowledge) weigh(p *start, fit []*evidence) mark {
	for _, v := range fit {
		if v.how != howKube && p.execID != "" { // fits by the id alone
			v.found, p.known = true, true
			return k.asked(v, exact)
		}
	}
	if len(fit) == 1 && k.rivals(fit, 1) == 1 && !k.recurs(p) {
		if p.unsure {
			return k.asked(fit[0], medium)
		}
		return k.asked(fit[0], high)
	}
	m := mark{user: fit[0].user, how: fit[0].how, confidence: low, from: fit[0].from}
	for _, v := range fit[1:] {
		m = agreed(m, mark{user: v.user, how: v.how, from: v.from})
	}
	if len(fit) == 1 {
		m.id = fit[0].id
	}
	if k.rivals(fit, len(fit)) > len(fit) || k.recurs(p) {
		m.user, m.from = "", "" // some of the programs are of nobody who is known
	}
	return m
}

// rivals counts the programs that may be of one of several execs, up to one more
// than most.
func (k *knowledge) rivals(fit []*evidence, most int) (n int) {
	for _, p := range k.starts.list {
		if !p.known && slices.ContainsFunc(fit, func(v *evidence) bool { return k.fits(v, p) }) {
			if n++; n > most {
				break
			}
		}
	}
	return n
}

// recurs reports whether the same program was started in the same container
// before by something that no exec tells of: a probe runs again and again.
func (k *knowledge) recurs(p *start) bool {
	return slices.ContainsFunc(k.starts.list, func(o *start) bool {
		return o.told == mark{} && o.at.Before(p.at) && o.place == p.place && o.box.id == p.box.id && o.line.exact == p.line.exact
	})
}

// asked is the mark of one exec, with the user of the client that asked for it.
func (k *knowledge) asked(v *evidence, confidence string) mark {
	m := mark{user: v.user, how: v.how, id: v.id, confidence: confidence, from: v.from}
	if v.how != howDocker {
		return m
	}
	if c := k.caller(v); c != nil && c.user != "" {
		c.by = v.id
		m.user, m.from, m.confidence = c.user, c.from, medium
	}
	return m
}

// disproved reports whether a program was told an exec whose process is known by
// its id since then, and is another.
func (k *knowledge) disproved(p *start) bool {
	return slices.ContainsFunc(k.execs.list, func(v *evidence) bool { return v.found && v.how == p.told.how && v.id == p.told.id })
}

// less returns what is left of a mark after another judgement.
func less(was, now mark) mark {
	if was.confidence != low && now.confidence != low && was.id == now.id {
		return was
	}
	m := agreed(was, now)
	m.confidence = low
	return m
}

// agreed is a mark without what another says otherwise.
func agreed(a, b mark) mark {
	if a.user != b.user {
		a.user = ""
	}
	if a.how != b.how {
		a.how = ""
	}
	if a.id != b.id {
		a.id = ""
	}
	if a.from != b.from || a.user == "" {
		a.from = ""
	}
	return a
}
