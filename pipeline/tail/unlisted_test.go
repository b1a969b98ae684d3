package tail

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFolderThatCannotBeListed: a folder whose files cannot be looked for is counted
// once as long as that lasts, and its files are read from their start when it is over.
func TestFolderThatCannotBeListed(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "1\n")
	loop := filepath.Join(r.dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.until(1)
	for range 3 {
		r.s.scan()
	}
	if n := r.s.failures.Value(); n != 1 {
		t.Errorf("%d failures are counted, want 1", n)
	}
	if err := os.Remove(loop); err != nil {
		t.Fatal(err)
	}
	r.put("loop/y.log", "2\n")
	r.until(2)
}

// TestFileThatCannotBeLookedAt: a name that leads nowhere for another reason than
// that nothing is there is tried and counted, as one that may not be read.
func TestFileThatCannotBeLookedAt(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n")
	loop := filepath.Join(r.dir, "loop.log")
	if err := os.Symlink("loop.log", loop); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.until(1)
	r.eventually("the failure is counted", func() bool { return r.s.failures.Value() > 0 })
	if err := os.Remove(loop); err != nil {
		t.Fatal(err)
	}
	r.put("loop.log", "2\n")
	now = now.Add(2 * time.Minute)
	r.until(2)
}
