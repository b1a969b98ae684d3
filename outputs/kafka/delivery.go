package kafka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/plugin"
)

// delivery is what one Send does: rounds, in each of which every partition that
// has messages left sends one batch, and every broker gets one request.
type delivery struct {
	o      *output
	lanes  []*lane
	failed []plugin.Failure
}

// lane is one partition's messages, in order.
type lane struct {
	topic     string
	partition int32
	leader    int32
	todo      []int32 // messages that are not settled
	batch     int     // how many of them are under way
	most      int     // how many a batch may have; halved where a broker refuses one
	bulky     bool    // one remained too large when it was packed
	packed    []byte
	err       error // what came of the batch
}

type place struct {
	topic     string
	partition int
}

// newDelivery sorts the messages by partition. Failed is what cannot be sent.
func (o *output) newDelivery(failed []plugin.Failure) *delivery {
	d := &delivery{o: o, failed: failed}
	byPlace := map[place]*lane{}
	o.turn++
	var last *lane // of the message before
	for i := range o.messages {
		m := &o.messages[i]
		if last != nil && m.topic == last.topic && bytes.Equal(m.key, o.messages[i-1].key) {
			last.todo = append(last.todo, int32(i))
			continue
		}
		last = nil
		t := o.known.Topics[m.topic]
		if t.Err != nil {
			d.fail(int32(i), plugin.Retry(fmt.Errorf("kafka: topic %s: %w", m.topic, o.explain(t.Err, m.topic))))
			o.stale = true
			continue
		}
		at := place{m.topic, o.turn % len(t.Leaders)}
		if m.key != nil {
			at.partition = partition(m.key, len(t.Leaders))
		}
		l := byPlace[at]
		if l == nil {
			l = &lane{topic: at.topic, partition: int32(at.partition), leader: t.Leaders[at.partition], packed: o.packed}
			o.packed = nil // only one has it
			byPlace[at] = l
			d.lanes = append(d.lanes, l)
		}
		l.todo = append(l.todo, int32(i))
		last = l
	}
	return d
}

func (d *delivery) fail(message int32, err error) {
	d.failed = append(d.failed, plugin.Failure{Index: int(d.o.events[message]), Err: err})
}

// result is the error of Send, its failures in the order of the events.
func (d *delivery) result() error {
	slices.SortFunc(d.failed, func(a, b plugin.Failure) int { return cmp.Compare(a.Index, b.Index) })
	return plugin.Partial(d.failed)
}

// run sends until nothing is left that is not delivered or failed.
func (d *delivery) run(ctx context.Context) {
	for {
		byBroker := map[int32][]*lane{}
		for _, l := range d.lanes {
			if len(l.todo) == 0 {
				continue
			}
			if l.leader < 0 {
				l.err = kafka.LeaderNotAvailable
				d.settle(l)
				continue
			}
			if l.err = d.fill(l); l.err != nil {
				d.settle(l)
				continue
			}
			byBroker[l.leader] = append(byBroker[l.leader], l)
		}
		if len(byBroker) == 0 {
			return
		}
		d.round(ctx, byBroker)
	}
}

// wide is how many times max_message a batch may have before it is packed: the limit of
// brokers is of what is packed, and logs become a fifth or less. More than mostMessage it
// never has: readers have limits of what is unpacked.
const wide = 4

// fill packs the next batch of a lane. One that remains too large is packed anew, and
// from then on no more goes into one than has room as it is.
func (d *delivery) fill(l *lane) (err error) {
	most := int(d.o.settings.MaxMessage)
	for {
		room := most
		if d.o.settings.Compression != codecNone && !l.bulky && !d.o.narrow {
			room = min(wide*room, mostMessage)
		}
		l.batch = d.next(l, room-headBytes)
		l.packed, err = d.o.packer.appendBatch(l.packed[:0], d.o.messages, l.todo[:l.batch])
		if err != nil || len(l.packed) <= most || room == most {
			return err
		}
		l.bulky = true
	}
}

// next is how many messages of a lane have room in a batch, one at least.
func (d *delivery) next(l *lane, room int) (n int) {
	for n < len(l.todo) && (l.most == 0 || n < l.most) {
		if room -= d.o.messages[l.todo[n]].size(); room < 0 && n > 0 {
			break
		}
		n++
	}
	return n
}

// round sends one request to each broker and settles what came of it.
func (d *delivery) round(ctx context.Context, byBroker map[int32][]*lane) {
	var busy sync.WaitGroup
	for id, lanes := range byBroker {
		link, err := d.o.broker(ctx, id)
		if err != nil {
			each(lanes, err)
			continue
		}
		if len(byBroker) == 1 {
			d.o.produce(ctx, link, lanes)
			break
		}
		busy.Go(func() { d.o.produce(ctx, link, lanes) })
	}
	busy.Wait()
	for id, lanes := range byBroker {
		if l := d.o.links[id]; l != nil && l.Broken() {
			d.o.drop(id)
		}
		for _, l := range lanes {
			d.settle(l)
		}
	}
}

func each(lanes []*lane, err error) {
	for _, l := range lanes {
		l.err = err
	}
}

// settle draws the conclusion from what came of the batch of a lane.
func (d *delivery) settle(l *lane) {
	switch {
	case l.err == nil:
		d.o.batches.Inc()
		l.todo = l.todo[l.batch:]
	case refused(l.err, d.o.settings.Timestamp) && l.batch > 1:
		// One message of it, or all together: the halves tell. A topic with a compression of
		// its own has what it makes of a batch measured.
		d.o.splits.Inc()
		d.o.narrow = d.o.narrow || tooLarge(l.err)
		l.most = (l.batch + 1) / 2
	case refused(l.err, d.o.settings.Timestamp):
		d.fail(l.todo[0], plugin.Permanent(d.wrap(l)))
		l.todo, l.most = l.todo[1:], 0
	default:
		// What follows in this partition waits for what failed.
		d.o.stale = true
		err := plugin.Retry(d.wrap(l))
		for _, m := range l.todo {
			d.fail(m, err)
		}
		l.todo = nil
	}
}

func (d *delivery) wrap(l *lane) error {
	return fmt.Errorf("kafka: send to partition %d of topic %s: %w", l.partition, l.topic, d.o.explain(l.err, l.topic))
}

// refused reports whether a broker would refuse the same batch again, for what
// is in it.
func refused(err error, timestamp string) bool {
	if tooLarge(err) || errors.Is(err, kafka.InvalidRecord) {
		return true
	}
	// Our own clock, if it is the clock, will be right again.
	return errors.Is(err, kafka.InvalidTimestamp) && timestamp == stampEvent
}

func tooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}
