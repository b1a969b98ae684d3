package kafka

import (
	"fmt"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// The words of acks, timestamp and compression.
const (
	acksAll    = "all"
	acksLeader = "leader"

	stampSent  = "sent"
	stampEvent = "event"

	codecNone = "none"
	codecZstd = "zstd"
)

// The limits of max_message, in bytes.
const (
	leastMessage = 1 << 10
	mostMessage  = 32 << 20
)

// Settings are the keys of a kafka output.
type Settings struct {
	Link        kafkalink.Settings   `yaml:",inline"`
	Topic       plugin.Text          `yaml:"topic" doc:"The topic. It may have fields of the event in {{ }}, after a beginning that is fixed; what may not stand in the name of a topic becomes _. Topics have to exist." example:"audit-{{ event.dataset }}" required:"true"`
	Topics      []string             `yaml:"topics" doc:"The only topics that topic may lead to, where it has fields; an event that would go to another goes to the first of them."`
	Key         plugin.Text          `yaml:"key" doc:"The key: events with the same key go to the same partition and keep their order. Of names between bars the first that the event has counts; without a key an event goes to any partition."`
	Format      format.Settings      `yaml:",inline"`
	Acks        string               `yaml:"acks" doc:"Who must have an event before it counts as delivered: all (every replica that is in sync: set min.insync.replicas to 2 at the topic), or leader, which counts as unconfirmed, since a leader that dies takes it with it." enum:"all,leader"`
	Compression string               `yaml:"compression" doc:"How batches are packed." enum:"none,gzip,snappy,lz4,zstd"`
	Timestamp   string               `yaml:"timestamp" doc:"The time of a message for Kafka, by which it is kept and deleted: sent (now), or event (@timestamp; a topic whose retention.ms is shorter than the backlog then deletes it at once)." enum:"sent,event"`
	MaxMessage  plugin.Size          `yaml:"max_message" doc:"The most bytes of one message with key and headers, unpacked, and about the most of one packed batch: not more than max.message.bytes of the topic. A larger event goes to the dead letters."`
	Batch       plugin.BatchSettings `yaml:"batch" doc:"How many events are sent at a time."`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Link: kafkalink.Default(), Format: format.Settings{Format: format.JSON}, Key: plugin.Text{Value: "{{ container.id | host.id }}"},
		Acks: acksAll, Compression: codecZstd, Timestamp: stampSent, MaxMessage: 1_000_000,
		Batch: plugin.BatchSettings{Events: 2_000, Bytes: 2 << 20, Wait: 200 * time.Millisecond}}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	_, p := c.plan()
	return p
}

// plan is what the settings come to.
type plan struct {
	topic, key template
}

// plan reads the templates, and returns everything that is wrong.
func (c *Settings) plan() (plan, plugin.Problems) {
	var out plan
	p := append(c.Link.Check(), c.Format.Check()...)
	names := schema.NewNames()
	wrong := func(t plugin.Text, key, text, hint string) {
		p = append(p, plugin.Problem{Pos: t.Pos, Width: len(t.Value), Key: key, Text: text, Hint: hint})
	}
	var err error
	if out.topic, err = parse(c.Topic.Value, names); err != nil {
		wrong(c.Topic, "topic", "topic: "+err.Error(), "write fields by their names in the schema, as {{ event.dataset }}")
	} else if text, hint := c.topicProblem(out.topic); text != "" {
		wrong(c.Topic, "topic", text, hint)
	}
	if out.key, err = parse(c.Key.Value, names); err != nil {
		wrong(c.Key, "key", "key: "+err.Error(), "write fields as {{ container.id | host.id }}")
	}
	for _, name := range c.Topics {
		if !kafkalink.IsTopic(name) {
			p = append(p, plugin.Problem{Key: "topics", Text: fmt.Sprintf("topics: %q is no name of a topic", name), Hint: topicHint})
		}
	}
	if c.MaxMessage < leastMessage || c.MaxMessage > mostMessage {
		p = append(p, plugin.Problem{Key: "max_message", Text: "max_message must lie between 1KiB and 32MiB"})
	}
	if c.Acks == acksLeader {
		p = append(p, plugin.Problem{Key: "acks", Warn: true, Text: "with acks: leader, what a leader takes with it when it dies is lost", Hint: "the default is all"})
	}
	return out, append(p, c.Batch.Check("batch")...)
}

const topicHint = "letters, digits, dot, underscore and hyphen, at most 249"

// topicProblem says what is wrong with a topic that could be read.
func (c *Settings) topicProblem(t template) (text, hint string) {
	switch {
	case len(t) == 0:
		return "topic is missing", ""
	case t.fixed() && !kafkalink.IsTopic(c.Topic.Value):
		return fmt.Sprintf("topic %q is no name of a topic", c.Topic.Value), topicHint
	case t.fixed() && len(c.Topics) > 0:
		return "topics is set, and topic has no field", "remove topics"
	case !t.fixed() && t[0].keys != nil && len(c.Topics) == 0:
		return "topic begins with a field, so that an event could choose any topic", "write a beginning that is fixed, as audit-{{ event.dataset }}, or list what may be chosen in topics"
	}
	for i := range t {
		for j := range len(t[i].text) {
			if !kafkalink.TopicByte(t[i].text[j]) {
				return fmt.Sprintf("topic has %q, which may not stand in the name of a topic", t[i].text[j]), topicHint
			}
		}
	}
	return "", ""
}
