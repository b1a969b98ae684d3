package kafkalink

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Cluster is what a broker said of some topics.
type Cluster struct {
	ID      string           // of the cluster
	Brokers map[int32]string // host:port by the number of the broker
	Topics  map[string]Topic
}

// Topic is what a broker said of one topic.
type Topic struct {
	Err     error   // why nothing is known of it
	Leaders []int32 // the number of the leader of each partition, -1 where there is none
}

// The versions of Metadata and ListOffsets that are spoken: the last that are not
// flexible, and those before whose answers have what is wanted.
const (
	leastMetadata, mostMetadata = 4, 8
	leastOffsets, mostOffsets   = 4, 5
)

// Ask asks a broker for topics. None is created by asking.
func (c *Conn) Ask(ctx context.Context, topics []string) (*Cluster, error) {
	version, err := c.pick(protocol.Metadata, leastMetadata, mostMetadata)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(topics)))
	for _, name := range topics {
		b = AppendText(b, name)
	}
	b = append(b, 0) // creates none
	if version >= 8 {
		b = append(b, 0, 0) // nor tells what we may do
	}
	r, err := c.ask(ctx, protocol.Metadata, version, b)
	if err != nil {
		return nil, fmt.Errorf("ask the broker %s for its topics: %w", c.Addr, c.Explain(err))
	}
	out, err := readCluster(r, version)
	if err != nil {
		return nil, fmt.Errorf("ask the broker %s for its topics: %w", c.Addr, err)
	}
	for _, name := range topics {
		if _, ok := out.Topics[name]; !ok {
			out.Topics[name] = Topic{Err: kafka.UnknownTopicOrPartition}
		}
	}
	return out, nil
}

// readCluster reads an answer to Metadata: throttle, [broker, host, port, rack],
// cluster, controller, [error, topic, internal, [partition], what we may do], what
// we may do.
func readCluster(r *Reader, version int16) (*Cluster, error) {
	out := &Cluster{Brokers: map[int32]string{}, Topics: map[string]Topic{}}
	r.Skip(4)
	for range r.Count() {
		id, host, port := r.Int32(), r.Text(), r.Int32()
		out.Brokers[id] = net.JoinHostPort(host, strconv.Itoa(int(port)))
		r.Text()
	}
	out.ID = r.Text()
	r.Skip(4)
	for range r.Count() {
		one := Topic{Err: ErrorOf(r.Int16())}
		name := r.Text()
		r.Skip(1)
		leaders := map[int32]int32{}
		for range r.Count() {
			id, leader := readPartition(r, version)
			if _, known := out.Brokers[leader]; !known {
				leader = -1
			}
			leaders[id] = leader
		}
		if version >= 8 {
			r.Skip(4)
		}
		for id := range int32(len(leaders)) {
			leader, ok := leaders[id]
			if !ok {
				return nil, fmt.Errorf("partition %d of %s is missing from the answer", id, name)
			}
			one.Leaders = append(one.Leaders, leader)
		}
		if one.Err == nil && len(one.Leaders) == 0 {
			one.Err = kafka.LeaderNotAvailable
		}
		out.Topics[name] = one
	}
	return out, r.Err()
}

// readPartition reads one partition of an answer to Metadata: error, number,
// leader, its epoch, [replicas], [in sync], [offline].
func readPartition(r *Reader, version int16) (id, leader int32) {
	r.Skip(2)
	id, leader = r.Int32(), r.Int32()
	if version >= 7 {
		r.Skip(4)
	}
	lists := 2
	if version >= 5 {
		lists = 3
	}
	for range lists {
		r.Skip(4 * r.Count())
	}
	return id, leader
}

// The times of Offset that stand for the two ends of a partition.
const (
	First int64 = -2
	Last  int64 = -1
)

// Offset asks the leader of a partition for the offset of its first message (of
// what is still there), or of the one that will be written next.
func (c *Conn) Offset(ctx context.Context, topic string, partition int32, end int64) (int64, error) {
	version, err := c.pick(protocol.ListOffsets, leastOffsets, mostOffsets)
	if err != nil {
		return 0, err
	}
	b := binary.BigEndian.AppendUint32(nil, ^uint32(0)) // no replica
	b = append(b, 0)                                    // also what is in a transaction that is not committed
	b = AppendText(binary.BigEndian.AppendUint32(b, 1), topic)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))
	r, err := c.ask(ctx, protocol.ListOffsets, version, binary.BigEndian.AppendUint64(b, uint64(end)))
	if err != nil {
		return 0, c.Explain(err)
	}
	r.Skip(4)
	if r.Count() != 1 {
		return 0, ErrShort
	}
	r.Text()
	if r.Count() != 1 {
		return 0, ErrShort
	}
	r.Skip(4)
	if err := ErrorOf(r.Int16()); err != nil {
		return 0, err
	}
	r.Skip(8)
	at := r.Int64()
	return at, r.Err()
}

// Any connects to one of the brokers that the settings name, whichever answers.
func (d *Dialer) Any(ctx context.Context) (*Conn, error) {
	var first error
	at := rand.IntN(len(d.brokers)) // many hosts do not all go to the first
	for i := range d.brokers {
		c, err := d.Dial(ctx, d.brokers[(at+i)%len(d.brokers)])
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}
