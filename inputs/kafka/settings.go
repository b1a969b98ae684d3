package kafka

import (
	"fmt"
	"time"

	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/plugin"
)

// The words of start.
const (
	earliest = "earliest"
	latest   = "latest"
)

// Settings are the keys of a kafka input.
type Settings struct {
	Link    kafkalink.Settings `yaml:",inline"`
	Topics  []string           `yaml:"topics" doc:"The topics that are read." example:"[audit]" required:"true"`
	Group   string             `yaml:"group" doc:"The consumer group. All members of a group share the partitions of its topics: that is how several tallymen share the work."`
	Start   string             `yaml:"start" doc:"Where a partition is begun that the group has never committed: earliest, or latest, which leaves out what is there already." enum:"earliest,latest"`
	Decode  string             `yaml:"decode" doc:"The decoder that the values of messages wait for." example:"tallyman"`
	Origin  bool               `yaml:"origin" doc:"Whether events get labels that say where they were: kafka_topic, kafka_partition, kafka_offset, kafka_key, and kafka_header_NAME for each header. What decode: tallyman reads keeps what it was, and gets none."`
	Session time.Duration      `yaml:"session_timeout" doc:"How long a member may be silent until its partitions go to others; between group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers."`
	Fetch   plugin.Size        `yaml:"fetch" doc:"The most that is asked for at a time from one partition; from one broker four times as much."`
	Batch   plugin.Size        `yaml:"max_batch" doc:"The most that one batch of messages may take after it was unpacked; a larger one is passed over, and said to be lost."`
}

func defaults() Settings {
	return Settings{Link: kafkalink.Default(), Group: "tallyman", Start: earliest, Decode: "plain", Origin: true, Session: 30 * time.Second, Fetch: 1 << 20, Batch: 64 << 20}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	p := s.Link.Check()
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if len(s.Topics) == 0 {
		add("topics", "topics is empty", "write [NAME]")
	}
	for _, t := range s.Topics {
		if !kafkalink.IsTopic(t) {
			add("topics", fmt.Sprintf("topics: %q is no name of a topic", t), "letters, digits, dot, underscore and hyphen, at most 249")
		}
	}
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{s.Group == "", "group", "must have a name"},
		{s.Decode == "", "decode", "must have a name; plain takes messages as they are"},
		{s.Session < 3*time.Second || s.Session > time.Hour, "session_timeout", "must lie between 3s and 1h"},
		{s.Fetch < 16<<10 || s.Fetch > 16<<20, "fetch", "must lie between 16KiB and 16MiB"},
		{s.Batch < 1<<20 || s.Batch > 1<<30, "max_batch", "must lie between 1MiB and 1GiB"},
	} {
		if c.bad {
			add(c.key, c.key+" of input kafka "+c.text, "")
		}
	}
	return p
}
