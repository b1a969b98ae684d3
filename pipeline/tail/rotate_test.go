package tail

import (
	"fmt"
	"os"
	"testing"

	"tallyman/pipeline/event"
)

func TestRotationWhileReading(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\n")
	r.start()
	defer r.stop()
	r.want("a")
	r.append("b\n")
	r.rotate(5, "c\n")
	r.rotate(5, "d\n")
	r.rotate(5, "e\n")
	r.want("b", "c", "d", "e")
	r.noLoss()
}

// TestWriterGoesOn: logrotate makes the new file before the writer knows.
func TestWriterGoesOn(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\n")
	r.start()
	defer r.stop()
	r.rotate(5, "")
	r.want("a")
	r.write(r.name(1), "b\nc") // an end that never comes
	r.want("b")
	r.append("d\n")
	r.want("c", "d")
	r.noLoss()
}

func TestRotationWhileStopped(t *testing.T) {
	for _, rotations := range []int{1, 2, 5} {
		r := newRig(t, nil)
		r.append("a\nb\n")
		r.start()
		r.want("a", "b")
		r.stop()
		r.append("c\nd")
		r.append("\n")
		want := []string{"c", "d"}
		for i := range rotations {
			r.rotate(9, fmt.Sprintf("r%d\n", i))
			want = append(want, fmt.Sprintf("r%d", i))
		}
		r.start()
		r.want(want...)
		r.stop()
		r.noLoss()
	}
}

func TestRotatedAway(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\nb")
	r.start()
	r.want("a")
	r.stop()
	first, err := os.Open(r.path) // so that no other file gets its inode
	r.ok(err)
	defer func() { r.ok(first.Close()) }()
	for i := range 6 {
		r.rotate(3, fmt.Sprintf("r%d\n", i))
	}
	r.start()
	defer r.stop()
	r.want("r2", "r3", "r4", "r5")
	if n := r.counter("tallyman_input_losses_total", "rotated_away"); n != 1 {
		t.Errorf("%v losses were counted", n)
	}
	if n := r.counter("tallyman_input_lost_bytes_total", "rotated_away"); n != 1 {
		t.Errorf("%v bytes were counted", n)
	}
}

// TestWhyAFileIsGone: the number of an inode is given to the next file, whose birth tells it.
func TestWhyAFileIsGone(t *testing.T) {
	for _, c := range []struct {
		was, is identity
		want    event.LossReason
	}{
		{identity{1, 7, 100}, identity{1, 7, 100}, event.Truncated},
		{identity{1, 7, 0}, identity{1, 7, 100}, event.Truncated}, // it was not told
		{identity{1, 7, 100}, identity{1, 7, 200}, event.RotatedAway},
		{identity{1, 7, 100}, identity{1, 8, 200}, event.RotatedAway},
	} {
		tail := &Tail{start: &position{identity: c.was}}
		if got := tail.reason([]entry{{id: identity{1, 3, 4}}, {id: c.is}}); got != c.want {
			t.Errorf("%v, and now %v: %v, want %v", c.was, c.is, got, c.want)
		}
	}
}

// TestHeldWhileBlocked: what is rotated away and deleted while nobody reads is
// read all the same.
func TestHeldWhileBlocked(t *testing.T) {
	r := newRig(t, nil)
	r.append("a\n")
	r.start()
	defer r.stop()
	r.want("a")
	var want []string
	for i := range 6 {
		r.rotate(2, fmt.Sprintf("r%d\n", i))
		r.ok(r.tail.look())
		want = append(want, fmt.Sprintf("r%d", i))
	}
	r.want(want...)
	r.noLoss()
}

func TestHoldsNoMoreThanAllowed(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Open = 3 })
	r.append("a\n")
	r.start()
	defer r.stop()
	for i := range 8 {
		r.rotate(2, fmt.Sprintf("r%d\n", i))
		r.ok(r.tail.look())
		if n := len(r.tail.files); n > 3 {
			t.Fatalf("%d files are open", n)
		}
	}
	r.want("a", "r0", "r1", "r5", "r6", "r7")
	if n := r.counter("tallyman_input_losses_total", "rotated_away"); n != 1 {
		t.Errorf("%v losses were counted", n)
	}
}

func TestCopyTruncate(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped %v", stopped), func(t *testing.T) {
			r := newRig(t, nil)
			r.append("a1\na2\n")
			r.start()
			r.want("a1", "a2")
			if stopped {
				r.stop()
			}
			r.append("a3\na4\n")
			r.copyTruncate(5)
			r.append("b1\nb2\nb3\nb4\n") // longer than what was read
			if stopped {
				r.start()
			}
			r.want("a3", "a4", "b1", "b2", "b3", "b4")
			r.noLoss()
			r.stop()
		})
	}
}

func TestTruncated(t *testing.T) {
	r := newRig(t, nil)
	r.append("a1\na2\na3")
	r.start()
	defer r.stop()
	r.want("a1", "a2")
	r.ok(os.Truncate(r.path, 0))
	r.append("b\n")
	r.want("b")
	if n := r.counter("tallyman_input_lost_bytes_total", "truncated"); n != 2 {
		t.Errorf("%v bytes were counted", n)
	}
}

// TestOtherFileOfTheInode: after the file was deleted, its inode number may be
// that of another one.
func TestOtherFileOfTheInode(t *testing.T) {
	r := newRig(t, nil)
	r.append("a1\na2\n")
	r.start()
	r.want("a1", "a2")
	r.stop()
	r.ok(os.Truncate(r.path, 0)) // the same inode, another file
	r.append("b1\nb2\nb3\n")
	r.start()
	defer r.stop()
	r.want("b1", "b2", "b3")
}
