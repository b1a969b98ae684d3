package journal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// TestReserve: when only the reserve is left an input that can wait waits, one
// that cannot goes on until nothing is left, and both go on when there is room.
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := tightOptions(m)
		j := open(t, o)
		defer shut(t, j)
		j.SetReserve(3 * o.SegmentSize)
		a := cursor(t, j, "a")
		n := uint64(0)
		push := func(urgent bool) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := j.Append(ctx, Frame{Payload: item(n+1, 500), Records: 1, Urgent: urgent})
			if errors.Is(err, context.DeadlineExceeded) {
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			n++
			synctest.Wait()
			return true
		}
		for push(false) {
		}
		calm := n
		if size := total(t, m); size > o.MaxSize-2*o.SegmentSize {
			t.Errorf("inputs that can wait filled %d bytes of %d", size, o.MaxSize)
		}
		if err := j.Blocked(); err == nil || !strings.Contains(err.Error(), "output a") || !strings.Contains(err.Error(), "reserve") {
			t.Errorf("blocked says %v", err)
		}
		for push(true) {
		}
		if urgent := n - calm; urgent < 10 {
			t.Errorf("only %d urgent frames found room in three segments", urgent)
		}
		if size := total(t, m); size > o.MaxSize {
			t.Errorf("the folder takes %d bytes of %d", size, o.MaxSize)
		}
		if push(false) {
			t.Error("an input that can wait was let in when nothing is left")
		}
		if got := drain(t, a); uint64(len(got)) == 0 {
			t.Error("nothing was read")
		}
		time.Sleep(time.Minute)
		for range 10 {
			if !push(false) || !push(true) {
				t.Fatal("there is room, and an input waits")
			}
		}
		if err := j.Blocked(); err != nil {
			t.Errorf("blocked says %v", err)
		}
		balanced(t, j)
		durably(t, j)
		drain(t, a)
		if b := j.Books()[0]; b.Counts.Delivered != n || b.Counts.Lost() != 0 {
			t.Errorf("%d frames were taken, and the book is %+v", n, b.Counts)
		}
	})
}

// TestReserveAndMaxLag: an output that waits and holds back more than its
// max_lag stops inputs that can wait, and no other.
func TestReserveAndMaxLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := tightOptions(m)
		j := open(t, o)
		defer shut(t, j)
		j.SetReserve(2 * o.SegmentSize)
		a := cursor(t, j, "a")
		a.SetPolicy(Policy{MaxLag: 2 * o.SegmentSize})
		n := uint64(0)
		push := func(urgent bool) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := j.Append(ctx, Frame{Payload: item(n+1, 500), Records: 1, Urgent: urgent}); err != nil {
				return false
			}
			n++
			synctest.Wait()
			return true
		}
		for push(false) {
		}
		if size := total(t, m); size > fixedSize+5*o.SegmentSize {
			t.Errorf("the lag is more than max_lag: %d bytes", size)
		}
		if err := j.Blocked(); err == nil || !strings.HasPrefix(err.Error(), "output a is further behind than its max_lag") || !strings.Contains(err.Error(), "cannot wait") {
			t.Errorf("blocked says %v", err)
		}
		for range 10 {
			if !push(true) {
				t.Fatal("an urgent frame waits for an output's max_lag")
			}
		}
		drain(t, a)
		if !push(false) {
			t.Error("the output has caught up, and an input waits")
		}
		durably(t, j)
		drain(t, a)
		balanced(t, j)
	})
}
