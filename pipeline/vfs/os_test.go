//go:build unix

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// mode returns the permissions of a name, links not followed.
func mode(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// Not parallel: the umask is the process's.
func TestModesWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		root := t.TempDir()
		old := syscall.Umask(mask)
		err := func() error {
			if err := OS().MkdirAll(filepath.Join(root, "a", "b")); err != nil {
				return err
			}
			file, err := OS().Open(filepath.Join(root, "a", "b", "f"), CreateNew)
			if err != nil {
				return err
			}
			return file.Close()
		}()
		syscall.Umask(old)
		if err != nil {
			t.Fatalf("umask %03o: %v", mask, err)
		}
		for name, want := range map[string]fs.FileMode{"a": 0o700, "a/b": 0o700, "a/b/f": 0o600} {
			if got := mode(t, filepath.Join(root, name)); got != want {
				t.Errorf("umask %03o: %s has mode %03o, want %03o", mask, name, got, want)
			}
		}
	}
}

func TestModesOfWhatWasThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "f")
	if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := OS().MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, dir); got != 0o700 {
		t.Errorf("the folder has mode %03o", got)
	}
	for _, c := range []struct {
		mode Mode
		want fs.FileMode
	}{{Read, 0o644}, {Write, 0o644}, {Create, 0o600}} {
		file, err := OS().Open(name, c.mode)
		if err != nil {
			t.Fatal(err)
		}
		if got := mode(t, name); got != c.want {
			t.Errorf("after an open with mode %d the file has mode %03o, want %03o", c.mode, got, c.want)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSharedFolderIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := OS().MkdirAll(dir); !errors.Is(err, ErrShared) {
		t.Errorf("a folder like /tmp: %v", err)
	}
	if got := mode(t, dir); got != 0o777 {
		t.Errorf("its mode became %03o", got)
	}
	if err := OS().MkdirAll(filepath.Join(dir, "own")); err != nil {
		t.Errorf("a folder below it: %v", err)
	}
}

// What somebody may plant in the place of a file is refused, and neither
// followed nor waited for nor changed.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	planted := map[string]func(name string) error{
		"link":          func(name string) error { return os.Symlink(target, name) },
		"dangling_link": func(name string) error { return os.Symlink(filepath.Join(dir, "made"), name) },
		"pipe":          func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"folder":        func(name string) error { return os.Mkdir(name, 0o700) },
	}
	for kind, plant := range planted {
		name := filepath.Join(dir, kind)
		if err := plant(name); err != nil {
			t.Fatal(err)
		}
		for _, m := range []Mode{Read, Write, Create, CreateNew} {
			file, err := OS().Open(name, m)
			if err == nil {
				t.Errorf("%s was opened with mode %d", kind, m)
				_ = file.Close()
				continue
			}
			switch {
			case m == CreateNew && !errors.Is(err, fs.ErrExist):
				t.Errorf("%s with mode %d: %v", kind, m, err)
			case kind == "link" && m != CreateNew && !errors.Is(err, ErrNotRegular):
				t.Errorf("%s with mode %d: %v", kind, m, err)
			}
		}
	}
	if b, err := os.ReadFile(target); string(b) != "precious" || err != nil || mode(t, target) != 0o644 {
		t.Errorf("the target of a link: %q, mode %03o, %v", b, mode(t, target), err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "made")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made through a link: %v", err)
	}
	list, err := OS().ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if one.Regular != (one.Name == "target") {
			t.Errorf("%s: regular is %t", one.Name, one.Regular)
		}
	}
}

func TestAllocateTakesTheRoom(t *testing.T) {
	file := made(t, OS(), t.TempDir(), "a", "")
	const size = 1 << 20
	if err := file.Allocate(size); err != nil {
		t.Fatal(err)
	}
	info, err := file.(osFile).Stat()
	if err != nil {
		t.Fatal(err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Skip("SKIPPED: this system does not tell the blocks of a file")
	}
	if s.Blocks*512 < size {
		t.Errorf("%d blocks of 512 bytes for %d bytes: a file system without fallocate?", s.Blocks, size)
	}
}

// Where a file system cannot allocate, the fallback must not cut what is there.
func TestLengthenNeverShortens(t *testing.T) {
	file := made(t, OS(), t.TempDir(), "a", "hello").(osFile)
	for size, want := range map[int64]string{3: "hello", 5: "hello"} {
		if err := file.lengthen(size); err != nil {
			t.Fatal(err)
		}
		if got := content(t, file); got != want {
			t.Errorf("lengthened to %d: %q", size, got)
		}
	}
	if err := file.lengthen(7); err != nil || content(t, file) != "hello\x00\x00" {
		t.Errorf("lengthened to 7: %q, %v", content(t, file), err)
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "absent")
	_, open := OS().Open(name, Read)
	_, free := OS().Free(name)
	_, list := OS().ReadDir(name)
	for what, err := range map[string]error{"open": open, "free": free, "readdir": list, "remove": OS().Remove(name), "syncdir": OS().SyncDir(name)} {
		var p *fs.PathError
		if !errors.As(err, &p) || p.Path != name || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
