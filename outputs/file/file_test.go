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
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

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

func TestAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name, left, format, want string
		torn                     uint64
	}{
		{"a torn line", "{\"message\":\"a\"}\n{\"mess", "json", "{\"message\":\"a\"}\n", 1},
		{"only a torn line", `{"mess`, "json", "", 1},
		{"a long torn line", "{}\n{" + strings.Repeat("x", 200<<10), "json", "{}\n", 1},
		{"zeros", "{}\n\x00\x00\x00", "json", "{}\n", 1},
		{"nothing torn", "{}\n", "json", "{}\n", 0},
		{"somebody else's line", "{}\nnot ours", "json", "{}\nnot ours\n", 1},
		{"a torn line of CEF", "CEF:0|a\nCE", "cef", "CEF:0|a\n", 1},
		{"a torn line of syslog", "<134>1 a\n<1", "rfc5424", "<134>1 a\n", 1},
		{"a torn line of text", "2026-11-21 a\n2026-1", "text", "2026-11-21 a\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			write(t, path, c.left)
			o := at(t, path, func(s *Settings) { s.Format = c.format })
			if err := o.Probe(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != c.want {
				t.Errorf("left %q, %v; want %q", got, err, c.want)
			}
			if o.torn.Value() != c.torn {
				t.Errorf("%d torn lines counted", o.torn.Value())
			}
			send(t, o, "next")
			if got, _ := os.ReadFile(path); !bytes.HasPrefix(got, []byte(c.want)) || bytes.Count(got, []byte("\n")) != strings.Count(c.want, "\n")+1 {
				t.Errorf("the next line made it %q", got)
			}
		})
	}
}

// Every format says how its lines begin, or a torn one could not be told from
// somebody else's.
func TestEveryFormatHasALead(t *testing.T) {
	field, _ := reflect.TypeOf(Settings{}).FieldByName("Format")
	for _, name := range strings.Split(field.Tag.Get("enum"), ",") {
		path := filepath.Join(t.TempDir(), name)
		o := at(t, path, func(c *Settings) { c.Format = name })
		if _, ok := leads[name]; !ok {
			t.Errorf("%s has no lead", name)
		}
		for _, e := range []event.Event{{}, {Time: time.Unix(0, 0)}} {
			line, err := o.enc.Append(nil, &e)
			if err != nil || !o.ours(line[0]) {
				t.Errorf("a line of %s begins with %q, %v", name, line[:1], err)
			}
		}
	}
}

func TestAFileThatIsMovedAway(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	o := at(t, path, nil)
	send(t, o, "a")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	send(t, o, "b")
	want(t, path+".1", "a")
	want(t, path, "b")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	send(t, o, "c")
	want(t, path, "c")
	// Another file in its place, as logrotate's `create` leaves it.
	write(t, path+".new", "")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	send(t, o, "d")
	want(t, path, "d")
	// Emptied in place, as copytruncate does.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	send(t, o, "e")
	want(t, path, "e")
	if n := o.opened.Value(); n != 4 {
		t.Errorf("opened %d times", n)
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe, link, target := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, target, "")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for path, word := range map[string]string{pipe: "a named pipe", link: "a symbolic link", "/dev/null": "a device", dir: "a folder"} {
		c := Default()
		c.Path = plugin.Text{Value: path, Pos: plugin.Pos{File: "f", Line: 3, Col: 5}}
		_, err := New(&c, plugin.Env{})
		var p plugin.Problems
		if !errors.As(err, &p) || !strings.Contains(p[0].Text, word) || p[0].Pos.Line != 3 {
			t.Errorf("%s: %v", path, err)
		}
		// It may also come while we run.
		if _, _, err := open(path, 0o600); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("open %s: %v", path, err)
		}
	}
	if info, _ := os.Stat(target); info.Size() != 0 {
		t.Error("the link was followed")
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
	if got := explain(syscall.EIO); got != syscall.EIO {
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
