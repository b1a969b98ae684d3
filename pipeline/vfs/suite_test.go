package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"testing"
)

// both runs a test on the real file system and on the one in memory, each with
// an empty folder.
func both(t *testing.T, test func(t *testing.T, f FS, dir string)) {
	t.Helper()
	t.Run("os", func(t *testing.T) { test(t, OS(), filepath.Join(t.TempDir(), "j")) })
	t.Run("mem", func(t *testing.T) { test(t, NewMem(), "/var/j") })
}

// made returns an open file that was just made in dir, with text in it.
func made(t *testing.T, f FS, dir, name, text string) File {
	t.Helper()
	if err := f.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	file, err := f.Open(filepath.Join(dir, name), CreateNew)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // some tests have closed it
	if text != "" {
		if n, err := file.WriteAt([]byte(text), 0); n != len(text) || err != nil {
			t.Fatalf("wrote %d bytes: %v", n, err)
		}
	}
	return file
}

// content returns all bytes of an open file.
func content(t *testing.T, file File) string {
	t.Helper()
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n != len(b) || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("read %d of %d bytes: %v", n, size, err)
	}
	return string(b)
}

func TestOpenModes(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		if err := made(t, f, dir, "there", "text").Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.MkdirAll(filepath.Join(dir, "folder")); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			mode Mode
			want error
		}{
			{"there", Read, nil}, {"there", Write, nil}, {"there", Create, nil}, {"there", CreateNew, fs.ErrExist},
			{"absent", Read, fs.ErrNotExist}, {"absent", Write, fs.ErrNotExist}, {"new", Create, nil}, {"newer", CreateNew, nil},
			{"folder", Read, ErrNotRegular}, {"folder", CreateNew, fs.ErrExist}, {"absent/x", Create, fs.ErrNotExist},
		} {
			file, err := f.Open(filepath.Join(dir, c.name), c.mode)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("open %s with mode %d: %v, want %v", c.name, c.mode, err, c.want)
			}
			if err != nil {
				continue
			}
			if got := content(t, file); c.name == "there" && got != "text" {
				t.Errorf("open %s with mode %d: it holds %q", c.name, c.mode, got)
			}
			if _, err := file.WriteAt([]byte("text"), 0); (err == nil) != (c.mode != Read) {
				t.Errorf("write with mode %d: %v", c.mode, err)
			}
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestReadAndWrite(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "hello")
		if _, err := file.WriteAt([]byte("XY"), 8); err != nil {
			t.Fatal(err)
		}
		if got := content(t, file); got != "hello\x00\x00\x00XY" {
			t.Errorf("with a gap: %q", got)
		}
		b := make([]byte, 4)
		if n, err := file.ReadAt(b, 8); n != 2 || !errors.Is(err, io.EOF) || string(b[:n]) != "XY" {
			t.Errorf("at the end: %d %v %q", n, err, b)
		}
		if n, err := file.ReadAt(b, 10); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("past the end: %d %v", n, err)
		}
		if n, err := file.ReadAt(b, 0); n != 4 || err != nil || string(b) != "hell" {
			t.Errorf("inside: %d %v %q", n, err, b)
		}
		if n, err := file.WriteAt(nil, 100); n != 0 || err != nil {
			t.Errorf("nothing written: %d %v", n, err)
		}
		if size, err := file.Size(); size != 10 || err != nil {
			t.Errorf("writing nothing made it %d long: %v", size, err)
		}
		if _, err := file.WriteAt([]byte("x"), -1); err == nil {
			t.Error("a write before the start worked")
		}
		if _, err := file.ReadAt(b, -1); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a read before the start: %v", err)
		}
	})
}

func TestTwoHandlesOfAFile(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "one")
		second, err := f.Open(filepath.Join(dir, "a"), Read)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte("two"), 0); err != nil {
			t.Fatal(err)
		}
		if got := content(t, second); got != "two" {
			t.Errorf("the second handle sees %q", got)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		if got := content(t, file); got != "two" {
			t.Errorf("after the second handle was closed: %q", got)
		}
	})
}

func TestTruncate(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "hello")
		for _, c := range []struct {
			size int64
			want string
		}{{2, "he"}, {4, "he\x00\x00"}, {0, ""}, {3, "\x00\x00\x00"}} {
			if err := file.Truncate(c.size); err != nil {
				t.Fatal(err)
			}
			if got := content(t, file); got != c.want {
				t.Errorf("at length %d: %q, want %q", c.size, got, c.want)
			}
		}
		if err := file.Truncate(-1); err == nil {
			t.Error("a length below 0 was taken")
		}
	})
}

func TestAllocate(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "hello")
		for _, c := range []struct {
			size int64
			want string
		}{{0, "hello"}, {3, "hello"}, {8, "hello\x00\x00\x00"}, {4, "hello\x00\x00\x00"}} {
			if err := file.Allocate(c.size); err != nil {
				t.Fatal(err)
			}
			if got := content(t, file); got != c.want {
				t.Errorf("allocated %d: %q, want %q", c.size, got, c.want)
			}
		}
	})
}
