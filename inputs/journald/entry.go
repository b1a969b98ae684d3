package journald

import (
	"bytes"
	"encoding/binary"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// tagTruncated marks an entry of which fields were left out.
const tagTruncated = "tallyman_truncated"

const (
	// maxName is the longest name of a field (journald allows 64 bytes).
	maxName = 64

	// maxValue is the longest value that is walked over (journald keeps 768 MiB).
	maxValue = 1 << 30
)

// entry is one entry in the export format, without the empty line that ends it.
// What is not in that format is kept as it is, up to the next empty line.
type entry struct {
	text string
	size int64 // bytes that it took, with what ended it
	lost int64 // bytes of fields that were left out
}

// cutter cuts a stream of bytes into entries. A field whose value is binary may
// hold empty lines, so that the fields have to be walked over.
type cutter struct {
	max  int
	text []byte // of the entry so far
	size int64
	lost int64

	line []byte // the line so far
	long bool   // the line is longer than may be kept: its rest is skipped
	left uint64 // bytes of a binary value that are still to come, with its line end
	head []byte // the length of a binary value, while it comes
	in   state
}

type state uint8

const (
	inLine state = iota
	inLength
	inValue
	inJunk // as inLine, but nothing is expected of the lines
)

// reset forgets what is gathered.
func (c *cutter) reset() {
	*c = cutter{max: c.max, text: c.text[:0], line: c.line[:0], head: c.head[:0]}
}

// next takes bytes until an entry is complete, and returns how many it took. It
// returns a nil entry when it took all of them.
func (c *cutter) next(p []byte) (*entry, int) {
	taken := 0
	for taken < len(p) {
		n, done := c.step(p[taken:])
		taken += n
		c.size += int64(n)
		if done {
			e := &entry{text: string(c.text), size: c.size, lost: c.lost}
			c.reset()
			return e, taken
		}
	}
	return nil, taken
}

// step takes a part of one field.
func (c *cutter) step(p []byte) (n int, done bool) {
	switch c.in {
	case inLength:
		n = min(8-len(c.head), len(p))
		if c.head = append(c.head, p[:n]...); len(c.head) == 8 {
			c.keepField(binary.LittleEndian.Uint64(c.head))
		}
		return n, false
	case inValue:
		return c.value(p), false
	}
	i := bytes.IndexByte(p, '\n')
	if n = i + 1; i < 0 {
		n = len(p)
	}
	c.take(p[:n])
	return n, i >= 0 && c.endLine()
}

// value takes a part of a binary value, whose last byte is a line end.
func (c *cutter) value(p []byte) int {
	n := int(min(c.left, uint64(len(p))))
	if c.left -= uint64(n); c.long {
		c.lost += int64(n)
	} else {
		c.text = append(c.text, p[:n]...)
	}
	if c.left == 0 {
		c.in, c.long, c.line = inLine, false, c.line[:0]
		if p[n-1] != '\n' {
			c.in = inJunk
		}
	}
	return n
}

// take adds to a line; what is beyond the limit is counted.
func (c *cutter) take(p []byte) {
	room := c.max - len(c.text) - len(c.line)
	if c.long || len(p) > room {
		c.long = true
		c.lost += int64(len(p))
		if len(c.line) <= maxName { // enough to see whether it is a field
			p = p[:min(len(p), maxName+1)]
			c.lost -= int64(len(p))
			c.line = append(c.line, p...)
		}
		return
	}
	c.line = append(c.line, p...)
}

// endLine ends a line: an empty one ends the entry, one without "=" is the name of
// a binary value.
func (c *cutter) endLine() (done bool) {
	line := bytes.TrimSuffix(c.line, []byte("\n"))
	if len(line) == 0 && !c.long {
		c.line = c.line[:0]
		return len(c.text) > 0 || c.lost > 0 // else it stands between entries
	}
	name, _, text := bytes.Cut(line, []byte("="))
	switch {
	case c.in == inJunk:
	case !isName(string(name)) || c.long && !text:
		c.in = inJunk
	case !text:
		c.in, c.head = inLength, c.head[:0]
		return false
	}
	if c.long {
		c.lost += int64(len(c.line))
	} else {
		c.text = append(c.text, c.line...)
	}
	c.line, c.long = c.line[:0], false
	return false
}

// keepField begins a binary value of a length: it has room, or is left out, or
// its length cannot be true.
func (c *cutter) keepField(size uint64) {
	switch {
	case size > maxValue:
		c.text = append(append(c.text, c.line...), c.head...)
		c.in, c.line = inJunk, c.line[:0]
		return
	case size+uint64(len(c.text)+len(c.line))+16 > uint64(c.max):
		c.long = true
		c.lost += int64(len(c.line)) + 8
	default:
		c.text = append(append(c.text, c.line...), c.head...)
	}
	c.left, c.in = size+1, inValue
}

// pending reports whether an entry was begun.
func (c *cutter) pending() bool { return c.size > 0 && len(c.text)+len(c.line)+len(c.head) > 0 }

// rest returns what was begun as it is: its stream has ended.
func (c *cutter) rest() *entry {
	if !c.pending() {
		return nil
	}
	text := append([]byte(nil), c.text...)
	text = append(text, c.line...)
	e := &entry{text: string(text), size: c.size, lost: c.lost}
	c.reset()
	return e
}

func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && c-'A' > 25 && c-'0' > 9 {
			return false
		}
	}
	return true
}

// value returns a field of an entry that is plain text and stands near its
// beginning, as those of journald itself do.
func value(text, name string) string {
	for range 16 {
		line, rest, ok := strings.Cut(text, "\n")
		if v, is := strings.CutPrefix(line, name+"="); is {
			return v
		}
		if !ok || !strings.Contains(line, "=") {
			return ""
		}
		text = rest
	}
	return ""
}

// mark says that a record is not whole.
func mark(e *event.Event, why string) {
	e.Fields.AddString(schema.Tags, tagTruncated)
	e.Fields.AddString(schema.ErrorMessage, why)
}
