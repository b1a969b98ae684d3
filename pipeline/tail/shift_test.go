package tail

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestNamesThatShift: a program that numbers its files from its present one on (x.0,
// x.1, x.2) gives each file another name with each rotation, one that another file
// had. Each line is read once.
func TestNamesThatShift(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "x.*")
	var want []string
	n := 0
	put := func() {
		n++
		line := fmt.Sprintf("line %d", n)
		r.put("x.0", line+"\n")
		want = append(want, line)
	}
	put()
	r.open()
	r.until(n)
	for i := range 6 {
		if i > 2 {
			put() // not read before it is rotated away
		}
		if i > 1 {
			r.rename("x.1", "x.2")
		}
		r.rename("x.0", "x.1")
		put()
		r.until(n)
	}
	slices.Sort(r.all)
	slices.Sort(want)
	if !slices.Equal(r.all, want) {
		t.Errorf("%q, want %q", r.all, want)
	}
}

// TestNamesThatShiftMeanwhile: the same while it is stopped, over one rotation and over
// two: each line is read once, and no file is said to be lost.
func TestNamesThatShiftMeanwhile(t *testing.T) {
	for _, rotations := range []int{1, 2} {
		r := newSetRig(t, SetOptions{}, "x.*")
		r.put("x.1", "oldest\n")
		r.put("x.0", "old\n")
		r.open()
		r.until(2)
		r.close()
		r.put("x.0", "unread\n")
		for i := range rotations {
			for n := i + 1; n >= 0; n-- {
				r.rename(fmt.Sprint("x.", n), fmt.Sprint("x.", n+1))
			}
			r.put("x.0", fmt.Sprint("new ", i, "\n"))
		}
		r.open()
		r.until(3 + rotations)
		if len(r.loss) > 0 {
			t.Errorf("%d rotations: losses %v", rotations, r.loss)
		}
		r.close()
	}
}

// TestANumberIsAnotherLog: "x-1" beside "x" is another program's log, also where "x" is
// rotated twice before it is looked at.
func TestANumberIsAnotherLog(t *testing.T) {
	r := newSetRig(t, SetOptions{Poll: time.Hour, addWatch: noWatch}, "x*")
	r.put("x", "1\n")
	r.put("x-1", "other 1\n")
	r.open()
	r.until(2)
	r.rename("x", "x.1")
	r.put("x", "2\n")
	r.rename("x.1", "x.2")
	r.rename("x", "x.1")
	r.put("x", "3\n")
	r.put("x-1", "other 2\n")
	r.s.scan()
	r.until(5)
	r.want("x", "1", "2", "3")
	r.want("x-1", "other 1", "other 2")
}

// TestARotatedFileIsFoundFirst: a file that was rotated away, and is followed under
// that name since there was no other, keeps what comes in its place from nothing.
func TestARotatedFileIsFoundFirst(t *testing.T) {
	r := newSetRig(t, SetOptions{}, "x*")
	r.put("x.1", "1\n")
	r.open()
	r.until(1)
	r.put("x.1", "2\n")
	r.put("x", "3\n")
	r.until(3)
	r.want("x.1", "1", "2")
	r.want("x", "3")
}

// TestAStopBeforeTheNewNameIsFound: a file that was read to its end goes on under its
// new name after a restart, also where nobody had seen it under that before.
func TestAStopBeforeTheNewNameIsFound(t *testing.T) {
	r := newSetRig(t, SetOptions{Poll: time.Hour, addWatch: noWatch}, "x.*")
	r.put("x.0", "1\n")
	r.open()
	r.until(1)
	r.rename("x.0", "x.1")
	r.put("x.0", "2\n")
	r.s.scan()
	r.until(2)
	r.close()
	r.open()
	r.put("x.1", "3\n")
	r.s.scan()
	r.until(3)
	if r.want("x.1", "3"); len(r.loss) > 0 {
		t.Errorf("losses: %v", r.loss)
	}
}
