// Package file is the output that appends events to a file, each as one line. It
// knows how a file is kept whole: what is done about a write that stops in the
// middle, a crash, a full disk and a file that is moved away. It knows nothing of
// what is in a line, which is the format's.
//
// At every moment between two writes the file holds whole lines only. What a
// write that failed has left is taken back; what a crash has left is taken back
// when the file is opened again.
package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the file output.
var Plugin = plugin.NewOutput("file", "Appends each event to a file as one line.", Default, New)

// handle is what is done with an open file; *os.File is one.
type handle interface {
	Write(b []byte) (int, error)
	ReadAt(b []byte, at int64) (int, error)
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	Sync() error
	Close() error
}

// output is one file. All its methods are called from one goroutine.
type output struct {
	path string
	mode fs.FileMode
	sync bool
	lead byte // the first byte of every line that the format writes; 0 for a digit
	enc  plugin.Encoder
	log  *slog.Logger
	open func(path string, mode fs.FileMode) (file handle, fresh bool, err error)

	file handle      // nil when there is none open
	info fs.FileInfo // of file when it was opened
	buf  []byte      // the lines of one batch
	ends []int       // per event, where its line ends in buf

	opened, torn *meter.Counter
}

// keep is how large a buffer is kept for the next batch.
const keep = 8 << 20

// New builds the output. It opens nothing, but a path that is there and is no
// file is refused.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	o, err := build(c, env)
	if err != nil {
		return nil, err // not o: a nil pointer in an interface is no nil
	}
	return o, nil
}

func build(c *Settings, env plugin.Env) (*output, error) {
	enc, err := format.New(&c.Settings, env)
	if err != nil {
		return nil, err
	}
	mode, err := c.mode()
	if err != nil {
		return nil, fmt.Errorf("file: mode %q: %w", c.Mode, err)
	}
	path := c.path(env.Dir)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, plugin.Problems{{Pos: c.Path.Pos, Width: len(c.Path.Value),
			Text: fmt.Sprintf("path %s is %s", path, kind(info.Mode())), Hint: "name a regular file; use the stdout output to write into a pipe"}}
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	label := meter.Label{Name: "output", Value: env.Name}
	return &output{
		path: path, mode: mode, sync: c.Sync, lead: leads[c.Format], enc: enc, log: log, open: open,
		opened: env.Meter.Counter("tallyman_file_opened_total", "Times the file was opened: at the first event, after it was moved away, after an error.", label),
		torn:   env.Meter.Counter("tallyman_file_torn_total", "Unfinished lines that a crash had left at the end of the file.", label),
	}, nil
}

// Confirms implements plugin.Output: what is on stable storage is delivered.
func (o *output) Confirms() bool { return o.sync }

// Close implements plugin.Output.
func (o *output) Close() error {
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	o.file = nil
	if err != nil {
		return fmt.Errorf("file: close %s: %w", o.path, err)
	}
	return nil
}

// Probe implements plugin.Prober; it leaves everything as it is.
func (o *output) Probe(context.Context) error {
	if err := o.try(); err != nil {
		return plugin.Retry(fmt.Errorf("file: open %s: %w", o.path, explain(err)))
	}
	return nil
}

// Send implements plugin.Output. When only the first of the lines found room,
// they stay and are delivered, and the rest is to be sent again.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.ready(); err != nil {
		return err
	}
	failed := o.render(events)
	if len(o.buf) == 0 {
		return plugin.Partial(failed)
	}
	info, err := o.file.Stat()
	if err != nil {
		return o.giveUp("stat", err)
	}
	start := info.Size()
	n, werr := o.file.Write(o.buf)
	whole := n
	if werr != nil {
		if whole, err = o.takeBack(start, n); err != nil {
			return o.giveUp("append to", errors.Join(werr, err))
		}
		if whole == 0 {
			return plugin.Retry(fmt.Errorf("file: append to %s: %w", o.path, explain(werr)))
		}
	}
	if err := o.persist(start); err != nil {
		return err
	}
	if werr != nil {
		failed = o.rest(failed, whole, fmt.Errorf("file: append to %s: %w", o.path, explain(werr)))
	}
	return plugin.Partial(failed)
}

// render puts the lines of events into o.buf and where they end into o.ends.
func (o *output) render(events []event.Event) (failed []plugin.Failure) {
	if cap(o.buf) > keep {
		o.buf = nil
	}
	o.buf, o.ends = o.buf[:0], o.ends[:0]
	for i := range events {
		var err error
		if o.buf, err = o.enc.Append(o.buf, &events[i]); err != nil {
			err = plugin.Permanent(fmt.Errorf("file: render event %s: %w", events[i].ID, err))
			failed = append(failed, plugin.Failure{Index: i, Err: err})
		} else {
			o.buf = append(o.buf, '\n')
		}
		o.ends = append(o.ends, len(o.buf))
	}
	return failed
}

// takeBack removes the line that a write of n bytes from start on has not
// finished, and returns how many bytes of whole lines remain of the batch.
func (o *output) takeBack(start int64, n int) (whole int, err error) {
	for _, end := range o.ends {
		if end <= n {
			whole = end
		}
	}
	info, err := o.file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() != start+int64(n) {
		return 0, errors.New("somebody else changed the file meanwhile")
	}
	if whole == n {
		return whole, nil
	}
	return whole, o.file.Truncate(start + int64(whole))
}

// persist brings what was written to stable storage. After a failure the kernel
// may believe that it is there, so it is taken back and written again through
// another descriptor.
func (o *output) persist(start int64) error {
	if !o.sync {
		return nil
	}
	if err := o.file.Sync(); err != nil {
		return o.giveUp("sync", errors.Join(err, o.file.Truncate(start)))
	}
	return nil
}

// rest adds a failure for every event whose line is not among the first whole
// bytes, in order.
func (o *output) rest(failed []plugin.Failure, whole int, err error) []plugin.Failure {
	var list []plugin.Failure
	for i, end := range o.ends {
		switch {
		case len(failed) > 0 && failed[0].Index == i:
			list, failed = append(list, failed[0]), failed[1:]
		case end > whole:
			list = append(list, plugin.Failure{Index: i, Err: plugin.Retry(err)})
		}
	}
	return list
}

// giveUp closes the file, so that the next attempt opens and mends it.
func (o *output) giveUp(op string, err error) error {
	_ = o.file.Close() // the error that counts is err
	o.file = nil
	return plugin.Retry(fmt.Errorf("file: %s %s: %w", op, o.path, explain(err)))
}
