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

// TestCommandPagesAreCurrent holds docs/cli against the verbs that there are.
func TestCommandPagesAreCurrent(t *testing.T) {
	want, err := commandPages(newRoot(streams{}))
	if err != nil || len(want) < 40 {
		t.Fatalf("%d pages: %v", len(want), err)
	}
	for name, page := range want {
		if got, err := os.ReadFile("../../docs/cli/" + name); err != nil || !bytes.Equal(got, page) {
			t.Errorf("docs/cli/%s is not what the program says (%v): run make generate", name, err)
		}
	}
	files, err := os.ReadDir("../../docs/cli")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, is := want[f.Name()]; !is {
			t.Errorf("docs/cli/%s is the page of no verb: remove it", f.Name())
		}
	}
}
