package container

// What the kernel recorded of every process, and the question where a pid was at
// a time.

import (
	"math"
	"sort"
	"time"
)

// slack is how far an audit stamp may be behind the clock that other sources
// use: the kernel stamps with a coarse clock, to the millisecond, and before
// the record is written. An event of stamp t happened in [t, t+slack].
const slack = int64(15 * time.Millisecond)

// never is the end of what has not ended, always the start of what was there
// before anything was recorded.
const (
	never  = math.MaxInt64
	always = math.MinInt64
)

// state is where a process is: in a container, on the host, or neither when
// it is not known.
type state struct {
	in   *container
	host bool
	hops uint8 // forks since the state was seen of an ancestor itself
}

func (s state) known() bool           { return s.in != nil || s.host }
func (s state) same(other state) bool { return s.in == other.in && s.host == other.host }

// move is a change of state; it holds from t on.
type move struct {
	t  int64
	to state
}

// span is one life of a process as the kernel recorded it.
type span struct {
	ppid       int32 // the task that forked it, which may be a thread; 0 unknown
	start, end int64 // wall clock, ns
	moves      []move
}

// at returns the state at t; before its start that of the start.
func (s *span) at(t int64) state {
	var st state
	for i, m := range s.moves {
		if i > 0 && m.t > t {
			break
		}
		st = m.to
	}
	return st
}

// history is what the kernel did with every process: it is fed forks, exits
// and moves in the order of time, and asked for a pid at a time. It tells lives
// of one pid apart and never guesses between them.
type history struct {
	spans map[int32][]span // by start
}

func newHistory() *history { return &history{spans: map[int32][]span{}} }

// open returns the life of pid that has not ended, nil for none.
func (h *history) open(pid int32) *span {
	list := h.spans[pid]
	if n := len(list); n > 0 && list[n-1].end == never {
		return &list[n-1]
	}
	return nil
}

// begin records a life that starts at t with a state.
func (h *history) begin(t int64, pid, ppid int32, st state) {
	h.exit(t, pid)
	s := span{ppid: ppid, start: t, end: never}
	s.moves = append(s.moves, move{t, st})
	h.spans[pid] = append(h.spans[pid], s)
}

// fork records a child; it is where its parent is.
func (h *history) fork(t int64, pid, ppid int32) {
	var st state
	if p := h.open(ppid); p != nil {
		if st = p.at(t); st.known() && st.hops < math.MaxUint8 {
			st.hops++
		}
	}
	h.begin(t, pid, ppid, st)
}

// exit records the end of a life.
func (h *history) exit(t int64, pid int32) {
	if s := h.open(pid); s != nil {
		s.end = t
	}
}

// moved records that pid is elsewhere from t on.
func (h *history) moved(t int64, pid int32, st state) {
	s := h.open(pid)
	if s == nil {
		// A life whose start was not recorded: nothing is known before.
		h.begin(t, pid, 0, state{})
		s = h.open(pid)
		s.start = always
	}
	if last := s.moves[len(s.moves)-1].to; !last.same(st) {
		s.moves = append(s.moves, move{t, st})
	}
}

// find returns the life of pid that an event of stamp t and of that parent
// belongs to. Where several fit, that with the right parent is meant; sure is
// false when there is still more than one, and then the last is returned.
func (h *history) find(pid, ppid int32, t int64) (s *span, sure bool) {
	list := h.spans[pid]
	i := sort.Search(len(list), func(i int) bool { return list[i].end >= t })
	fit, right := 0, 0
	var last, lastRight *span
	for ; i < len(list) && (list[i].start == always || list[i].start <= t+slack); i++ {
		fit++
		last = &list[i]
		if list[i].ppid == ppid {
			right++
			lastRight = last
		}
	}
	switch {
	case right > 0:
		return lastRight, right == 1
	default:
		return last, fit <= 1
	}
}

// answer returns where pid was at an event of stamp t, the zero answer where
// that is not known.
func (h *history) answer(pid, ppid int32, t int64) answer {
	s, sure := h.find(pid, ppid, t)
	if s == nil {
		return answer{}
	}
	st, settled := s.around(t)
	if !st.known() {
		st = h.inherited(ppid, s.start, t)
		settled = false
	}
	if !st.known() {
		return answer{ambiguous: !sure}
	}
	a := answer{in: st.in, host: st.host, method: methodTracefs, conf: confExact, hops: st.hops}
	if !settled {
		a.conf = confHigh
	}
	if !sure {
		// Only what all lives have in common is an answer.
		for i := range h.spans[pid] {
			o := &h.spans[pid][i]
			if o.end >= t && o.start <= t+slack {
				if other, _ := o.around(t); !other.same(st) {
					return answer{ambiguous: true}
				}
			}
		}
		a.conf, a.ambiguous = confHigh, true
	}
	return a
}

// around returns the state of s at an event of stamp t, and whether it is the
// same over the whole time in which the event may have happened. A process that
// moves in that time is on its way into a container: the later state is meant.
func (s *span) around(t int64) (st state, settled bool) {
	first := s.at(t)
	st = s.at(min(t+slack, s.end))
	return st, first.same(st)
}

// inherited returns the container of the parent where the state of a process
// is not known because one of its parent's threads forked it, which the record
// of forks does not name as the parent. Host is not inherited: the parent that
// an event names may be one that took over an orphan.
func (h *history) inherited(ppid int32, start, t int64) state {
	p, sure := h.find(ppid, 0, t)
	if p == nil || !sure || p.start > start {
		return state{}
	}
	st := p.at(max(start, p.start))
	if st.in == nil {
		return state{}
	}
	if st.hops < math.MaxUint8 {
		st.hops++
	}
	return st
}
