package auditd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// stream is an input over something that is read once and cannot be read again:
// it has no position. What it gave is durable after one commit of the journal.
type stream struct {
	dial   func(context.Context) (source, error)
	ends   bool // the end of the source is the end of the input
	max    int
	decode string
	shared event.Fields
	now    func() time.Time
	cut    *meter.Counter

	src    source
	buf    []byte // what was read; the part before have is kept for the next read
	have   int
	skip   bool  // the rest of a cut line comes
	offset int64 // of buf[0] in what this process has read
}

// Open implements plugin.Input. The source is opened by Read.
func (s *stream) Open(context.Context, []byte) error { return nil }

// Read implements plugin.Input.
func (s *stream) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.src == nil {
		src, err := s.dial(ctx)
		if err != nil {
			return err
		}
		s.src = src
	}
	// A stop sets the deadline to the past and so ends a read under way. Sources
	// without deadlines (a file as standard input) do not wait either.
	deadline := s.src.SetReadDeadline(time.Now().Add(wait))
	stop := context.AfterFunc(ctx, func() { _ = s.src.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if deadline != nil && !errors.Is(deadline, os.ErrNoDeadline) {
		return s.lost(b, deadline)
	}
	if len(s.buf)-s.have < chunk/2 {
		s.buf = append(s.buf[:s.have], make([]byte, chunk)...)
	}
	n, err := s.src.Read(s.buf[s.have:])
	s.have += n
	s.lines(b)
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return ctx.Err()
	case errors.Is(err, io.EOF) && s.ends:
		s.rest(b)
		return io.EOF
	}
	return s.lost(b, err)
}

// chunk is how much is read at once, in bytes.
const chunk = 64 << 10

// lost ends a connection: what stands there unfinished is a record of its own,
// so that it is never joined to what the next connection gives.
func (s *stream) lost(b *event.Batch, err error) error {
	s.rest(b)
	err = errors.Join(err, s.src.Close())
	s.src, s.skip = nil, false
	return plugin.Retry(fmt.Errorf("the connection to auditd ended: %w", err))
}

// lines adds the whole lines of the buffer and moves what is left to its start.
func (s *stream) lines(b *event.Batch) {
	end := bytes.LastIndexByte(s.buf[:s.have], '\n') + 1
	if end == 0 {
		if s.skip || s.have > s.max {
			s.long(b)
		}
		return
	}
	text := string(s.buf[:end])
	at := s.offset
	for text != "" {
		line := text[:strings.IndexByte(text, '\n')]
		s.add(b, line, at)
		at += int64(len(line)) + 1
		text = text[len(line)+1:]
	}
	s.take(end)
}

func (s *stream) take(n int) {
	s.have = copy(s.buf, s.buf[n:s.have])
	s.offset += int64(n)
}

// long hands out the start of a line that has no end yet and is too long.
func (s *stream) long(b *event.Batch) {
	if !s.skip {
		s.add(b, string(s.buf[:s.have]), s.offset)
	}
	s.take(s.have)
	s.skip = true
}

func (s *stream) add(b *event.Batch, line string, at int64) {
	if s.skip {
		s.skip = false
		return
	}
	if line == "" {
		return
	}
	e := event.Event{Decode: s.decode, Records: 1, Offset: at, Seen: s.now().UTC(), Shared: s.shared, Raw: line}
	if len(line) > s.max {
		s.cut.Inc()
		e.Raw = line[:s.max]
		e.Fields = b.Take(nil, 4)
		e.Fields.Add(schema.Tags, event.String("tallyman.line_cut"))
	}
	b.Add(e)
}

// rest adds what stands unfinished.
func (s *stream) rest(b *event.Batch) {
	s.add(b, string(s.buf[:s.have]), s.offset)
	s.take(s.have)
}

// Close implements plugin.Input.
func (s *stream) Close() error {
	if s.src == nil {
		return nil
	}
	err := s.src.Close()
	s.src = nil
	return err
}

// dial connects to auditd's af_unix plugin.
func dial(ctx context.Context, path string) (source, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, plugin.Retry(fmt.Errorf("%w; is auditd running, with its af_unix plugin active?", err))
	case errors.Is(err, fs.ErrPermission):
		return nil, plugin.Retry(fmt.Errorf("%w; the mode of the socket is in /etc/audit/plugins.d/af_unix.conf", err))
	case err != nil:
		return nil, plugin.Retry(err)
	}
	return c.(source), nil
}

// openStdin makes standard input readable with a deadline where it is a pipe.
func openStdin(context.Context) (source, error) {
	if err := syscall.SetNonblock(0, true); err != nil {
		return nil, plugin.Permanent(fmt.Errorf("standard input: %w", err))
	}
	return os.NewFile(0, "standard input"), nil
}
