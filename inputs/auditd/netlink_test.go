package auditd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// bench is a netlink input over a kernel in the hands of a test.
type bench struct {
	k  *fakeKernel
	in *netlink
}

func newBench(t *testing.T, buffer int, again bool) *bench {
	t.Helper()
	s := defaults()
	s.Buffer = plugin.Size(buffer)
	e := env("/")
	k := newFakeKernel()
	n := newNetlink(&s, e, tail.NewLines(tail.LineOptions{Input: e.Name, Decode: "audit"}), k.open, again)
	return &bench{k: k, in: n}
}

func record(n int) datagram {
	return datagram{typ: 1300, text: "audit(1.000:" + strconv.Itoa(n) + "): x"}
}

// TestWriterFasterThanTheLane is I13: nobody reads, and the kernel is not held up;
// what does not fit is the newest, and is counted record by record.
func TestWriterFasterThanTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t, 10_000, false)
		var b event.Batch
		if err := x.in.Read(t.Context(), &b, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		const n = 5000
		for i := range n {
			x.k.give(record(i))
		}
		synctest.Wait() // all goroutines stand: the kernel has nothing left
		if len(x.k.queue) > 0 {
			t.Fatalf("%d records are left in the socket while the lane does not read", len(x.k.queue))
		}
		over := x.in.overrun.Value()
		var got []string
		var lost uint64
		for {
			b.Reset()
			if err := x.in.Read(t.Context(), &b, time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for _, l := range b.Losses {
				if l.Reason != event.Overrun || l.Text == "" || l.Said {
					t.Errorf("lost: %+v", l)
				}
				lost += l.Count
			}
			if len(b.Events) == 0 {
				break
			}
			got = append(got, raws(&b)...)
		}
		if lost == 0 || lost != over || uint64(len(got))+lost != n {
			t.Errorf("%d came, %d are raised as lost, the counter says %d, of %d", len(got), lost, over, n)
		}
		for i, line := range got {
			if want := "type=SYSCALL msg=" + record(i).text; line != want {
				t.Fatalf("record %d is %q: not the newest were dropped", i, line)
			}
		}
		if err := x.in.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoRoomInTheSocket: beside auditd a full socket is a loss; in its place the
// kernel keeps the record, and counts itself what it loses.
func TestNoRoomInTheSocket(t *testing.T) {
	for name, c := range map[string]struct {
		again bool
		drop  uint64
		want  []event.Loss
	}{
		"beside auditd":  {false, 7, []event.Loss{{Reason: event.ReceiveDrop, Count: 7}}},
		"in its place":   {true, 7, nil},
		"nothing is new": {false, 0, nil}, // counted with what was read before
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newBench(t, 1<<20, c.again)
				x.k.give(record(1), datagram{fail: unix.ENOBUFS, drop: c.drop}, record(2))
				var got []string
				var lost []event.Loss
				for len(got) < 2 {
					var b event.Batch
					if err := x.in.Read(t.Context(), &b, time.Second); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					got, lost = append(got, raws(&b)...), append(lost, b.Losses...)
				}
				var b event.Batch
				if err := x.in.Read(t.Context(), &b, time.Second); err != nil {
					t.Fatal(err)
				}
				lost = append(lost, b.Losses...)
				if len(lost) != len(c.want) || len(lost) > 0 && (lost[0].Reason != c.want[0].Reason || lost[0].Count != c.want[0].Count) {
					t.Errorf("lost %+v, want %+v", lost, c.want)
				}
				if x.in.full.Value() != 1 {
					t.Errorf("%d times full", x.in.full.Value())
				}
				_ = x.in.Close()
			})
		})
	}
}

// TestBlindSocket: a kernel that does not say how much it dropped still says that
// it did.
func TestBlindSocket(t *testing.T) {
	r := newRing(1 << 20)
	r.dropped(0)
	var b event.Batch
	x := r.take()
	(&netlink{}).count(&b, &x)
	if len(b.Losses) != 1 || b.Losses[0].Reason != event.ReceiveDrop || b.Losses[0].Count != 0 {
		t.Errorf("lost %+v", b.Losses)
	}
}

// TestStopHandsOnWhatIsThere: after a stop the kernel is asked for no more, and
// all that was read comes before the end.
func TestStopHandsOnWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t, 8<<20, false)
		ctx, cancel := context.WithCancel(t.Context())
		var b event.Batch
		if err := x.in.Read(ctx, &b, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		const n = 5000
		for i := range n {
			x.k.give(record(i))
		}
		synctest.Wait()
		cancel()
		got := 0
		for {
			b.Reset()
			err := x.in.Read(ctx, &b, time.Hour)
			got += len(b.Events)
			if errors.Is(err, context.Canceled) {
				break
			}
			if err != nil || len(b.Events) == 0 {
				t.Fatalf("after a stop: %d records, %v", len(b.Events), err)
			}
			if x.k.closed != 1 {
				t.Error("the socket is open after a stop")
			}
		}
		if got != n {
			t.Errorf("%d records came of %d", got, n)
		}
		if err := x.in.Close(); err != nil || x.k.closed != 1 {
			t.Errorf("close: %v, closed %d times", err, x.k.closed)
		}
	})
}

// TestLinkBreaks: what was read before a link broke comes first, then the error,
// and then another link is opened.
func TestLinkBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t, 1<<20, false)
		x.k.give(record(1), datagram{fail: io.ErrUnexpectedEOF})
		var b event.Batch
		if err := x.in.Read(t.Context(), &b, time.Second); err != nil || len(b.Events) != 1 {
			t.Fatalf("read %q: %v", raws(&b), err)
		}
		synctest.Wait()
		b.Reset()
		err := x.in.Read(t.Context(), &b, time.Second)
		if k, _ := plugin.KindOf(err); !errors.Is(err, io.ErrUnexpectedEOF) || k != plugin.KindRetry {
			t.Errorf("a broken link: %v", err)
		}
		x.k.give(record(2))
		b.Reset()
		if err := x.in.Read(t.Context(), &b, time.Second); err != nil || len(b.Events) != 1 || x.k.opened != 2 {
			t.Errorf("read %q: %v; %d links", raws(&b), err, x.k.opened)
		}
		if err := x.in.Close(); err != nil || x.k.closed != 2 {
			t.Errorf("close: %v, %d links closed", err, x.k.closed)
		}
	})
}

// TestSomebodyTookTheRecords: the input that is in auditd's place asks for the
// records again, after it handed on what it had.
func TestSomebodyTookTheRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t, 1<<20, true)
		var taken error
		x.in.gone = func(time.Time) error { return taken }
		x.k.give(record(1))
		var b event.Batch
		if err := x.in.Read(t.Context(), &b, time.Second); err != nil || len(b.Events) != 1 {
			t.Fatalf("read %q: %v", raws(&b), err)
		}
		for i := range 3000 {
			x.k.give(record(i))
		}
		synctest.Wait()
		taken = errTaken
		got := 0
		for {
			b.Reset()
			err := x.in.Read(t.Context(), &b, time.Second)
			if got += len(b.Events); err != nil {
				if !errors.Is(err, errTaken) {
					t.Errorf("read: %v", err)
				}
				break
			}
		}
		if got != 3000 {
			t.Errorf("%d records came of 3000", got)
		}
		taken = nil
		x.k.give(record(4))
		b.Reset()
		if err := x.in.Read(t.Context(), &b, time.Second); err != nil || len(b.Events) != 1 {
			t.Errorf("read %q: %v", raws(&b), err)
		}
		_ = x.in.Close()
	})
}

// TestCloseSaysWhatIsLost: what nobody took before the end is said.
func TestCloseSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		x := newBench(t, 1<<20, false)
		x.in.log = slog.New(slog.NewTextHandler(&said, nil))
		var b event.Batch
		if err := x.in.Read(t.Context(), &b, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		x.k.give(record(1))
		synctest.Wait()
		left := errors.New("left")
		x.in.leave = func() error { return left }
		if err := x.in.Close(); !errors.Is(err, left) {
			t.Errorf("close: %v", err)
		}
		if !strings.Contains(said.String(), "lost with this stop") {
			t.Errorf("said %q", said.String())
		}
	})
}
