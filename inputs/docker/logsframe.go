package docker

import (
	"bufio"
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
// 16 KiB without. Pieces of one line have one time.
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
}

func newFrames(r io.Reader, tty bool) *frames {
	return &frames{in: bufio.NewReaderSize(r, 32<<10), tty: tty}
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
	f.buf = f.buf[:0]
	for {
		part, err := f.in.ReadSlice('\n')
		f.buf = append(f.buf, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if len(f.buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return piece{}, err
		}
		if len(f.buf) > maxFrame {
			break // it goes on as a line of its own
		}
	}
	p := piece{text: f.buf, last: true}
	for _, end := range []byte("\n\r") {
		if k := len(p.text); k > 0 && p.text[k-1] == end {
			p.text = p.text[:k-1]
		}
	}
	p.cutStamp()
	p.join()
	return p, nil
}

// cutStamp takes the time off the text.
func (p *piece) cutStamp() {
	at := strings.IndexByte(string(p.text[:min(len(p.text), 40)]), ' ')
	if at < 0 {
		return
	}
	t, err := time.Parse(time.RFC3339Nano, string(p.text[:at]))
	if err != nil || t.Year() < 1970 || t.Year() > 2260 {
		return
	}
	p.stamp, p.nano, p.text = string(p.text[:at]), t.UnixNano(), p.text[at+1:]
}

// join takes out the times between the pieces of a line.
func (p *piece) join() {
	mark := p.stamp + " "
	if p.stamp == "" {
		return
	}
	for at := pieceSize; at+len(mark) <= len(p.text) && string(p.text[at:at+len(mark)]) == mark; at += pieceSize {
		p.text = append(p.text[:at], p.text[at+len(mark):]...)
	}
}
