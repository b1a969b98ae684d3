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
		part = binary.BigEndian.AppendUint16(part, uint16(len(topic[0].topic)))
		part = append(part, topic[0].topic...)
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

var (
	errMissing = errors.New("the broker's answer does not name it")
	errShort   = errors.New("the broker's answer ends too soon")
)

// readProduced reads an answer and calls got for each partition in it.
func readProduced(b []byte, got func(topic string, partition int32, err error)) error {
	r := &reader{b: b}
	for range r.count() {
		topic := r.text()
		for range r.count() {
			partition, code := int32(r.u32()), int16(r.u16())
			r.skip(8 + 8 + 8)
			for range r.count() {
				r.skip(4)
				r.text()
			}
			text := r.text()
			if r.short {
				return errShort
			}
			err := kafkalink.ErrorOf(code)
			if err != nil && text != "" && !errors.Is(err, kafka.MessageSizeTooLarge) {
				err = fmt.Errorf("%w: %.300s", err, text)
			}
			got(topic, partition, err)
		}
	}
	if r.short {
		return errShort
	}
	return nil
}

// reader reads the numbers and texts of the protocol; what is not there reads as
// nothing, and is remembered.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) skip(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u16() uint16 {
	if b := r.skip(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.skip(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// count reads the length of an array, at most as much as there can be.
func (r *reader) count() int {
	n := int(int32(r.u32()))
	if n > len(r.b) {
		r.short, r.b = true, nil
		return 0
	}
	return max(n, 0)
}

// text reads a text, "" for one that is null.
func (r *reader) text() string {
	n := int16(r.u16())
	if n <= 0 {
		return ""
	}
	return string(r.skip(int(n)))
}
