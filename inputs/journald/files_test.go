package journald

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestFilesOfAFolder: they are read in the order of their names; one that ends
// within an entry says so.
func TestFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, "2.export", item(3, "c"))
	add(t, dir, "1.export", item(1, "a")+strings.TrimSuffix(item(2, "b"), "\n\n"))
	add(t, dir, "0.txt", "no")
	r := open(t, settings(t, dir, true), false, nil)
	r.until(r.count(3))
	r.want("a", "b", "c")
	if got := r.events[1].Get(schema.ErrorMessage).Str(); got != "the file ends within this entry" {
		t.Errorf("%q", got)
	}
	if got := r.events[2].Get(schema.LogFilePath).Str(); got != filepath.Join(dir, "2.export") {
		t.Error(got)
	}
	r.close()
	add(t, dir, "3.export", item(4, "d"))
	again := open(t, settings(t, dir, true), true, r.position)
	again.until(func() bool { return false })
	again.want("d")
}

// TestTruncatedFile: it is read again from its beginning, and that is said.
func TestTruncatedFile(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, "j.export", item(1, "a")+item(2, "b"))
	r := open(t, settings(t, dir, true), true, nil)
	r.until(func() bool { return false })
	if err := os.Truncate(filepath.Join(dir, "j.export"), int64(len(item(1, "a")))); err != nil {
		t.Fatal(err)
	}
	again := open(t, settings(t, dir, true), true, r.position)
	again.until(func() bool { return false })
	again.want("a")
	if len(again.losses) != 1 || again.losses[0].Reason != event.Truncated {
		t.Errorf("%v", again.losses)
	}
}
