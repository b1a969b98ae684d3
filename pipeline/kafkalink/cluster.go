package kafkalink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
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

// Ask asks a broker for topics. None is created by asking.
func (c *Conn) Ask(ctx context.Context, topics []string) (*Cluster, error) {
	m, err := c.Do(ctx, &metadata.Request{TopicNames: topics})
	if err != nil {
		return nil, fmt.Errorf("ask the broker %s for its topics: %w", c.Addr, c.Explain(err))
	}
	r := m.(*metadata.Response)
	out := &Cluster{ID: r.ClusterID, Brokers: map[int32]string{}, Topics: map[string]Topic{}}
	for _, b := range r.Brokers {
		out.Brokers[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	for _, t := range r.Topics {
		one := Topic{Err: ErrorOf(t.ErrorCode)}
		slices.SortFunc(t.Partitions, func(a, b metadata.ResponsePartition) int { return int(a.PartitionIndex - b.PartitionIndex) })
		for i, p := range t.Partitions {
			if int(p.PartitionIndex) != i {
				return nil, fmt.Errorf("ask the broker %s for its topics: partition %d of %s is missing from the answer", c.Addr, i, t.Name)
			}
			leader := p.LeaderID
			if _, known := out.Brokers[leader]; !known {
				leader = -1
			}
			one.Leaders = append(one.Leaders, leader)
		}
		if one.Err == nil && len(one.Leaders) == 0 {
			one.Err = kafka.LeaderNotAvailable
		}
		out.Topics[t.Name] = one
	}
	for _, name := range topics {
		if _, ok := out.Topics[name]; !ok {
			out.Topics[name] = Topic{Err: kafka.UnknownTopicOrPartition}
		}
	}
	return out, nil
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
