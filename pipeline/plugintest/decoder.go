package plugintest

import (
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// DecoderSuite is a decoder and the records that it reads.
type DecoderSuite struct {
	Plugin plugin.Plugin

	// Golden is the folder of the pairs: records, one a line, and the events that
	// come of them.
	Golden string

	// Event makes the nth record of a file from its line; nil for one that is the
	// line.
	Event func(t testing.TB, line string, n int) event.Event

	// Others are decoders that this one hands on to; without them their records
	// stand in the golden with what they wait for.
	Others []plugin.Plugin
}

// Decoder runs the suite: what holds for a transform holds for a decoder as the
// lane runs it.
func Decoder(t *testing.T, s DecoderSuite) {
	decoders := append([]plugin.Plugin{s.Plugin}, s.Others...)
	p := plugin.NewTransform("decode", s.Plugin.Text, func() struct{} { return struct{}{} },
		func(_ *struct{}, env plugin.Env) (plugin.Transform, error) { return lanes{decoders, env}, nil })
	make1 := s.Event
	if make1 == nil {
		make1 = func(_ testing.TB, line string, n int) event.Event {
			return event.Event{Decode: s.Plugin.Type, Raw: line, Records: 1, Offset: int64(n) * 1000, Seen: Env("").Now(), Shared: Env("").Shared}
		}
	}
	Transform(t, TransformSuite{Plugin: p, Golden: s.Golden, Event: make1})
}

// lanes is a transform whose stages are decoders.
type lanes struct {
	decoders []plugin.Plugin
	env      plugin.Env
}

// Lane returns the stage of one input, whatever its lanes are called: ids may depend on it.
func (l lanes) Lane(string) plugin.Stage {
	env := l.env
	env.Name = "logs"
	return decode.New(l.decoders, env)
}

func (lanes) Close() error { return nil }
