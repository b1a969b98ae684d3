package container

// Which lives are forgotten when there are too many.

import "math/rand/v2"

// leaving is a life that may be evicted, with what decides that beside it.
type leaving struct {
	end, last int64
	born      uint32
	at        ref
}

// before reports whether a is forgotten first: what ended first, then what was
// quiet longest, then what came last: of processes that stopped in the same
// millisecond, the elder is often the parent of the others.
func (a *leaving) before(b *leaving) bool {
	switch {
	case a.end != b.end:
		return a.end < b.end
	case a.last != b.last:
		return a.last < b.last
	}
	return int32(a.born-b.born) > 0
}

// evict forgets an eighth of the lives: those that ended first, then those that
// were quiet longest. It passes over all of them in the order in which they lie, and
// so costs each of those that come in their place a few looks, however many there
// are.
func (t *table) evict() {
	n := (t.count + 7) / 8
	some := make([]leaving, 0, 2*n)
	bar := leaving{end: never, last: never} // what comes after it stays
	t.looked += t.count
	for _, chunk := range t.chunks {
		for i := range chunk {
			l := &chunk[i]
			if l.end > bar.end || l.end == bar.end && l.last > bar.last || !l.known() {
				continue
			}
			one := leaving{l.end, l.last, l.born, l.at}
			if bar.at != 0 && !one.before(&bar) {
				continue
			}
			if some = append(some, one); len(some) == cap(some) {
				some = t.foremost(some, n)
				bar = last(some)
			}
		}
	}
	t.leave(t.foremost(some, n))
}

// leave forgets lives, which come in no order: what an event of the same batch finds of
// those of one pid may not depend on which of them went first.
func (t *table) leave(all []leaving) {
	for _, one := range all {
		t.at(one.at).mark(markGone)
	}
	for _, one := range all {
		t.forget(t.at(one.at))
	}
}

// last returns the one of some that comes after all others.
func last(some []leaving) leaving {
	at := 0
	for i := range some {
		if some[at].before(&some[i]) {
			at = i
		}
	}
	return some[at]
}

// foremost returns the n that come before all others.
func (t *table) foremost(all []leaving, n int) []leaving {
	t.looked += len(all) + foremost(all, n)
	return all[:n]
}

// foremost puts the n that come before all others at the start, in any order, and
// returns how many it looked at: to sort them all took a tenth of a run that has many
// processes. No order of them makes it slow, for nobody knows which it takes to
// compare the others with.
func foremost(all []leaving, n int) (looked int) {
	for len(all) > 1 && n > 0 && n < len(all) {
		looked += len(all)
		pivot := all[rand.IntN(len(all))]
		i, j := 0, len(all)-1
		for i <= j {
			for all[i].before(&pivot) {
				i++
			}
			for pivot.before(&all[j]) {
				j--
			}
			if i <= j {
				all[i], all[j] = all[j], all[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j+1:
			all = all[:j+1]
		case n <= i:
			return looked
		default:
			all, n = all[i:], n-i
		}
	}
	return looked
}

// forget takes a life out of the table.
func (t *table) forget(l *life) {
	l.mark(markGone)
	prev, next := t.at(l.prev), t.at(l.next)
	switch {
	case next != nil:
		next.prev = l.prev
	case prev != nil:
		t.lives.set(l.who(), prev.at)
		if !prev.has(markGone) {
			prev.until = never
		}
	default:
		t.lives.remove(l.who())
	}
	if prev != nil {
		prev.next = l.next
	}
	l.prev, l.next = 0, 0
	t.count--
	t.gone = append(t.gone, l.at)
}

// reboot ends the lives of a host that began before at: after it, the pids are
// others'.
func (t *table) reboot(node uint32, at int64) {
	t.all(func(l *life) {
		if uint32(l.node) == node && l.next == 0 && l.first <= at {
			l.end = min(l.end, at)
		}
	})
}

// reset forgets all.
func (t *table) reset() {
	t.all(t.forget)
	t.sweep()
}
