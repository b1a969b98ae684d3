package auditd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
)

// chunk is how much is read at once, in bytes.
const chunk = 64 << 10

var errBinary = errors.New("auditd sends binary records (set format = string in plugins.d/af_unix.conf, and reload auditd)")

// stream is an input over something that is read once and cannot be read again:
// it has no position. What it gave is durable after one commit of the journal.
type stream struct {
	dial  func(context.Context) (source, error)
	ends  bool // the end of the source is the end of the input
	lines *tail.Lines
	now   func() time.Time

	src   source
	buf   []byte
	rest  string // read and not yet cut into lines
	first bool   // nothing was read of this source yet

	parts *meter.Counter // records that the end of a connection cut
}

func newStream(env plugin.Env, lines *tail.Lines, ends bool, dial func(context.Context) (source, error)) *stream {
	return &stream{lines: lines, now: env.Now, ends: ends, dial: dial,
		parts: env.Meter.Counter("tallyman_input_partial_records_total", "Records that the end of a connection cut; their start is kept.",
			meter.Label{Name: "input", Value: env.Name})}
}

// source is a connection, or standard input.
type source interface {
	Read(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
	Close() error
}

// Open implements plugin.Input. The source is opened by Read.
func (s *stream) Open(context.Context, []byte) error { return nil }

// Read implements plugin.Input.
func (s *stream) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if s.rest != "" {
		s.rest = s.lines.Cut(b, s.rest, s.now())
		if len(b.Events) > 0 {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return s.leave(b, err)
	}
	if s.src == nil {
		src, err := s.dial(ctx)
		if err != nil {
			return err
		}
		s.src, s.first = src, true
	}
	// A stop sets the deadline to the past and so ends a read under way. Sources
	// without deadlines (a file as standard input) do not wait either.
	deadline := s.src.SetReadDeadline(time.Now().Add(max(wait, time.Millisecond)))
	stop := context.AfterFunc(ctx, func() { _ = s.src.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if deadline != nil && !errors.Is(deadline, os.ErrNoDeadline) {
		return s.lost(b, deadline)
	}
	return s.read(ctx, b)
}

// leave hands on, once the context is done, what was read ahead: nothing else has
// it.
func (s *stream) leave(b *event.Batch, stop error) error {
	p, ok := s.src.(*pump)
	if !ok {
		return stop
	}
	p.stop()
	for len(b.Events) == 0 {
		n, _, _ := p.take(s.chunk()) // how a source that is left ended is of no interest
		if n == 0 {
			s.cut(b)
			return stop
		}
		s.rest = s.lines.Cut(b, string(s.buf[:n]), s.now())
	}
	return nil
}

// chunk is where a source is read to.
func (s *stream) chunk() []byte {
	if s.buf == nil {
		s.buf = make([]byte, chunk)
	}
	return s.buf
}

// read reads one chunk.
func (s *stream) read(ctx context.Context, b *event.Batch) error {
	n, err := s.src.Read(s.chunk())
	if n > 0 {
		if s.first && binaryHead(s.buf[:n]) {
			return s.lost(b, errBinary)
		}
		s.first = false
		s.rest = s.lines.Cut(b, string(s.buf[:n]), s.now())
	}
	switch {
	case err == nil || n > 0: // an error comes again with the next read
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		if stop := ctx.Err(); stop != nil {
			return s.leave(b, stop)
		}
		return nil
	case errors.Is(err, io.EOF) && s.ends:
		s.lines.End(b, s.now())
		return io.EOF
	}
	return s.lost(b, err)
}

// binaryHead reports whether a connection begins with the header of a binary
// record: two 32-bit numbers, the version 0 or 1 and the header's length, 16.
func binaryHead(p []byte) bool {
	return len(p) >= 8 && binary.NativeEndian.Uint32(p) <= 1 && binary.NativeEndian.Uint32(p[4:]) == 16
}

// lost ends a connection. Its end is not the end of the input, so io.EOF does not
// show in the error.
func (s *stream) lost(b *event.Batch, err error) error {
	s.cut(b)
	if errors.Is(err, io.EOF) {
		err = errors.New("auditd closed it")
	}
	err = errors.Join(err, s.src.Close())
	s.src = nil
	return plugin.Retry(fmt.Errorf("the connection to auditd ended: %w", err))
}

// cut makes what stands there unfinished a record of its own, so that it is never
// joined to what the next connection gives; it says that it was cut.
func (s *stream) cut(b *event.Batch) {
	if s.lines.Pending() == 0 {
		return
	}
	n := len(b.Events)
	s.lines.End(b, s.now())
	s.parts.Inc()
	for i := range b.Events[n:] {
		e := &b.Events[n+i]
		if !e.Get(schema.Tags).IsZero() {
			continue // it was longer than the limit, and says so
		}
		e.Fields.AddString(schema.Tags, tail.TagTruncated)
		e.Fields.AddString(schema.ErrorMessage, "the connection ended within this record")
	}
}

// CannotWait implements plugin.Pressing: auditd's dispatcher throws away what
// its plugins do not take.
func (s *stream) CannotWait() bool { return true }

// Close implements plugin.Input.
func (s *stream) Close() error {
	if s.src == nil {
		return nil
	}
	err := s.src.Close()
	s.src = nil
	return err
}

// ahead lets a live input read its source ahead of the lane; a source without
// deadlines (a file as standard input) does not run away.
func ahead(dial func(context.Context) (source, error), limit int, once bool) func(context.Context) (source, error) {
	if once {
		return dial
	}
	return func(ctx context.Context) (source, error) {
		src, err := dial(ctx)
		if err != nil || src.SetReadDeadline(time.Time{}) != nil {
			return src, err
		}
		return newPump(src, limit), nil
	}
}

// dial connects to auditd's af_unix plugin.
func dial(ctx context.Context, path string) (source, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w (is auditd running, with active = yes in plugins.d/af_unix.conf?)", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w (the mode of the socket is in plugins.d/af_unix.conf)", err)
	case err != nil:
		return nil, err
	}
	return c.(source), nil
}

// openStdin makes standard input readable with a deadline where it is a pipe or
// a socket.
func openStdin(context.Context) (source, error) {
	info, err := os.Stdin.Stat()
	if err != nil {
		return nil, plugin.Permanent(fmt.Errorf("standard input: %w", err))
	}
	// Another descriptor of it: the input is closed at a reload and opened anew,
	// and number 0 must be nobody else's meanwhile.
	fd, err := unix.FcntlInt(os.Stdin.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, plugin.Permanent(fmt.Errorf("standard input: %w", err))
	}
	return os.NewFile(uintptr(fd), "standard input"), nil
}
