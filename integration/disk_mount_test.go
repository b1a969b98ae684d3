//go:build integration

package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A disk is a small file system of its own, in a file of the test's folder. What
// is mounted and attached for it, and only that, is undone when the test ends.
type disk struct {
	image, dir, loop string
	options          string
}

// newDisk makes a disk of 64 MiB with ext4 and mounts it; it skips, loudly, where
// this machine does not allow that.
func newDisk(t *testing.T, options string) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: to mount a disk takes root")
	}
	mkfs, losetup := need(t, "mkfs.ext4", "e2fsprogs"), need(t, "losetup", "mount")
	d := &disk{image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir(), options: options}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(64<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	// No blocks are kept for root, who runs this.
	if out, err := exec.Command(mkfs, "-q", "-F", "-m", "0", d.image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	out, err := exec.Command(losetup, "--find", "--show", d.image).CombinedOutput()
	if err != nil {
		t.Skipf("NOT RUN: this machine has no loop device for the test: %v\n%s", err, out)
	}
	d.loop = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command(losetup, "--detach", d.loop).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach %s: %v\n%s", d.loop, err, out)
		}
	})
	if err := d.mount(); err != nil {
		t.Skipf("NOT RUN: a disk may not be mounted here: %v", err)
	}
	t.Cleanup(func() { d.unmount(t) })
	return d
}

func (d *disk) mount() error {
	return syscall.Mount(d.loop, d.dir, "ext4", 0, d.options)
}

// unmount waits for a process that was just killed to let go.
func (d *disk) unmount(t *testing.T) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = syscall.Unmount(d.dir, 0); !errors.Is(err, syscall.EBUSY) {
			break
		}
	}
	if err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: it is not mounted
		t.Errorf("unmount %s: %v", d.dir, err)
	}
}

// fill takes all room of the disk but leave bytes with a file of somebody else.
func (d *disk) fill(t *testing.T, leave int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	at := int64(0)
	for n := d.free(t) - leave; n > 0; {
		switch err := syscall.Fallocate(int(f.Fd()), 0, at, n); {
		case err == nil && leave > 0:
			return
		case err == nil:
			at += n // there may be more, in the blocks that were kept for the file's map
		case errors.Is(err, syscall.ENOSPC):
			n /= 2
		default:
			t.Fatal(err)
		}
	}
}

// relieve gives the room back.
func (d *disk) relieve(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.dir, "filler")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// free is how many bytes of the disk are free.
func (d *disk) free(t *testing.T) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize //nolint:unconvert // its type differs between machines
}
