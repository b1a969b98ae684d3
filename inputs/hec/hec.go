// Package hec takes events as Splunk's HTTP Event Collector does, so that whoever
// sends to one (a container runtime's log driver, a forwarder, a script) can send
// here without a change. It knows the protocol and the shape of its events; what
// the events mean is a decoder's.
package hec

import (
	"context"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/weblisten"
)

// Plugin is the input `hec`.
var Plugin = plugin.NewInput("hec", "Events as senders give them to Splunk's HTTP Event Collector: event and raw endpoints, acknowledgement, health.", defaults, build)

// Settings are the keys of a hec input.
type Settings struct {
	weblisten.Settings `yaml:",inline"`

	Token       *plugin.Secret    `yaml:"token" doc:"The token that senders show, as Authorization: Splunk TOKEN. It is read again for each request."`
	Decode      string            `yaml:"decode" doc:"The decoder of events whose sourcetype is not in sourcetypes. plain takes a text as it is, json reads objects."`
	Sourcetypes map[string]string `yaml:"sourcetypes" doc:"The decoder of each sourcetype." example:"{docker:events: docker_event, falco: falco}"`
	Acks        int               `yaml:"acks" doc:"How many acknowledgements a channel may leave unasked; the oldest are forgotten beyond."`
	Channels    int               `yaml:"channels" doc:"How many channels there may be; one more is refused, until one was idle for idle_channel."`
	IdleChannel time.Duration     `yaml:"idle_channel" doc:"How long a channel is kept that nobody uses."`
	MaxStream   plugin.Size       `yaml:"max_stream" doc:"The longest body whose events are taken while it comes: events one after the other, lines. In bytes after it was unpacked, up to 1TiB; a longer one is refused with 413. max_body bounds each event of it, and an array of events."`
}

func defaults() Settings {
	return Settings{Settings: weblisten.Defaults("127.0.0.1:8088"), Decode: "plain", Acks: 10_000, Channels: 1000, IdleChannel: 10 * time.Minute, MaxStream: 16 << 30}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	p := s.Settings.Check("hec", s.Token)
	if s.Token != nil && s.Token.IsZero() {
		p = append(p, plugin.Problem{Key: "token", Text: "token refers to nothing", Hint: "write {file: PATH} or {env: NAME}"})
	}
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{s.Decode == "", "decode", "is empty"},
		{s.Acks < 1 || s.Acks > 1<<20, "acks", "must lie between 1 and 1048576"},
		{s.Channels < 1 || s.Channels > 1<<16, "channels", "must lie between 1 and 65536"},
		{s.MaxStream < s.MaxBody || s.MaxStream > 1<<40, "max_stream", "must lie between max_body and 1TiB"},
		{s.IdleChannel < time.Second, "idle_channel", "must be 1s at least"},
	} {
		if c.bad {
			p = append(p, plugin.Problem{Key: c.key, Text: c.key + " of input hec " + c.text})
		}
	}
	for kind, decoder := range s.Sourcetypes {
		if decoder == "" {
			p = append(p, plugin.Problem{Key: "sourcetypes", Text: "the sourcetype " + kind + " has no decoder", Hint: "plain takes a text as it is"})
		}
	}
	return p
}

// input implements plugin.Input.
type input struct{ web *weblisten.Server }

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	h := &handler{s: s, guard: weblisten.Guard{Secret: s.Token, Ways: []weblisten.Proof{weblisten.Splunk, weblisten.Bearer}},
		acks: &acks{now: env.Now, most: s.Acks, channels: s.Channels, idle: s.IdleChannel, all: map[string]*channel{}}}
	web, err := weblisten.New(&s.Settings, env, h)
	if err != nil {
		return nil, err
	}
	return &input{web: web}, nil
}

// Open implements plugin.Input.
func (in *input) Open(ctx context.Context, from []byte) error { return in.web.Open(ctx, from) }

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	return in.web.Read(ctx, b, wait)
}

// Close implements plugin.Input.
func (in *input) Close() error { return in.web.Close() }
