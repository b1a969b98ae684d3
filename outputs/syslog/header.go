package syslog

import (
	"os"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// The facilities of RFC 5424 section 6.2.1 that are used.
const (
	authpriv = 10
	local0   = 16
)

// message renders an event as one RFC 5424 message: header, structured data
// and a payload.
type message struct {
	payload plugin.Encoder // nil: the event's message
	data    bool           // structured data is wanted
	pid     string
}

func newMessage(payload plugin.Encoder, data bool) *message {
	return &message{payload: payload, data: data, pid: strconv.Itoa(os.Getpid())}
}

// Append implements plugin.Encoder.
func (m *message) Append(dst []byte, e *event.Event) ([]byte, error) {
	out := m.head(dst, e)
	out = append(out, ' ')
	if m.data {
		out = structured(out, e)
	} else {
		out = append(out, '-')
	}
	out = append(out, ' ')
	if m.payload == nil {
		text := e.Get(schema.Message).Str()
		if text == "" {
			text = e.Raw
		}
		return append(out, text...), nil
	}
	full, err := m.payload.Append(out, e)
	if err != nil {
		return dst, err
	}
	return full, nil
}

// head appends PRI to MSGID (section 6.2).
func (m *message) head(dst []byte, e *event.Event) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(facility(e.Dataset)*8+severity(e)), 10)
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

// facility is authpriv for what concerns identity, local0 for the rest.
func facility(dataset string) int {
	if strings.HasPrefix(dataset, "auditd") || strings.HasPrefix(dataset, "identity") {
		return authpriv
	}
	return local0
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
func structured(dst []byte, e *event.Event) []byte {
	dst = append(dst, "[tallyman@32473"...)
	if !e.ID.IsZero() {
		dst = append(dst, ` id="`...)
		dst = append(e.ID.Append(dst), '"')
	}
	dst = param(dst, "dataset", e.Dataset)
	dst = param(dst, "action", e.Get(schema.EventAction).Str())
	dst = param(dst, "outcome", e.Get(schema.EventOutcome).Str())
	dst = param(dst, "container", e.Get(schema.ContainerID).Str())
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
	value = strings.ToValidUTF8(value, "\uFFFD")
	for i := range len(value) {
		if c := value[i]; c == '"' || c == '\\' || c == ']' {
			dst = append(dst, '\\')
		}
		dst = append(dst, value[i])
	}
	return append(dst, '"')
}

// newEncoder returns what renders the messages.
func newEncoder(*Settings, plugin.Env) (plugin.Encoder, error) { return newMessage(nil, true), nil }
