package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

const base = int64(1_795_231_588_000_000_000)

// happened is an event of the engine.
func happened(n int, nano int64) string {
	return fmt.Sprintf(`{"Type":"container","Action":"start","Actor":{"ID":"c%d","Attributes":{"name":"n"}},"scope":"local","time":%d,"timeNano":%d}`, n, nano/1e9, nano)
}

// rig is an input and what came of it.
type rig struct {
	t        testing.TB
	in       plugin.Input
	got      []string
	position []byte
	losses   []event.Loss
}

func open(t testing.TB, s *Settings, from []byte) *rig {
	t.Helper()
	in, err := build(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, in: in, position: from}
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	if r.in == nil {
		return
	}
	if err := r.in.Close(); err != nil {
		r.t.Error(err)
	}
	r.in = nil
}

// read reads once.
func (r *rig) read() error {
	var b event.Batch
	err := r.in.Read(context.Background(), &b, 20*time.Millisecond)
	for i := range b.Events {
		r.got = append(r.got, b.Events[i].Raw)
	}
	r.losses = append(r.losses, b.Losses...)
	if b.Position != nil {
		r.position = slices.Clone(b.Position)
	}
	return err
}

// until reads until as many events came, through errors that may be retried.
func (r *rig) until(n int) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); len(r.got) < n; {
		if err := r.read(); err != nil {
			if kind, _ := plugin.KindOf(err); kind != plugin.KindRetry || errors.Is(err, io.EOF) {
				r.t.Fatalf("read: %v", err)
			}
		}
		if time.Now().After(end) {
			r.t.Fatalf("%d events came, want %d", len(r.got), n)
		}
	}
}

func (r *rig) want(lines ...string) {
	r.t.Helper()
	if !slices.Equal(r.got, lines) {
		r.t.Fatalf("read:\n%s\nwant:\n%s", strings.Join(r.got, "\n"), strings.Join(lines, "\n"))
	}
}

// TestOneInstantAtTheSeam: of several events of one nanosecond the position
// stands between two; each is read once, even two that are alike.
func TestOneInstantAtTheSeam(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, path)
	all := []string{happened(1, base), happened(2, base), happened(2, base), happened(3, base), happened(4, base+1)}
	f.tell(all[:2]...)
	first := open(t, settings(t, path), nil)
	first.until(2)
	first.want(all[:2]...)
	first.close()
	f.tell(all[2:]...)
	again := open(t, settings(t, path), first.position)
	again.until(3)
	again.want(all[2:]...)
	if len(again.losses) > 0 {
		t.Errorf("a loss is raised: %v", again.losses)
	}
}

// TestEventsOutOfOrder: what the engine put in order after a later event, and
// told after the position was taken, is not missed.
func TestEventsOutOfOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, path)
	f.tell(happened(1, base), happened(2, base+1000))
	first := open(t, settings(t, path), nil)
	first.until(2)
	first.close()
	f.tell(happened(3, base+500), happened(4, base+2000))
	again := open(t, settings(t, path), first.position)
	again.until(2)
	again.want(happened(3, base+500), happened(4, base+2000))
}

// TestStreamIsCutInAnEvent: the half is not read as a record, and comes whole.
func TestStreamIsCutInAnEvent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, path)
	all := []string{happened(1, base), happened(2, base+1), happened(3, base+2)}
	f.cutAt = len(all[0]) + len(all[1])/2
	f.tell(all...)
	r := open(t, settings(t, path), nil)
	r.until(3)
	r.want(all...)
	if len(r.losses) > 0 {
		t.Errorf("a loss is raised: %v", r.losses)
	}
}

// TestEngineIsStartedAnew: it has forgotten everything, which is said once; what
// comes then is read.
func TestEngineIsStartedAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, path)
	f.tell(happened(1, base))
	r := open(t, settings(t, path), nil)
	r.until(1)
	f.stop()
	f.tell(happened(99, base+int64(time.Second))) // nobody hears it
	f.forgot = 2
	if err := r.read(); err != nil && errors.Is(err, io.EOF) {
		t.Errorf("an engine that is away is the end of the input: %v", err)
	}
	f.start(t)
	f.tell(happened(2, base+int64(time.Minute)), happened(3, base+int64(time.Minute)))
	r.until(3)
	r.want(happened(1, base), happened(2, base+int64(time.Minute)), happened(3, base+int64(time.Minute)))
	if len(r.losses) != 1 || r.losses[0].Reason != event.Misplaced || !strings.Contains(r.losses[0].Text, "does not remember") {
		t.Errorf("losses: %+v", r.losses)
	}
}

// TestEngineIsAway: that is an error that says what to do, and no end.
func TestEngineIsAway(t *testing.T) {
	r := open(t, settings(t, filepath.Join(t.TempDir(), "s")), nil)
	err := r.read()
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "does the engine run") {
		t.Errorf("%v", err)
	}
}

// TestStartAtEnd: what the engine remembers is not read.
func TestStartAtEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, path)
	now := plugintest.Env("").Now().UnixNano()
	f.tell(happened(1, now-1))
	s := settings(t, path)
	s.StartAt = "end"
	r := open(t, s, nil)
	if err := r.read(); err != nil {
		t.Fatal(err)
	}
	f.tell(happened(2, now+1))
	r.until(1)
	r.want(happened(2, now+1))
}

// TestALabelCannotMoveThePosition: a label that looks like the time of the event
// is none.
func TestALabelCannotMoveThePosition(t *testing.T) {
	line := `{"Type":"container","Action":"start","Actor":{"ID":"c","Attributes":{"timeNano":"9","x":"\"timeNano\":7,"}},"time":1,"timeNano":1795231588000000001}`
	if n := timeOf(line); n != base+1 {
		t.Errorf("%d", n)
	}
	for _, bad := range []string{"one", `{"timeNano":}`, `{"timeNano":99999999999999999999}`, `{"timeNano":-1}`} {
		if n := timeOf(bad); n != 0 {
			t.Errorf("%s: %d", bad, n)
		}
	}
}

// TestPositions: what is written is read back, whatever it holds; nothing else
// is taken.
func TestPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p position
		for range rapid.IntRange(0, 2000).Draw(t, "n") {
			p.pass(rapid.Uint64().Draw(t, "print"), base+rapid.Int64Range(-1, 1e9).Draw(t, "at"))
		}
		q, err := parsePosition(p.append(nil))
		if err != nil || q.nano != p.nano || !slices.Equal(p.last, q.last) {
			t.Fatalf("%v, %d of %d", err, len(q.last), len(p.last))
		}
		if len(p.last) > mostKnown {
			t.Fatalf("%d are known", len(p.last))
		}
	})
	for _, bad := range []string{"2 5", "1 ", "1 -5", "1 5 x", "1 5 1.!", "x", "1 5 " + strings.Repeat("1.1 ", 5000)} {
		if _, err := parsePosition([]byte(bad)); err == nil {
			t.Errorf("%q is a position", bad)
		}
	}
}

// FuzzPosition: no bytes make it panic.
func FuzzPosition(f *testing.F) {
	f.Add([]byte("1 1795231588000000000 0.abc 5.zz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePosition(b); err == nil {
			if q, err := parsePosition(p.append(nil)); err != nil || q.nano != p.nano {
				t.Errorf("%q does not come back: %v", b, err)
			}
		}
	})
}

// TestALongEventEndsTheStream: who sends one without an end is hung up on.
func TestALongEventEndsTheStream(t *testing.T) {
	s := newStream(io.NopCloser(strings.NewReader(strings.Repeat("x", maxLine+1)+"\n")), func() {})
	defer s.close()
	if lines, err := s.take(t.Context(), 1, 20*time.Second, nil); len(lines) > 0 || !errors.Is(err, errTooLong) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

// TestWhatNobodyTakesIsBounded: the stream is given up, what it holds is read.
func TestWhatNobodyTakesIsBounded(t *testing.T) {
	line := strings.Repeat("x", 1<<20) + "\n"
	s := newStream(io.NopCloser(strings.NewReader(strings.Repeat(line, 20))), func() {})
	s.work.Wait()
	lines, err := s.take(t.Context(), 100, time.Second, nil)
	if len(lines) != maxKept>>20 || err != nil {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if _, err := s.take(t.Context(), 1, time.Second, nil); !errors.Is(err, errTooMuch) {
		t.Errorf("%v", err)
	}
	s.close()
}
