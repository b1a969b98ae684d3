package container

// Whose a pid was at a time, and where that process was, as the kernel's table
// has it.

// at returns the life of pid at a moment of the kernel's own clock.
func (k *kernel) at(pid int32, t int64) *klife {
	for l := k.lives[pid]; l != nil; l = l.prev {
		if l.start <= t {
			if t <= l.end {
				return l
			}
			return nil
		}
	}
	return nil
}

// found is what find says of a pid at a time.
type found uint8

const (
	foundNone   found = iota // no life fits
	foundLater               // it is not certain yet: changes of then may still come
	foundUnsure              // more than one fits
	foundOne
)

// find returns the life that an event of a pid, parent and stamp is of. Between
// several that fit, the parent decides.
func (k *kernel) find(pid, ppid int32, t int64) (*klife, found) {
	var fit, right, over *klife
	n, rights := 0, 0
	for l := k.lives[pid]; l != nil; l = l.prev {
		if l.start > t+slack+l.grain() {
			over = nil
			continue
		}
		if l.end < t {
			if n == 0 {
				over = l
			}
			break
		}
		n++
		if fit == nil {
			fit = l
		}
		if l.ppid == ppid || l.keeper == ppid && ppid != 0 {
			if rights++; right == nil {
				right = l
			}
		}
	}
	settled := k.clock > t+slack
	switch {
	case rights == 1:
		return right, foundOne
	case n > 1:
		return fit, foundUnsure
	case n == 1 && (settled || ppid == 0):
		return fit, foundOne
	case !settled:
		return nil, foundLater
	case over != nil && !over.kept && !k.lost(over.end, t+slack):
		// Nobody else was given the pid since: its other threads live on.
		return over, foundOne
	}
	return nil, foundNone
}

func (l *klife) grain() int64 {
	if l.scanned {
		return grain
	}
	return 0
}

// standing is where a life was at an event.
type standing struct {
	in   *where
	told *container // without in
	host bool
	conf confidence
	hops uint8
}

// stand returns where l was at an event of stamp t, which happened no later than
// by.
func (k *kernel) stand(l *klife, t, by int64) standing {
	return k.climb(l, min(t+slack, max(by, t)), 0)
}

// climb is stand for a moment of the kernel's clock, with what l has of its
// parents. A control group that names nothing is not the last word: lineage may
// know more.
func (k *kernel) climb(l *klife, t int64, depth int) standing {
	switch {
	case l.host >= t && l.host > 0:
		return standing{host: true, conf: confExact} // it was read there afterwards
	case l.in != nil && l.in.id != "" && t >= l.since:
		return standing{in: l.in, conf: confExact, hops: l.hops}
	case l.in != nil && l.in.id != "":
		return standing{in: l.in, conf: confHigh, hops: l.hops} // on its way
	case l.told != nil:
		return standing{told: l.told, conf: l.conf, hops: l.hops}
	case l.host > 0:
		if k.stays(l) {
			return standing{host: true, conf: confHigh}
		}
		return standing{}
	}
	return k.inherit(l, depth)
}

// inherit gives l what its parent had when it forked it, but for the host: by
// inheritance that is no proof.
func (k *kernel) inherit(l *klife, depth int) standing {
	const deepest = 64
	if depth == deepest || l.ppid <= 1 || l.start == always {
		return standing{}
	}
	p := k.at(l.ppid, l.start)
	if p == nil || p == l {
		return standing{}
	}
	s := k.climb(p, l.start, depth+1)
	s.host = false
	s.hops = more(s.hops)
	switch {
	case s.told != nil:
		l.told, l.conf, l.hops = s.told, min(s.conf, confHigh), s.hops
		return standing{told: l.told, conf: l.conf, hops: l.hops}
	case s.in == nil || l.in != nil: // it was read in another place
		return standing{}
	case s.conf == confExact:
		l.in, l.since, l.hops = s.in, l.start, s.hops
	}
	return s
}

// stays reports whether a process that was read on the host is not one that an
// engine moves.
func (k *kernel) stays(l *klife) bool {
	if l.host < l.exec || l.prog == nil || l.prog.engine() {
		return false
	}
	if l.ppid <= 1 {
		return true
	}
	p := k.lives[l.ppid]
	for p != nil && p.start > l.start {
		p = p.prev
	}
	return p != nil && p.prog != nil && !p.prog.engine()
}
