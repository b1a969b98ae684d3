package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"tallyman/pipeline/event"
	"tallyman/pipeline/kafkalink"
)

const (
	// fetchVersion is the version of Fetch that is spoken, known since Kafka 2.4
	// and the last that is not flexible.
	fetchVersion = 11
	// hold is how long a broker may keep an answer that would be empty.
	hold = 500 * time.Millisecond
	// doubts is how often a batch that cannot be read is asked for again before it
	// is passed over: what was wrong may have been the way.
	doubts = 3
)

// chunk is what one batch of a partition gave.
type chunk struct {
	session int
	place   place
	records []record
	next    int64 // the offset after them
	losses  []event.Loss
}

// fetcher reads some partitions from the broker that leads them. It is one
// goroutine.
type fetcher struct {
	in      *input
	session int
	conn    *kafkalink.Conn
	unpack  *unpacker
	next    map[place]int64
	topics  []string
	parts   map[string][]int32
	request []byte
	answer  []byte
	had     bool // the answer held batches
	gave    bool // one of them at least was handed on
}

// errOver says that a session has ended.
var errOver = errors.New("the session is over")

// run reads until ctx is done, the session is over or the broker fails.
func (f *fetcher) run(ctx context.Context, addr string) error {
	var err error
	if f.conn, err = f.in.dialer.Dial(ctx, addr); err != nil {
		return err
	}
	defer func() { _ = f.conn.Close() }() // nothing of it is wanted any more
	if err := f.conn.Speaks(protocol.Fetch, fetchVersion); err != nil {
		return err
	}
	if err := f.begin(ctx); err != nil {
		return err
	}
	for {
		if err := f.once(ctx); err != nil {
			return err
		}
		f.in.works()
	}
}

// begin finds where a partition is begun that has no offset yet.
func (f *fetcher) begin(ctx context.Context) error {
	for p, next := range f.next {
		if next >= 0 {
			continue
		}
		first, last, err := f.ends(ctx, p)
		if err != nil {
			return err
		}
		f.next[p] = first
		if f.in.s.Start == latest && next != forgotten {
			f.next[p] = last
		}
		f.in.book.place(f.session, p, f.next[p])
	}
	return nil
}

// ends asks for the offset of the first message of a partition, and of the one
// that will be written next.
func (f *fetcher) ends(ctx context.Context, p place) (first, last int64, err error) {
	if first, err = f.conn.Offset(ctx, p.topic, p.partition, kafkalink.First); err == nil {
		last, err = f.conn.Offset(ctx, p.topic, p.partition, kafkalink.Last)
	}
	if err != nil {
		err = fmt.Errorf("the ends of partition %d of topic %s: %w", p.partition, p.topic, explain(err, p.topic))
	}
	return first, last, err
}

// once asks for what comes next in each partition and hands it on.
func (f *fetcher) once(ctx context.Context) error {
	if !f.in.book.current(f.session) {
		return errOver
	}
	most := int(f.in.s.Fetch)
	b := binary.BigEndian.AppendUint32(f.request[:0], ^uint32(0)) // no replica
	b = binary.BigEndian.AppendUint32(b, uint32(hold.Milliseconds()))
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(4*most))
	b = append(b, 0) // also what is in a transaction that is not committed
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.topics)))
	for _, topic := range f.topics {
		b = kafkalink.AppendText(b, topic)
		b = binary.BigEndian.AppendUint32(b, uint32(len(f.parts[topic])))
		for _, n := range f.parts[topic] {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
			b = binary.BigEndian.AppendUint32(b, ^uint32(0))
			b = binary.BigEndian.AppendUint64(b, uint64(f.next[place{topic, n}]))
			b = binary.BigEndian.AppendUint64(b, ^uint64(0))
			b = binary.BigEndian.AppendUint32(b, uint32(most))
		}
	}
	b = binary.BigEndian.AppendUint32(b, 0)
	f.request = binary.BigEndian.AppendUint16(b, 0)
	answer, err := f.conn.Exchange(ctx, protocol.Fetch, fetchVersion, [][]byte{f.request}, f.answer, hold)
	if err != nil {
		return fmt.Errorf("fetch from the broker %s: %w", f.conn.Addr, f.conn.Explain(err))
	}
	if f.answer = answer; cap(answer) > 8*most {
		f.answer = nil
	}
	f.had, f.gave = false, false
	if err := readFetched(answer, func(p place, err error, batches []byte) error { return f.partition(ctx, p, err, batches) }); err != nil {
		return err
	}
	if f.had && !f.gave { // asked again at once it would be the same
		return fmt.Errorf("fetch from the broker %s: none of the batches that it sent is whole, or belongs to what was asked for", f.conn.Addr)
	}
	return nil
}

// behind returns where to go on behind a batch that cannot be read. What it says
// of its end may be what is wrong with it; the batch that follows knows better.
func behind(rest []byte, next, said int64) int64 {
	if one, size := nextFrame(rest); size > 0 && one.first > next {
		return min(one.first, said)
	}
	return said
}

// partition takes what an answer says of one partition.
func (f *fetcher) partition(ctx context.Context, p place, err error, batches []byte) error {
	next, asked := f.next[p]
	switch {
	case !asked:
		return fmt.Errorf("the broker %s answers for partition %d of topic %s, which was not asked for", f.conn.Addr, p.partition, p.topic)
	case errors.Is(err, kafka.OffsetOutOfRange):
		return f.outside(ctx, p, next)
	case err != nil:
		return fmt.Errorf("fetch partition %d of topic %s: %w", p.partition, p.topic, explain(err, p.topic))
	}
	f.had = f.had || len(batches) > 0
	for len(batches) > 0 {
		one, size := nextFrame(batches)
		if size == 0 {
			break
		}
		batches = batches[size:]
		if one.next <= next {
			continue
		}
		c := chunk{session: f.session, place: p, next: one.next}
		if c.records, err = f.unpack.unpack(one, next); err != nil {
			if c.losses, err = f.doubt(p, one, err); err != nil {
				return err
			}
			c.next = behind(batches, next, one.next)
		}
		f.gave, next = true, c.next
		if err := f.give(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetcher) give(ctx context.Context, c chunk) error {
	f.in.works() // before the lane has the records, which would find the trouble again behind them
	select {
	case f.in.chunks <- c:
		f.next[c.place] = c.next
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// doubt is for a batch that cannot be read: an error asks for it again, and the
// last time it is passed over, and said to be lost.
func (f *fetcher) doubt(p place, one frame, err error) ([]event.Loss, error) {
	what := fmt.Errorf("the batch at offset %d of partition %d of topic %s cannot be read: %w", one.first, p.partition, p.topic, err)
	if n := f.in.again(p, one.first); n < doubts && !errors.Is(err, errTooMuch) {
		return nil, what
	}
	f.in.env.Log.Error("kafka: messages are passed over", "error", what, "messages", one.next-one.first)
	return []event.Loss{{Reason: event.Misplaced, Count: uint64(len(one.bytes)), Text: what.Error() + "; it was passed over"}}, nil
}

// outside is for an offset that a partition does not have: its messages were
// deleted before they were read, or it is not the partition that it was.
func (f *fetcher) outside(ctx context.Context, p place, next int64) error {
	first, last, err := f.ends(ctx, p)
	switch {
	case err != nil:
		return err
	case next >= first && next <= last:
		return nil // it has it by now
	}
	text := fmt.Sprintf("%d messages of partition %d of topic %s, from offset %d on, were deleted before they were read", first-next, p.partition, p.topic, next)
	if next > last {
		text = fmt.Sprintf("partition %d of topic %s ends at offset %d, and was to be read at %d: it is another one, or was cut; it is read from its start", p.partition, p.topic, last, next)
		f.in.book.place(f.session, p, first) // the only way is back
	}
	f.in.env.Log.Error("kafka: " + text)
	return f.give(ctx, chunk{session: f.session, place: p, next: first, losses: []event.Loss{{Reason: event.RotatedAway, Text: text}}})
}

// readFetched reads an answer to Fetch: throttle, error, session, [topic,
// [partition, error, high watermark, last stable offset, start offset, [producer,
// offset], preferred replica, batches]].
func readFetched(b []byte, got func(p place, err error, batches []byte) error) error {
	r := kafkalink.NewReader(b)
	r.Skip(4)
	if err := kafkalink.ErrorOf(r.Int16()); err != nil {
		return err
	}
	r.Skip(4)
	for range r.Count() {
		var p place
		p.topic = r.Text()
		for range r.Count() {
			p.partition = r.Int32()
			code := r.Int16()
			r.Skip(8 + 8 + 8)
			r.Skip(r.Count() * (8 + 8))
			r.Skip(4)
			batches := r.Bytes()
			if err := r.Err(); err != nil {
				return err
			}
			if err := got(p, kafkalink.ErrorOf(code), batches); err != nil {
				return err
			}
		}
	}
	return r.Err()
}
