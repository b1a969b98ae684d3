// Package kafka is the output that delivers events to Kafka: each is a message,
// whose key keeps what belongs together in one partition and in order. It knows
// batches of records, leaders of partitions and what their errors mean; what an
// event looks like is the encoder's, and connections are kafkalink's.
//
// At most one batch of a partition is under way. What follows a batch that failed
// is not sent before it, so that the order of a key is that of the journal however
// often something is tried again. Nothing is kept from one Send to the next.
package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the kafka output.
var Plugin = plugin.NewOutput("kafka",
	"Sends each event as a message to Apache Kafka, or what speaks its protocol (Redpanda, Amazon MSK, Azure Event Hubs, WarpStream), and counts it as delivered when all replicas in sync have it.", Default, New)

// mostKept is how much memory a Send may leave behind, in bytes.
const mostKept = 16 << 20

// output is one destination. All its methods are called from one goroutine.
type output struct {
	settings *Settings
	plan     plan
	enc      plugin.Encoder
	packer   *packer
	dialer   *kafkalink.Dialer
	log      *slog.Logger
	now      func() time.Time
	headed   headed

	links   map[int32]*link // by the number of the broker
	known   *kafkalink.Cluster
	asked   time.Time           // when known was asked for
	stale   bool                // something says that known is old
	topics  map[string]struct{} // that known has to name
	limited map[string]struct{} // of settings.Topics
	turn    int                 // of messages without a key
	narrow  bool                // a broker found a batch too large: none has more than max_message before it is packed

	memory   []byte
	packed   []byte // memory for a batch
	scratch  []byte
	messages []message
	events   []int32 // per message, its event

	batches, splits, connects, redirected *meter.Counter
}

// New builds the output. It reads the files that the settings name and connects
// to nothing.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	plan, p := c.plan()
	if p.Bad() {
		return nil, p
	}
	d, err := kafkalink.New(&c.Link, env.Dir)
	if err != nil {
		return nil, err
	}
	enc, err := format.New(&c.Format, env)
	if err != nil {
		return nil, err
	}
	packer, err := newPacker(c.Compression)
	if err != nil {
		return nil, err
	}
	label := meter.Label{Name: "output", Value: env.Name}
	o := &output{
		settings: c, plan: plan, enc: enc, packer: packer, dialer: d, log: env.Log, now: env.Now,
		links: map[int32]*link{}, topics: map[string]struct{}{}, limited: map[string]struct{}{},
		batches:    env.Meter.Counter("tallyman_kafka_batches_total", "Batches that a partition took.", label),
		splits:     env.Meter.Counter("tallyman_kafka_batches_split_total", "Batches that were refused and sent again in two parts.", label),
		connects:   env.Meter.Counter("tallyman_kafka_connects_total", "Connections made to brokers.", label),
		redirected: env.Meter.Counter("tallyman_kafka_topics_confined_total", "Events whose topic is none of topics, and that went to the first of them.", label),
	}
	for _, name := range c.Topics {
		o.limited[name] = struct{}{}
	}
	o.headed = headedBy(c)
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// Batch implements plugin.Batcher. Batches that are under way beside each other
// would not keep the order of a key.
func (o *output) Batch() plugin.Batch { return o.settings.Batch.Batch(1) }

// Confirms implements plugin.Output.
func (o *output) Confirms() bool { return o.settings.Acks == acksAll }

// Close implements plugin.Output.
func (o *output) Close() error {
	for id := range o.links {
		o.drop(id)
	}
	return nil
}

// Send implements plugin.Output.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	if len(events) == 0 {
		return nil
	}
	failed := o.render(events)
	if len(o.messages) == 0 {
		return plugin.Partial(failed)
	}
	if err := o.learn(ctx); err != nil {
		return plugin.Retry(fmt.Errorf("kafka: %w", err))
	}
	d := o.newDelivery(failed)
	d.run(ctx)
	o.release(d)
	if ctx.Err() != nil && len(d.failed) > 0 {
		return ctx.Err() // what was delivered is sent again; a stop is not the time to tell
	}
	return d.result()
}

// render fills o.messages and returns the events that cannot be sent.
func (o *output) render(events []event.Event) (failed []plugin.Failure) {
	o.memory, o.messages, o.events = o.memory[:0], o.messages[:0], o.events[:0]
	now := o.now().UnixMilli()
	for i := range events {
		m, err := o.message(&events[i], now)
		if err == nil && m.size() > int(o.settings.MaxMessage)-headBytes {
			err = fmt.Errorf("kafka: event %s takes %d bytes as a message, and max_message is %d", events[i].ID, m.size(), o.settings.MaxMessage)
		}
		if err != nil {
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(err)})
			continue
		}
		o.messages = append(o.messages, m)
		o.events = append(o.events, int32(i))
	}
	return failed
}

// message renders one event into o.memory: what was rendered before stays where it
// is, also when there is more memory to be had.
func (o *output) message(e *event.Event, now int64) (message, error) {
	m := message{topic: o.topic(e), millis: now}
	if o.settings.Timestamp == stampEvent && !e.Time.IsZero() {
		m.millis = e.Time.UnixMilli()
	}
	b := o.memory
	b = append(b, gap...)
	key := len(b)
	b, _ = o.plan.key.Append(b, e, &o.plan.asIs)
	end := len(b)
	b = append(b, gap...)
	value := len(b)
	b, err := o.enc.Append(b, e)
	if err != nil {
		return m, fmt.Errorf("kafka: render event %s: %w", e.ID, err)
	}
	at := join(b, key, end, value)
	if n := end - key; n > 0 {
		m.key = b[at+lenVarint(int64(n)):][:n:n]
	}
	o.memory = o.headers(b, e)
	m.body = o.memory[at:len(o.memory):len(o.memory)]
	return m, nil
}

// topic returns the topic of an event.
func (o *output) topic(e *event.Event) string {
	if o.plan.topic.Fixed() {
		return o.settings.Topic.Value
	}
	o.scratch, _ = o.plan.topic.Append(o.scratch[:0], e, &o.plan.asTopic)
	if len(o.limited) > 0 {
		if _, ok := o.limited[string(o.scratch)]; !ok {
			o.redirected.Inc()
			return o.settings.Topics[0]
		}
	}
	for t := range o.topics {
		if t == string(o.scratch) {
			return t
		}
	}
	return string(o.scratch)
}

// release forgets the events, and memory that one large batch needed.
func (o *output) release(d *delivery) {
	clear(o.messages)
	if cap(o.memory) > mostKept {
		o.memory = nil
	}
	o.packed = nil
	for _, l := range d.lanes {
		if cap(l.packed) > cap(o.packed) && cap(l.packed) <= mostKept {
			o.packed = l.packed[:0]
		}
	}
}
