package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// at returns an output that appends to path.
func at(t *testing.T, path string, change func(*Settings)) *output {
	t.Helper()
	c := Default()
	c.Path.Value = path
	if change != nil {
		change(&c)
	}
	if p := c.Check(); p.Bad() {
		t.Fatal(p)
	}
	o, err := build(&c, plugin.Env{Name: "archive", Dir: filepath.Dir(path), Meter: new(meter.Registry)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return o
}

func texts(messages ...string) []event.Event {
	var list []event.Event
	for _, m := range messages {
		var f event.Fields
		f.AddString(schema.Message, m)
		list = append(list, event.Event{Fields: f, Records: 1})
	}
	return list
}

func send(t *testing.T, o *output, messages ...string) {
	t.Helper()
	if err := o.Send(context.Background(), texts(messages...)); err != nil {
		t.Fatalf("send %q: %v", messages, err)
	}
}

// want checks that the file holds one whole JSON line for each message.
func want(t *testing.T, path string, messages ...string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range bytes.Lines(b) {
		var e struct{ Message string }
		if err := json.Unmarshal(line, &e); err != nil || line[len(line)-1] != '\n' {
			t.Errorf("a torn line %q: %v", line, err)
		}
		got = append(got, e.Message)
	}
	if fmt.Sprint(got) != fmt.Sprint(messages) {
		t.Errorf("the file holds %q, want %q", got, messages)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestEventsAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	write(t, path, `{"message":"old"}`+"\n")
	o := at(t, path, nil)
	if !o.Confirms() {
		t.Error("what was synced is not confirmed")
	}
	send(t, o, "one", "two\nlines")
	send(t, o)
	send(t, o, "three")
	want(t, path, "old", "one", "two\nlines", "three")
}

func TestWithoutSyncNothingIsConfirmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := at(t, path, func(c *Settings) { c.Sync = false })
	if o.Confirms() {
		t.Error("what lies in the page cache is confirmed")
	}
	send(t, o, "a")
	want(t, path, "a")
}

func TestARelativePathStartsAtTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	o := at(t, filepath.Join(dir, "x"), func(c *Settings) { c.Path.Value = "./sub/../out" })
	send(t, o, "a")
	want(t, filepath.Join(dir, "out"), "a")
}

func TestModes(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := t.TempDir()
	for mode, perm := range map[string]fs.FileMode{"0600": 0o600, "640": 0o640} {
		path := filepath.Join(dir, mode)
		send(t, at(t, path, func(c *Settings) { c.Mode = mode }), "a")
		if info, err := os.Stat(path); err != nil || info.Mode() != perm {
			t.Errorf("mode %s made %v, %v", mode, info.Mode(), err)
		}
	}
	path := filepath.Join(dir, "there")
	write(t, path, "")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	send(t, at(t, path, nil), "a")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("a file that was there has %v, %v", info.Mode(), err)
	}
}

func TestTwoWritersAreNotLetIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	first, second := at(t, path, nil), at(t, path, nil)
	send(t, first, "a")
	err := second.Send(context.Background(), texts("b"))
	if kind, _ := plugin.KindOf(err); !errors.Is(err, errLocked) || kind != plugin.KindRetry {
		t.Fatalf("the second writer: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	send(t, second, "b")
	want(t, path, "a", "b")
}

func TestAMissingFolderIsSaidAndMayCome(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "absent")
	path := filepath.Join(dir, "out")
	o := at(t, path, nil)
	err := o.Send(context.Background(), texts("a"))
	if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "its folder does not exist") {
		t.Fatalf("%v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	send(t, o, "a")
	want(t, path, "a")
}

func TestExplanations(t *testing.T) {
	for err, word := range map[error]string{
		syscall.ENOSPC: "make room", syscall.EDQUOT: "make room", syscall.EROFS: "read-only", syscall.EACCES: "let the user",
		syscall.EPERM: "let the user", syscall.ELOOP: "symbolic link", syscall.ENOTDIR: "a part of its path",
	} {
		got := explain(&fs.PathError{Op: "open", Path: "/x", Err: err})
		if !errors.Is(got, err) || !strings.Contains(got.Error(), word) {
			t.Errorf("%v is explained as %v", err, got)
		}
	}
	if got := explain(syscall.EIO); !errors.Is(got, syscall.EIO) || got.Error() != syscall.EIO.Error() {
		t.Errorf("%v", got)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		text   string
	}{
		{"good", func(*Settings) {}, ""},
		{"no path", func(c *Settings) { c.Path.Value = "" }, "path is empty"},
		{"no octal", func(c *Settings) { c.Mode = "rw" }, "no set of permissions"},
		{"too many bits", func(c *Settings) { c.Mode = "4755" }, "no set of permissions"},
		{"unwritable", func(c *Settings) { c.Mode = "0400" }, "does not let the owner write"},
		{"everybody", func(c *Settings) { c.Mode = "0666" }, "lets everybody change"},
		{"shape of text", func(c *Settings) { c.Format, c.Shape = "text", "dotted" }, "shape is for format json"},
	} {
		s := Default()
		s.Path.Value = "x"
		c.change(&s)
		p := s.Check()
		if c.text == "" && p != nil || c.text != "" && (len(p) != 1 || !strings.Contains(p[0].Text, c.text)) {
			t.Errorf("%s: %v, want %q", c.name, p, c.text)
		}
	}
}

func TestACancelledSendWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := at(t, path, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := o.Send(ctx, texts("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
}
