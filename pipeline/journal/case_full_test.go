package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/vfs"
)

// TestSizeLoweredAndRaised (RELIABILITY B14): with max_size below what waits
// nothing is lost or cut; the journal drains before it grows again. Raised, it
// takes more at once.
func TestSizeLoweredAndRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		j := open(t, o)
		cursor(t, j, "a")
		for n := range uint64(100) { // about ten segments
			add(t, j, n+1, 300)
			durably(t, j)
		}
		shut(t, j)

		o.MaxSize = fixedSize + 5*o.SegmentSize
		j = open(t, o)
		if j.Size() <= o.MaxSize {
			t.Fatalf("%d bytes are no more than the new limit of %d", j.Size(), o.MaxSize)
		}
		a := cursor(t, j, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		add(t, j, 101, 300)
		if err := j.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) || j.Blocked() == nil {
			t.Errorf("above its limit it accepts: %v, blocked %v", err, j.Blocked())
		}
		cancel()
		got := drain(t, a) // the frame that waits comes in as soon as there is room
		durably(t, j)
		if got = append(got, drain(t, a)...); fmt.Sprint(got) != fmt.Sprint(upTo(1, 101)) || j.Size() > o.MaxSize || j.Blocked() != nil {
			t.Errorf("read %v, %d bytes of %d, blocked %v", got, j.Size(), o.MaxSize, j.Blocked())
		}
		balanced(t, j)
		shut(t, j)

		o.MaxSize *= 10
		j = open(t, o)
		defer shut(t, j)
		a = cursor(t, j, "a")
		for n := uint64(102); n <= 300; n++ { // far more than the lower limit held
			add(t, j, n, 300)
			durably(t, j)
		}
		if got := drain(t, a); fmt.Sprint(got) != fmt.Sprint(upTo(102, 300)) {
			t.Errorf("read %v", got)
		}
		balanced(t, j)
	})
}

// TestDiskThatRefuses (RELIABILITY B17, R1): a disk that takes nothing for an
// hour, for whatever reason: what is accepted is still delivered, nothing more is
// accepted, and when it takes again the journal goes on by itself, with nothing
// lost, doubled or half written.
func TestDiskThatRefuses(t *testing.T) {
	changes := []string{"create", "write", "allocate", "datasync", "syncdir", "truncate", "remove"}
	for _, fault := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		t.Run(fault.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := vfs.NewMem()
				j := open(t, small(m))
				a := cursor(t, j, "a")
				for n := range uint64(30) {
					add(t, j, n+1, 300)
					durably(t, j)
				}
				m.SetHook(func(op vfs.Op) error {
					if slices.Contains(changes, op.Kind) {
						return fault
					}
					return nil
				})
				add(t, j, 31, 300)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				err := j.Sync(ctx)
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) || j.Blocked() == nil || !errors.Is(j.Blocked(), fault) {
					t.Errorf("it accepted (%v) or does not say why not (%v)", err, j.Blocked())
				}
				if got := drain(t, a); fmt.Sprint(got) != fmt.Sprint(upTo(1, 30)) {
					t.Errorf("meanwhile %v were read", got)
				}
				m.SetHook(nil)
				durably(t, j)
				add(t, j, 32, 300)
				durably(t, j)
				if got := drain(t, a); fmt.Sprint(got) != "[31 32]" || j.Blocked() != nil {
					t.Errorf("afterwards %v are read, blocked %v", got, j.Blocked())
				}
				balanced(t, j)
				shut(t, j)
				for seed := range uint64(5) {
					j := open(t, small(m.Crash(seed)))
					if p := string(j.Mark("position/in")); p != "32" {
						t.Errorf("after a power cut the position is %s", p)
					}
					drain(t, cursor(t, j, "a"))
					if b := j.Books()[0]; b.Counts.Lost() > 0 || b.Counts.Delivered != 32 || !b.Balanced() {
						t.Errorf("after a power cut: %+v", b)
					}
					shut(t, j)
				}
			})
		})
	}
}

// TestMinFree (RELIABILITY R2): the journal leaves min_free to others and waits;
// when others free room, it goes on.
func TestMinFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		o := small(m)
		var log strings.Builder
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		o.MinFree = 64 << 10
		m.SetSpace(fixedSize + 40<<10 + o.MinFree)
		j := open(t, o)
		a := cursor(t, j, "a")
		var last uint64
		for {
			add(t, j, last+1, 300)
			last++
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := j.Sync(ctx)
			cancel()
			if free, _ := m.Free(dir); free < o.MinFree {
				t.Fatalf("%d bytes are free after %d frames, %d were to be left", free, last, o.MinFree)
			}
			if err != nil {
				break
			}
		}
		if last < 50 || j.Blocked() == nil {
			t.Errorf("it waits at frame %d: %v", last, j.Blocked())
		}
		if err := j.Blocked(); err == nil || !strings.Contains(err.Error(), "min_free leaves 0.1 MiB to others") || strings.Contains(err.Error(), "full") {
			t.Errorf("the disk has too little room, and it says %v", err)
		}
		if n := strings.Count(log.String(), "disk has too little room"); n != 1 || strings.Contains(log.String(), "full") {
			t.Errorf("%d times the log says that it is the disk:\n%s", n, log.String())
		}
		m.SetSpace(1 << 20)
		durably(t, j)
		if got := drain(t, a); fmt.Sprint(got) != fmt.Sprint(upTo(1, last)) {
			t.Errorf("read %v of %d", got, last)
		}
		balanced(t, j)
		shut(t, j)
	})
}

// TestFolderGone (RELIABILITY B16): the folder is taken away while the journal is
// open: it says so and accepts nothing more, also not in memory.
func TestFolderGone(t *testing.T) {
	o := small(vfs.OS())
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Dir = filepath.Join(t.TempDir(), "journal")
	j := open(t, o)
	cursor(t, j, "a")
	add(t, j, 1, 300)
	durably(t, j)
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	if _, err := j.Append(t.Context(), Frame{Payload: item(2, 300), Records: 1, Done: func(err error) { refused <- err }}); err == nil {
		if err := <-refused; !errors.Is(err, ErrGone) {
			t.Errorf("the frame: %v", err)
		}
	} else if !errors.Is(err, ErrGone) {
		t.Errorf("the frame: %v", err)
	}
	if _, err := j.Append(t.Context(), Frame{Payload: item(3, 300), Records: 1}); !errors.Is(err, ErrGone) {
		t.Errorf("the frame after it: %v", err)
	}
	if err := j.Blocked(); !errors.Is(err, ErrGone) {
		t.Errorf("blocked: %v", err)
	}
	_ = j.Close() // it has no folder to save to
	if !strings.Contains(log.String(), "removed or replaced") {
		t.Errorf("the log says %s", log.String())
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made anew: %v", err)
	}
}

// TestStateLost (RELIABILITY B7): without a state that can be read cursors start
// where the newest snapshot has them: events come twice, none is lost, and the
// log says so.
func TestStateLost(t *testing.T) {
	const frames = 60
	name := filepath.Join(dir, "state")
	over := func(b []byte) func(*testing.T, *vfs.Mem) {
		return func(t *testing.T, m *vfs.Mem) {
			f, err := m.Open(name, vfs.Write)
			if err == nil {
				_, err = f.WriteAt(b, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, m *vfs.Mem)
	}{
		{"missing", func(t *testing.T, m *vfs.Mem) {
			if err := m.Remove(name); err != nil {
				t.Fatal(err)
			}
		}},
		{"empty", func(t *testing.T, m *vfs.Mem) {
			f, err := m.Open(name, vfs.Write)
			if err == nil {
				err = f.Truncate(0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"all zero", over(make([]byte, 2*slotSize))},
		{"text", over([]byte(strings.Repeat("not a state\n", 2*slotSize/12)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := vfs.NewMem()
			j := open(t, small(m))
			a := cursor(t, j, "a")
			for n := range uint64(frames) {
				add(t, j, n+1, 300)
				durably(t, j)
				if n < frames-5 {
					drain(t, a)
				}
			}
			shut(t, j)
			c.do(t, m)
			o := small(m)
			var log strings.Builder
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			j = open(t, o)
			got := drain(t, cursor(t, j, "a"))
			if len(got) < 5 || got[len(got)-1] != frames || uint64(len(got)) != frames-got[0]+1 || got[0] > frames-4 {
				t.Errorf("read %v", got)
			}
			if b := j.Books()[0]; !b.Balanced() || b.Counts.Lost() > 0 {
				t.Errorf("book %+v", b)
			}
			shut(t, j)
			if !strings.Contains(log.String(), "delivered again") {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}
