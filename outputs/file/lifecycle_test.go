package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

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
			if err := o.only.ready(); err != nil {
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

// Wherever a crash cut the file, what was whole stays and what follows is whole.
func TestACrashAtAnyByte(t *testing.T) {
	const whole = `{"message":"a"}` + "\n" + `{"message":"b"}` + "\n"
	dir := t.TempDir()
	for n := range len(whole) + 1 {
		path := filepath.Join(dir, fmt.Sprint(n))
		write(t, path, whole[:n])
		kept := []string{"a", "b"}[:strings.Count(whole[:n], "\n")]
		send(t, at(t, path, nil), "c")
		want(t, path, append(kept[:len(kept):len(kept)], "c")...)
	}
}

// Every format says how its lines begin, or a torn one could not be told from
// somebody else's. Lines of raw begin with anything, and are nobody's.
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
			if err != nil || o.ours(line[0]) != (name != format.Raw) {
				t.Errorf("a line of %s begins with %q, %v", name, line[:1], err)
			}
		}
	}
}

// TestATornLineOfRaw: nothing tells it from what another program wrote, so that it is
// ended, and its event comes again.
func TestATornLineOfRaw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	write(t, path, "whole\n2026-11-21 to")
	o := at(t, path, func(c *Settings) { c.Format = format.Raw })
	e := event.Event{ID: event.NewID([]byte("x")), Records: 1}
	e.Fields.AddString(schema.Message, "2026-11-21 torn")
	if err := o.Send(t.Context(), []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "whole\n2026-11-21 to\n2026-11-21 torn\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
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
		if _, _, err := (osDisk{}).open(path, owner{mode: 0o600, uid: -1, gid: -1}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("open %s: %v", path, err)
		}
	}
	if info, _ := os.Stat(target); info.Size() != 0 {
		t.Error("the link was followed")
	}
}
