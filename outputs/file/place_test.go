package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// named returns an event with a message and a container's name.
func named(message, container string) event.Event {
	e := texts(message)[0]
	if container != "" {
		e.Fields.AddString(schema.ContainerName, container)
	}
	return e
}

func TestAPathWithPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, `{{ container.name }}/audit-{{ time "2006-01-02" }}.jsonl`)
	o := at(t, path, func(c *Settings) { c.OpenFiles = 2 })
	var events []event.Event
	for i, name := range []string{"web", "db", "web", "../../etc", "x/y", "a\nb\x00", ".ssh", "", "web"} {
		e := named(string(rune('a'+i)), name)
		e.Time = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
		events = append(events, e)
	}
	if err := o.Send(context.Background(), events); err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string]string{"web": "a c i", "db": "b", "_.___.._etc": "d", "x_y": "e", "a_b_": "f", "_ssh": "g", "none": "h"} {
		file := filepath.Join(dir, name, "audit-2026-11-26.jsonl")
		if name == "_.___.._etc" {
			found, _ := filepath.Glob(filepath.Join(dir, "*etc", "audit-2026-11-26.jsonl"))
			if len(found) != 1 {
				t.Fatalf("files %q", found)
			}
			file = found[0]
		}
		b, err := os.ReadFile(file)
		var all []string
		for _, m := range strings.Fields(message) {
			all = append(all, `"message":"`+m+`"`)
		}
		if err != nil || strings.Count(string(b), "\n") != len(all) {
			t.Errorf("%s holds %q, %v", file, b, err)
		}
		for _, m := range all {
			if !strings.Contains(string(b), m) {
				t.Errorf("%s lacks %s: %q", file, m, b)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "web")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the folder has %v, %v", info.Mode(), err)
	}
	open := 0
	for _, one := range o.targets {
		if one.file != nil {
			open++
		}
	}
	if open > 2 || len(o.targets) > 2 {
		t.Errorf("%d files are open, %d known", open, len(o.targets))
	}
}

// What somebody names containers makes no more than so many files a day. Those that
// are there go on to have what is theirs; all else is in one file, and nothing is lost.
func TestNamesWithoutNumberMakeFewFiles(t *testing.T) {
	dir, said := t.TempDir(), new(bytes.Buffer)
	o := at(t, filepath.Join(dir, `{{ container.name }}/audit.jsonl`), func(c *Settings) { c.OpenFiles, c.MaxFiles = 4, 10 })
	o.log = slog.New(slog.NewTextHandler(said, nil))
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	o.now = func() time.Time { return now }
	hostile := func(n int) (list []event.Event) {
		for i := range n {
			list = append(list, named("m", fmt.Sprintf("c%d", i)))
		}
		return list
	}
	want := func(folders, lines int) {
		t.Helper()
		found, _ := filepath.Glob(filepath.Join(dir, "*", "audit.jsonl"))
		got := 0
		for _, f := range found {
			got += strings.Count(content(t, f), "\n")
		}
		if len(found) != folders || got != lines {
			t.Errorf("%d lines in %d files, want %d in %d", got, len(found), lines, folders)
		}
	}
	for range 3 {
		if err := o.Send(context.Background(), hostile(500)); err != nil {
			t.Fatal(err)
		}
	}
	want(11, 1500)
	if n := strings.Count(content(t, filepath.Join(dir, overflow, "audit.jsonl")), "\n"); n != 3*490 || o.overflowed.Value() != 3*490 {
		t.Errorf("%d lines overflowed, %d are counted", n, o.overflowed.Value())
	}
	if n := strings.Count(said.String(), "max_files"); n != 2 { // in the text and as a key
		t.Errorf("said %q", said)
	}
	if len(o.targets) > 4 {
		t.Errorf("%d files are known", len(o.targets))
	}
	now = now.Add(24 * time.Hour)
	if err := o.Send(context.Background(), hostile(500)[20:]); err != nil {
		t.Fatal(err)
	}
	want(21, 1980)
}

// One file of several that fails keeps no other waiting, and a link in the place
// of a folder leads nowhere.
func TestOneOfManyFilesFails(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "bad")); err != nil {
		t.Fatal(err)
	}
	o := at(t, filepath.Join(dir, "{{ container.name }}/out.log"), nil)
	err := o.Send(context.Background(), []event.Event{named("a", "good"), named("b", "bad"), named("c", "good"), named("d", "bad")})
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 2 || e.Failed[0].Index != 1 || e.Failed[1].Index != 3 {
		t.Fatalf("%v", err)
	}
	if kind, _ := plugin.KindOf(e.Failed[0].Err); kind != plugin.KindRetry || !strings.Contains(e.Failed[0].Err.Error(), "a symbolic link") {
		t.Errorf("%v", e.Failed[0].Err)
	}
	if got := content(t, filepath.Join(dir, "good", "out.log")); strings.Count(got, "\n") != 2 {
		t.Errorf("the other holds %q", got)
	}
	if list, _ := os.ReadDir(elsewhere); len(list) != 0 {
		t.Error("the link was followed")
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	for path, word := range map[string]string{
		"/log/{{ container.name }}":                                     "nothing but a value",
		"/log/{{ container.name }}{{ host.name }}":                      "nothing but a value",
		"/log/../{{ container.name }}.log":                              `".."`,
		"/log//{{ container.name }}.log":                                `""`,
		"/log/{{ container.nam }}.log":                                  "no field",
		"/log/{{ container.name }":                                      "no }}",
		"/log/a\nb":                                                     "line end",
		"/log/a\x00b":                                                   "zero byte",
		"/log/\x1b{{ container.name }}.log":                             "control character",
		"/log/" + strings.Repeat("n", 200) + "{{ container.name }}.log": "bytes long",
	} {
		c := Default()
		c.Path.Value = path
		if p := c.Check(); len(p) != 1 || !strings.Contains(p[0].Text, word) || p[0].Hint == "" {
			t.Errorf("%q: %v, want %q", path, p, word)
		}
	}
}

// A value that makes a name like that of a rotated file is not taken for one.
func TestAValueThatLooksLikeARotatedFile(t *testing.T) {
	dir := t.TempDir()
	o := at(t, filepath.Join(dir, "a-{{ container.name }}"), nil)
	for _, name := range []string{"x.20261126T100000.000Z", "x.20261126T100000.000Z.gz", "x.20261126T100000.000Z.zst.part"} {
		if err := o.Send(context.Background(), []event.Event{named("m", name)}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "a-"+name+"_")); err != nil {
			t.Error(err)
		}
	}
}

func TestASymbolicLinkIsFollowedWhereItIsSet(t *testing.T) {
	dir, behind := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "out")
	if err := os.Symlink(filepath.Join(behind, "real"), path); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(behind, "real"), "")
	follow := func(c *Settings) { c.Symlink = true; c.Rotate = &Rotate{Size: 1} }
	o := at(t, path, follow)
	send(t, o, "a")
	send(t, o, "b")
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	wantAll(t, filepath.Join(behind, "real"), 2, "a", "b") // the new one is begun at the link's end
}

func TestOwners(t *testing.T) {
	c := Default()
	c.Path.Value, c.Owner = "x", "nobody-has-this-name"
	if _, err := c.owner(); err == nil || !strings.Contains(err.Error(), "owner") {
		t.Errorf("%v", err)
	}
	c.Owner, c.Group = "", "nor-this"
	if _, err := c.owner(); err == nil || !strings.Contains(err.Error(), "group") {
		t.Errorf("%v", err)
	}
	if os.Getuid() != 0 {
		t.Skip("giving a file away takes root: only the refusals were shown")
	}
	path := filepath.Join(t.TempDir(), "out")
	o := at(t, path, func(c *Settings) { c.Owner, c.Group, c.Rotate = "12", "34", &Rotate{Size: 1, Compress: "gzip"} })
	o.tender.cancel, o.tender.done = func() {}, make(chan struct{})
	close(o.tender.done)
	send(t, o, "a")
	send(t, o, "b")
	o.tender.round(context.Background())
	_, names := lines(t, path)
	if len(names) != 2 {
		t.Fatalf("files %q", names)
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
		if s := info.Sys().(*syscall.Stat_t); err != nil || s.Uid != 12 || s.Gid != 34 {
			t.Errorf("%s is of %d:%d, %v", name, s.Uid, s.Gid, err)
		}
	}
}
