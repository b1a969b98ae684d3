package file

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/plugin"
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
