package auditd

import "sync"

// ringChunk is how many bytes of lines are handed over at once.
const ringChunk = 64 << 10

// ring holds the lines between the goroutine that reads the kernel's socket and
// the lane. It takes what fits within its limit and drops what does not: whoever
// writes to it never waits.
type ring struct {
	wake chan struct{} // of one element: there is something to take

	mu     sync.Mutex // guards what follows
	limit  int        // bytes of lines that are held at most
	held   int        // bytes of lines in chunks
	chunks [][]byte   // oldest first
	spare  []byte
	lost   uint64 // records that were dropped since the last take
	drops  uint64 // datagrams that the socket had no room for
	blind  bool   // the socket dropped some and does not say how many
	ended  bool
	err    error // why it ended
}

func newRing(limit int) *ring {
	return &ring{limit: limit, wake: make(chan struct{}, 1)}
}

// put adds a record and reports whether there was room.
func (r *ring) put(head string, text []byte) bool {
	r.mu.Lock()
	n := len(head) + len(text) + 1
	if r.held+n > r.limit {
		r.lost++
		r.mu.Unlock()
		return false
	}
	last := len(r.chunks) - 1
	if last < 0 || len(r.chunks[last])+n > cap(r.chunks[last]) {
		c := r.spare
		r.spare = nil
		if cap(c) < n {
			c = make([]byte, 0, max(ringChunk, n))
		}
		r.chunks = append(r.chunks, c[:0])
		last++
	}
	before := len(r.chunks[last])
	r.chunks[last] = appendLine(r.chunks[last], head, text)
	r.held += len(r.chunks[last]) - before
	r.mu.Unlock()
	r.signal()
	return true
}

func (r *ring) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// dropped notes that the socket had no room for n datagrams, 0 where that is not
// known.
func (r *ring) dropped(n uint64) {
	r.mu.Lock()
	r.drops += n
	r.blind = r.blind || n == 0
	r.mu.Unlock()
	r.signal()
}

// end says that nothing more is put: the first error counts.
func (r *ring) end(err error) {
	r.mu.Lock()
	if !r.ended {
		r.ended, r.err = true, err
	}
	r.mu.Unlock()
	r.signal()
}

// taken is what a take gave.
type taken struct {
	lines       string // whole lines, the oldest; "" for none
	lost, drops uint64
	blind       bool
	ended       bool // and there are no lines left
	err         error
}

// take returns the oldest lines and what was lost since the last call.
func (r *ring) take() taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := taken{lost: r.lost, drops: r.drops, blind: r.blind}
	r.lost, r.drops, r.blind = 0, 0, false
	if len(r.chunks) > 0 {
		c := r.chunks[0]
		t.lines = string(c)
		r.held -= len(c)
		copy(r.chunks, r.chunks[1:])
		r.chunks[len(r.chunks)-1] = nil
		r.chunks = r.chunks[:len(r.chunks)-1]
		if cap(c) == ringChunk {
			r.spare = c
		}
	}
	if len(r.chunks) == 0 {
		t.ended, t.err = r.ended, r.err
	} else {
		r.signal()
	}
	return t
}
