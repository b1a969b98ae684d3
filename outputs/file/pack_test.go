package file

import (
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

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
