package syslog

import (
	"slices"
	"time"
)

// A window keeps the frames that were sent last, because syslog never says what
// the receiver has: its host acknowledges what the receiver may never read. They
// are sent again after a connection was lost. What a batch that failed has added
// is taken back, since the engine sends that batch again.
type window struct {
	max    int           // bytes kept; 0 keeps nothing
	age    time.Duration // how long before a loss they may have been sent; 0: no limit
	buf    []byte        // whole frames
	sent   []frame       // of buf
	bytes  int           // of buf that belong to batches that were sent
	frames int           // of sent, likewise
	again  int           // of the oldest, that were sent again before
}

// A frame is one message in a window. It has no time.Time, which is three times as
// large, because there are thousands.
type frame struct {
	end int   // in buf
	at  int64 // when it was acknowledged, in ns of Unix
}

// add appends the frames in b, the last of which ends where b does.
func (w *window) add(b []byte, ends []int) {
	if w.max == 0 {
		return
	}
	base := len(w.buf)
	w.buf = append(w.buf, b...)
	for _, e := range ends {
		w.sent = append(w.sent, frame{end: base + e})
	}
}

// commit keeps what was added as sent now, and of all not much more than max bytes.
func (w *window) commit(now time.Time) {
	for i := w.frames; i < len(w.sent); i++ {
		w.sent[i].at = now.UnixNano()
	}
	// Moving the rest to the front only at twice the size costs each byte one copy.
	if len(w.buf) > 2*w.max {
		w.trim()
	}
	w.bytes, w.frames = len(w.buf), len(w.sent)
}

// rollback forgets what was added since the last commit.
func (w *window) rollback() { w.buf, w.sent = w.buf[:w.bytes], w.sent[:w.frames] }

// last returns the newest frames that fit max, which are good until the next call.
func (w *window) last() ([]byte, []frame) {
	w.trim()
	return w.buf, w.sent
}

// repeat says that all frames are sent again, and reports whether some were before.
func (w *window) repeat() (before bool) {
	before, w.again = w.again > 0, len(w.sent)
	return before
}

// renew says that all frames were sent now.
func (w *window) renew(now time.Time) {
	for i := range w.sent {
		w.sent[i].at = now.UnixNano()
	}
}

// expire forgets what was sent longer than age before the connection was lost. A
// clock that was set back forgets nothing.
func (w *window) expire(lost time.Time) {
	if w.age == 0 {
		return
	}
	oldest := lost.Add(-w.age).UnixNano()
	n := slices.IndexFunc(w.sent, func(f frame) bool { return f.at >= oldest })
	if n < 0 {
		n = len(w.sent)
	}
	w.drop(n)
}

func (w *window) trim() {
	over, cut, n := len(w.buf)-w.max, 0, 0
	for cut < over {
		cut = w.sent[n].end
		n++
	}
	w.drop(n)
}

// drop forgets the oldest n frames.
func (w *window) drop(n int) {
	if n == 0 {
		return
	}
	cut := w.sent[n-1].end
	w.buf = w.buf[:copy(w.buf, w.buf[cut:])]
	w.sent = w.sent[:copy(w.sent, w.sent[n:])]
	for i := range w.sent {
		w.sent[i].end -= cut
	}
	w.bytes, w.frames = len(w.buf), len(w.sent)
	w.again = max(0, w.again-n)
}

// keep forgets all frames but those that open tells, in their order.
func (w *window) keep(open func(i int) bool) {
	from, size, n, again := 0, 0, 0, 0
	for i, f := range w.sent {
		if open(i) {
			size += copy(w.buf[size:], w.buf[from:f.end])
			w.sent[n] = frame{end: size, at: f.at}
			n++
			if i < w.again {
				again++
			}
		}
		from = f.end
	}
	w.buf, w.sent, w.again = w.buf[:size], w.sent[:n], again
	w.bytes, w.frames = size, n
}
