package rules

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
)

// TestConformance judges lines of the second and the name of a program that was
// executed then.
func TestConformance(t *testing.T) {
	settings := func(file string) *Settings {
		s := Plugin.Settings().(*Settings)
		s.Files = append(s.Files, text(file))
		return s
	}
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin: Plugin,
		Golden: filepath.Join("testdata", "suite"),
		Settings: func(t testing.TB) any {
			file, err := filepath.Abs(filepath.Join("testdata", "suite", "rules.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			return settings(file)
		},
		Event: func(t testing.TB, line string, _ int) event.Event {
			second, name, _ := strings.Cut(line, " ")
			n, err := strconv.ParseFloat(second, 64)
			if err != nil {
				t.Fatal(err)
			}
			return exec(n, "process.name", name)
		},
		Refused: func(testing.TB) any { return settings("missing.yaml") },
	})
}
