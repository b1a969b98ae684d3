package dockerjson

import (
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestConformance: the decoder passes the suite, with a pair for each form.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}

// TestLineConformance: the decoder of lines of the API passes it too.
func TestLineConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Lines, Golden: "testdata/line"})
}
