// Package splunk is the output that delivers events to the HTTP Event Collector
// of Splunk. It knows envelopes, the codes of the collector, channels and indexer
// acknowledgement; it knows nothing of connections (pipeline/webclient) and of
// what is in an event (outputs/format).
//
// Without acknowledgement an answer of success means that Splunk has accepted the
// events into a queue in memory, and nothing says that they are stored: the engine
// counts them as unconfirmed. With it (ack.go), a batch is confirmed when the
// indexers say so.
package splunk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// Plugin is the splunk output.
var Plugin = plugin.NewOutput("splunk",
	"Sends events to the HTTP Event Collector of Splunk, with or without indexer acknowledgement.", Default, New)

// output is one destination without acknowledgement, and what collector is built
// on. All its methods are called from one goroutine.
type output struct {
	renderer
	client  *webclient.Client
	encoder *webclient.Encoder
	log     *slog.Logger
	todo    [][]span // bodies to be posted, the last one next
	channel string   // what endpoint raw asks for without acknowledgement
}

// New builds the output. It reads the files that the settings name and connects
// to nothing.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	o, err := build(c, env)
	if err != nil {
		return nil, err
	}
	if !c.Ack {
		return o, nil
	}
	label := meter.Label{Name: "output", Value: env.Name}
	return &collector{
		output: o, channels: map[*webclient.Backend]*channel{}, now: time.Now, wait: wait,
		pending: env.Meter.Gauge("tallyman_splunk_unacknowledged_requests", "Requests that Splunk has taken and not yet acknowledged.", label),
		resent:  env.Meter.Counter("tallyman_splunk_resent_total", "Requests that were sent again because no acknowledgement came.", label),
		lost:    env.Meter.Counter("tallyman_splunk_channels_lost_total", "Channels that were given up because the receiver did not know them any more.", label),
	}, nil
}

func build(c *Settings, env plugin.Env) (*output, error) {
	compiled, wrong := c.plan()
	if wrong.Bad() {
		return nil, wrong
	}
	enc, err := format.New(&c.Format, env)
	if err != nil {
		return nil, err
	}
	packer, err := webclient.NewEncoder(c.Web.Compression)
	if err != nil {
		return nil, err
	}
	// Behind a balancer a cookie is what leads back to the same indexer, which
	// alone knows its acknowledgements.
	options := webclient.Options{Cookies: c.Ack, Sharers: c.Concurrency, Hint: hintFor}
	if c.Ack {
		options.Sharers = 1 // one output does it all
	}
	client, err := webclient.New(&c.Web, env, options)
	if err != nil {
		return nil, err
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &output{renderer: renderer{plan: compiled, settings: c, enc: enc}, client: client, encoder: packer, log: log, channel: newGUID()}, nil
}

// Confirms implements plugin.Output: accepted is not stored.
func (o *output) Confirms() bool { return false }

// Batch implements plugin.Batcher.
func (o *output) Batch() plugin.Batch { return o.settings.Batch.Batch(o.settings.Concurrency) }

// Close implements plugin.Output.
func (o *output) Close() error { return o.client.Close() }

// Send implements plugin.Output.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	return o.deliver(ctx, events, func(ctx context.Context, p *parcel) error {
		_, _, err := o.send(ctx, p, o.named)
		return err
	})
}

// named adds the channel that endpoint raw asks for, also where nobody asks for
// acknowledgements.
func (o *output) named(r *webclient.Request) {
	if o.settings.Endpoint == endpointRaw {
		r.Header.Set(channelHeader, o.channel)
	}
}

// Probe implements plugin.Prober. A body without an event shows whether the
// collector is there and knows the token, and leaves no event behind.
func (o *output) Probe(ctx context.Context) error {
	secret, err := o.authorization()
	if err != nil {
		return err
	}
	r := &webclient.Request{Path: "services/collector/event", Secret: secret, Header: http.Header{channelHeader: {newGUID()}}}
	var found []error
	for _, b := range o.client.Backends() {
		got, err := o.client.DoAt(ctx, b, r)
		if _, code := codeOf(err); code == codeNoData {
			continue
		}
		if err == nil {
			_, err = o.believe(got, false)
		}
		if err != nil {
			found = append(found, err)
		}
	}
	if len(found) > 0 {
		return plugin.Retry(fmt.Errorf("splunk: %w", errors.Join(found...)))
	}
	return nil
}
