package s3

import (
	"strings"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugintest"
)

func verify(t testing.TB, s *s3test.Store, deep bool) *Report {
	t.Helper()
	b, err := Open(to(s), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, err := b.Verify(t.Context(), Options{Deep: deep})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// archive makes one of three manifests and two partitions, more than a listing's
// page of objects, and one object that is not listed yet.
func archive(t testing.TB) *s3test.Store {
	t.Helper()
	key(t)
	s, clock := s3test.New(t), noon
	c := to(s)
	l := begin(t, c, new(plugintest.Store), &clock)
	for i := range 40 {
		l.give(uint64(i+1), append(made("a", clock, i*3, 3), made("b", clock, i, 1)...)...)
		clock = clock.Add(c.MaxAge)
		l.settle(false)
	}
	return s
}

// TestVerify changes one thing of an archive at a time; it is found, and named.
func TestVerify(t *testing.T) {
	s := archive(t)
	whole := verify(t, s, true)
	if w := whole.Archives; !whole.OK() || len(w) != 1 || w[0].Manifests != 3 || w[0].Objects+w[0].Newer != 80 || w[0].Events < 100 {
		t.Fatalf("a whole archive: %+v", whole)
	}
	var data, manifests []string
	for _, key := range s.Keys() {
		if strings.HasPrefix(key, manifestDir) {
			manifests = append(manifests, key)
		} else {
			data = append(data, key)
		}
	}
	flip := func(b []byte) []byte {
		c := append([]byte(nil), b...)
		c[len(c)/2] ^= 1
		return c
	}
	for _, c := range []struct {
		name, key, text string
		deep            bool
		change          func([]byte) []byte
	}{
		{"an object is removed", data[3], "it is missing: 3 events", false, func([]byte) []byte { return nil }},
		{"an object lost its end", data[4], "bytes, and", false, func(b []byte) []byte { return b[:len(b)-1] }},
		{"a byte is changed", data[5], "it was changed", true, flip},
		{"the first manifest is removed", manifests[1], "manifest 1 is missing", false, nil},
		{"a manifest in between is removed", manifests[2], "manifest 2 is missing", false, nil},
		{"a manifest is changed", manifests[2], "the manifest before it was changed", false, func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"events": 3`, `"events": 2`, 1))
		}},
		{"a manifest is no manifest", manifests[1], "cannot be read", false, func([]byte) []byte { return []byte("{") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := c.key
			switch {
			case c.change == nil: // the finding is on the one after
				at = manifests[0]
				if c.key == manifests[2] {
					at = manifests[1]
				}
			case strings.Contains(c.text, "before it"):
				at = manifests[1]
			}
			before := s.Objects()[at].Body
			defer s.Change(at, before)
			if c.change == nil {
				s.Change(at, nil)
			} else {
				s.Change(at, c.change(before))
			}
			r := verify(t, s, c.deep)
			found := false
			for _, f := range r.Findings {
				found = found || (f.Key == c.key && strings.Contains(f.Text, c.text) && !f.Note)
			}
			if r.OK() || !found {
				t.Errorf("no finding %q at %s: %+v", c.text, c.key, r)
			}
		})
	}
	if r := verify(t, s, true); !r.OK() {
		t.Errorf("it was put back: %+v", r)
	}
}

// TestVerifyFindsWhatIsTooMuch: an object of an old sequence that no manifest
// lists; others' objects are nobody's business.
func TestVerifyFindsWhatIsTooMuch(t *testing.T) {
	s := archive(t)
	name := verify(t, s, false).Archives[0].Archive
	s.Change("somebody/else.txt", []byte("x"))
	if r := verify(t, s, false); !r.OK() {
		t.Errorf("a foreign object: %+v", r)
	}
	extra := "a/" + name + "-00000000000000000002.json.gz"
	s.Change(extra, []byte("x"))
	r := verify(t, s, false)
	if r.OK() || len(r.Findings) != 1 || r.Findings[0].Key != extra {
		t.Errorf("an object too much: %+v", r)
	}
}

func TestNoArchive(t *testing.T) {
	key(t)
	if r := verify(t, s3test.New(t), false); r.OK() {
		t.Error("an empty bucket is a whole archive")
	}
}

// TestManifestIsWrittenOnce kills the process between a manifest and the note of it.
func TestManifestIsWrittenOnce(t *testing.T) {
	key(t)
	s, store, clock := s3test.New(t), new(plugintest.Store), noon
	c := to(s)
	l := begin(t, c, store, &clock)
	l.give(1, made("a", noon, 0, 3)...)
	s.Fail(func(r s3test.Request) s3test.Fault {
		return s3test.Fault{Cut: r.Op == s3test.Put && strings.Contains(r.Key, manifestDir), After: true}
	})
	clock = clock.Add(2 * time.Hour)
	for range 5 {
		if _, _, err := l.Settle(t.Context(), false); err != nil {
			break
		}
	}
	s.Fail(nil)
	clock = clock.Add(time.Minute)
	l = begin(t, c, store, &clock)
	l.give(2, made("a", noon, 3, 3)...)
	l.settle(true)
	want(t, s, "a", 6)
	if r := verify(t, s, true); !r.OK() || r.Archives[0].Manifests != 2 || r.Archives[0].Events != 6 {
		t.Errorf("%+v", r)
	}
}
