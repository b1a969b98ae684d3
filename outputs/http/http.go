// Package http is the output that delivers events to receivers that take them
// over HTTP: Elasticsearch and OpenSearch by their bulk interface, Loki, Loggly,
// Datadog, and any other as a JSON array, line by line, or one at a time. It knows
// how each wants its bodies and what its answers say of each event; it knows
// nothing of connections (pipeline/webclient) and of what is in an event
// (outputs/format).
//
// What a receiver is, one word says (`preset`): a preset (preset.go) is how
// bodies are put together and which answer is believed.
package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// Plugin is the http output.
var Plugin = plugin.NewOutput("http",
	"Sends events over HTTP: to Elasticsearch, OpenSearch, Loki, Loggly, Datadog, and whatever takes JSON or lines.", Default, New)

// output is one destination. All its methods are called from one goroutine.
type output struct {
	renderer
	client  *webclient.Client
	encoder *webclient.Encoder
	todo    [][]span // bodies to be posted, the last one next
	items   []item   // what the last answer of a bulk interface said of each event

	duplicates *meter.Counter
}

// New builds the output. It reads the files that the settings name and connects
// to nothing.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
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
	client, err := webclient.New(&c.Web, env, webclient.Options{MaxAnswer: compiled.mostAnswer, Sharers: c.Concurrency})
	if err != nil {
		return nil, err
	}
	o := &output{renderer: renderer{plan: compiled, settings: c, enc: enc, now: env.Now}, client: client, encoder: packer}
	if o.now == nil {
		o.now = time.Now
	}
	label := meter.Label{Name: "output", Value: env.Name}
	o.duplicates = env.Meter.Counter("tallyman_http_already_there_total", "Events that the receiver had already, from an attempt whose answer was lost.", label)
	o.overflows = env.Meter.Counter("tallyman_http_stream_overflow_total", "Events that went to the common stream, because there were max_streams already.", label)
	return o, nil
}

// Confirms implements plugin.Output: Datadog and Loggly take events into a queue
// and say so; of others, an answer of success says that they have them.
func (o *output) Confirms() bool { return !o.queues }

// Batch implements plugin.Batcher.
func (o *output) Batch() plugin.Batch { return o.settings.Batch.Batch(o.settings.Concurrency) }

// Close implements plugin.Output.
func (o *output) Close() error { return o.client.Close() }

// Send implements plugin.Output.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	return o.deliver(ctx, events)
}

// Probe implements plugin.Prober: a request without an event, by which the
// receiver shows that it is there and knows us. Any answer does but one that says
// that this is the wrong place or that we may not.
func (o *output) Probe(ctx context.Context) error {
	r, err := o.request(nil, 0)
	if err != nil {
		return err
	}
	r.Method = http.MethodOptions
	r.Header.Del("Content-Encoding")
	if o.empty != "" {
		r.Method, r.Body = http.MethodPost, []byte(o.empty)
	}
	var found []error
	for _, b := range o.client.Backends() {
		got, err := o.client.DoAt(ctx, b, r)
		if err == nil && o.empty != "" && isPage(got) {
			err = fmt.Errorf("%s answered with a page: %q", b.URL(), got.Excerpt())
		}
		if e := webclient.Refused(err); e != nil && !isPage(e.Answer) {
			if o.empty == "" || e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
				continue
			}
		}
		if err != nil {
			found = append(found, err)
		}
	}
	if len(found) > 0 {
		return plugin.Retry(fmt.Errorf("http: %w", errors.Join(found...)))
	}
	return nil
}
