package vfs

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestNoSpace(t *testing.T) {
	m := NewMem()
	m.SetSpace(1000)
	f := made(t, m, "/d", "f", strings.Repeat("x", 600))
	if free, err := m.Free("/d"); free != 400 || err != nil {
		t.Errorf("free: %d, %v", free, err)
	}
	for name, err := range map[string]error{"write": put(f, strings.Repeat("y", 401), 600), "truncate": f.Truncate(1001), "allocate": f.Allocate(1001)} {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := content(t, f); got != strings.Repeat("x", 600) {
		t.Errorf("what failed changed the file: %d bytes", len(got))
	}
	do(t, put(f, strings.Repeat("y", 600), 0), f.Allocate(1000))
	g, err := m.Open("/d/g", Create)
	do(t, err)
	if err := put(g, "z", 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk took a byte: %v", err)
	}
	do(t, m.Remove("/d/f"), put(g, "z", 0))
	m.SetSpace(0)
	if free, err := m.Free("/d"); free != 1<<50 || err != nil {
		t.Errorf("without a bound: %d, %v", free, err)
	}
}

func TestFaults(t *testing.T) {
	m := NewMem()
	f := made(t, m, "/d", "f", "text")
	ops := map[string]func() error{
		"mkdir": func() error { return m.MkdirAll("/d/e") }, "open": func() error { _, err := m.Open("/d/f", Read); return err },
		"create": func() error { _, err := m.Open("/d/g", CreateNew); return err }, "remove": func() error { return m.Remove("/d/f") },
		"readdir": func() error { _, err := m.ReadDir("/d"); return err }, "syncdir": func() error { return m.SyncDir("/d") },
		"read": func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err }, "write": func() error { return put(f, "late", 0) },
		"truncate": func() error { return f.Truncate(1) }, "allocate": func() error { return f.Allocate(100) }, "datasync": f.Datasync,
	}
	for _, kind := range slices.Sorted(maps.Keys(ops)) {
		var seen []Op
		m.SetHook(func(op Op) error { seen = append(seen, op); return syscall.EIO })
		err := ops[kind]()
		m.SetHook(nil)
		var p *fs.PathError
		if !errors.Is(err, syscall.EIO) || !errors.As(err, &p) || !strings.HasPrefix(p.Path, "/d") {
			t.Errorf("%s: %v", kind, err)
		}
		if len(seen) != 1 || seen[0].Kind != kind || seen[0].Name != p.Path {
			t.Errorf("%s: the hook was called with %v", kind, seen)
		}
	}
	if list, err := m.ReadDir("/d"); err != nil || len(list) != 1 || content(t, f) != "text" {
		t.Errorf("what failed was done: %v %v %q", list, err, content(t, f))
	}
}

func TestFailAt(t *testing.T) {
	for _, c := range []struct {
		n, times int
		want     string // of five writes, which fail
	}{{1, 1, "x----"}, {3, 1, "--x--"}, {2, 2, "-xx--"}, {4, 0, "---xx"}, {6, 0, "-----"}} {
		m := NewMem()
		f := made(t, m, "/d", "f", "")
		m.SetHook(FailAt("write", c.n, c.times, syscall.EIO))
		got := ""
		for range 5 {
			do(t, f.Datasync()) // of another kind, so it does not count
			if put(f, "a", 0) != nil {
				got += "x"
			} else {
				got += "-"
			}
		}
		if got != c.want {
			t.Errorf("FailAt(%d, %d): %s, want %s", c.n, c.times, got, c.want)
		}
	}
}

// A hook may stop the world at an operation: it is called without a lock.
func TestHookMayCrash(t *testing.T) {
	m := NewMem()
	f := made(t, m, "/d", "f", "text")
	var left *Mem
	m.SetHook(func(op Op) error {
		if op.Kind == "datasync" {
			left = m.Kill()
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	if err := f.Datasync(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if got := look(t, left, filepath.Join("/d", "f")); got != "text" {
		t.Errorf("at the crash: %q", got)
	}
}
