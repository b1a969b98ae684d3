package main

import (
	"bufio"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"tallyman/outputs/format"
	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
)

// errEnough ends a walk when as many events are written as were asked for.
var errEnough = errors.New("enough")

// decoded hands the events of frames on, one by one.
type decoded struct {
	dec   *codec.Decoder
	batch event.Batch
}

func newDecoded() *decoded { return &decoded{dec: codec.NewDecoder()} }

// events returns the events of a frame, which live until the next call.
func (d *decoded) events(f *journal.Seen) ([]event.Event, error) {
	d.batch.Reset()
	if len(f.Payload) == 0 {
		return nil, nil
	}
	err := d.dec.Decode(f.Payload, &d.batch)
	return d.batch.Events, err
}

// writer writes events, each on a line of its own and, but for those that are
// safe as they are, with what would act on a terminal made visible.
type writer struct {
	w     *bufio.Writer
	enc   plugin.Encoder
	safe  bool
	now   bool // each event is seen at once: somebody watches
	limit uint64
	n     uint64 // written
	bar   *progress
	raw   []byte
	line  []byte
}

// newWriter writes to w in a format; limit 0 is none.
func newWriter(cmd *cobra.Command, w io.Writer, as string, limit uint64, bar *progress) (*writer, error) {
	enc, err := format.New(&format.Settings{Format: as, Color: colour(cmd, w)}, plugin.Env{})
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return &writer{w: bufio.NewWriterSize(w, 64<<10), enc: enc, safe: as == format.JSON || as == format.Text,
		now: terminal(w), limit: limit, bar: bar}, nil
}

// event writes one event; errEnough says that it was the last.
func (w *writer) event(e *event.Event) error {
	var err error
	if w.raw, err = w.enc.Append(w.raw[:0], e); err != nil {
		return err
	}
	line := w.raw
	if !w.safe {
		w.line = inert(w.line[:0], w.raw)
		line = w.line
	}
	if w.now {
		w.bar.clear()
	}
	if _, err = w.w.Write(line); err == nil {
		err = w.w.WriteByte('\n')
	}
	if err == nil && w.now {
		err = w.w.Flush()
	}
	if err != nil {
		return err
	}
	if w.n++; w.n == w.limit {
		return errEnough
	}
	return nil
}

// end flushes and gives the errors of a walk their meaning.
func (w *writer) end(err error) error {
	w.bar.clear()
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, w.w.Flush())
}
