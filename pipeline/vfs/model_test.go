package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// modelFile is what the test knows of one file: what a process sees, and what
// the last successful sync put on the disk.
type modelFile struct {
	now, disk []byte
	file      File
}

// model does the same operations as a file system and remembers what has to be
// true. Its folder is flat.
type model struct {
	dir    string
	f      FS
	now    map[string]*modelFile // names as a process sees them
	synced map[string]*modelFile // and as the last SyncDir put them on the disk
}

func newModel(t *rapid.T, f FS, dir string) *model {
	if err := f.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	return &model{dir: dir, f: f, now: map[string]*modelFile{}, synced: map[string]*modelFile{}}
}

func (m *model) path(name string) string { return filepath.Join(m.dir, name) }

// pick draws one of the files that are there; the action is skipped for none.
func (m *model) pick(t *rapid.T) (string, *modelFile) {
	if len(m.now) == 0 {
		t.Skip("no file")
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(m.now))).Draw(t, "name")
	return name, m.now[name]
}

func (m *model) create(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	file, err := m.f.Open(m.path(name), CreateNew)
	if m.now[name] != nil {
		if !errors.Is(err, fs.ErrExist) {
			t.Fatalf("%s was made twice: %v", name, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.now[name] = &modelFile{file: file}
}

func (m *model) write(t *rapid.T) {
	_, one := m.pick(t)
	off := rapid.IntRange(0, 3*sector).Draw(t, "off")
	p := bytes.Repeat([]byte{byte(rapid.IntRange(1, 255).Draw(t, "byte"))}, rapid.IntRange(0, 2*sector).Draw(t, "n"))
	if n, err := one.file.WriteAt(p, int64(off)); n != len(p) || err != nil {
		t.Fatal(n, err)
	}
	if len(p) > 0 {
		one.resize(max(len(one.now), off+len(p)))
	}
	copy(one.now[min(off, len(one.now)):], p)
}

// resize sets the length; what is cut off comes back as zeros.
func (one *modelFile) resize(size int) {
	fresh := make([]byte, size)
	copy(fresh, one.now)
	one.now = fresh
}

func (m *model) truncate(t *rapid.T) {
	_, one := m.pick(t)
	size := rapid.IntRange(0, 4*sector).Draw(t, "size")
	if err := one.file.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	one.resize(size)
}

func (m *model) allocate(t *rapid.T) {
	_, one := m.pick(t)
	size := rapid.IntRange(0, 4*sector).Draw(t, "size")
	if err := one.file.Allocate(int64(size)); err != nil {
		t.Fatal(err)
	}
	one.resize(max(size, len(one.now)))
}

func (m *model) datasync(t *rapid.T) {
	_, one := m.pick(t)
	if err := one.file.Datasync(); err != nil {
		t.Fatal(err)
	}
	one.disk = bytes.Clone(one.now)
}

func (m *model) syncDir(t *rapid.T) {
	if err := m.f.SyncDir(m.dir); err != nil {
		t.Fatal(err)
	}
	m.synced = maps.Clone(m.now)
}

func (m *model) remove(t *rapid.T) {
	name, one := m.pick(t)
	if err := m.f.Remove(m.path(name)); err != nil {
		t.Fatal(err)
	}
	if linked, err := one.file.Linked(); linked || err != nil {
		t.Fatalf("removed and linked: %t, %v", linked, err)
	}
	delete(m.now, name)
	if err := one.file.Close(); err != nil {
		t.Fatal(err)
	}
}

// seen checks that a process reads what it wrote, by new handles.
func (m *model) seen(t *rapid.T) {
	list, err := m.f.ReadDir(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range list {
		names = append(names, one.Name)
		if want := m.now[one.Name]; want == nil || one.Size != int64(len(want.now)) || !one.Regular {
			t.Fatalf("%+v is listed", one)
		}
	}
	if want := slices.Sorted(maps.Keys(m.now)); !slices.Equal(names, want) {
		t.Fatalf("listed %q, want %q", names, want)
	}
	for name, one := range m.now {
		if got := m.load(t, m.f, name); !bytes.Equal(got, one.now) {
			t.Fatalf("%s holds %d bytes %.20q, want %d %.20q", name, len(got), got, len(one.now), one.now)
		}
	}
}

// load reads a whole file, nil for one that is not there.
func (m *model) load(t *rapid.T, f FS, name string) []byte {
	file, err := f.Open(m.path(name), Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

// crash checks what a power cut now leaves: every synced name and every synced
// sector, and of the rest either the old or the new.
func (m *model) crash(t *rapid.T) {
	left := m.f.(*Mem).Crash(rapid.Uint64().Draw(t, "seed"))
	for _, name := range []string{"a", "b", "c"} {
		got := m.load(t, left, name)
		now, synced := m.now[name], m.synced[name]
		switch {
		case got == nil && now != nil && now == synced:
			t.Fatalf("the synced name %s is gone", name)
		case got != nil && now == nil && synced == nil:
			t.Fatalf("the name %s was removed and is back", name)
		case got == nil:
			continue
		}
		why := now.leaves(got)
		if why != "" && synced != now {
			why = synced.leaves(got)
		}
		if why != "" {
			t.Fatalf("%s: %s", name, why)
		}
	}
}

// leaves says why got cannot be what a crash leaves of the file, "" if it can.
func (one *modelFile) leaves(got []byte) string {
	switch {
	case one == nil:
		return "there is no such file"
	case len(got) != len(one.now) && len(got) != len(one.disk):
		return fmt.Sprintf("%d bytes are left, of %d synced and %d written", len(got), len(one.disk), len(one.now))
	}
	for from := 0; from < len(got); from += sector {
		s := got[from:min(from+sector, len(got))]
		if !bytes.Equal(s, cut(one.disk, from, len(s))) && !mixed(s, cut(one.now, from, len(s)), cut(one.disk, from, len(s)), len(one.now)-from) {
			return fmt.Sprintf("the sector at %d is neither the old nor the new", from)
		}
	}
	return ""
}

// mixed reports whether s is the new sector up to where the file ends now, and
// the old one behind it.
func mixed(s, now, disk []byte, end int) bool {
	end = max(0, min(end, len(s)))
	return bytes.Equal(s[:end], now[:end]) && bytes.Equal(s[end:], disk[end:])
}

// cut returns n bytes of b from an offset; behind the end are zeros.
func cut(b []byte, from, n int) []byte {
	out := make([]byte, n)
	if from < len(b) {
		copy(out, b[from:])
	}
	return out
}

func (m *model) close(t *rapid.T) {
	for _, one := range m.now {
		if err := one.file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// After any operations and a crash, all that was synced is there.
func TestCrashKeepsWhatWasSynced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, NewMem(), "/var/j")
		defer m.close(t)
		t.Repeat(map[string]func(*rapid.T){
			"create": m.create, "write": m.write, "truncate": m.truncate, "allocate": m.allocate, "datasync": m.datasync,
			"syncdir": m.syncDir, "remove": m.remove, "crash": m.crash, "": m.seen,
		})
	})
}

// The real file system does what the one in memory does.
func TestRealFileSystemDoesTheSame(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		m := newModel(t, OS(), dir)
		defer m.close(t)
		t.Repeat(map[string]func(*rapid.T){
			"create": m.create, "write": m.write, "truncate": m.truncate, "allocate": m.allocate, "remove": m.remove, "": m.seen,
		})
	})
}
