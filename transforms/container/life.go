package container

import (
	"slices"

	"tallyman/pipeline/event"
)

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
	told      stamped  // of an event that was stamped before, for Learn
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
// 16 MiB.
type life struct {
	node        uint32
	pid, ppid   int32
	said        verdict // what the kernel said when it was asked last
	looks       uint8   // how often /proc was asked in vain
	newest      bool    // no life of its pid is after it
	engine      bool    // root runs an engine's program, from where only root can put it
	first, last int64   // times of its first and last event, or its start where known
	end         int64   // never while it runs
	execAt      int64   // time of its last exec, 0 for none seen
	got         answer
	*role                // never nil, and only changed through part
	*program             // never nil; "" where no event said
	prev        *life    // the life before of the same pid
	up          *life    // the parent as it was last looked up, for above
	checked     int64    // when the kernel was last asked for it, in event time; 0 never
	entered     bool     // it is the first process of a container, or one brought in by exec
	confirmed   bool     // got is of the engine's commands and /proc says so too
	disputed    bool     // /proc and the engine's commands, or its hierarchies, say different things
	parentRead  bool     // /proc was asked for its parent's program
	shown       bool     // its program was read in /proc
	stale       bool     // got is a host that is to be looked at again
	ended       bool     // its end was seen; without it, end is where another life began
	old         bool     // known from before a restart: its pid may be another's since
	born        bool     // first is when it started; before, the pid was another's
	id          event.ID // the zero id until it is known
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
	return l != nil && l.entered && !l.ended && l.first <= next.first && (!next.born || next.first <= l.last+slack+grain)
}

// evict forgets an eighth of the lives: those that ended first, then those
// that were quiet longest.
func (t *table) evict() {
	var all []*life
	for _, l := range t.lives {
		for ; l != nil; l = l.prev {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *life) int {
		switch {
		case a.end < b.end || a.end == b.end && a.last < b.last:
			return -1
		case a.end > b.end || a.last > b.last:
			return 1
		}
		return 0
	})
	gone := make(map[*life]bool, len(all)/8+1)
	for _, l := range all[:(len(all)+7)/8] {
		gone[l] = true
	}
	for key, l := range t.lives {
		l.newest = false
		for l != nil && gone[l] {
			l = l.prev
		}
		if l == nil {
			delete(t.lives, key)
			continue
		}
		t.lives[key], l.newest, l.up = l, true, nil // what is forgotten is not held by its children
		for ; l.prev != nil; l = l.prev {
			for l.prev != nil && gone[l.prev] {
				l.prev = l.prev.prev
			}
			if l.prev == nil {
				break
			}
			l.prev.up = nil
		}
	}
	t.count = len(all) - len(gone)
}

// reboot ends the lives of a host that began before at: after it, the pids are
// others'.
func (t *table) reboot(node uint32, at int64) {
	for key, l := range t.lives {
		if key.node == node && l.first <= at {
			l.end = min(l.end, at)
		}
	}
}
