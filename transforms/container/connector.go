package container

// The kernel's process connector as a source: who follows it, and what is read
// in /proc because of what it says.

import (
	"errors"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/meter"
)

// connector is the kernel's word on processes. Its methods but next may be
// called from any goroutine.
type connector interface {
	// next waits for changes and appends them to dst in their order; it returns
	// without one after a kick. All that happened before until (wall clock, ns) is
	// in what was returned so far. An error of errOverrun says that some were lost,
	// and the source goes on; any other is its end.
	next(dst []change) (out []change, until int64, err error)

	// kick makes next look at once how far it is.
	kick()

	close() error
}

var (
	errOverrun   = errors.New("the kernel dropped process events, because they were not read in time")
	errConnector = errors.New("the process connector is not there")
)

// follower feeds the kernel's table from a connector.
type follower struct {
	k    *kernel
	from connector
	proc *procfs // its own: what it keeps is not guarded
	buf  []change
	done chan struct{}
	scan atomic.Bool // asked for

	changes           [changeKinds]*meter.Counter
	overruns, rescans *meter.Counter // of the connector; of /proc
}

// changeKinds is how many kinds there are.
const changeKinds = 5

// run follows until the source ends, and returns why. A process that lives for
// a millisecond is gone when its reader has to wait for a processor, so the
// thread goes before others where it may.
func (f *follower) run() error {
	runtime.LockOSThread()                          // never given back: the thread ends with its priority
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -10) // of this thread; without the privilege it stays as it is
	for first := true; ; first = false {
		if first {
			f.rescan(0)
		}
		if err := f.step(); err != nil {
			return err
		}
	}
}

// step takes one reading of the source.
func (f *follower) step() error {
	var until int64
	var err error
	f.buf, until, err = f.from.next(f.buf[:0])
	for i := range f.buf {
		f.take(&f.buf[i], f.buf[i+1:])
	}
	switch {
	case errors.Is(err, errOverrun):
		f.overruns.Inc()
		f.k.mu.Lock()
		from := f.k.clock
		f.k.mu.Unlock()
		f.rescan(max(from, 1))
	case err != nil:
		f.k.mu.Lock()
		f.k.stop()
		f.k.mu.Unlock()
		return err
	case f.scan.Swap(false):
		f.rescan(0)
	default:
		f.k.mu.Lock()
		f.k.turn(until)
		f.k.mu.Unlock()
	}
	return nil
}

// take notes one change, and looks at its process where that is worth it: not
// where it is known by now that it is gone, or that there is more to come.
func (f *follower) take(c *change, after []change) {
	f.changes[c.kind].Inc()
	f.k.mu.Lock()
	l := f.k.take(c)
	if c.t > f.k.clock && f.k.clock > 0 {
		f.k.clock = c.t
	}
	f.k.mu.Unlock()
	if l == nil || slices.ContainsFunc(after[:min(len(after), perCall)], func(x change) bool { return x.pid == c.pid && x.kind != changeFork }) {
		return
	}
	r, ok := f.proc.peek(c.pid, c.kind == changeExec || l.prog == nil)
	if !ok {
		return
	}
	f.k.mu.Lock()
	f.k.saw(l, &r)
	f.k.mu.Unlock()
}

// rescan reads all of /proc. Changes since lost were lost, none where it is 0.
func (f *follower) rescan(lost int64) {
	f.rescans.Inc()
	begin := f.proc.now().UnixNano()
	pids := f.proc.pids()
	slices.Sort(pids)
	for _, pid := range pids {
		r, ok := f.proc.peek(pid, true)
		if !ok {
			continue
		}
		f.k.mu.Lock()
		f.k.met(pid, &r)
		f.k.mu.Unlock()
	}
	f.k.mu.Lock()
	f.k.scanned(begin, lost, f.proc.now().UnixNano())
	f.k.mu.Unlock()
}

// turn moves the clock and tells those who wait for it.
func (k *kernel) turn(until int64) {
	if until > k.clock && k.clock > 0 {
		k.clock = until
	}
	close(k.turned)
	k.turned = make(chan struct{})
}

// stop forgets everything: nothing keeps it true any more.
func (k *kernel) stop() {
	clear(k.lives)
	k.ended, k.first, k.count = nil, 0, 0
	k.clock = never // nobody has to wait
	k.turn(0)
}

// met notes a process that a scan found.
func (k *kernel) met(pid int32, r *reading) {
	for l := k.lives[pid]; l != nil; l = l.prev {
		if r.start > l.start+2*grain && l.start != always {
			break
		}
		if l.start == always || r.start >= l.start-2*grain {
			l.end, l.kept, l.marked = never, false, true
			k.saw(l, r)
			return
		}
	}
	if l := k.lives[pid]; l != nil && l.end == never {
		k.end(l, min(r.start, r.at))
	}
	if l := k.add(r.start, pid, r.ppid); l != nil {
		l.scanned, l.marked = true, true
		k.saw(l, r)
	}
}

// scanned ends the lives that a scan, begun at begin, did not find, and closes
// the gap that it mends.
func (k *kernel) scanned(begin, lost, now int64) {
	for _, l := range k.lives {
		for ; l != nil; l = l.prev {
			switch {
			case l.marked || l.end != never || l.start >= begin || lost == 0 && !l.kept && k.clock > 0:
			case l.kept:
				k.end(l, max(l.start, k.keptAt))
			default:
				k.end(l, max(l.start, lost))
			}
			l.marked = false
		}
	}
	if k.clock == 0 {
		k.blind(always, begin)
		k.clock = begin
	} else if lost > 0 {
		k.blind(lost, now)
	}
	k.turn(begin)
}
