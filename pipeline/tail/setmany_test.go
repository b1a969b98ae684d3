package tail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
)

func TestT7SmallEqualFiles(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("a.log", "the same small line\n")
	r.put("b.log", "the same small line\n")
	r.open()
	r.until(2)
	r.want("a.log", "the same small line")
	r.want("b.log", "the same small line")
}

// TestT10WatchesAreUsedUp: files are found and read without the kernel's help,
// and that is counted.
func TestT10WatchesAreUsedUp(t *testing.T) {
	r := newSetRig(t, SetOptions{addWatch: noWatch}, "*/*.log")
	r.put("a/x.log", "a1\n")
	r.open()
	r.until(1)
	r.put("a/x.log", "a2\n")
	r.put("b/x.log", "b1\n")
	r.until(3)
	if r.s.degraded.Value() == 0 {
		t.Error("it was not counted")
	}
}

// TestT11MoreFilesThanMayBeOpen: all are read, and the bound holds.
func TestT11MoreFilesThanMayBeOpen(t *testing.T) {
	const files, active, open = 600, 60, 40
	r := newSetRig(t, SetOptions{Open: open}, "*/*.log")
	for i := range files {
		r.put(fmt.Sprintf("%d/x.log", i), "first\n")
	}
	r.open()
	r.until(files)
	for turn := range 3 {
		for i := range active {
			r.put(fmt.Sprintf("%d/x.log", i*7), fmt.Sprintf("turn %d\n", turn))
		}
		r.until(files + (turn+1)*active)
	}
	if r.most > open {
		t.Errorf("%d files were open, %d may be", r.most, open)
	}
	r.want("7/x.log", "first", "turn 0", "turn 1", "turn 2")
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}

func TestT12OneFileByTwoNames(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log", "links/*")
	r.put("a.log", "1\n")
	r.put("links/x", "")
	for _, err := range []error{os.Link(filepath.Join(r.dir, "a.log"), filepath.Join(r.dir, "b.log")),
		os.Symlink("../a.log", filepath.Join(r.dir, "links/a"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r.open()
	r.until(1)
	r.put("a.log", "2\n")
	r.until(2)
	r.close()
	r.open()
	r.put("a.log", "3\n")
	r.until(3)
	r.want("a.log", "1", "2", "3")
}

// TestAnotherNameGoesOn: a file that comes to bear another name that matches is
// not read again.
func TestAnotherNameGoesOn(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("a.log", "1\n")
	r.open()
	r.until(1)
	r.rename("a.log", "older.log")
	r.put("a.log", "2\n")
	r.until(2)
	r.eventually("the old name is followed", func() bool { return r.followed() == 2 })
	r.put("older.log", "3\n")
	r.until(3)
	r.want("a.log", "1", "2")
	r.want("older.log", "3")
}

func TestT13PositionIsDamaged(t *testing.T) {
	good := func() []byte {
		r := newSetRig(t, SetOptions{}, "*.log")
		r.put("a.log", "1\n")
		r.open()
		r.until(1)
		return r.at
	}()
	for name, at := range map[string][]byte{"cut": good[:len(good)-3], "zeros": make([]byte, 40), "json": []byte(`{"v":1`), "other": append([]byte("TS\x02"), good[3:]...)} {
		t.Run(name, func(t *testing.T) {
			r := newSetRig(t, SetOptions{}, "*.log")
			r.put("a.log.1", "old\n")
			r.put("a.log", "new\n")
			r.at = at
			r.open()
			r.until(2)
			r.want("a.log", "old", "new")
			if len(r.loss) != 1 || r.loss[0].Reason != event.Misplaced {
				t.Errorf("lost: %+v", r.loss)
			}
		})
	}
}

func TestT17CompressedIsNotReadTwice(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*")
	r.put("a.log", "1\n")
	r.open()
	r.until(1)
	r.put("a.log", "2\n")
	r.rename("a.log", "a.log.1")
	r.put("a.log.1.gz", "\x1f\x8b packed\n")
	r.put("a.log", "3\n")
	r.until(3)
	r.want("a.log", "1", "2", "3")
}

// TestT18RemovedAtOnce: a folder that is there for a moment only is read, though
// nobody reads meanwhile.
func TestT18RemovedAtOnce(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.open()
	r.put("pod/0.log", "its only line\n")
	for start := time.Now(); r.s.open.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatal("it was not opened")
		}
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "pod")); err != nil {
		t.Fatal(err)
	}
	r.until(1)
	r.want("pod/0.log", "its only line")
}

func TestLinksStayInTheirFolders(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("root:x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, roots := range map[string][]string{"refused": nil, "allowed": {outside}} {
		t.Run(name, func(t *testing.T) {
			r := newSetRig(t, SetOptions{Roots: roots}, "*.log")
			r.put("a.log", "1\n")
			if err := os.Symlink(secret, filepath.Join(r.dir, "b.log")); err != nil {
				t.Fatal(err)
			}
			r.open()
			n := 1 + len(roots)
			r.until(n)
			if got := r.s.refused.Value(); got != uint64(1-len(roots)) {
				t.Errorf("%d links were refused", got)
			}
			if len(roots) > 0 {
				return
			}
			// One that is followed is turned round later.
			r.put("turned", "x\n")
			if err := os.Symlink("turned", filepath.Join(r.dir, "c.log")); err != nil {
				t.Fatal(err)
			}
			r.until(n + 1)
			if err := errors.Join(os.Symlink(secret, filepath.Join(r.dir, "new")),
				os.Rename(filepath.Join(r.dir, "new"), filepath.Join(r.dir, "c.log"))); err != nil {
				t.Fatal(err)
			}
			r.put("a.log", "2\n")
			r.until(n + 2)
			if strings.Contains(strings.Join(r.all, "\n"), "root") {
				t.Errorf("the secret was read: %q", r.all)
			}
		})
	}
}

// TestTurnsAreFair: a file with very much to read does not keep others waiting.
func TestTurnsAreFair(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("loud.log", strings.Repeat("very much\n", 100_000))
	r.put("quiet.log", "one\n")
	r.open()
	r.eventually("the quiet file is read", func() bool { return len(r.got["quiet.log"]) == 1 })
	if n := len(r.got["loud.log"]); n > 20_000 {
		t.Errorf("the quiet file waited for %d lines", n)
	}
	r.until(100_001)
}

func TestBeginsAtTheEnd(t *testing.T) {
	r := newSetRig(t, SetOptions{FromEnd: true}, "*.log")
	r.put("a.log", "old\nol")
	r.put("c.log", "old\n")
	r.open()
	r.put("a.log", "d but ended now\n")
	r.put("b.log", "new\n")
	r.until(2)
	r.close()
	r.put("c.log", "new too\n")
	r.open()
	r.until(3)
	r.want("a.log", "old but ended now")
	r.want("b.log", "new")
	r.want("c.log", "new too")
}

// TestNoMoreFilesThanAllowed: what is left out is counted, once.
func TestNoMoreFilesThanAllowed(t *testing.T) {
	r := newSetRig(t, SetOptions{Files: 2, addWatch: noWatch}, "*.log")
	for i := range 5 {
		r.put(fmt.Sprintf("%d.log", i), "1\n")
	}
	r.open()
	r.until(2)
	if err := os.Remove(filepath.Join(r.dir, "0.log")); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r.read(time.Millisecond)
	}
	if n := r.s.crowd.Value(); n != 2 && n != 3 {
		t.Errorf("%d were counted", n)
	}
}

func TestOnceEnds(t *testing.T) {
	r := newSetRig(t, SetOptions{Once: true, Open: 2}, "*.log")
	for i := range 9 {
		r.put(fmt.Sprintf("%d.log", i), "1\nno end")
	}
	r.open()
	for !r.read(time.Second) {
		if len(r.all) > 18 {
			t.Fatal("it does not end")
		}
	}
	if len(r.all) != 18 {
		t.Errorf("%d lines came: %q", len(r.all), r.all)
	}
}
