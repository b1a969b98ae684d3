package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"tallyman/pipeline/kafkalink"
)

const (
	// askAgain is how long what is known of the cluster is believed without a doubt.
	askAgain = 5 * time.Minute
	// idle is how long a connection may stay without use; brokers close one after
	// ten minutes (connections.max.idle.ms), load balancers sooner.
	idle = time.Minute
	// mostTopics is how many topics are asked for at once; those that are not used
	// are then forgotten.
	mostTopics = 1000
)

// link is a connection to one broker, and when it was used.
type link struct {
	*kafkalink.Conn
	used time.Time
}

// learn sees to it that the leaders of the topics of the messages are known.
func (o *output) learn(ctx context.Context) error {
	if len(o.topics) > mostTopics {
		clear(o.topics)
		o.stale = true
	}
	last := ""
	for i := range o.messages {
		topic := o.messages[i].topic
		if topic == last {
			continue
		}
		last = topic
		if _, ok := o.topics[topic]; !ok {
			o.topics[topic] = struct{}{}
			o.stale = true
		}
	}
	if o.known != nil && !o.stale && o.now().Sub(o.asked) < askAgain {
		return nil
	}
	names := make([]string, 0, len(o.topics))
	for name := range o.topics {
		names = append(names, name)
	}
	known, err := o.ask(ctx, names)
	if err != nil {
		return err
	}
	for id := range o.links {
		if known.Brokers[id] != o.links[id].Addr {
			o.drop(id)
		}
	}
	o.known, o.asked, o.stale = known, o.now(), false
	return nil
}

// ask asks a broker that is connected, else one that the settings name.
func (o *output) ask(ctx context.Context, topics []string) (*kafkalink.Cluster, error) {
	for id, l := range o.links {
		if o.now().Sub(l.used) > idle {
			continue
		}
		known, err := l.Ask(ctx, topics)
		if err == nil {
			return known, nil
		}
		if o.drop(id); ctx.Err() != nil {
			return nil, err
		}
	}
	c, err := o.dialer.Any(ctx)
	if err != nil {
		return nil, err
	}
	o.connects.Inc()
	known, err := c.Ask(ctx, topics)
	if shut := c.Close(); err == nil && shut != nil {
		o.log.Debug("kafka: close a connection", "broker", c.Addr, "error", shut)
	}
	return known, err
}

// broker returns the connection to a broker.
func (o *output) broker(ctx context.Context, id int32) (*link, error) {
	if l := o.links[id]; l != nil {
		if !l.Broken() && o.now().Sub(l.used) <= idle {
			l.used = o.now()
			return l, nil
		}
		o.drop(id)
	}
	addr, ok := o.known.Brokers[id]
	if !ok {
		return nil, kafka.BrokerNotAvailable
	}
	c, err := o.dialer.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err := c.Speaks(protocol.Produce, produceVersion); err != nil {
		_ = c.Close() // the error that counts is err
		return nil, err
	}
	o.connects.Inc()
	o.links[id] = &link{Conn: c, used: o.now()}
	return o.links[id], nil
}

// drop closes the connection to a broker. What its end comes to adds nothing.
func (o *output) drop(id int32) {
	_ = o.links[id].Close()
	delete(o.links, id)
}

// Probe implements plugin.Prober: the brokers answer, know us, and the topic is
// there with its leaders.
func (o *output) Probe(ctx context.Context) error {
	names := o.settings.Topics
	if o.plan.topic.Fixed() {
		names = []string{o.settings.Topic.Value}
	}
	known, err := o.ask(ctx, names)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	for _, name := range names {
		t := known.Topics[name]
		if t.Err != nil {
			return fmt.Errorf("kafka: topic %s: %w", name, o.explain(t.Err, name))
		}
		for p, leader := range t.Leaders {
			if leader < 0 {
				return fmt.Errorf("kafka: partition %d of topic %s has no leader", p, name)
			}
		}
	}
	return nil
}

// explain adds to an error of a topic what a person can do about it.
func (o *output) explain(err error, topic string) error {
	hint := ""
	switch {
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return kafkalink.Allow(err, "WRITE", "topic", topic)
	case errors.Is(err, kafka.ClusterAuthorizationFailed):
		hint = "our user lacks access to the cluster itself; WRITE and DESCRIBE on the topic are enough for this output on Kafka 2.8 and later"
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		hint = "create it: kafka-topics --create --topic " + topic + "; where it is there, our user may lack the operation DESCRIBE on it"
	case errors.Is(err, kafka.NotEnoughReplicas), errors.Is(err, kafka.NotEnoughReplicasAfterAppend):
		hint = "fewer replicas are in sync than min.insync.replicas of the topic asks for"
	case errors.Is(err, kafka.UnsupportedCompressionType):
		hint = "set compression to what the topic takes"
	case errors.Is(err, kafka.InvalidTimestamp):
		hint = "the topic refuses messages of this time: see this host's clock, and message.timestamp.after.max.ms of the topic"
	case errors.Is(err, kafka.MessageSizeTooLarge), errors.Is(err, kafka.RecordListTooLarge):
		hint = "raise max.message.bytes of the topic, or lower max_message"
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}
