package event

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"tallyman/pipeline/schema"
)

func TestSizes(t *testing.T) {
	if v, f := unsafe.Sizeof(Value{}), unsafe.Sizeof(Field{}); v != 24 || f != 32 {
		t.Errorf("a Value has %d bytes, a Field %d", v, f)
	}
}

func TestValuesKeepWhatTheyWereGiven(t *testing.T) {
	ip, ok := IP("2001:DB8::1")
	if _, bad := IP("10.0.0.256"); !ok || bad {
		t.Fatal("IP tells addresses from other text wrongly")
	}
	at := time.Date(2026, 11, 21, 2, 25, 1, 123456789, time.UTC)
	for _, c := range []struct {
		v    Value
		kind Kind
		text string
	}{
		{Value{}, KindNone, ""},
		{String("a\xffb"), KindString, "a\xffb"},
		{Int(math.MinInt64), KindInt, "-9223372036854775808"},
		{Uint(math.MaxUint64), KindUint, "18446744073709551615"},
		{Float(0.1), KindFloat, "0.1"},
		{Bool(true), KindBool, "true"},
		{Bool(false), KindBool, "false"},
		{Time(at), KindTime, "2026-11-21T02:25:01.123456789Z"},
		{ip, KindIP, "2001:db8::1"},
	} {
		if got := string(c.v.Append(nil)); got != c.text || c.v.Kind() != c.kind {
			t.Errorf("%q of kind %d, want %q of kind %d", got, c.v.Kind(), c.text, c.kind)
		}
	}
	if got := Time(at).Instant(); !got.Equal(at) {
		t.Errorf("a time came back as %v", got)
	}
}

// TestFieldsSayWhatTheyWereGiven: a field keeps a value of every kind and a name, is
// equal to one whose texts lie elsewhere, and to no other.
func TestFieldsSayWhatTheyWereGiven(t *testing.T) {
	ip, _ := IP("2001:db8::1")
	values := []Value{{}, String(""), String("a"), String("7"), String("2001:db8::1"), ip, Int(0), Int(7), Int(-1), Uint(0), Uint(7), Uint(math.MaxUint64),
		Float(0), Float(7), Bool(false), Bool(true), Time(time.Unix(0, 7))}
	names := []string{"", "a", "b", "ab"}
	for i, v := range values {
		for j, name := range names {
			f := NewField(schema.Labels, name, v)
			c := f.Clone()
			if !f.Value().Equal(v) || f.Kind() != v.Kind() || f.Str() != v.Str() || f.Len() != len(v.Str()) || f.IsZero() != v.IsZero() || f.Name() != name || f.NameLen() != len(name) {
				t.Errorf("%q and %v became %v", name, v, f)
			}
			if !c.Equal(f) || f.Len() > 0 && unsafe.StringData(c.Str()) == unsafe.StringData(f.Str()) || len(name) > 0 && unsafe.StringData(c.Name()) == unsafe.StringData(f.Name()) {
				t.Errorf("the clone of %v is %v", f, c)
			}
			for k, w := range values {
				if v.Equal(w) != (i == k) {
					t.Errorf("%v of kind %d and %v of kind %d: equal is %v", v, v.Kind(), w, w.Kind(), v.Equal(w))
				}
				for l, other := range names {
					if g := NewField(schema.Labels, other, w); f.Equal(g) != (i == k && j == l) || f.Named(other) != (j == l) {
						t.Errorf("%v and %v: equal is %v, named is %v", f, g, f.Equal(g), f.Named(other))
					}
				}
				c.SetValue(w)
				c.SetName("")
				if !c.Equal(NewField(schema.Labels, "", w)) {
					t.Errorf("%v over %v is %v", w, v, c)
				}
			}
		}
	}
	if s := NewField(schema.Labels, "env", String("prod")).String(); s != "labels.env=prod" {
		t.Errorf("a field is told as %s", s)
	}
}

func TestIntegersDoNotWrap(t *testing.T) {
	if _, ok := Uint(math.MaxUint64).Int64(); ok {
		t.Error("2^64-1 was given as a signed integer")
	}
	if _, ok := Int(-1).Uint64(); ok {
		t.Error("-1 was given as an unsigned integer")
	}
	if n, ok := Uint(7).Int64(); n != 7 || !ok {
		t.Errorf("7 came back as %d, %v", n, ok)
	}
	if _, ok := String("7").Int64(); ok {
		t.Error("a string was given as an integer")
	}
}

func TestFieldsKeepOrderAndLists(t *testing.T) {
	var f Fields
	f.AddString(schema.ProcessName, "")
	f.Add(schema.ProcessName, Value{})
	if len(f) != 0 {
		t.Fatalf("absent values were added: %v", f)
	}
	f.AddString(schema.ProcessArgs, "sh")
	f.AddString(schema.ProcessName, "busybox")
	f.AddString(schema.ProcessArgs, "-c")
	f.AddNamed(schema.AuditdData, "a0", String("1"))
	f.AddNamed(schema.AuditdData, "a1", String("2"))
	f.Set(schema.ProcessName, String("sh"))
	f.Set(schema.ProcessPID, Int(7))
	var args []string
	for v := range f.All(schema.ProcessArgs) {
		args = append(args, v.Str())
	}
	if !slices.Equal(args, []string{"sh", "-c"}) {
		t.Errorf("args are %q", args)
	}
	if got := f.GetNamed(schema.AuditdData, "a1").Str(); got != "2" {
		t.Errorf("auditd.data.a1 is %q", got)
	}
	if f.Get(schema.ProcessName).Str() != "sh" || len(f) != 6 || !f.Get(schema.ContainerID).IsZero() {
		t.Errorf("fields are %v", f)
	}
}

// TestTake: what a batch gave is not given again before Reset, whatever its
// size, and what one batch needed does not stay for ever.
func TestTake(t *testing.T) {
	var b Batch
	for round := range 3 {
		var all []Fields
		for n := range 400 {
			size := n % 90
			if n == 77 {
				size = 10 * slabFields
			}
			f := b.Take(nil, size)
			if len(f) != 0 || cap(f) != size {
				t.Fatalf("asked for %d, got %d of %d", size, len(f), cap(f))
			}
			for range size {
				f = append(f, NewField(schema.None, "", Int(int64(round*1000+n))))
			}
			all = append(all, f)
		}
		for n, f := range all {
			for i := range f {
				if v, _ := f[i].Value().Int64(); v != int64(round*1000+n) {
					t.Fatalf("round %d: field %d of set %d is %d", round, i, n, v)
				}
			}
		}
		b.Reset()
		b.Reset()
		for _, s := range b.slabs {
			if len(s.fields) != 0 || cap(s.fields) > 4*slabFields {
				t.Errorf("a slab of %d fields is kept", cap(s.fields))
			}
			for _, f := range s.fields[:cap(s.fields)] {
				if !f.IsZero() {
					t.Fatal("a slab that is kept holds values")
				}
			}
		}
		if len(b.slabs) > keptSlabs {
			t.Errorf("%d slabs are kept", len(b.slabs))
		}
	}
	with := b.Take(Fields{NewField(schema.None, "", Int(1))}, 2)
	if len(with) != 1 || cap(with) != 3 {
		t.Errorf("%d of %d", len(with), cap(with))
	}
}

// TestReset: a batch holds on to nothing but what the one before it had, wherever
// that lay, and after an empty one to nothing.
func TestReset(t *testing.T) {
	var b Batch
	fill := func(events, fields int) {
		for i := range events {
			b.Add(Event{Raw: "raw", Fields: b.Take(Fields{NewField(schema.None, "", Int(int64(i+1)))}, fields)})
		}
	}
	held := func(b *Batch) (events, fields int) {
		for _, e := range b.Events[:cap(b.Events)] {
			if e.Raw != "" {
				events++
			}
		}
		for _, s := range b.slabs {
			for _, f := range s.fields[:cap(s.fields)] {
				if !f.IsZero() {
					fields++
				}
			}
		}
		return events, fields
	}
	check := func(what string, b *Batch, want int) {
		t.Helper()
		if e, f := held(b); e != want || f > want {
			t.Errorf("%s: %d events and %d fields are held, want %d", what, e, f, want)
		}
	}
	fill(500, 100)
	b.Reset()
	check("after 500", &b, 500)
	fill(3, 100)
	b.Reset()
	check("after 3", &b, 3)
	b.Reset()
	check("after none", &b, 0)
}

// What Keep returns is apart from all that the batch gives later, whether the
// list stayed in its room or outgrew it.
func TestKeptFieldsAreTheirOwn(t *testing.T) {
	var b Batch
	const lists = 200 // more than one slab
	var kept []Fields
	for round := range 3 {
		kept = kept[:0]
		for i := range lists {
			f := b.Room(32)
			if len(f) != 0 || cap(f) != 32 {
				t.Fatalf("a room of %d for %d, with %d in it", cap(f), 32, len(f))
			}
			for range i % 80 { // up to 79: some outgrow it
				f.Add(schema.EventSequence, Int(int64(i)))
			}
			f = b.Keep(f, 4)
			if got := cap(f) - len(f); got != 4 {
				t.Fatalf("round %d, list %d: room for %d more, want 4", round, i, got)
			}
			kept = append(kept, f)
		}
		for i, f := range kept {
			if len(f) != i%80 {
				t.Fatalf("round %d, list %d has %d fields", round, i, len(f))
			}
			for range 4 {
				f.Add(schema.EventSequence, Int(-1)) // its spare room is its own
			}
		}
		for i, f := range kept {
			for _, x := range f {
				if n, _ := x.Value().Int64(); n != int64(i) {
					t.Fatalf("round %d, list %d holds the field of %d", round, i, n)
				}
			}
		}
		b.Reset()
	}
}

func TestNumbersAreThoseOfStrconv(t *testing.T) {
	check := func(n uint64) {
		if got, want := string(AppendUint([]byte("x"), n)), "x"+strconv.FormatUint(n, 10); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if got, want := string(AppendInt([]byte("x"), int64(n))), "x"+strconv.FormatInt(int64(n), 10); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	for n := range uint64(12_000) {
		check(n)
	}
	for shift := range 64 {
		for d := range uint64(200) {
			check(1<<shift + d - 100)
		}
	}
	for n := uint64(1); n < 1e19; n *= 10 {
		check(n - 1)
		check(n)
	}
}

// An id is the number of its 128 bits in Crockford's digits.
func TestIDs(t *testing.T) {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	for i := range 200 {
		id := NewID([]byte{byte(i)})
		n, want := new(big.Int).SetBytes(id[:]), make([]byte, 26)
		for at := len(want) - 1; at >= 0; at-- {
			var digit big.Int
			n.DivMod(n, big.NewInt(32), &digit)
			want[at] = digits[digit.Int64()]
		}
		if got := id.String(); got != string(want) {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

// What an event owns is as it was when the memory that it was read into is another's.
func TestOwnTexts(t *testing.T) {
	chunk := []byte("raw dataset name text 192.0.2.1")
	view := func(from, to int) string { return unsafe.String(&chunk[from], to-from) }
	ip, ok := IP(view(22, 31))
	if !ok {
		t.Fatal("no address")
	}
	e := Event{Raw: view(0, 3), Dataset: view(4, 11)}
	e.Fields.AddNamed(schema.Labels, view(12, 16), String(view(17, 21)))
	e.Fields.Add(schema.HostIP, ip)
	e.Fields.Add(schema.ProcessPID, Uint(1<<40)) // a number is no text of that length
	e.Fields.AddString(schema.ProcessTitle, "")
	if n := e.TextSize(); n != 3+7+4+4+9 {
		t.Errorf("its texts have %d bytes", n)
	}
	got := e.Own()
	clear(chunk)
	if got.Raw != "raw" || got.Dataset != "dataset" || got.Fields[0].Name() != "name" || got.Fields[0].Str() != "text" || got.Fields[1].Str() != "192.0.2.1" {
		t.Errorf("it says %q %q %v", got.Raw, got.Dataset, got.Fields)
	}
	if n, ok := got.Fields[2].Value().Uint64(); !ok || n != 1<<40 {
		t.Errorf("the number is %d", n)
	}
}

// TestRepeats: texts of one length are told to be the same where that is looked at, and never
// where they are not; what else is changed of a field stays its own.
func TestRepeats(t *testing.T) {
	const all = "0123456789abcdefghij"
	for n := 1; n <= len(all); n++ {
		f, g := NewField(schema.Message, "", String(all[:n])), NewField(schema.Message, "", String(strings.Clone(all[:n])))
		if got := f.Repeats(&g); got != (n >= 4 && n <= 16) {
			t.Errorf("of %d bytes: %v", n, got)
		}
		for i := range n {
			other := []byte(all[:n])
			other[i] ^= 1
			if g.SetText(string(other)); f.Repeats(&g) {
				t.Errorf("%q is told to be %q", f.Str(), g.Str())
			}
		}
	}
	f := NewField(schema.Labels, "n", Int(-3))
	if f.SetBits(f.Bits() + 5); !f.Equal(NewField(schema.Labels, "n", Int(2))) {
		t.Error(f)
	}
}
