package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const seeds = 200

// after returns what the crashes of m may leave under name, as a set of
// contents; "absent" stands for no file.
func after(t *testing.T, m *Mem, name string) []string {
	t.Helper()
	set := map[string]bool{}
	for seed := range uint64(seeds) {
		set[look(t, m.Crash(seed), name)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func look(t *testing.T, m *Mem, name string) string {
	t.Helper()
	file, err := m.Open(name, Read)
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	if err != nil {
		t.Fatal(err)
	}
	s := content(t, file)
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	return s
}

// do fails the test at the first error.
func do(t *testing.T, errs ...error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// put writes text at off.
func put(f File, text string, off int64) error {
	_, err := f.WriteAt([]byte(text), off)
	return err
}

func TestCrash(t *testing.T) {
	one, two := strings.Repeat("1", sector), strings.Repeat("2", sector)
	zero := strings.Repeat("\x00", sector)
	cases := []struct {
		name  string
		steps func(t *testing.T, m *Mem, f File)
		want  []string // all that a crash may leave of d/f, which holds one+one on disk before
	}{
		{"nothing since the sync", func(*testing.T, *Mem, File) {}, []string{one + one}},
		{"a write that is not synced", func(t *testing.T, _ *Mem, f File) { do(t, put(f, two, 0)) }, []string{one + one, two + one}},
		{"two sectors tear apart", func(t *testing.T, _ *Mem, f File) { do(t, put(f, two+two, 0)) }, []string{one + one, one + two, two + one, two + two}},
		{"a synced write", func(t *testing.T, _ *Mem, f File) { do(t, put(f, two, 0), f.Datasync()) }, []string{two + one}},
		{"a write behind the end", func(t *testing.T, _ *Mem, f File) { do(t, put(f, two, 2*sector)) }, []string{one + one, one + one + zero, one + one + two}},
		{"a synced write behind the end", func(t *testing.T, _ *Mem, f File) { do(t, put(f, two, 2*sector), f.Datasync()) }, []string{one + one + two}},
		{"a cut that is not synced", func(t *testing.T, _ *Mem, f File) { do(t, f.Truncate(sector)) }, []string{one, one + one}},
		{"a synced cut", func(t *testing.T, _ *Mem, f File) { do(t, f.Truncate(sector), f.Datasync()) }, []string{one}},
		{"a cut and a longer file", func(t *testing.T, _ *Mem, f File) { do(t, f.Truncate(sector), f.Truncate(2*sector)) }, []string{one + one, one + zero}},
		{"allocated, not synced", func(t *testing.T, _ *Mem, f File) { do(t, f.Allocate(3*sector)) }, []string{one + one, one + one + zero}},
		{"removed, the folder not synced", func(t *testing.T, m *Mem, _ File) { do(t, m.Remove("/d/f")) }, []string{one + one, "absent"}},
		{"removed and synced", func(t *testing.T, m *Mem, _ File) { do(t, m.Remove("/d/f"), m.SyncDir("/d")) }, []string{"absent"}},
		{"removed, made anew, nothing synced", func(t *testing.T, m *Mem, _ File) {
			do(t, m.Remove("/d/f"))
			f := made(t, m, "/d", "f", two)
			_ = f
		}, []string{"", zero, one + one, two}},
		{"removed, made anew, synced", func(t *testing.T, m *Mem, _ File) {
			do(t, m.Remove("/d/f"))
			do(t, made(t, m, "/d", "f", two).Datasync(), m.SyncDir("/d"))
		}, []string{two}},
		{"a sync that failed", func(t *testing.T, m *Mem, f File) {
			do(t, put(f, two, 0))
			m.SetHook(FailAt("datasync", 1, 1, syscall.EIO))
			if err := f.Datasync(); !errors.Is(err, syscall.EIO) {
				t.Errorf("the sync did not fail: %v", err)
			}
		}, []string{one + one}},
		{"a sync that failed and one that did not", func(t *testing.T, m *Mem, f File) {
			do(t, put(f, two, 0))
			m.SetHook(FailAt("datasync", 1, 1, syscall.EIO))
			if err := f.Datasync(); !errors.Is(err, syscall.EIO) {
				t.Errorf("the sync did not fail: %v", err)
			}
			do(t, f.Datasync())
			if got := content(t, f); got != two+one {
				t.Error("the process does not see what it wrote")
			}
		}, []string{one + one}},
		{"written again after a sync that failed", func(t *testing.T, m *Mem, f File) {
			do(t, put(f, two, 0))
			m.SetHook(FailAt("datasync", 1, 1, syscall.EIO))
			if err := f.Datasync(); err == nil {
				t.Error("the sync did not fail")
			}
			do(t, put(f, two, 0), f.Datasync())
		}, []string{two + one}},
		{"synced through a handle that is closed", func(t *testing.T, _ *Mem, f File) {
			do(t, put(f, two, 0), f.Close())
			if err := f.Datasync(); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("a closed file was synced: %v", err)
			}
		}, []string{one + one, two + one}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := NewMem()
			f := made(t, m, "/d", "f", one+one)
			do(t, f.Datasync(), m.SyncDir("/d"))
			c.steps(t, m, f)
			got := after(t, m, "/d/f")
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("a crash leaves %s, want %s", short(got), short(c.want))
			}
		})
	}
}

// short writes one letter for each sector.
func short(list []string) string {
	var out []string
	for _, s := range list {
		if s == "absent" {
			out = append(out, s)
			continue
		}
		short := ""
		for i := 0; i < len(s); i += sector {
			short += fmt.Sprintf("%q", s[i])
		}
		out = append(out, "<"+short+">")
	}
	return strings.Join(out, " ")
}

func TestCrashOfNames(t *testing.T) {
	m := NewMem()
	do(t, made(t, m, "/d/e", "f", "text").Datasync())
	if got := after(t, m, "/d/e/f"); !slices.Equal(got, []string{"absent", "text"}) {
		t.Errorf("a synced file in a folder that is not: %q", got)
	}
	do(t, m.SyncDir("/d/e"))
	if got := after(t, m, "/d/e/f"); !slices.Equal(got, []string{"text"}) {
		t.Errorf("both synced: %q", got)
	}
	// Names come and go on their own: of two, each of the four states occurs.
	do(t, made(t, m, "/d/e", "g", "").Close(), made(t, m, "/d/e", "h", "").Close())
	states := map[string]bool{}
	for seed := range uint64(seeds) {
		list, err := m.Crash(seed).ReadDir("/d/e")
		do(t, err)
		names := ""
		for _, one := range list {
			names += one.Name
		}
		states[names] = true
	}
	if got := slices.Sorted(maps.Keys(states)); !slices.Equal(got, []string{"f", "fg", "fgh", "fh"}) {
		t.Errorf("%q", got)
	}
}

func TestCrashIsDecidedByItsSeed(t *testing.T) {
	m := NewMem()
	f := made(t, m, "/d", "f", strings.Repeat("x", 40*sector))
	do(t, m.SyncDir("/d"))
	first, second := look(t, m.Crash(7), "/d/f"), look(t, m.Crash(7), "/d/f")
	if first != second {
		t.Error("the same seed left two things")
	}
	// The file system goes on as if nothing was.
	do(t, f.Datasync())
	if got := after(t, m, "/d/f"); len(got) != 1 || len(got[0]) != 40*sector {
		t.Error("a crash changed what goes on")
	}
}

func TestKill(t *testing.T) {
	m := NewMem()
	f := made(t, m, "/d", "f", "text")
	if ok, err := f.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	next := m.Kill()
	do(t, put(f, "late", 0))
	if got := look(t, next, "/d/f"); got != "text" {
		t.Errorf("after the end of the process: %q", got)
	}
	g, err := next.Open("/d/f", Write)
	do(t, err)
	if ok, err := g.TryLock(); !ok || err != nil {
		t.Errorf("the lock of a process outlives it: %t, %v", ok, err)
	}
	if got := after(t, next, "/d/f"); !slices.Equal(got, []string{"", "\x00\x00\x00\x00", "absent", "text"}) {
		t.Errorf("the end of a process made something durable: %q", got)
	}
	do(t, g.Datasync(), next.SyncDir("/d"))
	if got := after(t, next, "/d/f"); !slices.Equal(got, []string{"text"}) {
		t.Errorf("synced by the next process: %q", got)
	}
}
