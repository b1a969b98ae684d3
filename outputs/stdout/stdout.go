// Package stdout is the output that writes events to the standard output, each
// as one line: for looking on, and for pipes. It knows whether a terminal looks;
// it knows nothing of what is in a line, which is the format's.
package stdout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// Plugin is the stdout output.
var Plugin = plugin.NewOutput("stdout", "Writes each event to the standard output as one line.", Default, New)

// Settings are the keys of a stdout output.
type Settings struct {
	format.Settings `yaml:",inline"`
}

// Default returns the settings with their defaults.
func Default() Settings { return Settings{format.Settings{Format: format.Text}} }

// output writes to one stream. All its methods are called from one goroutine.
type output struct {
	enc plugin.Encoder
	to  io.WriteCloser
	buf []byte

	// ready waits until to takes at least piece bytes without blocking, or ctx is
	// done.
	ready func(ctx context.Context) error
	piece int // how many bytes are written at once

	cut bool // the last write ended inside a line
}

const (
	chunk = 64 << 10 // how many bytes of lines are gathered
	piece = 4 << 10  // how many are written at once: what a pipe that is ready takes (PIPE_BUF)
)

// New builds the output. Text gets colours when a terminal looks and the
// environment has no NO_COLOR (no-color.org).
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	to, err := duplicate(os.Stdout)
	if err != nil {
		return nil, fmt.Errorf("stdout: %w", err)
	}
	s := c.Settings
	s.Color = os.Getenv("NO_COLOR") == "" && terminal(to)
	enc, err := format.New(&s, env)
	if err != nil {
		return nil, errors.Join(err, to.Close())
	}
	o := &output{enc: enc, to: to, piece: piece, ready: func(ctx context.Context) error { return writable(ctx, to) }}
	if neverStands(to) {
		o.piece = 2 * chunk
	}
	return o, nil
}

// neverStands reports whether nobody reads at the other end who could stand
// still: f is a file, or the null device.
func neverStands(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return info.Mode().IsRegular() || err == nil && os.SameFile(info, null)
}

// duplicate returns a second descriptor of f. The runtime ends the process when
// a write to descriptor 1 meets a pipe that nobody reads; through another number
// the write returns an error, and everything else goes on.
func duplicate(f *os.File) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// Confirms implements plugin.Output: what the reader's end of the stream took is
// delivered.
func (o *output) Confirms() bool { return true }

// Close implements plugin.Output.
func (o *output) Close() error {
	if err := o.to.Close(); err != nil {
		return fmt.Errorf("stdout: close: %w", err)
	}
	return nil
}

// Send implements plugin.Output. After an error the lines that were written come
// again; the one that was cut is ended first.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	o.buf = o.buf[:0]
	if o.cut {
		o.buf = append(o.buf, '\n')
	}
	var failed []plugin.Failure
	for i := range events {
		var err error
		if o.buf, err = o.enc.Append(o.buf, &events[i]); err != nil {
			err = fmt.Errorf("stdout: render event %s: %w", events[i].ID, err)
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(err)})
			continue
		}
		if o.buf = append(o.buf, '\n'); len(o.buf) < chunk {
			continue
		}
		if err := o.flush(ctx); err != nil {
			return err
		}
	}
	if err := o.flush(ctx); err != nil {
		return err
	}
	return plugin.Partial(failed)
}

// flush writes what is gathered, in pieces: a reader that stands still must not
// hold up the end of the program.
func (o *output) flush(ctx context.Context) error {
	rest := o.buf
	o.buf = o.buf[:0]
	for len(rest) > 0 {
		if err := o.ready(ctx); err != nil {
			return err
		}
		n, err := o.to.Write(rest[:min(len(rest), o.piece)])
		if n > 0 {
			o.cut = rest[n-1] != '\n'
		}
		rest = rest[n:]
		if errors.Is(err, syscall.EPIPE) {
			return plugin.Retry(fmt.Errorf("stdout: whoever read the standard output has gone; the events wait in the journal: %w", err))
		}
		if err != nil {
			return plugin.Retry(fmt.Errorf("stdout: write: %w", err))
		}
	}
	return nil
}

// writable waits until f takes piece bytes without blocking. The descriptor is
// shared with whoever started us, so it is not made non-blocking.
func writable(ctx context.Context, f *os.File) error {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch n, err := unix.Poll(fds, patience); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return plugin.Retry(fmt.Errorf("stdout: poll: %w", err))
		case n > 0:
			return nil // a reader that has gone makes it ready too: the write says so
		}
	}
}

// patience is how many milliseconds pass until the context is looked at again.
const patience = 100
