package kafka

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// TestSettingsCheck: what is wrong with settings is said with the key that it is at.
func TestSettingsCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		key    string // "" where nothing is wrong
		text   string
		warn   bool
	}{
		{"a fixed topic", func(*Settings) {}, "", "", false},
		{"a topic of fields", func(s *Settings) { s.Topic.Value = "audit-{{ event.dataset }}" }, "", "", false},
		{"a topic that is only a field, in a list", func(s *Settings) { s.Topic.Value, s.Topics = "{{ event.dataset }}", []string{"audit", "other"} }, "", "", false},
		{"a key of a label", func(s *Settings) { s.Key.Value = "{{ labels.team | host.name }}" }, "", "", false},
		{"no key", func(s *Settings) { s.Key.Value = "" }, "", "", false},
		{"no topic", func(s *Settings) { s.Topic.Value = "" }, "topic", "topic is missing", false},
		{"a name that is no topic's", func(s *Settings) { s.Topic.Value = "my topic" }, "topic", `"my topic" is no name`, false},
		{"dots alone", func(s *Settings) { s.Topic.Value = ".." }, "topic", "is no name", false},
		{"any topic", func(s *Settings) { s.Topic.Value = "{{ event.dataset }}" }, "topic", "begins with a field", false},
		{"a slash beside a field", func(s *Settings) { s.Topic.Value = "a/{{ event.dataset }}" }, "topic", "which no name of a topic does", false},
		{"an unknown field", func(s *Settings) { s.Topic.Value = "a-{{ event.nonsense }}" }, "topic", `"event.nonsense"`, false},
		{"a place without an end", func(s *Settings) { s.Topic.Value = "a-{{ event.dataset" }, "topic", "there is no }} for this {{", false},
		{"topics without a field", func(s *Settings) { s.Topics = []string{"audit"} }, "topic", "topics is set, and topic has no field", false},
		{"a list with what is no topic", func(s *Settings) { s.Topic.Value, s.Topics = "{{ event.dataset }}", []string{"a b"} }, "topics", `"a b" is no name`, false},
		{"an unknown field in the key", func(s *Settings) { s.Key.Value = "{{ nobody.knows }}" }, "key", `"nobody.knows"`, false},
		{"messages of a byte", func(s *Settings) { s.MaxMessage = 1 }, "max_message", "between 1KiB and 32MiB", false},
		{"messages of a gigabyte", func(s *Settings) { s.MaxMessage = 1 << 30 }, "max_message", "between 1KiB and 32MiB", false},
		{"the leader alone", func(s *Settings) { s.Acks = acksLeader }, "acks", "is lost", true},
		{"a header of another name", func(s *Settings) { s.Headers = []string{headerID, "event-id"} }, "headers", `no header "event-id"`, false},
		{"no headers", func(s *Settings) { s.Headers = []string{} }, "", "", false},
		{"no broker", func(s *Settings) { s.Link.Brokers = nil }, "brokers", "brokers is empty", false},
		{"no time", func(s *Settings) { s.Link.Timeout = 0 }, "timeout", "timeout must be", false},
		{"batches below nothing", func(s *Settings) { s.Batch.Events = -1 }, "batch", "below nothing", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settingsFor("audit", "127.0.0.1:9092")
			s.Topic.Pos = plugin.Pos{File: "tallyman.yaml", Line: 3, Col: 12}
			c.change(s)
			p := s.Check()
			switch {
			case c.key == "" && len(p) > 0:
				t.Errorf("it finds %v", p)
			case c.key == "":
			case len(p) != 1 || !strings.HasPrefix(p[0].Key, c.key) || !strings.Contains(p[0].Text, c.text) || p[0].Warn != c.warn:
				t.Errorf("it finds %+v", p)
			case c.key == "topic" && p[0].Pos.Line != 3:
				t.Errorf("it is at %v", p[0].Pos)
			}
		})
	}
}
