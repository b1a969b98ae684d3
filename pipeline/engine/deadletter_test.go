package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/vfs"
)

// faulty is a disk in memory on which the nth operation of all fails, and with
// dead every one after it: the process is gone then.
type faulty struct {
	*vfs.Mem
	kind string // "" is every kind
	n    int    // counts from 1; 0 fails nothing
	err  error
	part bool // a write that fails has written half
	dead bool

	seen int
	hits int

	unsynced map[string]bool // files that were written to since their last sync
}

func newFaulty(m *vfs.Mem) *faulty { return &faulty{Mem: m, unsynced: map[string]bool{}} }

// arm lets the nth operation from now on fail.
func (f *faulty) arm(kind string, n int, err error) {
	f.kind, f.n, f.err, f.seen, f.hits = kind, n, err, 0, 0
	f.SetHook(func(op vfs.Op) error { return f.strike(op.Kind) })
}

func (f *faulty) disarm() { f.SetHook(nil); f.n = 0 }

func (f *faulty) strike(kind string) error {
	if f.n == 0 || f.kind != "" && f.kind != kind {
		return nil
	}
	f.seen++
	if f.seen == f.n || f.dead && f.seen > f.n {
		f.hits++
		return f.err
	}
	return nil
}

// Rename does what a rename does to who looks; for a crash it is whole and
// durable, or not done.
func (f *faulty) Rename(from, to string) error {
	if err := f.strike("rename"); err != nil {
		return err
	}
	if f.unsynced[from] {
		return fmt.Errorf("%s is renamed before it is durable", from)
	}
	f.SetHook(nil)
	defer f.SetHook(func(op vfs.Op) error { return f.strike(op.Kind) })
	text, err := contentOf(f.Mem, from)
	if err != nil {
		return err
	}
	if err := f.Mem.Remove(to); err != nil {
		return err
	}
	w, err := f.Mem.Open(to, vfs.CreateNew)
	if err != nil {
		return err
	}
	_, err = w.WriteAt(text, 0)
	return errors.Join(err, w.Datasync(), w.Close(), f.Mem.Remove(from), f.SyncDir(filepath.Dir(to)))
}

func (f *faulty) Give(string) error { return nil }

func (f *faulty) Open(name string, mode vfs.Mode) (vfs.File, error) {
	file, err := f.Mem.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

type faultyFile struct {
	vfs.File
	f    *faulty
	name string
}

func (w *faultyFile) Datasync() error {
	err := w.File.Datasync()
	if err == nil {
		delete(w.f.unsynced, w.name)
	}
	return err
}

// WriteAt leaves half of what it was to write when it fails and part is set.
func (w *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	w.f.unsynced[w.name] = true
	n, err := w.File.WriteAt(p, off)
	if err == nil || !w.f.part {
		return n, err
	}
	w.f.SetHook(nil)
	defer w.f.SetHook(func(op vfs.Op) error { return w.f.strike(op.Kind) })
	n, herr := w.File.WriteAt(p[:len(p)/2], off)
	return n, errors.Join(err, herr)
}

func contentOf(m *vfs.Mem, name string) ([]byte, error) {
	r, err := m.Open(name, vfs.Read)
	if err != nil {
		return nil, err
	}
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	return b, errors.Join(readFull(r, b, 0), r.Close())
}

// letterbox is a writer and a reader over one disk.
type letterbox struct {
	*deadLetters
	disk *faulty
	log  strings.Builder
}

func newLetterbox(t *testing.T, limit int64) *letterbox {
	t.Helper()
	b := &letterbox{disk: newFaulty(vfs.NewMem())}
	b.reopen()
	b.max = limit
	return b
}

// reopen is the next process.
func (b *letterbox) reopen() {
	limit := int64(1 << 20)
	if b.deadLetters != nil {
		limit = b.max
	}
	b.deadLetters = newDeadLetters("/j", limit, func() time.Time { return time.Unix(1000, 0) }, slog.New(slog.NewTextHandler(&b.log, nil)))
	b.fs = b.disk
}

func letterOf(name string) *event.Event {
	return &event.Event{ID: event.NewID([]byte(name)), Dataset: "test", Raw: name, Records: 1, Time: time.Unix(7, 0)}
}

var errRefused = errors.New("400 bad field")

// held returns the source texts of the letters of output a.
func (b *letterbox) held(t *testing.T) []string {
	t.Helper()
	f := b.read(t)
	var raws []string
	for i := range f.Letters {
		e, err := f.Letters[i].Decode()
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, e.Raw)
	}
	return raws
}

func (b *letterbox) reader() *DeadLetters { return &DeadLetters{fs: b.disk, dir: "/j"} }

func (b *letterbox) read(t *testing.T) *DeadLetterFile {
	t.Helper()
	f, err := b.reader().Read("a")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestDeadLetterFaults lets every single operation of an add fail, in each way
// that a disk fails. The letter is refused and nothing of it is kept, those
// before it are as they were, and the next try keeps it once.
func TestDeadLetterFaults(t *testing.T) {
	for _, before := range []int{0, 2} {
		for _, err := range []error{syscall.ENOSPC, syscall.EIO} {
			for _, part := range []bool{false, true} {
				for n := 1; ; n++ {
					b := newLetterbox(t, 1<<20)
					var want []string
					for i := range before {
						want = append(want, fmt.Sprint("old", i))
						if err := b.add("a", letterOf(want[i]), errRefused); err != nil {
							t.Fatal(err)
						}
					}
					b.reopen()
					b.disk.part = part
					b.disk.arm("", n, err)
					got := b.add("a", letterOf("new"), errRefused)
					struck := b.disk.hits > 0
					b.disk.disarm()
					if !struck {
						if n < 6 {
							t.Fatalf("an add has but %d operations", n-1)
						}
						break
					}
					name := fmt.Sprintf("operation %d after %d letters, %v, part %t", n, before, err, part)
					if !errors.Is(got, err) {
						t.Errorf("%s: add says %v", name, got)
					}
					if held := b.held(t); !slices.Equal(held, want) {
						t.Errorf("%s: %q are held, want %q", name, held, want)
					}
					if err := b.add("a", letterOf("new"), errRefused); err != nil {
						t.Errorf("%s: the next try: %v", name, err)
					}
					if held := b.held(t); !slices.Equal(held, append(want, "new")) || b.read(t).Damaged != 0 {
						t.Errorf("%s: after the next try %q are held", name, held)
					}
				}
			}
		}
	}
}

// TestDeadLetterCutThatFails: a write, or its sync, fails, and so does the cut
// that would undo it. The next try begins where the last good letter ends.
func TestDeadLetterCutThatFails(t *testing.T) {
	for _, kind := range []string{"write", "datasync"} {
		b := newLetterbox(t, 1<<20)
		if err := b.add("a", letterOf("old"), errRefused); err != nil {
			t.Fatal(err)
		}
		b.disk.part = true
		b.disk.SetHook(func(op vfs.Op) error {
			if op.Kind == kind || op.Kind == "truncate" {
				return syscall.EIO
			}
			return nil
		})
		if err := b.add("a", letterOf("new"), errRefused); !errors.Is(err, syscall.EIO) {
			t.Fatalf("%s: %v", kind, err)
		}
		b.disk.disarm()
		if err := b.add("a", letterOf("new"), errRefused); err != nil {
			t.Fatal(err)
		}
		if held := b.held(t); !slices.Equal(held, []string{"old", "new"}) || b.read(t).Damaged != 0 {
			t.Errorf("%s: %q are held", kind, held)
		}
	}
}

// TestDeadLetterCrash cuts the power at every operation of an add, in many ways
// that a disk may tear. Letters that were added are there; the next process adds
// the one under way again, and nothing is hidden or spoilt by what was torn.
func TestDeadLetterCrash(t *testing.T) {
	long := strings.Repeat("x", 1500) // several sectors
	for n := 1; ; n++ {
		b := newLetterbox(t, 1<<20)
		if err := b.add("a", letterOf("old"+long), errRefused); err != nil {
			t.Fatal(err)
		}
		b.disk.dead = true
		b.disk.arm("", n, syscall.EIO)
		added := b.add("a", letterOf("new"+long), errRefused) == nil
		if b.disk.hits == 0 {
			break
		}
		b.disk.disarm()
		for seed := range uint64(30) {
			next := &letterbox{disk: newFaulty(b.disk.Crash(seed))}
			next.reopen()
			if !added {
				if err := next.add("a", letterOf("new"+long), errRefused); err != nil {
					t.Fatal(err)
				}
			}
			if err := next.add("a", letterOf("later"), errRefused); err != nil {
				t.Fatal(err)
			}
			held := slices.Compact(next.held(t)) // the one under way may be there twice
			if !slices.Equal(held, []string{"old" + long, "new" + long, "later"}) {
				t.Fatalf("cut at operation %d, seed %d: %.40q are held", n, seed, held)
			}
		}
	}
}

// TestDeadLetterTorn: what stands behind the last line end is cut off, and that is
// said; a whole letter that only lost its line end stays.
func TestDeadLetterTorn(t *testing.T) {
	for name, tail := range map[string]string{
		"half a letter": `{"time":"2026-11-25T00:00:00Z","output":"a","id":"X","rea`, "zeros": strings.Repeat("\x00", 70<<10), "one byte": "{",
	} {
		t.Run(name, func(t *testing.T) {
			b := newLetterbox(t, 1<<20)
			if err := b.add("a", letterOf("old"), errRefused); err != nil {
				t.Fatal(err)
			}
			b.scribble(t, tail)
			if f := b.read(t); f.Damaged != 1 || !f.Torn || len(f.Letters) != 1 {
				t.Errorf("who looks sees %d letters, %d damaged, torn %t", len(f.Letters), f.Damaged, f.Torn)
			}
			b.reopen()
			if err := b.add("a", letterOf("new"), errRefused); err != nil {
				t.Fatal(err)
			}
			if held := b.held(t); !slices.Equal(held, []string{"old", "new"}) || b.read(t).Damaged != 0 {
				t.Errorf("%q are held", held)
			}
			if !strings.Contains(b.log.String(), fmt.Sprint("output=a bytes=", len(tail))) {
				t.Errorf("the cut is not said: %s", b.log.String())
			}
		})
	}
	t.Run("a line end is missing", func(t *testing.T) {
		b := newLetterbox(t, 1<<20)
		if err := b.add("a", letterOf("old"), errRefused); err != nil {
			t.Fatal(err)
		}
		f, err := b.disk.Open("/j/deadletter/a.jsonl", vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err := errors.Join(err, f.Truncate(size-1), b.add("a", letterOf("new"), errRefused)); err != nil {
			t.Fatal(err)
		}
		if held := b.held(t); !slices.Equal(held, []string{"old", "new"}) {
			t.Errorf("%q are held", held)
		}
	})
}

// scribble appends text to the file of output a.
func (b *letterbox) scribble(t *testing.T, text string) {
	t.Helper()
	f, err := b.disk.Open("/j/deadletter/a.jsonl", vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(text), size); err != nil {
		t.Fatal(err)
	}
}

// TestDeadLetterRoom: the room is kept to the byte, what was torn in it counts
// until it is cut, and one letter that can never fit says so.
func TestDeadLetterRoom(t *testing.T) {
	b := newLetterbox(t, 1500)
	n := 0
	for ; n < 100; n++ {
		if err := b.add("a", letterOf(fmt.Sprint(n)), errRefused); err != nil {
			if !errors.Is(err, errDeadFull) {
				t.Fatal(err)
			}
			break
		}
	}
	text, err := contentOf(b.disk.Mem, "/j/deadletter/a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if one := len(text) / n; n < 3 || len(text) > 1500 || len(text)+one+2 < 1500 {
		t.Errorf("%d letters of about %d bytes in %d", n, one, len(text))
	}
	if err := b.add("b", letterOf("other"), errRefused); !errors.Is(err, errDeadFull) {
		t.Errorf("the room is not that of all outputs: %v", err)
	}
	if err := b.add("a", letterOf(strings.Repeat("x", 2000)), errRefused); !errors.Is(err, errDeadLarge) {
		t.Errorf("a letter larger than the room: %v", err)
	}
	if err := b.reader().Drop(b.read(t), func(l *DeadLetter) bool { return l.ID == letterOf("0").ID.String() }, false); err != nil {
		t.Fatal(err)
	}
	if err := b.add("a", letterOf("z"), errRefused); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestDeadLetterReason: what a destination says is kept up to a bound.
func TestDeadLetterReason(t *testing.T) {
	b := newLetterbox(t, 1<<20)
	if err := b.add("a", letterOf("x"), errors.New(strings.Repeat("é", 1<<20))); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t).Letters[0].Reason; len(got) > longestReason+8 || !strings.HasSuffix(got, "é …") {
		t.Errorf("%d bytes of reason are kept", len(got))
	}
}

// dropFaults runs a drop of one of three letters with the nth operation failing.
func dropFaults(t *testing.T, n int, dead bool, err error) (b *letterbox, got error) {
	t.Helper()
	b = newLetterbox(t, 1<<20)
	for _, name := range []string{"one", "two", "three"} {
		if err := b.add("a", letterOf(name), errRefused); err != nil {
			t.Fatal(err)
		}
	}
	f := b.read(t)
	b.disk.dead, b.disk.part = dead, true
	b.disk.arm("", n, err)
	got = b.reader().Drop(f, func(l *DeadLetter) bool { return l.Raw == "two" }, false)
	return b, got
}

// TestDropFaults: whatever operation of a drop fails, or is the last before the
// power goes, the file has all of its letters or all but the one that goes, and
// each once; and the next process removes what was left.
func TestDropFaults(t *testing.T) {
	all, less := []string{"one", "two", "three"}, []string{"one", "three"}
	for _, err := range []error{syscall.ENOSPC, syscall.EIO} {
		for _, dead := range []bool{false, true} {
			for n := 1; ; n++ {
				b, got := dropFaults(t, n, dead, err)
				struck := b.disk.hits > 0
				b.disk.disarm()
				disks := []*vfs.Mem{b.disk.Mem}
				for seed := range uint64(8) {
					disks = append(disks, b.disk.Crash(seed))
				}
				for _, m := range disks {
					next := &letterbox{disk: newFaulty(m)}
					next.reopen()
					if held := next.held(t); got == nil && !slices.Equal(held, less) || !slices.Equal(held, less) && !slices.Equal(held, all) {
						t.Errorf("operation %d, %v, dead %t: drop says %v, %q are held", n, err, dead, got, held)
					}
					if err := next.add("a", letterOf("four"), errRefused); err != nil {
						t.Fatal(err)
					}
					if list, err := m.ReadDir("/j/deadletter"); err != nil || len(list) != 2 {
						t.Errorf("operation %d: the folder has %v, %v", n, list, err)
					}
				}
				if !struck {
					if got != nil || n < 5 {
						t.Errorf("without a fault, at operation %d: %v", n, got)
					}
					break
				}
			}
		}
	}
}

// TestDropKeepsWhatItCannotRead: a damaged piece hides nothing and stays, unless
// it is to go as well; the file goes with the last of it.
func TestDropKeepsWhatItCannotRead(t *testing.T) {
	b := newLetterbox(t, 1<<20)
	for _, name := range []string{"one", "two"} {
		if err := b.add("a", letterOf(name), errRefused); err != nil {
			t.Fatal(err)
		}
		b.scribble(t, "not a letter "+name+"\n")
	}
	all := func(*DeadLetter) bool { return true }
	f := b.read(t)
	if len(f.Letters) != 2 || f.Damaged != 2 || f.Torn {
		t.Fatalf("%d letters, %d damaged, torn %t", len(f.Letters), f.Damaged, f.Torn)
	}
	if err := b.reader().Drop(f, all, false); err != nil {
		t.Fatal(err)
	}
	if text, err := contentOf(b.disk.Mem, "/j/deadletter/a.jsonl"); err != nil || string(text) != "not a letter one\nnot a letter two\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := b.reader().Drop(b.read(t), all, true); err != nil {
		t.Fatal(err)
	}
	if names, err := b.reader().Outputs(); err != nil || len(names) != 0 {
		t.Errorf("outputs %q, %v", names, err)
	}
}

// TestDeadLetterLock: while somebody changes the files, an add waits for its next
// try and says who.
func TestDeadLetterLock(t *testing.T) {
	b := newLetterbox(t, 1<<20)
	if err := b.add("a", letterOf("one"), errRefused); err != nil {
		t.Fatal(err)
	}
	lock, err := b.reader().Lock("pid 7, a test")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.add("a", letterOf("two"), errRefused); !errors.Is(err, ErrDeadBusy) || !strings.Contains(err.Error(), "pid 7, a test") {
		t.Errorf("add beside a drop: %v", err)
	}
	if err := errors.Join(lock.Close(), b.add("a", letterOf("two"), errRefused)); err != nil {
		t.Error(err)
	}
	if held := b.held(t); !slices.Equal(held, []string{"one", "two"}) {
		t.Errorf("%q are held", held)
	}
}

// FuzzDeadLetterFile: no bytes bring the reader down, and a drop of nothing but
// one letter leaves all other pieces.
func FuzzDeadLetterFile(f *testing.F) {
	line := fmt.Sprintf(`{"time":"2026-11-25T00:00:00Z","output":"a","id":"X","reason":"r","event":"%s"}`, "AAAA")
	f.Add([]byte(line + "\n"))
	f.Add([]byte(line[:20] + line + "\n\n\x00\x00" + line))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := newLetterbox(t, 1<<20)
		if err := b.disk.MkdirAll("/j/deadletter"); err != nil {
			t.Fatal(err)
		}
		w, err := b.disk.Open("/j/deadletter/a.jsonl", vfs.CreateNew)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteAt(text, 0); err != nil {
			t.Fatal(err)
		}
		file := b.read(t)
		for i := range file.Letters {
			_, _ = file.Letters[i].Decode() // whatever it holds
		}
		if len(file.Letters) == 0 {
			return
		}
		letters, damaged := len(file.Letters), file.Damaged
		first := &file.Letters[0]
		if err := b.reader().Drop(file, func(l *DeadLetter) bool { return l == first }, false); err != nil {
			t.Fatal(err)
		}
		if got := b.read(t); len(got.Letters) != letters-1 || got.Damaged != damaged {
			t.Errorf("%d letters and %d damaged pieces became %d and %d", letters, damaged, len(got.Letters), got.Damaged)
		}
	})
}

// TestDeadLetterDecode: a letter whose event does not decode says so.
func TestDeadLetterDecode(t *testing.T) {
	two := codec.NewEncoder().Append(nil, []event.Event{*letterOf("a"), *letterOf("b")})
	for name, payload := range map[string][]byte{"garbage": []byte("garbage"), "two events": two} {
		if _, err := (&DeadLetter{ID: "X", Event: payload}).Decode(); err == nil || !strings.Contains(err.Error(), "dead letter X") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
