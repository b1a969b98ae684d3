package container

// What the kernel says of processes as it happens: their lives, exactly, and
// where they were when their control group was read.

import (
	"sync"

	"tallyman/pipeline/event"
)

// changeKind is what happened to a process.
type changeKind uint8

const (
	changeFork changeKind = iota // it began
	changeExec                   // it runs another program
	changeExit                   // its first thread ended
	changeLook                   // something that makes it worth a look: ids, session, name
	changeMove                   // it was moved to another control group
)

// change is one thing that the kernel says of a process.
type change struct {
	t         int64 // wall clock, ns
	kind      changeKind
	pid, ppid int32  // of processes, not threads, in the host's pid namespace; ppid of a fork only
	path      string // of a move only: the control group, from the root of its hierarchy
}

// where is the text of a /proc/PID/cgroup, read once for all processes that have
// the same.
type where struct {
	text   string
	groups []hierarchy
	host   bool // every path is one that no container has
	id     string
	strong bool   // it names a container, where only root can put a process
	said   answer // guarded as the registry: what it says, once that is a container
}

// program is what a process runs; one copy of each pair is kept.
type program struct{ name, exe string }

// klife is one process as the kernel tells of it. 100,000 of them have to fit
// in 16 MiB, so it holds nothing that can be found out.
type klife struct {
	pid, ppid  int32 // ppid: who forked it
	keeper     int32 // who took it over since, 0 nobody
	start, end int64 // wall clock, ns; end is never while it runs
	in         *where
	since      int64      // in: from then on; before, it was on its way there
	host       int64      // when it was last read on the host, 0 never
	exec       int64      // its last exec, 0 for none seen
	told       *container // what an engine's command says, where nothing was read
	prog       *program   // nil where it is not known
	prev       *klife     // the life before of the same pid
	hops       uint8      // in: forks since it was read of an ancestor
	conf       confidence // told: how far it is believed
	kept       bool       // from before a restart, and not seen in /proc since
	scanned    bool       // start is of /proc: give or take grain
	marked     bool       // seen by the scan that is going on
	asked      bool       // its program was looked for in /proc
	vain       bool       // it was waited for, and nothing came
	id         event.ID   // the zero id until it is asked for
}

// gap is a time in which changes were lost: whose a pid was in it is known only
// of processes that lived before and after.
type gap struct{ from, to int64 }

// kernel is the table of the lives that the kernel told of. Its lock is its own,
// so that a process is looked at the moment it begins, whatever the lanes do.
type kernel struct {
	mu     sync.Mutex // guards all below
	lives  map[int32]*klife
	ended  []*klife // in the order of their ends; from the index first on
	first  int
	count  int
	max    int
	clock  int64 // everything before it is in the table; 0 before the first scan
	gaps   []gap
	texts  map[string]*where
	progs  map[program]*program
	keptAt int64         // when what was kept over a restart was saved
	turned chan struct{} // closed and made anew when clock moves
}

func newKernel(most int) *kernel {
	return &kernel{lives: map[int32]*klife{}, max: most, texts: map[string]*where{}, progs: map[program]*program{}, turned: make(chan struct{})}
}

// take notes a change. It returns the life that is to be looked at in /proc, nil
// for none: what an ancestor in a container forks is there too.
func (k *kernel) take(c *change) *klife {
	l := k.lives[c.pid]
	switch c.kind {
	case changeFork:
		return k.fork(c)
	case changeExit:
		k.exit(c)
		return nil
	case changeExec:
		if l != nil && l.start > c.t {
			l = k.at(c.pid, c.t) // of the life before, told late
		}
		if l == nil {
			if k.lives[c.pid] != nil {
				return nil
			}
			l = k.add(c.t, c.pid, 0)
			if l == nil {
				return nil
			}
			l.start, l.scanned = always, true // its fork was not seen
		} else if l.end != never && l == k.lives[c.pid] && c.t >= l.end {
			l.end = never // a thread took the place of the first one, which ended
		}
		l.prog, l.asked, l.vain, l.exec = nil, false, false, c.t
	case changeMove:
		return k.move(c)
	case changeLook:
		if l == nil || l.end != never {
			return nil
		}
	}
	if l.in != nil && l.in.strong {
		return nil
	}
	return l
}

// move notes where a process was moved to. Only a container's own group, where only
// root can put a process, is the last word; of any other, /proc is asked for the
// rest: a hierarchy of version 1 is one of many.
func (k *kernel) move(c *change) *klife {
	l := k.at(c.pid, c.t)
	if l == nil || l.end != never {
		l = nil // a thread's own number, or it is gone
	}
	w := k.place([]byte("0::" + c.path + "\n"))
	if !w.strong {
		if l != nil && !w.host {
			l.host = 0
		}
		return l
	}
	if l = k.at(c.pid, c.t); l != nil && l.in != w {
		l.in, l.since, l.hops, l.vain = w, c.t, 0, false
	}
	return nil
}

// fork begins a life.
func (k *kernel) fork(c *change) *klife {
	if l := k.lives[c.pid]; l != nil && l.end == never {
		if l.scanned && l.start >= c.t-2*grain && l.start <= c.t+2*grain {
			l.start, l.ppid, l.scanned = c.t, c.ppid, false // the scan was before us
			return nil
		}
		if l.start <= c.t {
			k.end(l, c.t)
		}
	}
	l := k.add(c.t, c.pid, c.ppid)
	if l == nil {
		return nil
	}
	read := l
	if l != k.lives[c.pid] {
		read = nil // told late: the pid is another's by now
	}
	p := k.at(c.ppid, c.t)
	if p == nil {
		return read
	}
	l.prog = p.prog
	if p.in == nil || !p.in.strong || c.t < p.since {
		return read
	}
	l.in, l.since, l.hops = p.in, c.t, more(p.hops)
	return nil
}

func more(hops uint8) uint8 { return min(hops, 254) + 1 }

// add makes a life that begins at t; nil where the table is full of processes
// that run.
func (k *kernel) add(t int64, pid, ppid int32) *klife {
	if k.count >= k.max && !k.forget() {
		k.blind(t, t)
		return nil
	}
	l := &klife{pid: pid, ppid: ppid, start: t, end: never}
	if k.insert(l); l.end != never {
		k.ended = append(k.ended, l)
	}
	return l
}

// exit ends the life of a pid that ran then.
func (k *kernel) exit(c *change) {
	for l := k.lives[c.pid]; l != nil; l = l.prev {
		switch {
		case l.start > c.t:
		case l.end == never:
			k.end(l, c.t)
			return
		default:
			l.end = min(l.end, max(c.t, l.start)) // told after the next one began
			return
		}
	}
}

// end ends a life.
func (k *kernel) end(l *klife, t int64) {
	l.end = t
	k.ended = append(k.ended, l)
}

// forget drops the life that ended first; it is false where none has.
func (k *kernel) forget() bool {
	for k.first < len(k.ended) {
		l := k.ended[k.first]
		k.ended[k.first] = nil
		k.first++
		if k.first > len(k.ended)/2 && k.first > 1024 {
			k.ended = k.ended[:copy(k.ended, k.ended[k.first:])]
			k.first = 0
		}
		if l.end != never && k.unlink(l) {
			return true
		}
	}
	return false
}

func (k *kernel) unlink(l *klife) bool {
	at := k.lives[l.pid]
	switch {
	case at == nil:
		return false
	case at == l && l.prev == nil:
		delete(k.lives, l.pid)
	case at == l:
		k.lives[l.pid] = l.prev
	default:
		for at.prev != l {
			if at = at.prev; at == nil {
				return false
			}
		}
		at.prev = l.prev
	}
	k.count--
	return true
}

// blind notes that changes between from and to were lost.
func (k *kernel) blind(from, to int64) {
	const most = 64
	if n := len(k.gaps); n > 0 && (k.gaps[n-1].to >= from || n >= most) {
		k.gaps[n-1].to = max(k.gaps[n-1].to, to)
		return
	}
	k.gaps = append(k.gaps, gap{from, to})
}

// lost reports whether changes between from and to were lost.
func (k *kernel) lost(from, to int64) bool {
	for _, g := range k.gaps {
		if g.from <= to && g.to >= from {
			return true
		}
	}
	return false
}
