package container

import (
	"path/filepath"
	"slices"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestConformance reads no /proc: what the golden says comes of the events alone.
func TestConformance(t *testing.T) {
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin: Plugin,
		Golden: filepath.Join("testdata", "suite"),
		Settings: func(testing.TB) any {
			s := Plugin.Settings().(*Settings)
			s.Procfs, s.DockerRoot = plugin.Text{}, plugin.Text{}
			s.Wait = 0 // what is kept is decoded, and the suite has records kept as they were read
			return s
		},
		Event: func(t testing.TB, line string, n int) event.Event {
			e := tell(t, line).ev
			e.ID, e.Records, e.Offset = event.NewID([]byte(line)), 1, int64(n)
			e.Fields = slices.Clip(e.Fields) // the suite sends it through several stages
			return e
		},
		Refused: func(t testing.TB) any {
			s := Plugin.Settings().(*Settings)
			s.Offline = &Offline{Timeline: plugin.Text{Value: filepath.Join(t.TempDir(), "missing")}}
			return s
		},
	})
}
