package session

import (
	"path/filepath"
	"slices"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
)

// TestConformance judges lines as tell reads them.
func TestConformance(t *testing.T) {
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin: Plugin,
		Golden: filepath.Join("testdata", "suite"),
		Event: func(t testing.TB, line string, n int) event.Event {
			e := tell(t, line)
			e.Offset, e.Fields = int64(n), slices.Clip(e.Fields) // the suite sends it through several stages
			return e
		},
		Refused: func(testing.TB) any {
			s := Plugin.Settings().(*Settings)
			s.Execs = 0
			return s
		},
	})
}
