package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// setRig is a Set over a folder and what was read through it.
type setRig struct {
	t    *testing.T
	dir  string
	o    SetOptions
	s    *Set
	at   []byte // the position after what was read
	got  map[string][]string
	all  []string
	loss []event.Loss
	most int64 // files held open at once
}

func newSetRig(t *testing.T, o SetOptions, patterns ...string) *setRig {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	r := &setRig{t: t, dir: t.TempDir(), got: map[string][]string{}}
	for _, p := range patterns {
		o.Patterns = append(o.Patterns, filepath.Join(r.dir, p))
	}
	if o.Meter == nil {
		o.Meter = new(meter.Registry)
	}
	if o.Poll == 0 {
		o.Poll = time.Millisecond
	}
	o.Input, o.Decode = "many", "plain"
	r.o = o
	t.Cleanup(r.close)
	return r
}

func (r *setRig) open() {
	r.t.Helper()
	r.s = NewSet(r.o)
	if err := r.s.Open(context.Background(), r.at); err != nil {
		r.t.Fatal(err)
	}
}

func (r *setRig) close() {
	r.t.Helper()
	if r.s == nil {
		return
	}
	if err := r.s.Close(); err != nil {
		r.t.Error(err)
	}
	if n := r.s.open.Load(); n != 0 {
		r.t.Errorf("%d files are open after Close", n)
	}
	r.s = nil
}

// put appends to a file and makes its folder.
func (r *setRig) put(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *setRig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(filepath.Join(r.dir, from), filepath.Join(r.dir, to)); err != nil {
		r.t.Fatal(err)
	}
}

// read reads once and reports the end of a Set that has one.
func (r *setRig) read(wait time.Duration) bool {
	r.t.Helper()
	var b event.Batch
	err := r.s.Read(context.Background(), &b, wait)
	if err != nil && !errors.Is(err, io.EOF) {
		r.t.Fatal(err)
	}
	if len(b.Events) > 0 && b.Position == nil {
		r.t.Error("lines came without a position")
	}
	for i := range b.Events {
		e := &b.Events[i]
		rel, err2 := filepath.Rel(r.dir, e.Get(schema.LogFilePath).Str())
		if err2 != nil {
			r.t.Fatal(err2)
		}
		r.got[rel] = append(r.got[rel], e.Raw)
		r.all = append(r.all, e.Raw)
	}
	r.loss = append(r.loss, b.Losses...)
	if b.Position != nil {
		r.at = slices.Clone(b.Position)
	}
	r.most = max(r.most, r.s.open.Load())
	return err != nil
}

// until reads until n lines came in all, and what comes then in three looks.
func (r *setRig) until(n int) {
	r.t.Helper()
	for start := time.Now(); len(r.all) < n; {
		r.read(20 * time.Millisecond)
		if time.Since(start) > 20*time.Second {
			r.t.Fatalf("%d lines came, want %d: %.300q", len(r.all), n, r.all)
		}
	}
	for range 3 {
		r.read(2 * time.Millisecond)
	}
	if len(r.all) != n {
		r.t.Errorf("%d lines came, want %d: %.300q", len(r.all), n, r.all)
	}
}

func (r *setRig) want(name string, lines ...string) {
	r.t.Helper()
	if !slices.Equal(r.got[name], lines) {
		r.t.Errorf("of %s came %.300q, want %.300q", name, r.got[name], lines)
	}
}

// eventually lets the Set work until what is true.
func (r *setRig) eventually(what string, is func() bool) {
	r.t.Helper()
	for start := time.Now(); !is(); r.read(2 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			r.t.Fatalf("it did not come to: %s", what)
		}
	}
}

func TestSetFollowsWhatComesAndGoes(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log", "one.txt")
	r.put("a/1.log", "a1\n")
	r.put("one.txt", "t1\n")
	r.put("a/other", "not this\n")
	r.open()
	r.until(2)
	r.put("b/2.log", "b1\nb2\n")
	r.put("a/1.log", "a2\n")
	r.until(5)
	if err := os.RemoveAll(filepath.Join(r.dir, "a")); err != nil {
		t.Fatal(err)
	}
	r.put("b/2.log", "b3\n")
	r.until(6)
	r.want("a/1.log", "a1", "a2")
	r.want("b/2.log", "b1", "b2", "b3")
	r.want("one.txt", "t1")
}

func TestSetGoesOnAfterARestart(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "a1\na2\n")
	r.put("b/x.log", "b1\nhal")
	r.open()
	r.until(3)
	r.close()
	r.put("a/x.log", "a3\n")
	r.put("b/x.log", "f\n")
	r.put("c/x.log", "c1\n")
	r.open()
	r.until(6)
	r.want("a/x.log", "a1", "a2", "a3")
	r.want("b/x.log", "b1", "half")
	r.want("c/x.log", "c1")
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}

// TestT1ManyRotations: rename and create, again and again, while lines come.
func TestT1ManyRotations(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "0\n")
	r.open()
	n := 1
	for turn := range 40 {
		for range 20 {
			r.put("a/x.log", fmt.Sprintf("%d\n", n))
			n++
		}
		r.rename("a/x.log", fmt.Sprintf("a/x.log.%d", 1000-turn))
		r.put("a/x.log", "")
		r.eventually("the rotation is read", func() bool { return len(r.all) == n })
	}
	r.until(n)
	for i, line := range r.got["a/x.log"] {
		if line != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestT2RotationWhileStopped(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*/*.log")
	r.put("a/x.log", "1\n2\n")
	r.put("b/x.log", "1\n")
	r.open()
	r.until(3)
	r.close()
	r.put("a/x.log", "3\n")
	r.rename("a/x.log", "a/x.log.1")
	r.put("a/x.log", "4\n")
	r.put("b/x.log", "2\n")
	r.rename("b/x.log", "b/x.log.1") // and no new one
	r.open()
	r.until(6)
	r.want("a/x.log", "1", "2", "3", "4")
	r.want("b/x.log", "1", "2")
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}

// TestT3InodeIsUsedAgain: a file that has the inode of one that was read and
// removed is read from its start.
func TestT3InodeIsUsedAgain(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "*.log")
	r.put("a.log", "a1\na2\n")
	r.open()
	r.until(2)
	r.close()
	if err := os.Remove(filepath.Join(r.dir, "a.log")); err != nil {
		t.Fatal(err)
	}
	r.put("b.log", "b1\nb2\nb3\n")
	r.open()
	r.until(5)
	r.want("b.log", "b1", "b2", "b3")
}

func TestT5LineWithoutItsEnd(t *testing.T) {
	r := newSetRig(t, SetOptions{Open: 1}, "*.log")
	r.put("a.log", "first\nsec")
	r.put("b.log", "b1\n")
	r.open()
	r.until(2)
	r.put("b.log", "b2\n") // a.log is closed for it
	r.until(3)
	r.put("a.log", "ond\n")
	r.until(4)
	r.want("a.log", "first", "second")
	r.want("b.log", "b1", "b2")
}

// TestT6DeletedFileIsGivenBack: what was deleted is read to its end, its
// descriptor given back, and the file forgotten.
func TestT6DeletedFileIsGivenBack(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := newSetRig(t, SetOptions{Now: func() time.Time { return now }}, "*.log")
	r.put("a.log", "1\n2\n")
	r.open()
	if err := os.Remove(filepath.Join(r.dir, "a.log")); err != nil {
		t.Fatal(err)
	}
	r.until(2)
	r.eventually("the file is given back", func() bool { now = now.Add(deletedRest / 2); return r.s.open.Load() == 0 })
	r.eventually("the file is forgotten", func() bool { return len(r.s.members) == 0 && len(r.at) < 16 })
	r.put("a.log", "3\n")
	r.until(3)
	if len(r.loss) > 0 {
		t.Errorf("lost: %+v", r.loss)
	}
}

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
	r.eventually("the old name is followed", func() bool { return len(r.s.members) == 2 })
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
