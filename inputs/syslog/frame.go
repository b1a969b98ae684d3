package syslog

import (
	"bytes"
	"errors"
	"fmt"
)

// A stream of syslog messages has one of two framings (RFC 6587 section 3.4),
// the same from its first byte to its last:
//
//	octet counting   MSG-LEN SP MSG          "11 <13>a b: hi"
//	trailer          MSG (LF | NUL)          "<13>a b: hi\n"
//
// A stream that begins with a number and a blank counts octets, any other has
// trailers. The trailer is what comes first of the two; the other one, and a CR,
// are trimmed from the ends of its messages.

// mode is the framing of a stream.
type mode uint8

const (
	unknown mode = iota // nothing, or too little, was seen
	octets
	trailer
)

const (
	// mostFrame is the octet count from which a stream is not believed any more,
	// in bytes: what comes is skipped up to this, and the connection goes on.
	mostFrame = 64 << 20

	// countRoom is the most bytes of an octet count with its blank that is not
	// refused at once.
	countRoom = 9

	// looksRoom is how many digits may begin a stream before it is one of lines.
	looksRoom = 64
)

// errFraming says that what a stream brings is no frame; nothing after it can be
// trusted.
var errFraming = errors.New("framing")

// span is one message within a text.
type span struct {
	from, to int
	size     int64  // how long it was, where that is more than is kept; else 0
	note     string // what is wrong with it, "" for nothing
	peer     *peer  // who sent it
}

// framer finds the messages of one stream. It belongs to one goroutine, and
// allocates nothing.
type framer struct {
	max  int  // bytes of a message that are kept
	mode mode // may be set before the first byte

	end     byte  // trailer: what ends the messages of this stream, once hasEnd
	hasEnd  bool  //
	scanned int   // trailer: bytes of the unfinished message that hold no trailer
	over    int64 // trailer: bytes of the unfinished message beyond max, which are gone

	skip int64 // octets: bytes of a frame that are passed over
}

// cut finds the messages in p, which begins where the last call left off, and
// appends them to spans. Of p, what lies between used and keep is the beginning
// of a message that the next call has to be given first; the rest is done with.
// After an error used is where the stream broke.
func (f *framer) cut(p []byte, spans []span) (list []span, used, keep int, err error) {
	for used < len(p) {
		if f.mode == unknown {
			if used, err = f.look(p, used); err != nil || f.mode == unknown {
				return spans, used, len(p), err
			}
		}
		var done bool
		if f.mode == octets {
			spans, used, done, err = f.counted(p, used, spans)
		} else {
			spans, used, keep, done = f.line(p, used, spans)
			if done {
				return spans, used, keep, nil
			}
		}
		if done || err != nil {
			break
		}
	}
	return spans, used, len(p), err
}

// look tells the framing of a stream by its first bytes.
func (f *framer) look(p []byte, at int) (int, error) {
	for at < len(p) && (p[at] == '\n' || p[at] == 0) {
		at++
	}
	i := at
	if i < len(p) && p[i] == '-' {
		i++
	}
	first := i
	for i < len(p) && i-first < looksRoom && p[i] >= '0' && p[i] <= '9' {
		i++
	}
	switch {
	case i == len(p):
		return at, nil // not enough to tell
	case i == first || p[i] != ' ':
		f.mode = trailer
	case p[at] == '-':
		return at, fmt.Errorf("%w: a negative octet count", errFraming)
	default:
		f.mode = octets
	}
	return at, nil
}

// counted takes one frame of octet counting. Done says that it is not complete.
func (f *framer) counted(p []byte, at int, spans []span) ([]span, int, bool, error) {
	if f.skip > 0 {
		n := min(f.skip, int64(len(p)-at))
		f.skip -= n
		return spans, at + int(n), false, nil
	}
	for p[at] == '\n' || p[at] == '\r' || p[at] == 0 { // some senders end their frames as well
		if at++; at == len(p) {
			return spans, at, true, nil
		}
	}
	n, body, err := count(p, at)
	if err != nil || body == 0 {
		return spans, at, true, err
	}
	kept := min(n, f.max)
	if len(p)-body < kept {
		return spans, at, true, nil
	}
	s := span{from: body, to: body + kept}
	if n > kept {
		s.size, f.skip = int64(n), int64(n-kept)
	}
	return append(spans, s), body + kept, false, nil
}

// count reads the octet count at p[at] and returns where its message begins, 0
// where the count is not complete.
func count(p []byte, at int) (n, body int, err error) {
	for i := at; i < len(p); i++ {
		c := p[i]
		switch {
		case c == ' ' && i > at:
			return n, i + 1, nil
		case c < '0' || c > '9':
			return 0, 0, fmt.Errorf("%w: no octet count where one must be", errFraming)
		case c == '0' && i == at:
			return 0, 0, fmt.Errorf("%w: an octet count that begins with 0", errFraming)
		}
		if n = 10*n + int(c-'0'); n > mostFrame || i-at >= countRoom {
			return 0, 0, fmt.Errorf("%w: an octet count of more than %d", errFraming, mostFrame)
		}
	}
	return 0, 0, nil
}

// line takes one message that ends with a trailer. Done says that it is not
// complete, and keep how much of p is kept of it.
func (f *framer) line(p []byte, at int, spans []span) (list []span, used, keep int, done bool) {
	from := at + f.scanned
	i := f.find(p[from:])
	if i < 0 {
		keep = min(len(p), at+f.max)
		f.over += int64(len(p) - keep)
		f.scanned = keep - at
		return spans, at, keep, true
	}
	i += from
	s := span{from: at, to: min(i, at+f.max)}
	if size := int64(i-at) + f.over; size > int64(f.max) {
		s.size = size
	} else {
		s.from, s.to = trim(p, s.from, s.to)
	}
	f.scanned, f.over = 0, 0
	if s.to > s.from {
		spans = append(spans, s)
	}
	return spans, i + 1, 0, false
}

// find returns where the trailer is.
func (f *framer) find(p []byte) int {
	if f.hasEnd {
		return bytes.IndexByte(p, f.end)
	}
	i := bytes.IndexByte(p, '\n')
	if j := bytes.IndexByte(p[:max(i, 0)], 0); i < 0 {
		i = bytes.IndexByte(p, 0)
	} else if j >= 0 {
		i = j
	}
	if i >= 0 {
		f.hasEnd, f.end = true, p[i]
	}
	return i
}

// trim takes what belongs to the framing from the ends of a message.
func trim(p []byte, from, to int) (int, int) {
	for from < to && (p[from] == 0 || p[from] == '\n') {
		from++
	}
	for from < to && (p[to-1] == '\r' || p[to-1] == 0 || p[to-1] == '\n') {
		to--
	}
	return from, to
}

// rest makes a message of what a stream left unfinished: p is what cut kept of
// it. Clean says that the peer ended the stream, so that a line without its
// trailer is a whole one.
func (f *framer) rest(p []byte, clean bool) (span, bool) {
	s := span{to: len(p)}
	if f.mode == octets {
		if n, body, err := count(p, 0); err == nil && body > 0 {
			s.from, s.size = body, int64(n)
		}
		s.note = "the connection ended within this message"
		return s, s.to > s.from
	}
	if f.over > 0 {
		s.size = int64(len(p)) + f.over
	} else {
		s.from, s.to = trim(p, s.from, s.to)
	}
	if !clean {
		s.note = "the connection ended within this message"
	}
	return s, s.to > s.from
}
