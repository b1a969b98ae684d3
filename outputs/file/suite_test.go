package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugintest"
)

func TestConformance(t *testing.T) {
	to := func(path string) *Settings {
		s := Plugin.Settings().(*Settings)
		s.Path.Value = path
		return s
	}
	plugintest.Output(t, plugintest.OutputSuite{
		Plugin: Plugin,
		Destination: func(t testing.TB) (any, func() []string) {
			path := filepath.Join(t.TempDir(), "events.jsonl")
			return to(path), func() []string {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
			}
		},
		Broken:  func(t testing.TB) any { return to(filepath.Join(t.TempDir(), "missing", "events.jsonl")) },
		Refused: func(t testing.TB) any { return to(t.TempDir()) },
	})
}
