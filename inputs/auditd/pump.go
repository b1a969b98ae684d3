package auditd

import (
	"errors"
	"os"
	"sync"
	"time"
)

// pump reads a source ahead of the lane, as auditd asks of its plugins: what it
// does not get rid of holds up its queue, and then the host. A pump that is full
// reads no more, so that it loses nothing itself. It is a source.
type pump struct {
	src  source
	wake chan struct{} // of one element: something changed for Read
	done chan struct{}

	mu       sync.Mutex // guards what follows
	room     *sync.Cond // there is room again, or over
	limit    int        // bytes that are held at most, but for one chunk
	held     int
	chunks   [][]byte // oldest first
	err      error    // of the source, after its last byte
	over     bool     // nothing more is read
	deadline time.Time
}

// newPump reads src ahead, limit bytes at most.
func newPump(src source, limit int) *pump {
	p := &pump{src: src, limit: limit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	p.room = sync.NewCond(&p.mu)
	go p.fill()
	return p
}

// fill is the goroutine of a pump.
func (p *pump) fill() {
	defer close(p.done)
	buf := make([]byte, chunk)
	for p.wanted() {
		n, err := p.src.Read(buf)
		if p.keep(buf[:n], err) {
			return
		}
	}
	// What the kernel holds of the source goes with the descriptor: it is read to
	// its end, as long as it comes at once.
	for read := 0; read < lastBytes; {
		if p.src.SetReadDeadline(time.Now().Add(lastWait)) != nil {
			return
		}
		n, err := p.src.Read(buf)
		read += n
		if p.keep(buf[:n], nil); err != nil {
			p.keep(nil, err)
			return
		}
	}
}

const (
	lastWait  = 20 * time.Millisecond // how long a source that is left may take to give what it has
	lastBytes = 16 << 20              // what it may give then: its writer may not know that it is left
)

// keep takes what was read, and reports whether that was all.
func (p *pump) keep(b []byte, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(b) > 0 {
		p.chunks = append(p.chunks, append(make([]byte, 0, len(b)), b...))
		p.held += len(b)
	}
	if p.over && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil // of stop
	} else {
		p.err = err
	}
	p.signal()
	return err != nil
}

// wanted waits for room; false says that nothing more is to be read.
func (p *pump) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held >= p.limit && !p.over {
		p.room.Wait()
	}
	return !p.over
}

func (p *pump) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Read implements source. The error of the source comes after its last byte.
func (p *pump) Read(b []byte) (int, error) {
	for {
		n, until, err := p.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		left := time.Until(until)
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		select {
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take is a Read that does not wait, and until when one would.
func (p *pump) take(b []byte) (int, time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.chunks) == 0 {
		return 0, p.deadline, p.err
	}
	n := copy(b, p.chunks[0])
	if p.chunks[0] = p.chunks[0][n:]; len(p.chunks[0]) == 0 {
		p.chunks[0] = nil
		p.chunks = p.chunks[1:]
	}
	p.held -= n
	p.room.Signal()
	return n, p.deadline, nil
}

// SetReadDeadline implements source.
func (p *pump) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	p.deadline = t
	p.mu.Unlock()
	p.signal()
	return nil
}

// stop reads no more of the source; what was read is still there. It may be
// called again.
func (p *pump) stop() {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.room.Broadcast()
	_ = p.src.SetReadDeadline(time.Unix(1, 0)) // a source of a pump has deadlines
	<-p.done
}

// Close implements source.
func (p *pump) Close() error {
	p.stop()
	return p.src.Close()
}
