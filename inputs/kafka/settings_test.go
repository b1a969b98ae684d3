package kafka

import (
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

// TestSettingsCheck: what is wrong with settings is said with the key that it is at.
func TestSettingsCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		key    string // "" where nothing is wrong
		text   string
	}{
		{"the defaults, a broker and a topic", func(*Settings) {}, "", ""},
		{"the bounds themselves", func(s *Settings) { s.Session, s.Fetch, s.Batch = time.Hour, 16<<20, 1<<30 }, "", ""},
		{"no broker", func(s *Settings) { s.Link.Brokers = nil }, "brokers", "brokers is empty"},
		{"no topic", func(s *Settings) { s.Topics = nil }, "topics", "topics is empty"},
		{"a pattern", func(s *Settings) { s.Topics = []string{"audit", "audit-*"} }, "topics", `"audit-*" is no name`},
		{"no group", func(s *Settings) { s.Group = "" }, "group", "must have a name"},
		{"no decoder", func(s *Settings) { s.Decode = "" }, "decode", "must have a name"},
		{"a short session", func(s *Settings) { s.Session = time.Second }, "session_timeout", "between 3s and 1h"},
		{"a long session", func(s *Settings) { s.Session = 2 * time.Hour }, "session_timeout", "between 3s and 1h"},
		{"small fetches", func(s *Settings) { s.Fetch = 1 << 10 }, "fetch", "between 16KiB and 16MiB"},
		{"large fetches", func(s *Settings) { s.Fetch = 17 << 20 }, "fetch", "between 16KiB and 16MiB"},
		{"small batches", func(s *Settings) { s.Batch = 1 << 10 }, "max_batch", "between 1MiB and 1GiB"},
		{"large batches", func(s *Settings) { s.Batch = 2 << 30 }, "max_batch", "between 1MiB and 1GiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := defaults()
			s.Link.Brokers, s.Topics = []plugin.Text{{Value: "one:9092"}}, []string{"audit"}
			c.change(&s)
			switch p := s.Check(); {
			case c.key == "" && len(p) > 0:
				t.Errorf("it finds %v", p)
			case c.key == "":
			case len(p) != 1 || p[0].Key != c.key || p[0].Warn || !strings.Contains(p[0].Text, c.text):
				t.Errorf("it finds %+v", p)
			}
		})
	}
}
