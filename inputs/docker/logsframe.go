package docker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// What a container prints comes in one of two forms (Engine API, ContainerAttach,
// "Stream format"):
//
//	without a TTY   frames: STREAM 0 0 0 LENGTH (32 bits, big endian), then LENGTH
//	                bytes, STREAM 1 for stdout, 2 for stderr, 3 for an error of the engine
//	with one        lines, all of stdout
//
// and begins, because times are asked for, with TIME and a blank. A frame is what
// the engine read at once: a line with its end, or, of a longer one, a piece of
// 16 KiB at least without. Pieces of one line have one time. Of the driver local, and so
// of all whose copy the engine keeps, the last piece has no line end either.
const (
	frameHead = 8
	maxFrame  = 4 << 20
	pieceSize = 16 << 10
	streams   = 2
)

var (
	errFrame  = errors.New("a frame of the engine's stream is none")
	errEngine = errors.New("the engine ended it")
)

// piece is what was read at once.
type piece struct {
	stream int    // 0 stdout, 1 stderr
	stamp  string // the time as it stands, "" for none
	nano   int64  // the same
	text   []byte // without a line end; good until the next read
	last   bool   // the line ends with it
}

// frames reads pieces.
type frames struct {
	in  *bufio.Reader
	tty bool
	buf []byte

	left  []byte // of a terminal: what came after a line that lacks its end
	ended bool   // of a terminal: nothing more comes, so that what lacks an end is a line
}

func newFrames(r io.Reader, tty bool) *frames {
	return &frames{in: bufio.NewReaderSize(r, 32<<10), tty: tty}
}

// ready reports whether a whole piece is there, so that next does not wait.
func (f *frames) ready() bool {
	have, _ := f.in.Peek(f.in.Buffered()) // what is buffered can be peeked at
	switch {
	case f.tty:
		return len(f.left) > 0 || bytes.IndexByte(have, '\n') >= 0
	case len(have) < frameHead:
		return false
	}
	return uint64(len(have)) >= frameHead+uint64(binary.BigEndian.Uint32(have[4:]))
}

// next returns the next piece. An error is io.EOF at the end of the stream,
// between two pieces.
func (f *frames) next() (piece, error) {
	if f.tty {
		return f.line()
	}
	var head [frameHead]byte
	if _, err := io.ReadFull(f.in, head[:]); err != nil {
		return piece{}, err
	}
	n := binary.BigEndian.Uint32(head[4:])
	if head[0] > 3 || head[1] != 0 || head[2] != 0 || head[3] != 0 || n > maxFrame {
		return piece{}, errFrame
	}
	if cap(f.buf) < int(n) {
		f.buf = make([]byte, max(int(n), pieceSize+64))
	}
	f.buf = f.buf[:n]
	if _, err := io.ReadFull(f.in, f.buf); err != nil {
		return piece{}, io.ErrUnexpectedEOF
	}
	if head[0] == 3 {
		return piece{}, fmt.Errorf("%w: %s", errEngine, strings.TrimSpace(string(f.buf)))
	}
	p := piece{stream: max(int(head[0]), 1) - 1, text: f.buf}
	if k := len(p.text); k > 0 && p.text[k-1] == '\n' {
		p.text, p.last = p.text[:k-1], true
	}
	p.cutStamp()
	return p, nil
}

// line reads a line of a terminal. The pieces of a long one stand in it one after
// the other, each with the time before it.
func (f *frames) line() (piece, error) {
	f.buf = append(f.buf[:0], f.left...)
	for len(f.left) == 0 {
		part, err := f.in.ReadSlice('\n')
		f.buf = append(f.buf, part...)
		if err == nil {
			break
		}
		if errors.Is(err, io.EOF) && f.ended && len(f.buf) > 0 {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return piece{}, err // what was begun is read again
		}
		if len(f.buf) > maxFrame {
			break // it goes on as a line of its own
		}
	}
	f.left = f.left[:0]
	p := piece{text: f.buf, last: true}
	for _, end := range []byte("\n\r") {
		if k := len(p.text); k > 0 && p.text[k-1] == end {
			p.text = p.text[:k-1]
		}
	}
	p.cutStamp()
	if from := p.join(); from > 0 {
		f.left = append(f.left, p.split(from)...)
	}
	return p, nil
}

// cutStamp takes the time off the text.
func (p *piece) cutStamp() {
	if stamp, nano, n := stampOf(p.text); n > 0 {
		p.stamp, p.nano, p.text = stamp, nano, p.text[n:]
	}
}

// stampOf returns the time that a text begins with, and how long it is with its
// blank; 0 for none.
func stampOf(text []byte) (stamp string, nano int64, n int) {
	at := bytes.IndexByte(text[:min(len(text), 40)], ' ')
	if at < len("2006-01-02T15:04:05Z") {
		return "", 0, 0
	}
	stamp = string(text[:at])
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || t.Year() < 1970 || t.Year() > 2260 {
		return "", 0, 0
	}
	return stamp, t.UnixNano(), at + 1
}

// join takes out the times between the pieces of a line, and returns where the
// last piece begins, 0 where there is but one.
func (p *piece) join() (from int) {
	mark := p.stamp + " "
	if p.stamp == "" {
		return 0
	}
	for at := pieceSize; at+len(mark) <= len(p.text) && string(p.text[at:at+len(mark)]) == mark; at += pieceSize {
		p.text = append(p.text[:at], p.text[at+len(mark):]...)
		from = at
	}
	return from
}

// split ends a line of pieces where its last piece, of which the engine left the
// line end out, is followed by the time of another line, and returns that one. The
// terminal's own \r still stands between the two.
func (p *piece) split(from int) (next []byte) {
	for at := from; ; at++ {
		n := bytes.IndexByte(p.text[at:], '\r')
		if n < 0 {
			return nil
		}
		at += n
		if _, nano, k := stampOf(p.text[at+1:]); k > 0 && nano > p.nano {
			next = p.text[at+1:]
			p.text = p.text[:at]
			return next
		}
	}
}
