package keep

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEverythingComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, i, s := rapid.Uint64().Draw(t, "u"), rapid.Int64().Draw(t, "i"), rapid.SliceOf(rapid.Byte()).Draw(t, "s")
		at := time.Unix(0, rapid.Int64().Draw(t, "time")).UTC()
		w := NewWriter([]byte("before"), "MARK", 3)
		w.Uint(u)
		w.Int(i)
		w.Bytes(s)
		w.Str(string(s))
		w.Bool(true)
		w.Time(at)
		w.Time(time.Time{})
		n := w.Len()
		b := w.End()[len("before"):]
		if n+4 != len(b) {
			t.Fatalf("%d bytes of %d", n, len(b))
		}
		r, err := NewReader(b, "MARK", 3)
		if err != nil {
			t.Fatal(err)
		}
		if r.Uint() != u || r.Int() != i || !bytes.Equal(r.Bytes(), s) || r.Str() != string(s) || !r.Bool() || !r.Time().Equal(at) || !r.Time().IsZero() {
			t.Error("a value came back as another")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestDamageAndOtherVersionsAreRefused(t *testing.T) {
	w := NewWriter(nil, "MARK", 1)
	w.Str("hello")
	b := w.End()
	for i := range b {
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << bit
			if _, err := NewReader(bad, "MARK", 1); !errors.Is(err, ErrDamaged) {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
		}
		if _, err := NewReader(b[:i], "MARK", 1); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if _, err := NewReader(b, "MARK", 2); !errors.Is(err, ErrVersion) {
		t.Errorf("version 1 to a reader of version 2: %v", err)
	}
	r, err := NewReader(b, "MARK", 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Close() == nil {
		t.Error("what is left over is not seen")
	}
}

func TestWhatDoesNotFitIsZero(t *testing.T) {
	w := NewWriter(nil, "M", 1)
	w.Uint(1 << 60)
	for name, take := range map[string]func(r *Reader){
		"a length":           func(r *Reader) { _ = r.Str() },
		"a count":            func(r *Reader) { r.Count(1) },
		"a number":           func(r *Reader) { r.Below(5) },
		"a truth value":      func(r *Reader) { r.Bool() },
		"more than there is": func(r *Reader) { r.Uint(); r.Uint(); r.Int() },
	} {
		r, err := NewReader(w.End(), "M", 1)
		if err != nil {
			t.Fatal(err)
		}
		if take(r); !r.Bad() || !errors.Is(r.Close(), ErrDamaged) {
			t.Errorf("%s is taken", name)
		}
		if r.Uint() != 0 || r.Str() != "" || !r.Time().IsZero() {
			t.Errorf("%s: a value comes after it", name)
		}
	}
}
