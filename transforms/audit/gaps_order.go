package audit

// The time of a system call is that of its entry, and most calls take their serial at
// their exit: a connect that waited for two minutes has the newest serial and a time of
// two minutes ago. So one time that lies back says nothing of the clock, nor of a start
// of the host; that many in a row do.
const setBack = 16

// order is what a series knows of times that lie back.
type order struct {
	behind int    // highest serials in a row whose time lies back
	lows   int    // serials in a row, each higher than the one before, that are no news and whose time lies back
	low    uint64 // the last of them
}

// advance takes the serial that is the highest so far.
func (q *series) advance(n uint64, ms int64) {
	q.top, q.unsure, q.lows, q.low = n, false, 0, 0
	if q.ms-ms <= bootAfter.Milliseconds() {
		q.ms, q.behind = max(q.ms, ms), 0
		return
	}
	if q.behind++; q.behind < setBack {
		return
	}
	q.ms, q.behind = ms, 0 // the clock was set back
	for i := range q.gaps {
		q.gaps[i].ms = min(q.gaps[i].ms, ms)
	}
}

// anew reports whether a serial that lies back, and was not waited for, is one of a
// count that began again: its time is later than it can be for one that is late, or, where
// the clock of the new start lies back, many of its kind come one after the other.
func (q *series) anew(n uint64, ms int64) bool {
	switch {
	case ms-q.ms > bootAfter.Milliseconds():
		return true
	case q.ms-ms <= bootAfter.Milliseconds() || n == q.low:
		return false
	case n > q.low:
		q.lows++
	default:
		q.lows = 1
	}
	q.low = n
	return q.lows >= setBack
}
