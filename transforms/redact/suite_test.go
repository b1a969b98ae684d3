package redact

import (
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestConformance takes command lines whose words a bar parts.
func TestConformance(t *testing.T) {
	t.Setenv("REDACT_TEST_KEY", "a key for tests")
	settings := func() *Settings {
		s := Default()
		s.Key = plugin.Secret{Env: "REDACT_TEST_KEY"}
		return &s
	}
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin:   Plugin,
		Golden:   filepath.Join("testdata", "suite"),
		Settings: func(testing.TB) any { return settings() },
		Event: func(_ testing.TB, line string, n int) event.Event {
			e := exec(strings.Split(line, "|")...)
			e.Offset = int64(n)
			e.Fields.AddString(schema.ProcessCommandLine, strings.ReplaceAll(line, "|", " "))
			e.Fields.AddString(schema.Message, "ana ran "+strings.ReplaceAll(line, "|", " "))
			return e
		},
		Refused: func(testing.TB) any {
			s := settings()
			s.Key = plugin.Secret{Env: "REDACT_TEST_NO_KEY"}
			return s
		},
	})
}
