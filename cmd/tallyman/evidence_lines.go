package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	ours "tallyman/transforms/decode/tallyman"
)

// lines reads events as JSON lines.
type lines struct {
	add           func(*event.Event) error
	at            func(done int64) // may be nil
	dec           plugin.Decoder
	batch         event.Batch
	events, wrong uint64
	first         error
}

func newLines(add func(*event.Event) error) *lines {
	return &lines{add: add, dec: ours.Plugin.Decoder(plugin.Env{Meter: &meter.Registry{}})}
}

// maxLine is how long an event may be.
const maxLine = 16 << 20

// counted counts what is read of a stream.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// read takes a stream that may be compressed, which its first bytes tell.
func (l *lines) read(ctx context.Context, r io.Reader) error {
	raw := &counted{Reader: r}
	head := bufio.NewReaderSize(raw, 64<<10)
	magic, _ := head.Peek(4) // a short stream is not compressed
	plain := io.Reader(head)
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		z, err := gzip.NewReader(head)
		if err != nil {
			l.refuse(fmt.Errorf("the stream cannot be read: %w", err))
			return nil
		}
		plain = z
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(head, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		plain = z
	}
	s := bufio.NewScanner(plain)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	for s.Scan() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := l.line(s.Text()); err != nil {
			return err
		}
		if l.at != nil {
			l.at(raw.n)
		}
	}
	if err := s.Err(); err != nil {
		// What came before it is in the report, which says so.
		l.refuse(fmt.Errorf("the stream ends early: %w", err))
	}
	return nil
}

func (l *lines) line(text string) error {
	if text == "" {
		return nil
	}
	l.batch.Reset()
	if err := l.dec.Decode(event.Event{Raw: text, Records: 1}, &l.batch); err != nil {
		l.refuse(err)
		return nil
	}
	for i := range l.batch.Events {
		l.events++
		if err := l.add(&l.batch.Events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) refuse(err error) {
	if l.wrong++; l.first == nil {
		l.first = err
	}
}

func (l *lines) notes() []string {
	if l.wrong == 0 {
		return []string{}
	}
	return []string{inertString(fmt.Sprintf("%s could not be read as an event and is in no figure; the first: %v.", many(l.wrong, "line"), l.first))}
}

// partly says that there were lines that are no events.
func (l *lines) partly() error {
	if l.wrong == 0 {
		return nil
	}
	return &exit{exitCheck, fmt.Errorf("%s could not be read as an event, of which the first: %w (JSON lines of the format json are read)", many(l.wrong, "line"), l.first)}
}
