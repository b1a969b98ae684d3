package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"tallyman/pipeline/kafkalink"
)

// produceVersion is the version of Produce that is spoken, known since Kafka 2.4
// and the last that is not flexible (KIP-467).
//
//	request:  transactional id, acks, timeout, [topic, [partition, batch]]
//	answer:   [topic, [partition, error, base offset, time, start offset,
//	          [index, text] of records that were refused, text]], throttle
const produceVersion = 8

// produce sends the batches of lanes to their leader and sets what came of each.
func (o *output) produce(ctx context.Context, l *link, lanes []*lane) {
	acks := int16(-1)
	if o.settings.Acks == acksLeader {
		acks = 1
	}
	slices.SortStableFunc(lanes, func(a, b *lane) int { return strings.Compare(a.topic, b.topic) })
	topics := slices.Collect(parts(lanes))
	part := binary.BigEndian.AppendUint16(nil, ^uint16(0)) // no transaction
	part = binary.BigEndian.AppendUint16(part, uint16(acks))
	part = binary.BigEndian.AppendUint32(part, uint32(o.settings.Link.Timeout.Milliseconds()))
	part = binary.BigEndian.AppendUint32(part, uint32(len(topics)))
	var body [][]byte
	for _, topic := range topics {
		part = kafkalink.AppendText(part, topic[0].topic)
		part = binary.BigEndian.AppendUint32(part, uint32(len(topic)))
		for _, one := range topic {
			part = binary.BigEndian.AppendUint32(part, uint32(one.partition))
			part = binary.BigEndian.AppendUint32(part, uint32(len(one.packed)))
			body, part = append(body, part, one.packed), nil
		}
	}
	// The broker gives up waiting for replicas after timeout; it says so in an answer.
	answer, err := l.Exchange(ctx, protocol.Produce, produceVersion, body, nil, o.settings.Link.Timeout)
	if err != nil {
		each(lanes, fmt.Errorf("broker %s: %w; it is sent again, and may then be there twice, with the same event.id", l.Addr, l.Explain(err)))
		return
	}
	each(lanes, errMissing)
	if err := readProduced(answer, func(topic string, partition int32, err error) {
		for _, one := range lanes {
			if one.topic == topic && one.partition == partition {
				one.err = err
			}
		}
	}); err != nil {
		each(lanes, fmt.Errorf("broker %s: %w", l.Addr, err))
	}
}

// parts yields the lanes of each topic; lanes are sorted by topic.
func parts(lanes []*lane) func(yield func([]*lane) bool) {
	return func(yield func([]*lane) bool) {
		for at, i := 0, 1; i <= len(lanes); i++ {
			if i == len(lanes) || lanes[i].topic != lanes[at].topic {
				if !yield(lanes[at:i]) {
					return
				}
				at = i
			}
		}
	}
}

var errMissing = errors.New("the broker's answer does not name it")

// readProduced reads an answer and calls got for each partition in it.
func readProduced(b []byte, got func(topic string, partition int32, err error)) error {
	r := kafkalink.NewReader(b)
	for range r.Count() {
		topic := r.Text()
		for range r.Count() {
			partition, code := r.Int32(), r.Int16()
			r.Skip(8 + 8 + 8)
			for range r.Count() {
				r.Skip(4)
				r.Text()
			}
			text := r.Text()
			if err := r.Err(); err != nil {
				return err
			}
			err := kafkalink.ErrorOf(code)
			if err != nil && text != "" && !errors.Is(err, kafka.MessageSizeTooLarge) {
				err = fmt.Errorf("%w: %.300s", err, text)
			}
			got(topic, partition, err)
		}
	}
	return r.Err()
}
