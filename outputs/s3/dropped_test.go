package s3

import (
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugintest"
)

// TestWhatWasDroppedIsAGap: while the store is away the end of an object is settled,
// and the journal then drops its frames (drop_oldest, or the output was discarded).
// No manifest lists an object that never came to be; what is missing is a gap.
func TestWhatWasDroppedIsAGap(t *testing.T) {
	key(t)
	for _, restarted := range []bool{true, false} {
		s, store, clock := s3test.New(t), new(plugintest.Store), noon
		s.Fail(func(s3test.Request) s3test.Fault { return s3test.Fault{Status: 503} })
		l := begin(t, to(s), store, &clock)
		s.Fail(nil)
		for seq := uint64(7); seq < 10; seq++ {
			l.give(seq, made("a", noon, int(seq), 1)...)
		}
		s.Fail(func(r s3test.Request) s3test.Fault {
			if r.Op == s3test.Put {
				return s3test.Fault{Status: 503}
			}
			return s3test.Fault{}
		})
		clock = clock.Add(l.c.MaxAge)
		if n, _, err := l.Settle(t.Context(), false); err == nil || n != 0 {
			t.Fatalf("a store that is away confirmed %d, error %v", n, err)
		}
		s.Fail(nil)
		if restarted {
			l = begin(t, to(s), store, &clock)
		}
		l.give(20, made("a", noon, 20, 5)...)
		if n := l.settle(true); n != 20 {
			t.Errorf("%d is confirmed, want 20", n)
		}
		r := verify(t, s, true)
		gaps, events := 2, uint64(5) // of the object that never was, and of what was dropped unseen
		if !restarted {
			gaps, events = 1, 8 // what is in memory is still uploaded
		}
		if !r.OK() || len(r.Findings) != gaps || r.Archives[0].Events != events {
			t.Errorf("restarted %v: %+v", restarted, r)
		}
	}
}
