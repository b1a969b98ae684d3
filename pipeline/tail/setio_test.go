package tail

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

func noWatch(*fsnotify.Watcher, string) error { return unix.ENOSPC }

// TestT14OneFileFails: a file that gives EIO is left alone for a while and
// counted; the others go on. /proc/self/mem gives EIO at its start.
func TestT14OneFileFails(t *testing.T) {
	if err := readsEIO(); err != nil {
		t.Skipf("no file here gives EIO: %v", err)
	}
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Roots: []string{"/proc"}, Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n")
	if err := os.Symlink("/proc/self/mem", filepath.Join(r.dir, "bad.log")); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.until(1)
	r.eventually("the failure is counted", func() bool { return r.s.failures.Value() == 1 })
	r.put("a.log", "2\n")
	r.until(2)
	if n := r.s.failures.Value(); n != 1 {
		t.Errorf("it was tried %d times at once", n)
	}
	r.eventually("it is tried again", func() bool { now = now.Add(2 * time.Minute); return r.s.failures.Value() > 1 })
}

func readsEIO() error {
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.ReadAt(make([]byte, 8), 0); !errors.Is(err, unix.EIO) {
		return errors.New("it can be read")
	}
	return nil
}

// TestT15PermissionComesBack: a file that may not be read for a while loses
// nothing.
func TestT15PermissionComesBack(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything: run as another user to test this")
	}
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n")
	r.put("b.log", "1\n")
	path := filepath.Join(r.dir, "b.log")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.until(1)
	r.eventually("the failure is counted", func() bool { return r.s.failures.Value() > 0 })
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	r.until(2)
}
