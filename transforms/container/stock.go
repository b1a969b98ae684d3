package container

import "time"

// All of /proc at once, where no connector is there to tell of it.

// start reads all processes of this host at the first event, and after a gap in
// the log: those whose beginning was in no record are known then.
func (t *Transform) start() {
	if t.stocked || t.proc == nil || t.follow != nil {
		return
	}
	t.stocked = true
	t.rescans.Inc()
	now := t.proc.now().UnixNano()
	// The records of what began just now are still to come, and say more.
	latest := now
	if !t.gapped {
		latest -= int64(10 * time.Second)
	}
	for _, pid := range t.proc.pids() {
		g, ok := t.proc.look(pid)
		if !ok || g.start > latest {
			continue
		}
		l := t.table.holder(who{0, pid}, now)
		switch {
		case l == nil:
			l = t.stock(pid, g)
		case g.start > l.last+slack+grain:
			l.end = min(l.end, g.start) // it ended in the gap, and its pid is another's
			l = t.stock(pid, g)
		default:
			l.set(markOld, false)
			l.checked, l.said = now, verdictSame
		}
		if a := g.answer(t.reg); a.found() && !l.got.found() {
			t.table.give(l, a)
			l.stale = a.host && t.mayMove(l, g.comm, now)
		}
	}
}

// stock makes the life of a process that was found. The record of its last exec
// may still come.
func (t *Transform) stock(pid int32, g glance) *life {
	l := t.meet(pid, g)
	l.mark(markBorn)
	l.execAt = 0
	return l
}
