package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/vfs"
)

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
	b.disk.arm(n, err)
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
