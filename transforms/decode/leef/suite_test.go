package leef

import (
	"testing"

	"tallyman/pipeline/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}
