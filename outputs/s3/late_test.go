package s3

import (
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugintest"
)

// TestALateRequest: the upload of a process that is gone reaches the store when the
// next process is at work on the same object, with other settings or not, before that
// starts, amid it or after it. Each event is there once, and the archive is whole.
func TestALateRequest(t *testing.T) {
	key(t)
	for _, change := range []struct {
		name string
		set  func(c *Settings)
	}{
		{"as before", func(*Settings) {}},
		{"another compression", func(c *Settings) { c.Compression = compressZstd }},
		{"another text for each event", func(c *Settings) { c.Shape = "dotted" }},
		{"smaller objects", func(c *Settings) { c.MaxSize = 100 }},
	} {
		for _, when := range []string{"before the start", "amid", "before the upload", "after all", "never"} {
			t.Run(change.name+", "+when, func(t *testing.T) {
				s, store, clock := s3test.New(t), new(plugintest.Store), noon
				at, late := firstLife(t, s, store, clock)
				arrive := func(now string) {
					if when == now && s.Late(at, late) != (now != "after all") {
						t.Fatal("the late request did not do what it was to do: this tests nothing")
					}
				}
				clock = clock.Add(to(s).MaxAge)
				arrive("before the start")
				c := to(s)
				change.set(c)
				l := begin(t, c, store, &clock)
				for i, seq := range []uint64{7, 8} {
					l.give(seq, made("a", noon, 10*i, 10)...)
					l.settle(false)
				}
				arrive("amid")
				clock = clock.Add(c.MaxAge) // not yet: it is to end where it ended before
				if n := l.settle(false); n > 8 || s.Count(s3test.Put) != 1 {
					t.Fatalf("%d is confirmed after %d uploads", n, s.Count(s3test.Put))
				}
				l.give(9, made("a", noon, 20, 10)...)
				arrive("before the upload")
				l.settle(false)
				l.give(10, made("a", noon, 30, 10)...)
				if n := l.settle(true); n != 10 {
					t.Errorf("%d is confirmed, want 10", n)
				}
				arrive("after all")
				want(t, s, "a", 40)
				if r := verify(t, s, true); !r.OK() || r.Archives[0].Events != 40 || r.Archives[0].Newer != 0 || len(r.Findings) != 0 {
					t.Errorf("the archive is not whole: %+v", r)
				}
			})
		}
	}
}

// firstLife uploads the frames 7 to 9 as one object and is gone; the store has not got
// it yet. It returns the key and what is still on its way.
func firstLife(t *testing.T, s *s3test.Store, store *plugintest.Store, clock time.Time) (string, s3test.Object) {
	c := to(s)
	s.Fail(func(r s3test.Request) s3test.Fault {
		return s3test.Fault{Cut: r.Op == s3test.Put, After: r.Op == s3test.Put}
	})
	l := begin(t, c, store, &clock)
	for i, seq := range []uint64{7, 8, 9} {
		l.give(seq, made("a", noon, 10*i, 10)...)
	}
	clock = clock.Add(c.MaxAge)
	if n, _, err := l.Settle(t.Context(), false); err == nil || n != 0 {
		t.Fatalf("a lost answer confirmed %d, error %v", n, err)
	}
	s.Fail(nil)
	keys := s.Keys()
	if len(keys) != 1 {
		t.Fatalf("there are %v", keys)
	}
	o := s.Objects()[keys[0]]
	s.Change(keys[0], nil)
	return keys[0], o
}
