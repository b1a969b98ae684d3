package file

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// TestMultilineIsChecked: each mistake is named by its key.
func TestMultilineIsChecked(t *testing.T) {
	for name, m := range map[string]Multiline{
		"multiline":           {},
		"multiline.preset":    {Preset: "perl"},
		"multiline.start":     {Start: plugin.Text{Value: "("}},
		"multiline.continue":  {Continue: plugin.Text{Value: strings.Repeat("a", 2000)}},
		"multiline.max_lines": {Preset: "go", Lines: -1},
		"multiline.max_bytes": {Preset: "go", Bytes: 1 << 30},
		"multiline.timeout":   {Preset: "go", Timeout: -1},
	} {
		s := settings(t, "/logs")
		s.Multiline = &m
		if p := s.Check(); len(p) != 1 || p[0].Key != name {
			t.Errorf("%s: %v", name, p)
		}
	}
	s := settings(t, "/logs")
	if s.Multiline = (&Multiline{Preset: "go", Start: plugin.Text{Value: "a"}}); !s.Check().Bad() {
		t.Error("two ways at once are taken")
	}
}
