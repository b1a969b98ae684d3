package syslog

// A window keeps the frames that were sent last, because syslog never says what
// the receiver has: its host acknowledges what the receiver may never read. They
// are sent again after a connection was lost. What a batch that failed has added
// is taken back, since the engine sends that batch again.
type window struct {
	max    int    // bytes kept; 0 keeps nothing
	buf    []byte // whole frames
	ends   []int  // where each frame ends in buf
	bytes  int    // of buf that belong to batches that were sent
	frames int    // of ends, likewise
}

// add appends the frames in b, the last of which ends where b does.
func (w *window) add(b []byte, ends []int) {
	if w.max == 0 {
		return
	}
	base := len(w.buf)
	w.buf = append(w.buf, b...)
	for _, e := range ends {
		w.ends = append(w.ends, base+e)
	}
}

// commit keeps what was added, and of all no more than max bytes.
func (w *window) commit() {
	// Moving the rest to the front only at twice the size costs each byte one copy.
	if len(w.buf) > 2*w.max {
		w.trim()
	}
	w.bytes, w.frames = len(w.buf), len(w.ends)
}

// rollback forgets what was added since the last commit.
func (w *window) rollback() { w.buf, w.ends = w.buf[:w.bytes], w.ends[:w.frames] }

// last returns the newest frames that fit max, and how many they are.
func (w *window) last() (b []byte, frames int) {
	w.trim()
	w.bytes, w.frames = len(w.buf), len(w.ends)
	return w.buf, w.frames
}

func (w *window) trim() {
	over, cut, n := len(w.buf)-w.max, 0, 0
	for cut < over {
		cut = w.ends[n]
		n++
	}
	w.buf = w.buf[:copy(w.buf, w.buf[cut:])]
	kept := w.ends[:copy(w.ends, w.ends[n:])]
	for i := range kept {
		kept[i] -= cut
	}
	w.ends = kept
}
