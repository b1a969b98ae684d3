// Package rfc3164 renders an event as one syslog message of the old form (RFC 3164
// section 4), for receivers that know no other:
//
//	<PRI>Mmm dd hh:mm:ss HOSTNAME tallyman[pid]: text
//
// It knows the grammar of a message; it knows no framing and no transport. The
// form has no year, no zone and no structured data, and what follows the tag is
// plain text: what it says is written as package rfc5424 writes it, as one line of
// valid UTF-8.
package rfc3164

import (
	"os"
	"strconv"
	"strings"
	"time"

	"tallyman/outputs/format/rfc5424"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// DefaultMaxBytes is what a receiver must take, and all that it must (section
// 4.1).
const DefaultMaxBytes = 1024

// Options are what may be chosen. The zero value of each is its default.
type Options struct {
	Payload  plugin.Encoder // nil: the event's message, else its source text
	Source   bool           // as rfc5424.Options has it
	Facility int            // as rfc5424.Options has it
	MaxBytes int            // of a message, as far as the Payload can keep within a limit; DefaultMaxBytes
	Zone     *time.Location // of the time, which the receiver takes for its own; UTC
}

// Encoder renders events as messages. It implements plugin.Encoder.
type Encoder struct {
	o       Options
	tag     string // with a blank at both ends
	bounded rfc5424.Bounded
	cut     bool
}

// New returns an encoder.
func New(o Options) *Encoder {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	m := &Encoder{o: o, tag: " tallyman[" + strconv.Itoa(os.Getpid()) + "]: "}
	m.bounded, _ = o.Payload.(rfc5424.Bounded)
	return m
}

// Append implements plugin.Encoder.
func (m *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	return m.AppendMax(dst, e, m.o.MaxBytes)
}

// AppendMax is Append with a limit of its own.
func (m *Encoder) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	limit = min(limit, m.o.MaxBytes)
	m.cut = false
	out := dst
	out = append(out, '<')
	out = strconv.AppendInt(out, int64(rfc5424.Priority(e, m.o.Facility)), 10)
	out = append(out, '>')
	at := e.Time
	if at.IsZero() {
		at = e.Seen
	}
	out = at.In(m.o.Zone).AppendFormat(out, time.Stamp)
	out = append(hostname(append(out, ' '), e.Get(schema.HostName).Str()), m.tag...)
	room := limit - (len(out) - len(dst))
	var err error
	switch {
	case m.bounded != nil:
		out, err = m.bounded.AppendMax(out, e, room)
	case m.o.Payload != nil:
		out, err = m.o.Payload.Append(out, e)
	default:
		out, m.cut = rfc5424.AppendText(out, rfc5424.Text(e, m.o.Source), max(0, room))
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Shortened reports whether the last message had to give something up to keep
// within MaxBytes.
func (m *Encoder) Shortened() bool { return m.cut || m.bounded != nil && m.bounded.Shortened() }

// hostname appends a name without its domain, as section 4.1.2 asks for, at most
// 255 bytes of visible ASCII; an address stays whole.
func hostname(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "localhost"...)
	}
	address := strings.Trim(s, "0123456789.") == "" // of IPv4; one of IPv6 has colons
	for i := 0; i < len(s) && i < 255; i++ {
		c := s[i]
		if c == '.' && !address && i > 0 {
			break
		}
		if c <= ' ' || c > '~' {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}
