// Package kafka is the input that reads topics of Kafka as a member of a consumer
// group: each message is a record for a decoder. How far a partition was read is
// told to the group only when everything before is on stable storage, so that a
// member that dies leaves nothing behind that nobody reads. The package knows
// batches of records, leaders and generations of a group; what messages say it
// does not know.
//
// One goroutine takes part in the group; for each generation there is one that
// commits, one that looks after the leaders, and one for each of them that
// fetches. They hand what they have over a channel to the lane.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/event"
	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the input `kafka`.
var Plugin = plugin.NewInput("kafka", "Messages of topics of Apache Kafka, read as a member of a consumer group, which is told of them when they are on stable storage.", defaults, build)

// mostRecords is how many records one Read adds to a batch at most.
const mostRecords = 1024

// tallymanDecoder is the decoder whose events say themselves where they are from.
const tallymanDecoder = "tallyman"

// input implements plugin.Input.
type input struct {
	s       *Settings
	env     plugin.Env
	dialer  *kafkalink.Dialer
	count   counters
	book    *book
	chunks  chan chunk
	trouble trouble
	joined  atomic.Bool // the group gave us partitions once

	socketsMu sync.Mutex           // guards sockets
	sockets   map[*socket]struct{} // of the group; nil when none may be made

	mu       sync.Mutex // guards what follows
	id       string     // of the cluster
	doubtful map[place]doubtful

	// What follows is the lane's alone.
	rest     chunk // begun, and not yet handed on whole
	position []byte
	seed     []byte
	fields   event.Fields
	timer    *time.Timer
	stop     context.CancelFunc // nil before Open
	busy     sync.WaitGroup
}

// doubtful is a batch that could not be read, and how often.
type doubtful struct {
	offset int64
	times  int
}

// counters are what the input counts.
type counters struct {
	partitions      *meter.Gauge
	commits, passed *meter.Counter
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	d, err := kafkalink.New(&s.Link, env.Dir)
	if err != nil {
		return nil, err
	}
	label := meter.Label{Name: "input", Value: env.Name}
	in := &input{s: s, env: env, dialer: d, book: newBook(), chunks: make(chan chunk), doubtful: map[place]doubtful{}, sockets: map[*socket]struct{}{}, timer: time.NewTimer(time.Hour),
		count: counters{
			partitions: env.Meter.Gauge("tallyman_kafka_partitions", "Partitions that the group gave us.", label),
			commits:    env.Meter.Counter("tallyman_kafka_commits_total", "How often offsets were committed to the group.", label),
			passed:     env.Meter.Counter("tallyman_kafka_given_back_total", "Messages that were read ahead and left to whoever got their partition.", label),
		}}
	in.timer.Stop()
	return in, nil
}

// Open implements plugin.Input.
func (in *input) Open(_ context.Context, from []byte) error {
	if len(from) > 0 {
		if err := in.book.restore(from, in.s.Group); err != nil {
			in.env.Log.Warn("kafka: the journal's position is not used, and the group's offsets are", "reason", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	in.stop = stop
	in.busy.Go(func() { in.member(ctx) })
	return nil
}

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	upTo := map[place]int64{}
	if in.gather(b, upTo); len(b.Events) == 0 && len(b.Losses) == 0 {
		in.timer.Reset(wait)
		defer in.timer.Stop()
		select {
		case c := <-in.chunks:
			in.take(b, c, upTo)
			in.gather(b, upTo)
		case <-in.timer.C:
			if err := in.trouble.lasts(in.env.Now()); err != nil {
				return plugin.Retry(fmt.Errorf("kafka: %w", err))
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if len(upTo) > 0 {
		in.position = in.book.appendPosition(in.position[:0], in.s.Group)
		b.Position = in.position
		in.book.wait()
		b.Accepted = func(err error) { in.book.settle(upTo, err) }
	}
	return nil
}

// gather adds what is there until the batch is full.
func (in *input) gather(b *event.Batch, upTo map[place]int64) {
	if len(in.rest.records) > 0 {
		in.take(b, in.rest, upTo)
	}
	for len(b.Events) < mostRecords {
		select {
		case c := <-in.chunks:
			in.take(b, c, upTo)
		default:
			return
		}
	}
}

// take adds the records of a chunk; what does not fit waits for the next Read.
// What was read ahead of a partition that is not ours any more is left to others.
func (in *input) take(b *event.Batch, c chunk, upTo map[place]int64) {
	in.rest = chunk{}
	n := min(len(c.records), mostRecords-len(b.Events))
	next := c.next
	if n < len(c.records) {
		next = c.records[n].offset
	}
	if !in.book.hand(c.session, c.place, next) {
		in.count.passed.Add(uint64(len(c.records)))
		return
	}
	upTo[c.place] = next
	b.Losses = append(b.Losses, c.losses...)
	now := in.env.Now()
	for i := range c.records[:n] {
		in.add(b, c.place, &c.records[i], now)
	}
	if n < len(c.records) {
		in.rest = chunk{session: c.session, place: c.place, records: c.records[n:], next: c.next}
	}
}

// add adds one record. Its id is that of its place in the cluster, so that it is
// the same whoever of the group reads it, and however often.
func (in *input) add(b *event.Batch, p place, r *record, now time.Time) {
	in.mu.Lock()
	seed := append(append(in.seed[:0], "kafka\x00"...), in.id...)
	in.mu.Unlock()
	seed = append(append(append(seed, 0), p.topic...), 0)
	seed = append(strconv.AppendInt(seed, int64(p.partition), 10), 0)
	in.seed = strconv.AppendInt(seed, r.offset, 10)
	e := event.Event{ID: event.NewID(in.seed), Decode: in.s.Decode, Raw: r.value, Records: 1, Offset: r.offset, Seen: now, Shared: in.env.Shared}
	if r.millis > 0 {
		e.Time = time.UnixMilli(r.millis).UTC()
	}
	if in.s.Origin && in.s.Decode != tallymanDecoder {
		f := in.fields[:0]
		f.AddNamed(schema.Labels, "kafka_topic", event.String(p.topic))
		f.AddNamed(schema.Labels, "kafka_partition", event.String(strconv.Itoa(int(p.partition))))
		f.AddNamed(schema.Labels, "kafka_offset", event.String(strconv.FormatInt(r.offset, 10)))
		if r.key != "" {
			f.AddNamed(schema.Labels, "kafka_key", event.String(r.key))
		}
		for _, h := range r.headers {
			f.AddNamed(schema.Labels, "kafka_header_"+strings.ToLower(h.name), event.String(h.value))
		}
		e.Fields, in.fields = b.Take(f, 0), f
	}
	b.Add(e)
}

// fails says what goes wrong; works, that a broker gave what it was asked for.
func (in *input) fails(err error) { in.trouble.set(err, in.env.Now()) }
func (in *input) works()          { in.trouble.works(in.env.Now()) }

// cluster remembers the id of the cluster.
func (in *input) cluster(id string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.id = id
}

// again counts that the batch at an offset could not be read.
func (in *input) again(p place, offset int64) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	d := in.doubtful[p]
	if d.offset != offset {
		d = doubtful{offset: offset}
	}
	d.times++
	in.doubtful[p] = d
	return d.times
}

// Close implements plugin.Input. What the lane has taken is committed once the
// journal has it, as long as that does not take long.
func (in *input) Close() error {
	if in.stop == nil {
		return nil
	}
	in.stop()
	in.busy.Wait()
	in.hangUp()
	in.stop = nil
	return nil
}

// explain adds to an error of a topic what a person can do about it.
func explain(err error, topic string) error {
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		return fmt.Errorf("%w (create it, or allow our user the operation DESCRIBE on it)", err)
	}
	return kafkalink.Allow(err, "READ", "topic", topic)
}

// explained is an error that says what can be done; the library returns it inside
// of its own.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

// explainGroup adds to an error of the group what a person can do about it.
func (in *input) explainGroup(err error) error {
	switch {
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		return kafkalink.Allow(err, "READ", "group", in.s.Group)
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return kafkalink.Allow(err, "READ", "topic", strings.Join(in.s.Topics, " --topic "))
	case errors.Is(err, kafka.InconsistentGroupProtocol):
		return fmt.Errorf("%w (other members of the group share partitions in another way: use a group of tallyman's own)", err)
	case errors.Is(err, kafka.InvalidSessionTimeout):
		return fmt.Errorf("%w (see session_timeout, and group.min.session.timeout.ms of the brokers)", err)
	case in.joined.Load() && kafkalink.IsEnd(err):
		return kafkalink.Ended(err)
	case errors.As(err, new(explained)):
		return err
	}
	return in.dialer.Explain(err, strings.Join(in.dialer.Brokers(), ","))
}
