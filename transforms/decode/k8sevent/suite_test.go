package k8sevent

import (
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestConformance: the decoder passes the suite, with a pair for each kind of event.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}
