// Package rfc5424 renders an event as one syslog message: a header, structured
// data and a payload (RFC 5424, SCHEMA.md section 8). It knows the grammar of a
// message; it knows no framing and no transport.
//
// What a message says is valid UTF-8 without control characters, so that it is
// one line and one frame whatever the event holds. A text with a control
// character (C0, DEL, C1) or a byte that is no UTF-8 is written with \xHH for
// each such byte and \\ for each backslash, as SCHEMA.md section 1 rule 6 has it;
// a line end is \x0a. All other texts stand as they are. Which were written that
// way is said by the parameter escaped of the structured data, by their names:
// message for what follows the structured data, else the parameter's.
package rfc5424

import (
	"os"
	"strconv"
	"strings"

	"tallyman/outputs/format/raw"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// The facilities of section 6.2.1 that are used where none is asked for.
const (
	authpriv = 10
	local0   = 16
)

// DefaultID is the SD-ID of the structured data (section 6.3.2); 32473 is the
// number that RFC 5612 sets aside for examples.
const DefaultID = "tallyman@32473"

// Options are what may be chosen.
type Options struct {
	Payload  plugin.Encoder // nil: the event's message, else its source text
	Source   bool           // without a Payload: the source text, else the message
	Data     bool           // structured data is wanted
	ID       string         // its SD-ID; DefaultID where it is empty
	Facility int            // 1 to 23; 0: authpriv for what concerns identity, local0 for the rest
	MaxBytes int            // of a message, as far as the Payload can keep within a limit; 0 for none
}

// Bounded is a payload that can keep within a limit by itself, which is better
// than to be cut.
type Bounded interface {
	// AppendMax is Append with at most limit bytes.
	AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error)
	// Shortened reports whether the last event had to give something up for it.
	Shortened() bool
}

// Encoder renders events as messages. It implements plugin.Encoder.
type Encoder struct {
	o       Options
	open    string // "[" and the SD-ID
	pid     string
	bounded Bounded // nil where the payload is none
	text    string  // of the event at hand: its message
	esc     bool    // text is written escaped
	cut     bool    // the last message was cut
}

// New returns an encoder.
func New(o Options) *Encoder {
	if o.ID == "" {
		o.ID = DefaultID
	}
	m := &Encoder{o: o, open: "[" + o.ID, pid: strconv.Itoa(os.Getpid())}
	if b, ok := o.Payload.(Bounded); ok && o.MaxBytes > 0 {
		m.bounded = b
	}
	return m
}

// Append implements plugin.Encoder.
func (m *Encoder) Append(dst []byte, e *event.Event) ([]byte, error) {
	m.cut, m.text, m.esc = false, "", false
	if m.o.Payload == nil {
		m.text = Text(e, m.o.Source)
		m.esc = dirty(m.text)
	}
	out := append(m.head(dst, e), ' ')
	if m.o.Data {
		out = m.structured(out, e)
	} else {
		out = append(out, '-')
	}
	out = append(out, ' ')
	out, err := m.payload(out, e, len(out)-len(dst))
	if err != nil {
		return dst, err
	}
	m.text = "" // the event's memory is the caller's
	return out, nil
}

// Text returns what a message without a payload says: the event's message, else its
// source text, or with source the other one first.
func Text(e *event.Event, source bool) string {
	if source {
		text, _ := raw.Text(e)
		return text
	}
	if m := e.Get(schema.Message).Str(); m != "" {
		return m
	}
	return e.Raw
}

// payload appends what the message says after used bytes of header.
func (m *Encoder) payload(dst []byte, e *event.Event, used int) ([]byte, error) {
	switch {
	case m.bounded != nil:
		return m.bounded.AppendMax(dst, e, m.o.MaxBytes-used)
	case m.o.Payload != nil:
		return m.o.Payload.Append(dst, e)
	}
	limit := len(m.text) * 4
	if m.o.MaxBytes > 0 {
		limit = m.o.MaxBytes - used
	}
	dst, m.cut = appendText(dst, m.text, m.esc, limit)
	return dst, nil
}

// Shortened reports whether the last message had to give something up to keep
// within MaxBytes.
func (m *Encoder) Shortened() bool { return m.cut || m.bounded != nil && m.bounded.Shortened() }

// head appends PRI to MSGID (section 6.2).
func (m *Encoder) head(dst []byte, e *event.Event) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(Priority(e, m.o.Facility)), 10)
	dst = append(dst, ">1 "...)
	if e.Time.IsZero() {
		dst = append(dst, '-')
	} else {
		dst = e.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	}
	dst = word(append(dst, ' '), e.Get(schema.HostName).Str(), 255)
	dst = append(dst, " tallyman "...)
	dst = append(dst, m.pid...)
	at := len(dst) + 1
	dst = word(append(dst, ' '), e.Dataset, 32)
	for i := at; i < len(dst); i++ {
		if dst[i] == '.' {
			dst[i] = '-'
		}
	}
	return dst
}

// Priority is PRI: of a facility, where it is 0 authpriv for what concerns
// identity and local0 for the rest, and of the event's severity.
func Priority(e *event.Event, facility int) int {
	switch {
	case facility > 0:
	case strings.HasPrefix(e.Dataset, "auditd"), strings.HasPrefix(e.Dataset, "identity"):
		facility = authpriv
	default:
		facility = local0
	}
	return facility*8 + severity(e)
}

// severity maps event.severity, 0 to 10, to the code of section 6.2.1.
func severity(e *event.Event) int {
	switch n, _ := e.Get(schema.EventSeverity).Int64(); {
	case n <= 2:
		return 6
	case n == 3:
		return 5
	case n <= 6:
		return 4
	case n <= 8:
		return 3
	}
	return 2
}

// word appends s as one header field: printable ASCII without blanks, at most
// limit bytes, "-" for nothing. Other bytes become an underscore.
func word(dst []byte, s string, limit int) []byte {
	if s == "" {
		return append(dst, '-')
	}
	for i := 0; i < len(s) && i < limit; i++ {
		c := s[i]
		if c <= ' ' || c > '~' {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

// structured appends the one SD-ELEMENT (section 6.3).
func (m *Encoder) structured(dst []byte, e *event.Event) []byte {
	dst = append(dst, m.open...)
	if !e.ID.IsZero() {
		dst = append(dst, ` id="`...)
		dst = append(e.ID.Append(dst), '"')
	}
	params := [...]struct{ name, value string }{
		{"dataset", e.Dataset}, {"action", e.Get(schema.EventAction).Str()},
		{"outcome", e.Get(schema.EventOutcome).Str()}, {"container", e.Get(schema.ContainerID).Str()},
	}
	mark := ` escaped="`
	for i := range params {
		dst = param(dst, params[i].name, params[i].value)
	}
	for i := range params {
		if dirty(params[i].value) {
			dst, mark = append(append(dst, mark...), params[i].name...), ","
		}
	}
	if m.esc {
		dst, mark = append(append(dst, mark...), "message"...), ","
	}
	if mark == "," {
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// param appends a name and its value, which must be UTF-8 with `"`, `\` and `]`
// escaped (section 6.3.3).
func param(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ' ')
	dst = append(dst, name...)
	dst = append(dst, '=', '"')
	from := len(dst)
	dst, _ = appendText(dst, value, dirty(value), len(value)*4)
	special := 0
	for _, c := range dst[from:] {
		if c == '"' || c == '\\' || c == ']' {
			special++
		}
	}
	if special > 0 {
		dst = guard(dst, from, special)
	}
	return append(dst, '"')
}

// guard puts a backslash before each of the special characters from from on.
func guard(dst []byte, from, special int) []byte {
	read := len(dst) - 1
	for range special {
		dst = append(dst, 0)
	}
	for write := len(dst) - 1; read >= from; read-- {
		dst[write] = dst[read]
		write--
		if c := dst[read]; c == '"' || c == '\\' || c == ']' {
			dst[write] = '\\'
			write--
		}
	}
	return dst
}

// IsName reports whether s is an SD-NAME (section 6.3.2).
func IsName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '=' || c == ']' || c == '"' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}
