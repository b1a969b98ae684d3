package weblisten

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// window is how much of a body that streams is held at once, in bytes; a record
	// that is longer makes it grow, up to max_body.
	window = 1 << 20
	// mostOfCut is how many records, or JSON texts, a Cutter gives at once.
	mostOfCut = 8192
	// mostRatio is how many bytes one packed byte may become. Logs become some 10 to
	// 100; a bomb in gzip 1000, one in zstd far more.
	mostRatio = 256
	// ratioFrom is how many bytes have to be unpacked before the ratio counts: the
	// beginning of a body says little of it, and is bounded anyway.
	ratioFrom = 16 << 20
)

// Streamer is a Handler that takes some bodies apart while they come, however
// long they are: each part is accepted before the next is read.
type Streamer interface {
	Handler

	// Stream returns what takes the body of a request apart, nil where it has to be
	// whole. A body that is no longer than a window goes to Take all the same.
	Stream(r *http.Request) (Cutter, error)

	// MaxStream is how long a body that streams may be, in bytes after unpacking.
	MaxStream() int64
}

// Cutter takes one body apart that comes in windows.
type Cutter interface {
	// Cut takes records off the front of text, and returns how many of its bytes
	// are done with: 0 says that nothing in it is whole yet. What is left comes
	// again with more behind it, unless last says that nothing follows. The groups
	// beside an error are what stood before it, and are taken.
	Cut(text string, last bool) (groups []Group, done int, err error)
}

// partial is an error midway through a body.
type partial struct {
	n   int // records before it that are on stable storage
	err error
}

func (p *partial) Error() string {
	return p.err.Error() + "; the first " + strconv.Itoa(p.n) + " records of the body were accepted"
}

func (p *partial) Unwrap() error { return p.err }

// stream is a body that is read window by window.
type stream struct {
	l    *Server
	w    http.ResponseWriter
	r    *http.Request
	src  io.Reader // unpacked
	cut  Cutter
	most int64
	keys keyed

	came   *counted // what came over the network
	packed bool
	text   string // read and not done with
	read   int64  // bytes after unpacking
	ended  bool
	held   int64 // of the buffer
	n      int   // records that were accepted
}

// stream takes a body apart while it comes. It returns how many records are on
// stable storage, also beside an error.
func (l *Server) stream(w http.ResponseWriter, r *http.Request, h Streamer, cut Cutter) (n int, err error) {
	s := &stream{l: l, w: w, r: r, cut: cut, most: h.MaxStream(), keys: keyOf(r)}
	defer func() { l.held.Add(-s.held) }()
	free, err := s.open()
	if err != nil {
		return 0, err
	}
	defer free()
	if err := s.fill(window); err != nil {
		return 0, err
	}
	if _, _, err := l.unnested(s.text, 0); err != nil {
		return 0, err
	}
	if s.ended && int64(len(s.text)) <= int64(l.s.MaxBody) {
		return l.whole(w, r, s.text, s.held)
	}
	done := make(chan struct{})
	defer close(done)
	go s.interrupt(done)
	if err = s.run(); err != nil && s.n > 0 {
		err = &partial{s.n, err}
	}
	return s.n, err
}

// interrupt ends what waits for the network when the server is closed.
func (s *stream) interrupt(done <-chan struct{}) {
	select {
	case <-s.l.closing:
		_ = http.NewResponseController(s.w).SetReadDeadline(time.Unix(1, 0)) // the connection is closed soon anyway
	case <-done:
	}
}

// run hands on what is whole, and reads on.
func (s *stream) run() error {
	size := int64(window)
	for {
		most := min(len(s.text), int(s.l.s.MaxBody)) // no record is longer
		groups, done, err := s.cut.Cut(s.text[:most], s.ended && most == len(s.text))
		s.text = s.text[done:]
		if failed := s.give(groups); failed != nil {
			return failed
		}
		switch {
		case err != nil:
			return err
		case done > 0:
			size = window
			continue
		case int64(len(s.text)) > int64(s.l.s.MaxBody):
			return s.l.tooLarge()
		case s.ended:
			return nil
		case int64(len(s.text)) >= size: // doubled, so that it is not looked through too often
			size = min(2*size, int64(s.l.s.MaxBody)+1)
		}
		if err := s.next(size); err != nil {
			return err
		}
	}
}

// next reads the next window, whose time begins now.
func (s *stream) next(size int64) error {
	c, now := http.NewResponseController(s.w), time.Now()
	wait := s.l.s.RequestTime
	if err := errors.Join(c.SetReadDeadline(now.Add(wait)), c.SetWriteDeadline(now.Add(wait+s.l.s.AcceptTime+s.l.s.HeaderTime))); err != nil {
		return err
	}
	if s.l.stopping() {
		return stopped()
	}
	return s.fill(size)
}

// give hands groups to the lane and waits until they are accepted.
func (s *stream) give(groups []Group) error {
	n, weight := weigh(groups)
	if n == 0 {
		return nil
	}
	defer s.l.held.Add(-weight)
	if all := s.l.held.Add(weight); all > int64(s.l.s.Buffer) && all != s.held+weight {
		return tooMuch()
	}
	if err := s.l.give(s.w, s.r, groups, n, &s.keys); err != nil {
		return err
	}
	s.n += n
	return nil
}

// fill reads until the text has size bytes, or the body ends.
func (s *stream) fill(size int64) error {
	size = min(size, int64(s.l.s.MaxBody)+1)
	var b strings.Builder
	if s.read > 0 { // it will not be small
		if err := s.grow(&b, int(size)+piece); err != nil {
			return err
		}
	}
	b.WriteString(s.text)
	buf, ok := s.l.bufs.Get().(*[piece]byte)
	if !ok {
		buf = new([piece]byte)
	}
	defer s.l.bufs.Put(buf)
	for int64(b.Len()) < size && !s.ended {
		n, err := s.src.Read(buf[:])
		if b.Cap()-b.Len() < n {
			if err := s.grow(&b, max(n, min(b.Cap(), int(size)))); err != nil {
				return err
			}
		}
		b.Write(buf[:n])
		s.read += int64(n)
		s.ended = errors.Is(err, io.EOF)
		if err := s.bounds(); err != nil {
			return err
		}
		if err != nil && !s.ended {
			if s.l.stopping() {
				return stopped()
			}
			return s.unreadable(err)
		}
	}
	s.text = b.String()
	return nil
}

// grow makes room for n more bytes, as far as the buffer allows.
func (s *stream) grow(b *strings.Builder, n int) error {
	b.Grow(n)
	more := int64(b.Cap()) - s.held
	if more <= 0 {
		return nil
	}
	if s.l.held.Add(more) > int64(s.l.s.Buffer) {
		s.l.held.Add(-more)
		return tooMuch()
	}
	s.held += more
	return nil
}

// bounds refuses what never ends, and what unpacks to far more than it was.
func (s *stream) bounds() error {
	switch {
	case s.read > s.most:
		return s.tooLong()
	case s.packed && s.read > ratioFrom && s.read/mostRatio > s.came.n:
		return Refuse(http.StatusRequestEntityTooLarge, "the body becomes more than "+strconv.Itoa(mostRatio)+" times as large when it is unpacked")
	}
	return nil
}

func (s *stream) tooLong() error {
	return Refuse(http.StatusRequestEntityTooLarge, "the body is larger than max_stream, "+strconv.FormatInt(s.most, 10)+" bytes after it is unpacked")
}

func (s *stream) unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return s.tooLong()
	}
	return s.l.unreadable(err)
}
