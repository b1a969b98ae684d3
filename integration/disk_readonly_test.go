//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestDiskReadOnly (RELIABILITY B17): the journal's file system reports an error
// and goes read-only under the running program. Acceptance stops, what was
// accepted is delivered, and when the disk is mounted again everything is.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	r := newDiskRun(t, "errors=remount-ro", "0B", "300ms")
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(r.loop), "trigger_fs_error")
	if _, err := os.Stat(trigger); err != nil {
		t.Skipf("NOT RUN: this kernel does not let an error of ext4 be made: %v", err)
	}
	fsck := need(t, "e2fsck", "e2fsprogs")
	for range 3 {
		r.whole(t, 100)
		r.all(t)
		r.away(t)
		r.whole(t, 100)
		if err := os.WriteFile(trigger, []byte("test"), 0o200); err != nil {
			t.Fatal(err)
		}
		r.whole(t, 500)
		accepted := r.stands(t, "tallyman_journal_failures_total")
		r.tcp.up(t)
		eventually(t, "both outputs have what was accepted", time.Minute, func() bool {
			r.file.look(t)
			file, _ := r.file.frontier()
			tcp, _ := r.tcp.frontier()
			return file >= accepted && tcp >= accepted
		})
		// The kernel takes an ext4 that had an error for writing again only after a check.
		r.kill(t, r.runs, r.cmd)
		r.cmd = nil
		r.unmount(t)
		if out, err := exec.Command(fsck, "-f", "-y", r.loop).CombinedOutput(); err != nil && err.(*exec.ExitError).ExitCode() > 1 { //nolint:errorlint // exec gives it as it is
			t.Fatalf("e2fsck: %v\n%s", err, out)
		}
		if err := r.mount(); err != nil {
			t.Fatal(err)
		}
		r.look(t)
		r.start(t)
		r.all(t)
	}
	r.end(t)
}

// TestDiskFlakey would put the journal on a device of device-mapper that fails.
func TestDiskFlakey(t *testing.T) {
	if _, err := os.Stat("/dev/mapper/control"); err != nil {
		t.Skipf("NOT RUN: this kernel has no device-mapper (%v), so neither dm-flakey nor dm-error; TestDiskInject and TestDiskReadOnly stand for them", err)
	}
	dmsetup := need(t, "dmsetup", "dmsetup")
	out, err := exec.Command(dmsetup, "targets").CombinedOutput()
	if err != nil {
		t.Skipf("NOT RUN: device-mapper does not answer: %v\n%s", err, out)
	}
	t.Skipf("NOT RUN: no test uses the device-mapper of this machine yet; it has:\n%s", out)
}
