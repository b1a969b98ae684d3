package auditd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/tail"
)

// TestReadsAheadOfTheLane is I13 for a socket and a plugin: auditd is rid of what
// it has while the lane takes nothing, as far as the buffer goes; then it waits,
// and nothing is lost.
func TestReadsAheadOfTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 256 << 10
		text := make([]byte, 0, 2<<20)
		for i := 0; len(text) < 1<<20; i++ {
			text = fmt.Appendf(text, "record %d\n", i)
		}
		ours, theirs := net.Pipe()
		given := 0
		go func() {
			for given < len(text) {
				n, err := theirs.Write(text[given:min(given+4096, len(text))])
				if given += n; err != nil {
					return
				}
			}
			_ = theirs.Close()
		}()
		p := newPump(ours, limit)
		synctest.Wait()
		if given < limit || given > limit+chunk+4096 {
			t.Errorf("%d bytes were taken ahead, the buffer has %d", given, limit)
		}
		got, err := io.ReadAll(deadlines{p})
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes came of %d: %v", len(got), len(text), err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// deadlines reads a pump that may wait for an hour.
type deadlines struct{ *pump }

func (d deadlines) Read(b []byte) (int, error) {
	_ = d.SetReadDeadline(time.Now().Add(time.Hour))
	return d.pump.Read(b)
}

func TestPumpWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPump(ours, 1000)
		start := time.Now()
		_ = p.SetReadDeadline(start.Add(time.Minute))
		if n, err := p.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("a read of nothing: %d bytes, %v, after %v", n, err, time.Since(start))
		}
		go func() { time.Sleep(time.Second); _ = p.SetReadDeadline(time.Unix(1, 0)) }()
		_ = p.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := p.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute+time.Second {
			t.Errorf("a read that is stopped: %v, after %v", err, time.Since(start))
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		_ = theirs.Close()
	})
}

// TestStopHandsOnWhatWasReadAhead: records that auditd is rid of are nowhere else.
func TestStopHandsOnWhatWasReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		e := env("/")
		s := newStream(e, tail.NewLines(tail.LineOptions{Decode: "audit"}), true,
			ahead(func(context.Context) (source, error) { return ours, nil }, 8<<20, false))
		ctx, cancel := context.WithCancel(t.Context())
		var b event.Batch
		if err := s.Read(ctx, &b, time.Millisecond); err != nil || len(b.Events) > 0 {
			t.Fatalf("read %q: %v", raws(&b), err)
		}
		const n = 5000
		go func() { _, _ = io.WriteString(theirs, strings.Repeat("type=A\n", n)+"type=B ms") }()
		synctest.Wait()
		cancel()
		var got []string
		for {
			b.Reset()
			err := s.Read(ctx, &b, time.Hour)
			got = append(got, raws(&b)...)
			if errors.Is(err, context.Canceled) {
				break
			}
			if err != nil || len(b.Events) == 0 {
				t.Fatalf("read %q: %v", raws(&b), err)
			}
		}
		if len(got) != n+1 || got[n-1] != "type=A" || got[n] != "type=B ms" || s.parts.Value() != 1 {
			t.Errorf("%d records came, the last %q; %d are counted as cut", len(got), got[len(got)-1], s.parts.Value())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_ = theirs.Close()
	})
}

// TestFilesDoNotRunAway: what has no deadlines is read as before.
func TestFilesDoNotRunAway(t *testing.T) {
	for _, once := range []bool{true, false} {
		src, err := ahead(func(context.Context) (source, error) { return pipe{strings.NewReader("x")}, nil }, 10, once)(t.Context())
		if _, ok := src.(pipe); !ok || err != nil {
			t.Errorf("once %v: a %T, %v", once, src, err)
		}
	}
}
