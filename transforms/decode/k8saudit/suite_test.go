package k8saudit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestConformance: the decoder passes the suite, with a pair for each action.
func TestConformance(t *testing.T) {
	plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: Plugin, Golden: "testdata"})
}

// TestSecretsAreNotCopied: of what the pairs hold in secrets and tokens nothing
// is in an event.
func TestSecretsAreNotCopied(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"Y2FuYXJ5", "Y2Fu", "canary-token"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds the secret %q", file, secret)
			}
		}
	}
}
