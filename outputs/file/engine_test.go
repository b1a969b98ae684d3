package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/enginetest"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestOneBadEventThroughTheEngine: an event that cannot be written becomes a dead
// letter, and leaves nothing in the file.
func TestOneBadEventThroughTheEngine(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"one file": "audit.jsonl", "places": "{{ event.dataset }}/audit.jsonl"} {
		t.Run(name, func(t *testing.T) {
			w := plugintest.NewWeather(t, 1, 0)
			s := Default()
			s.Path.Value = filepath.Join(dir, path)
			o := enginetest.Run{
				Output: func(env plugin.Env) (plugin.Output, error) {
					o, err := build(&s, env)
					if err == nil {
						o.enc = enginetest.Refusing(o.enc)
					}
					return o, err
				},
				Weather: w, Events: 100,
			}.Deliver(t)
			o.Refused(t, 100)
			b, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(path, "{{ event.dataset }}", "auditd.log")))
			if err != nil {
				t.Fatal(err)
			}
			w.Balance(strings.Split(string(b), "\n"), 100, o.Dead, plugintest.Never)
		})
	}
}
