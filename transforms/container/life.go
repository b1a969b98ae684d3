package container

import "tallyman/pipeline/event"

// who names a process for as long as it lives.
type who struct {
	node uint32 // the host: 0 for this one, or the one that the offline files are of
	pid  int32  // in the pid namespace of the host
}

// seen is one event of a process as the table takes it.
type seen struct {
	t         int64 // event time, ns
	node      uint32
	pid, ppid int32 // in the host's pid namespace; 0 absent
	act       act
	kernel    bool     // a record of a system call; programs write the others
	user      bool     // not done as root
	name, exe string   // views, not kept
	args      []string // of a successful exec; views, not kept
	kin       kin      // what the kernel's table says
	peeked    *peeked  // nil where /proc was not asked early
	told      *stamped // of an event that was stamped before, for Learn; else nil
}

func (s *seen) who() who { return who{s.node, s.pid} }

// act is what an event says about the process itself.
type act uint8

const (
	actOther  act = iota
	actExec       // it is another program now
	actSetsid     // it leads a session now
	actEnd        // it ends
)

// life is one process as the stream of events shows it, from the first event
// to the last. A pid has one life after another. 100,000 of them have to fit in
// 16 MiB; a byte more than the 128 that it has would cost 16. What a walk over the
// processes above one reads comes first: it lies in one line of the cache.
type life struct {
	node        uint16  // there are at most maxNodes
	marks               // few lives have any
	entered     bool    // it is the first process of a container, or one brought in by exec
	ended       bool    // its end was seen; without it, end is where another life began
	stale       bool    // got is a host that is to be looked at again
	said        verdict // what the kernel said when it was asked last
	looks       uint8   // how often /proc was asked in vain
	pid, ppid   int32
	first, last int64 // times of its first and last event, or its start where known
	end         int64 // never while it runs
	until       int64 // no later than the first of each life of its pid after it; never where it is the newest
	up          *life // the parent as it was last looked up, for above
	*program          // never nil; "" where no event said
	execAt      int64 // time of its last exec, 0 for none seen
	got         answer
	*role                // never nil, and only changed through part
	prev        *life    // the life before of the same pid
	checked     int64    // when the kernel was last asked for it, in event time; 0 never
	id          event.ID // the zero id until it is known
}

// marks are what is true of few lives, one bit each: there is no room for a byte.
type marks uint8

const (
	markEngine     marks = 1 << iota // root runs an engine's program, from where only root can put it
	markConfirmed                    // got is of the engine's commands and /proc says so too
	markDisputed                     // /proc and the engine's commands, or its hierarchies, say different things
	markParentRead                   // /proc was asked for its parent's program
	markShown                        // its program was read in /proc
	markOld                          // known from before a restart: its pid may be another's since
	markBorn                         // first is when it started; before, the pid was another's
	markGone                         // it was evicted
)

func (m marks) has(mark marks) bool { return m&mark != 0 }

func (m *marks) mark(mark marks) { *m |= mark }

func (m *marks) set(mark marks, on bool) {
	if *m &^= mark; on {
		*m |= mark
	}
}

// role is what few lives have: of engines' commands, monitors, and of the
// processes that they start.
type role struct {
	started *container // of an engine's command (runc create, exec): the container whose processes it starts
	watches *container // of a monitor (conmon, shim): the one container that it takes over
	ward    *life      // watches: the container's first process, where it was known by that
	since   int64      // entered: when that was seen
	from    int32      // entered: its parent then
	giver   int32      // entered: the parent of the command that started it, which takes it over
	brought bool       // started: the one process that it brings in was seen
	vouched bool       // started and watches: it is proven to be on the host
	doubted bool       // started and watches: nothing proves it, or a user runs it
}

// none is the role of most lives and the program of those that no event said;
// nobody changes it.
var none struct {
	role
	program
}

// part returns the role of l, to be changed.
func (l *life) part() *role {
	if l.role == &none.role {
		l.role = new(role)
	}
	return l.role
}

// maybe reports whether the life after l may in truth be l itself: l entered a
// container, its end was not seen, and next is not known to have begun afterwards.
func (l *life) maybe(next *life) bool {
	return l != nil && l.entered && !l.ended && l.first <= next.first && (!next.has(markBorn) || next.first <= l.last+slack+grain)
}

// leaving is a life that may be evicted, with what decides that beside it.
type leaving struct {
	end, last int64
	life      *life
}

func (a *leaving) before(b *leaving) bool {
	return a.end < b.end || a.end == b.end && a.last < b.last
}

// evict forgets an eighth of the lives: those that ended first, then those
// that were quiet longest.
func (t *table) evict() {
	all := make([]leaving, 0, t.count)
	for _, l := range t.lives.all() {
		for ; l != nil; l = l.prev {
			all = append(all, leaving{l.end, l.last, l})
		}
	}
	n := (len(all) + 7) / 8
	foremost(all, n)
	for i := range all[:n] {
		all[i].life.mark(markGone)
	}
	for i := range all[n:] {
		if l := all[n+i].life; l.up != nil && l.up.has(markGone) {
			l.up = nil // what is forgotten is not held by its children
		}
	}
	for i := range all[:n] {
		t.unchain(all[i].life.who())
	}
	t.count = len(all) - n
}

// unchain takes the evicted lives of a pid out.
func (t *table) unchain(w who) {
	first := t.lives.get(w)
	head := first
	for head != nil && head.has(markGone) {
		head = head.prev
	}
	if head == nil {
		t.lives.remove(w)
		return
	}
	if first != head {
		t.lives.set(w, head)
		head.until = never
	}
	for l := head; l.prev != nil; {
		if l.prev.has(markGone) {
			l.prev = l.prev.prev
		} else {
			l = l.prev
		}
	}
}

// foremost puts the n that come before all others at the start, in any order: to
// sort them all took a tenth of a run that has many processes.
func foremost(all []leaving, n int) {
	for len(all) > 1 && n > 0 && n < len(all) {
		pivot := all[len(all)/2]
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
			return
		default:
			all, n = all[i:], n-i
		}
	}
}

// reboot ends the lives of a host that began before at: after it, the pids are
// others'.
func (t *table) reboot(node uint32, at int64) {
	for key, l := range t.lives.all() {
		if key.node == node && l.first <= at {
			l.end = min(l.end, at)
		}
	}
}
