package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// damage changes one byte in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedSnapshots(t *testing.T) {
	for _, c := range []struct {
		name     string
		files    []string
		restored int // at most
		seen     int
		log      string
	}{
		{"the newest", []string{"t"}, 12, 20, "cannot be used"},
		{"both", []string{"t", "t.previous"}, 0, 2, "begins anew"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				e := run(t, r.dripping(t, &firsts{by: 3}))
				time.Sleep(185 * time.Second)
				r.kill(t, e)
				for _, f := range c.files {
					damage(t, filepath.Join(r.dir, "j", "memory", f))
				}
				f := &firsts{by: 3}
				e = run(t, r.dripping(t, f))
				time.Sleep(25 * time.Second)
				e.end()
				if f.restored > c.restored || len(f.seen) != c.seen || !strings.Contains(r.log.String(), c.log) {
					t.Errorf("%d of a snapshot, knows %v, the log says\n%s", f.restored, f.seen, r.log.String())
				}
				if c.seen == 20 && !slices.Equal(f.seen, numbered(20)) {
					t.Errorf("knows %v", f.seen)
				}
			})
		})
	}
}

func TestMemoryFiles(t *testing.T) {
	r := newRig(t)
	log := r.pipeline(t, true, &lines{}, nil, "", nil).around.Log
	f := newMemoryFiles(r.dir, 4000)
	k := &keeper{Keeper: &firsts{by: 3}, name: "t", typ: "x"}
	for seq := range uint64(3) {
		if err := f.write("t", "x", seq, fmt.Appendf(nil, "v1 %d", seq)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.write("t", "x", 9, make([]byte, 4000)); !errors.Is(err, errMemoryFull) {
		t.Errorf("too much: %v", err)
	}
	dir := filepath.Join(r.dir, "memory")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seq, ok := f.load(k, 1, log); seq != 1 || !ok {
		t.Errorf("ahead of the journal is frame 2; loaded %d, %v", seq, ok)
	}
	if seq, ok := f.load(&keeper{Keeper: &firsts{by: 3}, name: "t", typ: "y"}, 9, log); ok {
		t.Errorf("another type was given the snapshot of %d", seq)
	}
	if err := f.write("t", "x", 5, []byte("v1 5")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "t"), filepath.Join(dir, "u")); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.load(&keeper{Keeper: &firsts{by: 3}, name: "u", typ: "x"}, 9, log); ok {
		t.Error("a link was followed")
	}
	f.keepOnly([]keeper{*k}, log)
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 || list[0].Name() != "t" {
		t.Errorf("left are %v, %v", list, err)
	}
}
