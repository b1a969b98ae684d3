// Package format chooses what an output writes: it holds the settings that every
// output with a choice of formats has, and builds the encoder they ask for. It
// knows which formats there are; what they look like is known below it.
package format

import (
	"fmt"

	"tallyman/outputs/format/json"
	"tallyman/outputs/format/text"
	"tallyman/pipeline/plugin"
)

// The words of `format`.
const (
	JSON = "json"
	Text = "text"
)

// Settings are the keys of a choice of formats, to be inlined into the settings
// of an output (`yaml:",inline"`). The output's defaults set Format.
type Settings struct {
	Format string `yaml:"format" doc:"What an event is written as: json (Elastic Common Schema, one object), or text (a line for people, which leaves most fields out)." enum:"json,text"`
	Shape  string `yaml:"shape" doc:"How json names fields: nested objects, or dotted names in one object." enum:"nested,dotted"`

	// Color asks text for the colours of a terminal. It is no key: an output that
	// knows that it writes to a terminal sets it.
	Color bool `yaml:"-"`
}

// New returns a fresh encoder; each goroutine needs its own.
func New(s *Settings, _ plugin.Env) (plugin.Encoder, error) {
	switch s.Format {
	case JSON:
		return json.New(s.Shape == "dotted"), nil
	case Text:
		return text.New(s.Color), nil
	}
	return nil, fmt.Errorf("format: there is no format %q", s.Format)
}

// Check returns what a type cannot say; an output calls it from its own Check.
func (s *Settings) Check() plugin.Problems {
	if s.Shape != "" && s.Format != JSON {
		return plugin.Problems{{Text: "shape is for format json, and format is " + s.Format, Hint: "remove shape", Warn: true}}
	}
	return nil
}
