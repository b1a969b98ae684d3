// Package raw renders an event as the text that it was read as: its source text
// where that was kept (event.original), else its message, and nothing of ours. It is
// for receivers that read a log's own form themselves, and for archives of it.
//
// Bytes stand as they are, but for line ends inside a line: whoever can write one into
// a log would write a line of their own. These are \n and \r. An event that was made
// of several lines is as many lines again.
package raw

import (
	"strings"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Encoder renders events as their text. It implements plugin.Encoder.
type Encoder struct {
	cut bool // the last event was shortened by AppendMax
}

// New returns an encoder.
func New() *Encoder { return &Encoder{} }

// Append implements plugin.Encoder; it never fails.
func (c *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	c.cut = false
	s, lines := Text(e)
	if lines > 1 && strings.Count(s, "\n") == lines-1 {
		return append(dst, s...), nil
	}
	return line(dst, s), nil
}

// more stands where the end of a text is missing.
const more = "…"

// AppendMax is Append with at most limit bytes, without the end of what is longer.
func (c *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	from := len(dst)
	dst, _ = c.Append(dst, e)
	if c.cut = len(dst)-from > limit; !c.cut {
		return dst, nil
	}
	at := from + max(0, limit-len(more))
	for at > from && !utf8.RuneStart(dst[at]) {
		at--
	}
	dst = dst[:at]
	if len(dst)-from+len(more) <= limit {
		dst = append(dst, more...)
	}
	return dst, nil
}

// Shortened reports whether the last event of AppendMax was longer than its limit.
func (c *Encoder) Shortened() bool { return c.cut }

// Text returns the text of an event, and of how many lines it was read. An alert
// repeats the fields of the event that it is about, and has a message of its own.
func Text(e *event.Event) (text string, lines int) {
	if e.Raw != "" && e.Get(schema.EventKind).Str() != "alert" {
		return e.Raw, int(e.Records)
	}
	if m := e.Get(schema.Message).Str(); m != "" {
		return m, 1
	}
	if a := e.Get(schema.EventAction).Str(); a != "" {
		return a, 1
	}
	return "-", 1
}

// line appends a text as one line. The \r at its end is that of a line end of Windows, or
// of a terminal.
func line(dst []byte, s string) []byte {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 { // nearly all, and four times as fast as IndexAny
		return append(dst, s...)
	}
	for {
		i := strings.IndexAny(s, "\r\n")
		if i < 0 || i == len(s)-1 && s[i] == '\r' {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), '\\', letter(s[i]))
		s = s[i+1:]
	}
}

func letter(c byte) byte {
	if c == '\n' {
		return 'n'
	}
	return 'r'
}
