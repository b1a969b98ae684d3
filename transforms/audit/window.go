package audit

import "time"

// The window is the set of events that are open in one lane: those of which
// more records may come. An event is found by its key and ends oldest first.

// stamp is what makes records belong together. The kernel's serial starts again
// at every boot, so the time is part of it: the same serial with another time is
// another event.
type stamp struct {
	ms     int64
	serial uint64
	node   string
}

func stampOf(r *Record) stamp {
	return stamp{ms: r.Sec*1000 + int64(r.Milli), serial: r.Serial, node: r.Node}
}

// pending is one open event.
type pending struct {
	stamp
	late       bool
	bare       bool // its one record has no serial
	parts      []part
	used       int       // how many of its parts may hold what was there before
	size       int       // bytes that its records hold on to
	records    uint32    // source records that its parts stand for
	inherits   bool      // an input knew something of one of them
	seen       time.Time // when its newest record was read
	prev, next *pending  // by arrival of the first record
	chain      *pending  // same bucket
}

const (
	buckets  = 256  // of open events, by serial
	memorize = 4096 // serials of ended events that are remembered

	// What open events may hold on to: the arguments of the longest command line
	// that Linux allows are some 6 MiB, in hex 12.
	windowBytes = 64 << 20
	partBytes   = 256 // of a record, beside its text
)

// ended remembers one event that was handed on.
type ended struct {
	ms     int64
	serial uint64
	node   uint32
	set    bool
}

type window struct {
	first, last *pending // by arrival
	n           int
	size        int // of all open events
	table       [buckets]*pending
	free        *pending // recycled, linked by next
	done        [memorize]ended
}

// find returns the open event of s, nil where there is none.
func (w *window) find(s *stamp) *pending {
	for p := w.table[s.serial%buckets]; p != nil; p = p.chain {
		if p.serial == s.serial && p.ms == s.ms && p.node == s.node {
			return p
		}
	}
	return nil
}

// open adds an event and returns it, without parts.
func (w *window) open(s *stamp) *pending {
	p := w.free
	if p == nil {
		p = &pending{parts: make([]part, 0, 6)}
	} else {
		w.free = p.next
	}
	p.stamp, p.late = *s, w.gone(s)
	p.prev, p.next = w.last, nil
	if w.last != nil {
		w.last.next = p
	} else {
		w.first = p
	}
	w.last = p
	b := &w.table[s.serial%buckets]
	p.chain, *b = *b, p
	w.n++
	return p
}

// grow counts a record of an event that is open.
func (w *window) grow(p *pending, size int) {
	p.size += size + partBytes
	w.size += size + partBytes
}

// close takes an event out and remembers that it ended; recycle gives it back
// once its parts are no longer read.
func (w *window) close(p *pending) {
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		w.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		w.last = p.prev
	}
	for at := &w.table[p.serial%buckets]; *at != nil; at = &(*at).chain {
		if *at == p {
			*at = p.chain
			break
		}
	}
	w.n--
	w.size -= p.size
	w.remember(&p.stamp)
}

func (w *window) recycle(p *pending) {
	p.used = max(p.used, len(p.parts))
	p.parts = p.parts[:0]
	p.stamp, p.prev, p.chain, p.size, p.records, p.inherits = stamp{}, nil, nil, 0, 0, false
	p.next, w.free = w.free, p
}

// clean lets go of the chunks of text that recycled parts hold on to. Those that were used
// since the last time are the first of the free ones.
func (w *window) clean() {
	for p := w.free; p != nil && p.used > 0; p = p.next {
		clear(p.parts[:p.used])
		p.used = 0
	}
}

// remember notes that the event of s ended. Serials follow each other, so the
// slot of a serial is taken by one that came memorize events later.
func (w *window) remember(s *stamp) {
	w.done[s.serial%memorize] = ended{ms: s.ms, serial: s.serial, node: hash(s.node), set: true}
}

// gone reports whether the event of s has ended before, as far as is remembered.
func (w *window) gone(s *stamp) bool {
	return w.done[s.serial%memorize] == ended{ms: s.ms, serial: s.serial, node: hash(s.node), set: true}
}

// hash is FNV-1a: it only tells nodes apart where their serials are equal.
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
