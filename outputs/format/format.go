// Package format chooses what an output writes: it holds the settings that every
// output with a choice of formats has, and builds the encoder they ask for. It
// knows which formats there are; what they look like is known below it.
package format

import (
	"fmt"

	"tallyman/outputs/format/cef"
	"tallyman/outputs/format/json"
	"tallyman/outputs/format/rfc5424"
	"tallyman/outputs/format/text"
	"tallyman/pipeline/plugin"
)

// The words of `format`.
const (
	JSON    = "json"
	CEF     = "cef"
	RFC5424 = "rfc5424"
	Text    = "text"
)

// Settings are the keys of a choice of formats, to be inlined into the settings
// of an output (`yaml:",inline"`). The output's defaults set Format.
type Settings struct {
	Format string       `yaml:"format" doc:"What an event is written as: json (Elastic Common Schema, one object), cef (Common Event Format), rfc5424 (a syslog message with the event's message), or text (a line for people, which leaves most fields out)." enum:"json,cef,rfc5424,text"`
	Shape  string       `yaml:"shape" doc:"How json names fields: nested objects (where it is not set), or dotted names in one object." enum:"nested,dotted"`
	CEF    *CEFSettings `yaml:"cef" doc:"What may be chosen of format cef."`

	// Color asks text for the colours of a terminal. It is no key: an output that
	// knows that it writes to a terminal sets it.
	Color bool `yaml:"-"`
}

// CEFSettings are the keys of format cef.
type CEFSettings struct {
	Version   int         `yaml:"version" doc:"The version of CEF in the header: 0, or 1 for receivers that ask for it."`
	Vendor    string      `yaml:"vendor" doc:"The device vendor in the header, at most 63 characters. Tallyman where it is not set."`
	Product   string      `yaml:"product" doc:"The device product in the header, at most 63 characters. tallyman where it is not set."`
	IPv6InSrc bool        `yaml:"ipv6_in_src" doc:"Puts IPv6 addresses into src and dst, for receivers that accept it, and not into c6a2 and c6a3."`
	MaxBytes  plugin.Size `yaml:"max_bytes" doc:"The most bytes of one event, 32KiB where it is not set. A longer one loses the end of its command line and message first, then keys from the end, and says so with TallymanTruncated=true."`
}

// leastCEF is the least max_bytes of CEF: less would not hold a header.
const leastCEF = 512

// Check returns what a type cannot say; an output calls it from its own Check.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	if s.Shape != "" && s.Format != JSON {
		p = append(p, plugin.Problem{Key: "shape", Text: "shape is for format json, and format is " + s.Format, Hint: "remove shape", Warn: true})
	}
	c := s.CEF
	if c == nil {
		return p
	}
	if s.Format != CEF {
		p = append(p, plugin.Problem{Key: "cef", Text: "cef is for format cef, and format is " + s.Format, Hint: "remove cef", Warn: true})
	}
	if c.Version != 0 && c.Version != 1 {
		p = append(p, plugin.Problem{Key: "cef.version", Text: fmt.Sprintf("cef.version is %d, and there are 0 and 1", c.Version)})
	}
	if c.MaxBytes != 0 && c.MaxBytes < leastCEF {
		p = append(p, plugin.Problem{Key: "cef.max_bytes", Text: fmt.Sprintf("cef.max_bytes is %d, and an event needs %d", c.MaxBytes, leastCEF)})
	}
	return p
}

// New returns a fresh encoder, whose lines have no line end inside; each
// goroutine needs its own.
func New(s *Settings, _ plugin.Env) (plugin.Encoder, error) {
	switch s.Format {
	case JSON:
		return json.New(s.Shape == "dotted"), nil
	case CEF:
		var c CEFSettings
		if s.CEF != nil {
			c = *s.CEF
		}
		return cef.New(cef.Options{Vendor: c.Vendor, Product: c.Product, Version: c.Version, IPv6InSrc: c.IPv6InSrc, MaxBytes: int(c.MaxBytes)}), nil
	case RFC5424:
		return rfc5424.New(rfc5424.Options{Data: true}), nil
	case Text:
		return text.New(s.Color), nil
	}
	return nil, fmt.Errorf("format: there is no format %q", s.Format)
}
