package audit

import (
	"path/filepath"
	"testing"

	"tallyman/pipeline/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin: Plugin,
		Golden: filepath.Join("testdata", "suite"),
		Decode: Decoder,
		Settings: func(testing.TB) any {
			s := Plugin.Settings().(*Settings)
			s.Passwd, s.Group = "", "" // the names of this machine are not those of the golden
			return s
		},
		Refused: func(testing.TB) any {
			s := Plugin.Settings().(*Settings)
			s.Window = 0
			return s
		},
	})
}
