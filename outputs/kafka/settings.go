package kafka

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/template"
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
	Headers     []string             `yaml:"headers" doc:"The headers of a message, of these four. An id in each takes a third and more of the room of a short message, and a reader of raw lines may have no use for it: [] for none." example:"[tallyman-id]"`
	Acks        string               `yaml:"acks" doc:"Who must have an event before it counts as delivered: all (every replica that is in sync: set min.insync.replicas to 2 at the topic), or leader, which counts as unconfirmed, since a leader that dies takes it with it." enum:"all,leader"`
	Compression string               `yaml:"compression" doc:"How batches are packed: zstd takes the fewest bytes, snappy the least time of the processor; gzip is for readers that know nothing else." enum:"none,gzip,snappy,lz4,zstd"`
	Timestamp   string               `yaml:"timestamp" doc:"The time of a message for Kafka, by which it is kept and deleted: sent (now), or event (@timestamp; a topic whose retention.ms is shorter than the backlog then deletes it at once)." enum:"sent,event"`
	MaxMessage  plugin.Size          `yaml:"max_message" doc:"The most bytes of one message with key and headers, unpacked, and about the most of one packed batch: not more than max.message.bytes of the topic. A larger event goes to the dead letters."`
	Batch       plugin.BatchSettings `yaml:"batch" doc:"How many events are sent at a time."`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Link: kafkalink.Default(), Format: format.Settings{Format: format.JSON}, Key: plugin.Text{Value: "{{ container.id | host.id | host.name }}"},
		Headers: slices.Clone(headerNames[:]), Acks: acksAll, Compression: codecZstd, Timestamp: stampSent, MaxMessage: 1_000_000,
		Batch: plugin.BatchSettings{Events: 1_024, Bytes: 1 << 20, Wait: 200 * time.Millisecond}}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	_, p := c.plan()
	return p
}

// plan is what the settings come to.
type plan struct {
	topic, key    *template.Template
	choice        template.Choice
	asTopic, asIs template.Rule
}

// plan reads the templates, and returns everything that is wrong.
func (c *Settings) plan() (plan, plugin.Problems) {
	out := plan{asTopic: template.Name(kafkalink.TopicByte, kafkalink.MostTopic), asIs: template.Raw()}
	p := append(c.Link.Check(), c.Format.Check()...)
	var wrong plugin.Problems
	if out.topic, wrong = template.Parse(c.Topic, "topic", template.Options{NoTime: true}); wrong == nil {
		out.choice = template.Choice{Key: "topic", ListKey: "topics", What: "a topic", List: c.Topics, Legal: kafkalink.IsTopic, Hint: topicHint}
		wrong = out.choice.Check(out.topic, c.Topic)
	}
	p = append(p, wrong...)
	if out.topic.Empty() && wrong == nil {
		p = append(p, plugin.Problem{Pos: c.Topic.Pos, Key: "topic", Text: "topic is missing"})
	}
	out.key, wrong = template.Parse(c.Key, "key", template.Options{NoTime: true})
	p = append(p, wrong...)
	if c.MaxMessage < leastMessage || c.MaxMessage > mostMessage {
		p = append(p, plugin.Problem{Key: "max_message", Text: "max_message must lie between 1KiB and 32MiB"})
	}
	for _, name := range c.Headers {
		if !slices.Contains(headerNames[:], name) {
			p = append(p, plugin.Problem{Key: "headers", Text: "headers: there is no header " + strconv.Quote(name), Hint: "it is one of: " + strings.Join(headerNames[:], ", ")})
		}
	}
	if c.Acks == acksLeader {
		p = append(p, plugin.Problem{Key: "acks", Warn: true, Text: "with acks: leader, what a leader takes with it when it dies is lost", Hint: "the default is all"})
	}
	return out, append(p, c.Batch.Check("batch")...)
}

const topicHint = "letters, digits, dot, underscore and hyphen, at most 249"
