package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/vfs"
)

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
					b.disk.arm(n, err)
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
		b.disk.arm(n, syscall.EIO)
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
