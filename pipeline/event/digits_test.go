package event

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestAnIDIsWrittenAsTheNumberThatItIs(t *testing.T) {
	for range 100_000 {
		var id ID
		binary.BigEndian.PutUint64(id[:8], rand.Uint64()>>rand.IntN(64))
		binary.BigEndian.PutUint64(id[8:], rand.Uint64())
		n, want := new(big.Int).SetBytes(id[:]), [26]byte{}
		for i := len(want) - 1; i >= 0; i-- {
			want[i] = crockford[new(big.Int).And(n, big.NewInt(31)).Int64()]
			n.Rsh(n, 5)
		}
		if got := string(id.Append([]byte("x"))); got != "x"+string(want[:]) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestNumbersAreWrittenAsStrconvDoes(t *testing.T) {
	check := func(n uint64) {
		t.Helper()
		if got, want := string(AppendUint([]byte("x"), n)), "x"+strconv.FormatUint(n, 10); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		if got, want := string(AppendInt([]byte("x"), int64(n))), "x"+strconv.FormatInt(int64(n), 10); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	for n := range uint64(100_000) {
		check(n)
		check(n * 1000)
		check(1e8 - 1 - n)
		check(math.MaxUint64 - n)
	}
	for at := uint64(1); at < 1e19; at *= 10 {
		for _, n := range []uint64{at - 1, at, at + 1, 9 * at, at + at/10} {
			check(n)
		}
	}
	for range 1_000_000 {
		check(rand.Uint64() >> rand.IntN(64))
	}
}

func TestFieldsOfOneForm(t *testing.T) {
	a := NewField(2, "one", String("x"))
	for _, b := range []Field{NewField(3, "one", String("x")), NewField(2, "ones", String("x")), NewField(2, "", String("x")), NewField(2, "one", Int(1)), NewField(2, "one", Value{})} {
		if a.Form() == b.Form() {
			t.Errorf("%v has the form of %v", b, a)
		}
	}
	for _, v := range []Value{String("y"), String(""), String("longer")} {
		if b := NewField(2, "two", v); a.Form() != b.Form() {
			t.Errorf("%v has not the form of %v", b, a)
		}
	}
	b := NewField(2, "o", Int(1))
	b.SetName("one")
	b.SetValue(String("z"))
	if a.Form() != b.Form() {
		t.Errorf("%v, changed, has not the form of %v", b, a)
	}
}
