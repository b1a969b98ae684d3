package docker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// maxLine is the longest event that is taken.
	maxLine = 4 << 20

	// maxKept is how many bytes of events wait for the lane at most.
	maxKept = 16 << 20
)

var (
	errTooLong = errors.New("an event is longer than 4MiB")
	errTooMuch = errors.New("events came faster than they were taken; what is missing is asked for again")
	errHungUp  = errors.New("the engine closed it")
)

// stream is a connection that is read ahead of the lane.
type stream struct {
	body io.Closer
	stop context.CancelFunc
	work sync.WaitGroup
	wake chan struct{}

	mu    sync.Mutex // guards what follows
	lines []string
	bytes int
	end   error // why nothing more comes
}

// newStream reads body until it ends or the stream is closed; stop ends a read
// under way.
func newStream(body io.ReadCloser, stop context.CancelFunc) *stream {
	s := &stream{body: body, stop: stop, wake: make(chan struct{}, 1)}
	s.work.Go(func() { s.fail(s.pump(body)) })
	return s
}

// pump keeps lines until an error.
func (s *stream) pump(body io.Reader) error {
	in := bufio.NewReaderSize(body, 64<<10)
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(long)+len(part) > maxLine {
			return errTooLong
		}
		switch {
		case err == nil && len(long) == 0:
			if err := s.keep(string(part[:len(part)-1])); err != nil {
				return err
			}
		case err == nil:
			long = append(long, part...)
			if err := s.keep(string(long[:len(long)-1])); err != nil {
				return err
			}
			long = nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
		default:
			return err // what is not whole is told again
		}
	}
}

func (s *stream) keep(line string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(line) > maxKept {
		return errTooMuch
	}
	s.lines = append(s.lines, line)
	s.bytes += len(line)
	s.signal()
	return nil
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = err
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns up to n lines, waiting for the first; with none it returns why
// nothing more comes, nil when time or ctx ran out or when other says that there
// is something else to take.
func (s *stream) take(ctx context.Context, n int, wait time.Duration, other <-chan struct{}) ([]string, error) {
	if lines, end := s.ready(n); len(lines) > 0 || end != nil {
		return lines, end
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
		case <-other:
			return nil, nil
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if lines, end := s.ready(n); len(lines) > 0 || end != nil {
			return lines, end
		}
	}
}

func (s *stream) ready(n int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return nil, s.end
	}
	n = min(n, len(s.lines))
	lines := append([]string(nil), s.lines[:n]...)
	for _, l := range lines {
		s.bytes -= len(l)
	}
	clear(s.lines[:n])
	if s.lines = s.lines[n:]; len(s.lines) == 0 {
		s.lines = nil
	}
	return lines, nil
}

// close hangs up and waits for the reader.
func (s *stream) close() {
	s.stop()
	_ = s.body.Close() // the connection is given up
	s.work.Wait()
}

// isEnd reports whether a stream ended as it should.
func isEnd(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) }

// unEnd keeps io.EOF, which would be the end of the input, out of an error.
func unEnd(err error) error {
	if isEnd(err) {
		return errHungUp
	}
	return err
}
