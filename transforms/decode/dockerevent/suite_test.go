package dockerevent

import (
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestConformance: the decoder passes the suite, with a line for each action.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}
