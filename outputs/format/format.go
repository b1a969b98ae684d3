// Package format chooses what an output writes: it holds the settings that every
// output with a choice of formats has, and builds the encoder they ask for. It
// knows which formats there are; what they look like is known below it.
package format

import (
	"fmt"
	"time"

	"tallyman/outputs/format/cef"
	"tallyman/outputs/format/json"
	"tallyman/outputs/format/leef"
	"tallyman/outputs/format/ocsf"
	"tallyman/outputs/format/raw"
	"tallyman/outputs/format/rfc3164"
	"tallyman/outputs/format/rfc5424"
	"tallyman/outputs/format/splunk"
	"tallyman/outputs/format/text"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// The words of `format`.
const (
	JSON    = "json"
	Splunk  = "splunk"
	OCSF    = "ocsf"
	CEF     = "cef"
	LEEF    = "leef"
	RFC5424 = "rfc5424"
	RFC3164 = "rfc3164"
	Text    = "text"
	Raw     = "raw"
)

// Words returns every word of `format`, in the order of the reference.
func Words() []string { return []string{JSON, Splunk, OCSF, CEF, LEEF, RFC5424, RFC3164, Text, Raw} }

// New returns a fresh encoder, whose lines have no line end inside, but for raw where
// an event was read as several; each goroutine needs its own.
func New(s *Settings, env plugin.Env) (plugin.Encoder, error) {
	if s.Format == RFC5424 || s.Format == RFC3164 {
		return NewMessage(s, Message{}, env) // what the message says is selected there
	}
	sel, problems := selectionOf(s.OnlyFields, s.WithoutFields)
	if problems.Bad() {
		return nil, problems
	}
	if s.Format == JSON {
		return ofJSON(s, sel), nil
	}
	c, err := whole(s)
	if sel == nil || err != nil || s.Format == Raw { // which has no fields
		return c, err
	}
	return &selected{bounded: c, s: sel, shared: map[place]event.Fields{}}, nil
}

// ofJSON returns the encoder of JSON, which does by itself what selected does for others.
func ofJSON(s *Settings, sel selection) plugin.Encoder {
	c := json.New(s.Shape == "dotted")
	if sel != nil {
		c = json.NewPart(s.Shape == "dotted", sel.choice, sel.takes)
	}
	if s.JSON != nil && s.JSON.MaxBytes > 0 {
		return limited{c, int(s.JSON.MaxBytes)}
	}
	return c
}

// whole returns an encoder of all that an event holds, for formats that are neither JSON
// nor messages.
func whole(s *Settings) (bounded, error) {
	switch s.Format {
	case Splunk:
		most := 0
		if s.JSON != nil {
			most = int(s.JSON.MaxBytes)
		}
		return splunk.New(most), nil
	case OCSF:
		var o ocsf.Options
		if s.OCSF != nil {
			o.MaxBytes = int(s.OCSF.MaxBytes)
		}
		return ocsf.New(o), nil
	case CEF:
		c := or(s.CEF)
		return cef.New(cef.Options{Vendor: c.Vendor, Product: c.Product, Version: c.Version, IPv6InSrc: c.IPv6InSrc, MaxBytes: int(c.MaxBytes)}), nil
	case LEEF:
		c := or(s.LEEF)
		o := leef.Options{Vendor: c.Vendor, Product: c.Product, Version: c.Version, MaxBytes: int(c.MaxBytes)}
		if c.Delimiter != "" && c.Delimiter != "tab" {
			o.Delimiter = c.Delimiter[0]
		}
		return leef.New(o), nil
	case Text:
		return text.New(s.Color), nil
	case Raw:
		return raw.New(), nil
	}
	return nil, fmt.Errorf("format: there is no format %q", s.Format)
}

// or returns what p points to, the zero value where it is absent.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Message says what an output that sends messages of syslog wants of them.
type Message struct {
	Facility int    // 1 to 23; 0: by what the event is of
	DataID   string // the SD-ID of structured data; rfc5424.DefaultID where it is empty
	MaxBytes int    // of a message; 0 for no limit
}

// Messages is the encoder of messages of syslog.
type Messages interface {
	plugin.Encoder
	// Shortened reports whether the last message had to give something up to keep
	// within its limit.
	Shortened() bool
}

// NewMessage returns an encoder of messages of syslog: in the format rfc3164 of
// that form, in all others of RFC 5424. A format that is none of the two is what
// the message says.
func NewMessage(s *Settings, m Message, env plugin.Env) (Messages, error) {
	old, fresh := or(s.RFC3164), or(s.RFC5424)
	body := s.Format
	switch s.Format {
	case RFC3164:
		body = old.Body
	case RFC5424:
		body = fresh.Body
	}
	var payload plugin.Encoder
	if body != "" && body != Text && body != Raw || s.Format == Text {
		inner := *s
		inner.Format = body
		var err error
		if payload, err = New(&inner, env); err != nil {
			return nil, err
		}
	}
	if s.Format == RFC3164 {
		o := rfc3164.Options{Payload: payload, Source: body == Raw, Facility: m.Facility, MaxBytes: least(m.MaxBytes, int(old.MaxBytes))}
		if old.MaxBytes == 0 {
			o.MaxBytes = least(m.MaxBytes, rfc3164.DefaultMaxBytes)
		}
		if old.TimeZone != "" {
			var err error
			if o.Zone, err = time.LoadLocation(old.TimeZone); err != nil {
				return nil, plugin.Problems{{Key: "rfc3164.time_zone", Text: err.Error(), Hint: zoneHint}}
			}
		}
		return rfc3164.New(o), nil
	}
	data := body != CEF && body != LEEF // structured data would say twice what those say
	if s.Format == RFC5424 && fresh.StructuredData != "" {
		data = fresh.StructuredData == "full"
	}
	return rfc5424.New(rfc5424.Options{Payload: payload, Source: body == Raw, Data: data, ID: m.DataID, Facility: m.Facility, MaxBytes: least(m.MaxBytes, int(fresh.MaxBytes))}), nil
}

// least returns the smaller of two limits; 0 is none.
func least(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// limited is a format that keeps within a limit.
type limited struct {
	*json.Encoder
	max int
}

func (l limited) Append(dst []byte, e *event.Event) ([]byte, error) {
	return l.AppendMax(dst, e, l.max)
}

// AppendMax implements rfc5424.Bounded.
func (l limited) AppendMax(dst []byte, e *event.Event, limit int) ([]byte, error) {
	return l.Encoder.AppendMax(dst, e, min(limit, l.max))
}
