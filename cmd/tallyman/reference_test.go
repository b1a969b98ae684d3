package main

import (
	"bytes"
	"os"
	"testing"

	"tallyman/pipeline/config"
)

// TestReferenceIsCurrent holds the committed reference against the code.
func TestReferenceIsCurrent(t *testing.T) {
	var page, schema bytes.Buffer
	if err := config.Reference(&page, plugins()); err != nil {
		t.Fatal(err)
	}
	if err := config.Schema(&schema, plugins()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{"settings.md": page.Bytes(), "tallyman.schema.json": schema.Bytes()} {
		got, err := os.ReadFile("../../docs/reference/" + path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/reference/%s is not what the code says (%v): run make generate", path, err)
		}
	}
}
