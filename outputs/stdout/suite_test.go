package stdout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestConformance runs the suite with another file in the place of the standard
// output.
func TestConformance(t *testing.T) {
	var to *os.File
	inPlace := Plugin
	inPlace.Output = func(settings any, env plugin.Env) (plugin.Output, error) {
		defer func(old *os.File) { os.Stdout = old }(os.Stdout)
		os.Stdout = to
		return Plugin.Output(settings, env)
	}
	pipe := func(t testing.TB) (r *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = r.Close(), w.Close() })
		to = w
		return r
	}
	plugintest.Output(t, plugintest.OutputSuite{
		Plugin: inPlace,
		Destination: func(t testing.TB) (any, func() []string) {
			file, err := os.Create(filepath.Join(t.TempDir(), "out"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = file.Close() })
			to = file
			return Plugin.Settings(), func() []string {
				content, err := os.ReadFile(file.Name())
				if err != nil {
					t.Fatal(err)
				}
				return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
			}
		},
		Broken: func(t testing.TB) any {
			if err := pipe(t).Close(); err != nil {
				t.Fatal(err)
			}
			return Plugin.Settings()
		},
		Stuck: func(t testing.TB) any {
			pipe(t)
			return Plugin.Settings()
		},
		Refused: func(t testing.TB) any {
			pipe(t)
			s := Plugin.Settings().(*Settings)
			s.Format = "unheard_of"
			return s
		},
	})
}
