package journald

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
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

// TestFileIsExchanged: one that is truncated, or put in the place of the one that is
// read, while it is read, is read from its beginning; what was left is read, or said
// to be lost.
func TestFileIsExchanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j.export")
	add(t, dir, "j.export", item(1, "a")+item(2, "b"))
	s := settings(t, dir, true)
	s.Path = path
	r := open(t, s, false, nil)
	r.until(r.count(2))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	r.until(func() bool { return len(r.losses) > 0 })
	add(t, dir, "j.export", item(3, "c"))
	r.until(r.count(3))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add(t, dir, "j.export.1", item(4, "d"))
	add(t, dir, "j.export", item(5, "e"))
	r.until(r.count(5))
	r.want("a", "b", "c", "d", "e")
	if len(r.losses) != 1 || r.losses[0].Reason != event.Truncated {
		t.Errorf("%v", r.losses)
	}
}

// TestNoFileIsSaid: what is no file is not opened, which would wait for ever for a
// writer of a pipe.
func TestNoFileIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.export")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s := settings(t, "", true)
	s.Path = path
	in, err := Plugin.Input(s, plugintest.Env(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if err := in.Read(context.Background(), &event.Batch{}, time.Millisecond); err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("%v", err)
	}
}
