package file

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// rotating returns an output that rotates, whose clock the test turns and whose
// old files are looked after when the test says so (o.tender.round).
func rotating(t *testing.T, path string, r Rotate, now *time.Time) *output {
	t.Helper()
	o := at(t, path, func(c *Settings) { c.Rotate = &r })
	if now != nil {
		o.now = func() time.Time { return *now }
		o.tender.now = o.now
	}
	// The goroutine is taken for started.
	o.tender.cancel, o.tender.done = func() {}, make(chan struct{})
	close(o.tender.done)
	return o
}

// lines returns what all files of a path hold, rotated ones first, and their names.
func lines(t testing.TB, path string) (list, names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		if d := len(a.Name()) - len(b.Name()); a.Name() == filepath.Base(path) || b.Name() == filepath.Base(path) {
			return -d // the file in use comes last
		}
		return strings.Compare(a.Name(), b.Name())
	})
	seen := map[string]bool{}
	for _, e := range entries {
		r, old := split(e.Name())
		if e.Name() != filepath.Base(path) && (!old || r.base != filepath.Base(path) || r.part || seen[r.plain]) {
			continue
		}
		seen[r.plain] = old
		names = append(names, e.Name())
		text := strings.TrimSuffix(content(t, filepath.Join(filepath.Dir(path), e.Name())), "\n")
		if text != "" {
			list = append(list, strings.Split(text, "\n")...)
		}
	}
	return list, names
}

// content is what a file holds, unpacked.
func content(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	switch filepath.Ext(path) {
	case ".gz":
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return string(b)
}

func line(m string) string { return `{"message":"` + m + `"}` }

func wantAll(t *testing.T, path string, files int, messages ...string) {
	t.Helper()
	got, names := lines(t, path)
	var all []string
	for _, m := range messages {
		all = append(all, line(m))
	}
	if !slices.Equal(got, all) || len(names) != files {
		t.Errorf("files %q hold %q, want %d with %q", names, got, files, all)
	}
}

func TestRotationBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl")
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	o := rotating(t, path, Rotate{Size: plugin.Size(2 * lineBytes)}, &now)
	for _, m := range []string{"a", "b", "c", "d", "e"} {
		send(t, o, m)
	}
	wantAll(t, path, 3, "a", "b", "c", "d", "e")
	want(t, path, "e")
	// Two rotations in one millisecond have names of their own, in order.
	want(t, path+".20261126T100000.000Z", "a", "b")
	want(t, path+".20261126T100000.001Z", "c", "d")
	// A clock that went back makes no name below an earlier one.
	now = now.Add(-time.Hour)
	send(t, o, "f")
	send(t, o, "g")
	want(t, path+".20261126T100000.002Z", "e", "f")
	// A batch larger than the limit goes into an empty file as a whole.
	send(t, o, "h", "i", "j", "k")
	want(t, path, "h", "i", "j", "k")
	if n := o.rotated.Value(); n != 4 {
		t.Errorf("%d rotations were counted", n)
	}
}

func TestRotationByTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	now := time.Now().UTC().Truncate(24 * time.Hour).Add(23 * time.Hour)
	o := rotating(t, path, Rotate{Every: 24 * time.Hour}, &now)
	send(t, o, "a")
	now = now.Add(59 * time.Minute)
	send(t, o, "b")
	now = now.Add(time.Minute)
	send(t, o, "c")
	send(t, o, "d")
	wantAll(t, path, 2, "a", "b", "c", "d")
	want(t, path, "c", "d")
	// After a restart the time of the last write is that of the file.
	if err := errors.Join(o.Close(), os.Chtimes(path, now.Add(-25*time.Hour), now.Add(-25*time.Hour))); err != nil {
		t.Fatal(err)
	}
	o = rotating(t, path, Rotate{Every: 24 * time.Hour}, &now)
	send(t, o, "e")
	want(t, path, "e")
	wantAll(t, path, 3, "a", "b", "c", "d", "e")
}

func TestRotatedFilesAreCompressed(t *testing.T) {
	for word, ending := range map[string]string{"gzip": ".gz", "zstd": ".zst"} {
		path := filepath.Join(t.TempDir(), "out")
		o := rotating(t, path, Rotate{Size: 1, Compress: word}, nil)
		for _, m := range []string{"a", "b", "c"} {
			send(t, o, m)
		}
		o.tender.round(context.Background())
		wantAll(t, path, 3, "a", "b", "c")
		entries, _ := os.ReadDir(filepath.Dir(path))
		for _, e := range entries {
			info, err := e.Info()
			if e.Name() != "out" && !strings.HasSuffix(e.Name(), ending) || err != nil || info.Mode() != 0o640 {
				t.Errorf("%s: %s has mode %v, %v", word, e.Name(), info.Mode(), err)
			}
		}
		if o.tender.packed.Value() != 2 || o.tender.failures.Value() != 0 {
			t.Errorf("%s: %d compressed, %d failures", word, o.tender.packed.Value(), o.tender.failures.Value())
		}
	}
}

// What a kill has left of a compression, at each of its steps, is mended; a copy
// that is none is touched by nobody.
func TestACompressionIsTakenUpAgain(t *testing.T) {
	const stamp = ".20261126T100000.000Z"
	gz := func(text string) string {
		var b strings.Builder
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text)) // into memory
		_ = w.Close()
		return b.String()
	}
	whole := line("a") + "\n"
	for _, c := range []struct {
		name, part, packed string
		left               []string
		fails              bool
	}{
		{"nothing done", "", "", []string{".gz"}, false},
		{"half a copy", gz(whole)[:12], "", []string{".gz"}, false},
		{"a whole copy without its name", gz(whole), "", []string{".gz"}, false},
		{"a whole copy", "", gz(whole), []string{".gz"}, false},
		{"a cut copy of that name", "", gz(whole)[:len(gz(whole))-4], []string{"", ".gz"}, true},
		{"another's copy", "", gz(line("z") + "\n"), []string{"", ".gz"}, true},
		{"a copy of more", "", gz(whole + whole), []string{"", ".gz"}, true},
		{"a copy of less", "", gz(""), []string{"", ".gz"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			write(t, path+stamp, whole)
			if c.part != "" {
				write(t, path+stamp+".gz.part", c.part)
			}
			if c.packed != "" {
				write(t, path+stamp+".gz", c.packed)
			}
			o := rotating(t, path, Rotate{Size: 1, Compress: "gzip"}, nil)
			send(t, o, "b")
			o.tender.round(context.Background())
			var left []string
			entries, _ := os.ReadDir(filepath.Dir(path))
			for _, e := range entries {
				if e.Name() != "out" {
					left = append(left, strings.TrimPrefix(e.Name(), "out"+stamp))
				}
			}
			if !slices.Equal(left, c.left) || (o.tender.failures.Value() == 1) != c.fails {
				t.Errorf("left %q with %d failures, want %q", left, o.tender.failures.Value(), c.left)
			}
			if !c.fails {
				wantAll(t, path, 2, "a", "b")
			}
		})
	}
}

func TestOldFilesAreRemoved(t *testing.T) {
	for _, c := range []struct {
		name string
		rule Rotate
		left []string
	}{
		{"by number", Rotate{Size: 1, Keep: 2}, []string{"c", "d", "e"}},
		{"by total", Rotate{Size: 1, MaxTotal: plugin.Size(3*lineBytes + 1)}, []string{"b", "c", "d", "e"}},
		{"by age", Rotate{Size: 1, MaxAge: 90 * time.Minute}, []string{"c", "d", "e"}},
		{"by whichever is the least", Rotate{Size: 1, Keep: 3, MaxAge: 30 * time.Minute}, []string{"d", "e"}},
		{"by none", Rotate{Size: 1}, []string{"a", "b", "c", "d", "e"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "out")
			others := []string{"out.1", "out.gz", "other.20261126T100000.000Z", "out.20261126T100000.000Z.bak", "out.20261126T100000Z"}
			for _, name := range others {
				write(t, filepath.Join(dir, name), "x")
			}
			now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
			o := rotating(t, path, c.rule, &now)
			for _, m := range []string{"a", "b", "c", "d", "e"} {
				send(t, o, m) // a is rotated at 11, d at 14
				now = now.Add(time.Hour)
			}
			now = now.Add(-time.Hour + time.Second)
			o.tender.round(context.Background())
			wantAll(t, path, len(c.left), c.left...)
			for _, name := range others {
				if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "x" {
					t.Errorf("%s was touched", name)
				}
			}
		})
	}
}

// The goroutine does all that by itself, ends with the output, and goes on with
// what the last life has left.
func TestTheGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "out")
	write(t, path+".20261126T100000.000Z", line("a")+"\n")
	o := at(t, path, func(c *Settings) { c.Rotate = &Rotate{Size: 1, Compress: "zstd"} })
	removed := make(chan string, 1)
	o.tender.disk = telling{removed: removed}
	send(t, o, "b")
	if got := <-removed; got != path+".20261126T100000.000Z" {
		t.Errorf("%s was removed", got)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	wantAll(t, path, 2, "a", "b")
	if _, err := os.Stat(path + ".20261126T100000.000Z.zst"); err != nil {
		t.Error(err)
	}
}

// telling says what was removed.
type telling struct {
	osDisk
	removed chan<- string
}

func (d telling) remove(path string) error {
	err := d.osDisk.remove(path)
	d.removed <- path
	return err
}

// A folder that lets nothing be renamed does not stop the delivery.
func TestARotationThatFailsStopsNoDelivery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := rotating(t, path, Rotate{Size: 1}, nil)
	broken := &noRename{err: syscall.EACCES}
	o.disk = broken
	send(t, o, "a")
	send(t, o, "b")
	send(t, o, "c")
	want(t, path, "a", "b", "c")
	if o.unrotated.Value() != 2 {
		t.Errorf("%d batches were counted", o.unrotated.Value())
	}
	broken.err = nil
	send(t, o, "d")
	want(t, path, "d")
	wantAll(t, path, 2, "a", "b", "c", "d")
}

type noRename struct {
	osDisk
	err error
}

func (d *noRename) rename(from, to string) error {
	if d.err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: d.err}
	}
	return d.osDisk.rename(from, to)
}

// Without room for a copy the file stays as it is, and with room it is compressed.
func TestACompressionThatFindsNoRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := rotating(t, path, Rotate{Size: 1, Compress: "gzip"}, nil)
	send(t, o, "a")
	send(t, o, "b")
	for _, room := range []int{0, 1, 20} {
		o.tender.disk = fullDisk{room: &room}
		o.tender.round(context.Background())
		wantAll(t, path, 2, "a", "b")
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 2 || o.tender.packed.Value() != 0 {
			t.Fatalf("with %d bytes: %v", room, entries)
		}
	}
	if o.tender.failures.Value() != 3 {
		t.Errorf("%d failures were counted", o.tender.failures.Value())
	}
	o.tender.disk = osDisk{}
	o.tender.round(context.Background())
	wantAll(t, path, 2, "a", "b")
	if o.tender.packed.Value() != 1 {
		t.Error("it was not compressed when there was room")
	}
}

// fullDisk has little room for new files.
type fullDisk struct {
	osDisk
	room *int
}

func (d fullDisk) create(path string) (handle, error) {
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return faulty{f.(*os.File), d.room, new(error), new(error)}, nil
}

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
