package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadDir(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		for _, name := range []string{"b", "a", "10", "9", "B"} {
			made(t, f, dir, name, name)
		}
		if err := f.MkdirAll(filepath.Join(dir, "folder", "deep")); err != nil {
			t.Fatal(err)
		}
		list, err := f.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			if !list[i].Regular {
				list[i].Size = 0 // of a folder it means nothing
			}
		}
		want := []Info{{"10", 2, true}, {"9", 1, true}, {"B", 1, true}, {"a", 1, true}, {"b", 1, true}, {"folder", 0, false}}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Error(diff)
		}
		if _, err := f.ReadDir(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a folder that is not there: %v", err)
		}
		if _, err := f.ReadDir(filepath.Join(dir, "a")); err == nil {
			t.Error("a file was listed")
		}
		if err := f.SyncDir(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("sync of a folder that is not there: %v", err)
		}
		if err := f.SyncDir(dir); err != nil {
			t.Error(err)
		}
	})
}

func TestMkdirAll(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		deep := filepath.Join(dir, "a", "b")
		for range 2 {
			if err := f.MkdirAll(deep); err != nil {
				t.Fatal(err)
			}
		}
		made(t, f, deep, "file", "")
		if err := f.MkdirAll(filepath.Join(deep, "file")); err == nil {
			t.Error("a file was taken for a folder")
		}
		if err := f.MkdirAll(filepath.Join(deep, "file", "c")); err == nil {
			t.Error("a folder was made in a file")
		}
	})
}

func TestRemove(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "text")
		if linked, err := file.Linked(); !linked || err != nil {
			t.Errorf("before: linked %t, %v", linked, err)
		}
		if err := f.Remove(filepath.Join(dir, "a")); err != nil {
			t.Fatal(err)
		}
		if linked, err := file.Linked(); linked || err != nil {
			t.Errorf("after: linked %t, %v", linked, err)
		}
		if got := content(t, file); got != "text" {
			t.Errorf("an open file lost its content with its name: %q", got)
		}
		made(t, f, dir, "a", "other")
		if linked, err := file.Linked(); linked || err != nil {
			t.Errorf("the name is another file's now: linked %t, %v", linked, err)
		}
		if err := f.Remove(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
		if err := f.MkdirAll(filepath.Join(dir, "folder")); err != nil {
			t.Fatal(err)
		}
		if err := f.Remove(filepath.Join(dir, "folder")); err == nil {
			t.Error("a folder was removed")
		}
	})
}

func TestLock(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		first := made(t, f, dir, "lock", "")
		second, err := f.Open(filepath.Join(dir, "lock"), Create)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			step string
			file File
			want bool
		}{{"the first takes it", first, true}, {"the first has it", first, true}, {"the second is refused", second, false}, {"and again", second, false}} {
			if got, err := c.file.TryLock(); got != c.want || err != nil {
				t.Errorf("%s: %t, %v", c.step, got, err)
			}
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := second.TryLock(); !got || err != nil {
			t.Errorf("a closed file keeps its lock: %t, %v", got, err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClosedFile(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "text")
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		_, read := file.ReadAt(make([]byte, 1), 0)
		_, write := file.WriteAt([]byte("x"), 0)
		_, size := file.Size()
		_, linked := file.Linked()
		_, lock := file.TryLock()
		for name, err := range map[string]error{"read": read, "write": write, "size": size, "linked": linked, "lock": lock, "truncate": file.Truncate(1),
			"allocate": file.Allocate(100), "datasync": file.Datasync(), "close": file.Close()} {
			if err == nil {
				t.Errorf("%s worked", name)
			}
		}
	})
}

func TestFreeAndSync(t *testing.T) {
	both(t, func(t *testing.T, f FS, dir string) {
		file := made(t, f, dir, "a", "text")
		if free, err := f.Free(dir); free <= 0 || err != nil {
			t.Errorf("free: %d, %v", free, err)
		}
		reader, err := f.Open(filepath.Join(dir, "a"), Read)
		if err != nil {
			t.Fatal(err)
		}
		for name, one := range map[string]File{"for writing": file, "for reading": reader} {
			if err := one.Datasync(); err != nil {
				t.Errorf("datasync of a file %s: %v", name, err)
			}
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		if got := content(t, file); !bytes.Equal([]byte(got), []byte("text")) {
			t.Errorf("after the syncs: %q", got)
		}
	})
}
