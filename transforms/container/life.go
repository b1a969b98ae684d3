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
	serial    int64
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
	actBoot       // its host started
)

// life is one process as the stream of events shows it, from the first event
// to the last. A pid has one life after another. 100,000 of them have to fit in
// 16 MiB. It holds no pointer, so that a collection has nothing to look for in a
// table of many processes: other lives, programs, containers and roles are named
// by their numbers in the table. What a walk over the processes above one reads
// comes first: it lies in one line of the cache.
type life struct {
	node        uint16  // there are at most maxNodes
	marks               // few lives have any
	entered     bool    // it is the first process of a container, or one brought in by exec
	ended       bool    // its end was seen; without it, end is where another life began
	stale       bool    // got is a host that is to be looked at again
	said        verdict // what the kernel said when it was asked last
	looks       uint8   // how often /proc was asked in vain
	pid, ppid   int32   // pid is nobody's where the place is free
	first, last int64   // times of its first and last event, or its start where known
	end         int64   // never while it runs
	until       int64   // no later than the first of each life of its pid after it; never where it is the newest
	up          ref     // the parent as it was last looked up, for above; the place may be another's since
	runs        ordinal // the program; 0 where no event said
	execAt      int64   // time of its last exec, 0 for none seen
	got         held
	role        ordinal // 0 for most; changed through part
	prev, next  ref     // the lives before and after of the same pid
	at          ref     // its own place, 0 where it is in no table
	born        uint32  // the count of lives when it was made
	pins        int32   // how many hold it beyond its time in the table
	checked     int64   // when the kernel was last asked for it, in event time; 0 never
	id          event.ID
}

// ref is the place of a life in the table, 0 for none.
type ref uint32

// held is an answer as a life has it: the container by its number.
type held struct {
	in        ordinal
	host      bool
	method    method
	conf      confidence
	ambiguous bool
	hops      uint8
}

func (h *held) found() bool { return h.in != 0 || h.host }

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
	ward    *life      // watches: the container's first process, where it was known by that; it is pinned
	since   int64      // entered: when that was seen
	from    int32      // entered: its parent then
	giver   int32      // entered: the parent of the command that started it, which takes it over
	brought bool       // started: the one process that it brings in was seen
	vouched bool       // started and watches: it is proven to be on the host
	doubted bool       // started and watches: nothing proves it, or a user runs it
}

// trust is how far what an engine's command says is believed.
func (r *role) trust() confidence {
	switch {
	case r.vouched:
		return confExact
	case r.doubted:
		return confMedium
	}
	return confHigh
}

func (l *life) who() who { return who{uint32(l.node), l.pid} }

// maybe reports whether the life after l may in truth be l itself: l entered a
// container, its end was not seen, and next is not known to have begun afterwards.
func (l *life) maybe(next *life) bool {
	return l != nil && l.entered && !l.ended && l.first <= next.first && (!next.has(markBorn) || next.first <= l.last+slack+grain)
}
