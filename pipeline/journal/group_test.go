package journal

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// kept is the most memory of a group that is kept or filled.
func kept(j *Journal) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	most := cap(j.filling.buf)
	if j.spare != nil {
		most = max(most, cap(j.spare.buf))
	}
	return most
}

// TestACommitStaysBelowItsBound: while the disk is busy, frames gather up to
// CommitBytes and then wait; urgent ones gather to four times as much, of which
// nothing is kept. All of them become durable.
func TestACommitStaysBelowItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := make(chan struct{}, 1) // full: the disk does not answer
		o := small(watch(vfs.NewMem(), func(step, phase string) error {
			if step == "frame sync" && phase == "before" {
				busy <- struct{}{}
				<-busy
			}
			return nil
		}))
		o.SegmentSize = 64 << 10
		j := open(t, o)
		defer shut(t, j)
		c := cursor(t, j, "a")
		add(t, j, 1, 200)
		durably(t, j)
		busy <- struct{}{}
		add(t, j, 2, 200)
		synctest.Wait() // the writer has it
		n := uint64(2)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 10 {
				n++
				if _, err := j.Append(t.Context(), Frame{Payload: item(n, 200), Records: 1}); err != nil {
					t.Error(err)
				}
			}
		}()
		synctest.Wait()
		if got := kept(j); n != 2+3+1 || got > o.CommitBytes {
			t.Errorf("%d frames wait for the disk, in %d bytes; want 3 and one more that has no room, in %d", n-2, got, o.CommitBytes)
		}
		urgent := 0
		for ; urgent < 9; urgent++ {
			if _, err := j.Append(t.Context(), Frame{Payload: item(100+uint64(urgent), 200), Records: 1, Urgent: true}); err != nil {
				t.Error(err)
			}
		}
		if got := kept(j); got <= o.CommitBytes || got > urgency*o.CommitBytes {
			t.Errorf("with urgent frames %d bytes wait, want more than %d and at most %d", got, o.CommitBytes, urgency*o.CommitBytes)
		}
		<-busy
		<-done
		durably(t, j)
		if got := kept(j); got > o.CommitBytes {
			t.Errorf("%d bytes are kept for the next commit, of which %d are all", got, o.CommitBytes)
		}
		if got := drain(t, c); len(got) != 2+10+urgent {
			t.Errorf("%d frames came of %d", len(got), 2+10+urgent)
		}
	})
}

// TestWhatHasNoRoomIsNotLeftToTheInterval: a frame that does not fit makes the
// group before it durable at once.
func TestWhatHasNoRoomIsNotLeftToTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := small(vfs.NewMem())
		o.CommitInterval = time.Hour
		j := open(t, o)
		defer shut(t, j)
		begun := time.Now()
		for n := range uint64(5) {
			add(t, j, n, 700)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("five frames, of which two are more than a commit, took %v", took)
		}
	})
}

// TestALargeFrameIsNotKept: one frame may be larger than a commit; its memory is
// not kept, neither to write nor to read.
func TestALargeFrameIsNotKept(t *testing.T) {
	for _, pack := range []bool{false, true} {
		o := small(vfs.NewMem())
		o.SegmentSize, o.MaxSize, o.Compress = 8<<20, 64<<20, pack
		j := open(t, o)
		c := cursor(t, j, "a")
		add(t, j, 1, keptBody+1)
		add(t, j, 2, 600)
		durably(t, j)
		if got := kept(j); got > o.CommitBytes {
			t.Errorf("zstd %v: %d bytes are kept for the next commit", pack, got)
		}
		if got := drain(t, c); len(got) != 2 {
			t.Errorf("zstd %v: %d frames came", pack, len(got))
		}
		if cap(c.scan.body) > keptBody || cap(c.un.buf) > keptBody {
			t.Errorf("zstd %v: %d and %d bytes are kept to read", pack, cap(c.scan.body), cap(c.un.buf))
		}
		shut(t, j)
	}
}

func TestMarksSize(t *testing.T) {
	var marks []Mark
	for _, n := range []int{0, 1, 127, 128, 16383, 16384} {
		marks = append(marks, Mark{strings.Repeat("k", n), make([]byte, n)})
		if got, want := marksSize(marks), len(appendMarks(nil, marks)); got != want {
			t.Errorf("%d marks take %d bytes, and %d are said", len(marks), want, got)
		}
	}
}
