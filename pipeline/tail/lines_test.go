package tail

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

// cutAll cuts text in chunks of size and ends it.
func cutAll(l *Lines, text string, size int) []event.Event {
	var all []event.Event
	take := func(b *event.Batch) { all = append(all, b.Events...) }
	for chunk := range slices.Chunk([]byte(text), max(1, size)) {
		for rest := string(chunk); rest != ""; {
			var b event.Batch
			rest = l.Cut(&b, rest, time.Time{})
			take(&b)
		}
	}
	var b event.Batch
	l.End(&b, time.Time{})
	take(&b)
	return all
}

func value(m *meter.Registry, name string) (v float64) {
	m.Each(func(s meter.Sample) {
		if s.Name == name {
			v += s.Value
		}
	})
	return v
}

func TestLongLinesAndHoles(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	for _, c := range []struct {
		name, text      string
		want            []string
		offsets         []int64
		cut, cutB, hole float64
	}{
		{"at the limit", "12345678\nx\n", []string{"12345678", "x"}, []int64{0, 9}, 0, 0, 0},
		{"over the limit", "123456789abc\nx\n", []string{"12345678", "x"}, []int64{0, 13}, 1, 4, 0},
		{"over the limit at the end", "x\n123456789", []string{"x", "12345678"}, []int64{0, 2}, 1, 1, 0},
		{"far over the limit", strings.Repeat("y", 1<<20) + "\nx", []string{"yyyyyyyy", "x"}, []int64{0, 1<<20 + 1}, 1, 1<<20 - 8, 0},
		{"zeros before a record", zeros(3) + "abc\n", []string{zeros(3) + "abc"}, []int64{0}, 0, 0, 0},
		{"zeros within a record", "a" + zeros(3) + "b\n", []string{"a" + zeros(3) + "b"}, []int64{0}, 0, 0, 0},
		{"only zeros", zeros(3) + "\nx\n", []string{zeros(3), "x"}, []int64{0, 4}, 0, 0, 0},
		{"zeros over the limit", zeros(10) + "x\n", []string{zeros(8)}, []int64{0}, 1, 3, 0},
		{"a hole before a record", zeros(hole) + "abc\nx\n", []string{"abc", "x"}, []int64{hole, hole + 4}, 0, 0, hole},
		{"a hole before a long line", zeros(9000) + "123456789\n", []string{"12345678"}, []int64{9000}, 1, 1, 9000},
		{"a hole and nothing", "x\n" + zeros(8<<20), []string{"x"}, []int64{0}, 0, 0, 8 << 20},
		{"empty lines", "\n\nx\n\n", []string{"x"}, []int64{2}, 0, 0, 0},
	} {
		for _, size := range []int{1, 3, 4096, 1 << 30} {
			if size == 1 && len(c.text) > 1<<16 {
				continue
			}
			m := new(meter.Registry)
			l := NewLines(LineOptions{Max: 8, Meter: m})
			var got []string
			var offsets []int64
			flagged := 0.0
			for _, e := range cutAll(l, c.text, size) {
				got, offsets = append(got, e.Raw), append(offsets, e.Offset)
				if e.Get(schema.Tags).Str() == TagTruncated && e.Get(schema.ErrorMessage).Str() != "" {
					flagged++
				}
			}
			if !slices.Equal(got, c.want) || !slices.Equal(offsets, c.offsets) {
				t.Errorf("%s, chunks of %d: read %.100q at %v, want %.100q at %v", c.name, size, got, offsets, c.want, c.offsets)
			}
			if l.Offset != int64(len(c.text)) || cap(l.carry) > 1<<12 {
				t.Errorf("%s, chunks of %d: the end is at %d, %d bytes are kept", c.name, size, l.Offset, cap(l.carry))
			}
			if a, b, h := value(m, "tallyman_input_cut_lines_total"), value(m, "tallyman_input_cut_bytes_total"),
				value(m, "tallyman_input_hole_bytes_total"); a != c.cut || b != c.cutB || h != c.hole || flagged != c.cut {
				t.Errorf("%s, chunks of %d: counted %v lines, %v bytes, %v of holes; %v are flagged", c.name, size, a, b, h, flagged)
			}
		}
	}
}

// A line's event has nothing of the one that was in its place in the batch before.
func TestARecordHasNothingOfTheOneBefore(t *testing.T) {
	l := NewLines(LineOptions{Decode: "audit", Shared: event.Fields{event.NewField(schema.LogFilePath, "", event.String("/x"))}})
	var clean, used event.Batch
	full := event.Event{ID: event.ID{1}, Time: time.Unix(1, 0), Seen: time.Unix(2, 0), Dataset: "d", Decode: "e", Records: 7, Offset: 8,
		Fields: event.Fields{event.NewField(schema.Message, "", event.String("m"))}, Shared: event.Fields{}, Raw: "r"}
	if v := reflect.ValueOf(full); true {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("set %s here", v.Type().Field(i).Name)
			}
		}
	}
	used.Add(full)
	used.Reset()
	for _, b := range []*event.Batch{&used, &clean} {
		l.Reset(5)
		if rest := l.Cut(b, "line\n", time.Unix(3, 0)); rest != "" || len(b.Events) != 1 {
			t.Fatalf("%d events, %q is left", len(b.Events), rest)
		}
	}
	if !reflect.DeepEqual(used.Events[0], clean.Events[0]) {
		t.Errorf("it is %+v, want %+v", used.Events[0], clean.Events[0])
	}
}

func TestBatchIsBounded(t *testing.T) {
	l := NewLines(LineOptions{})
	var b event.Batch
	rest := l.Cut(&b, strings.Repeat("x\n", maxRecords+5), time.Time{})
	if len(b.Events) != maxRecords || rest != strings.Repeat("x\n", 5) {
		t.Errorf("%d records, %d bytes are left", len(b.Events), len(rest))
	}
}

// FuzzLines: however a text is parted into chunks, its lines are the same, and
// put together they are the text.
func FuzzLines(f *testing.F) {
	f.Add("type=A msg=audit(1.2:3): a=1\ntype=B\n\nc", 3)
	f.Add("\x00\x00a\r\n\xff\x1d\n", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if len(text) >= hole {
			return
		}
		whole := cutAll(NewLines(LineOptions{}), text, len(text))
		parts := cutAll(NewLines(LineOptions{}), text, size)
		if len(whole) != len(parts) {
			t.Fatalf("%d lines, and in chunks of %d %d", len(whole), size, len(parts))
		}
		var want []string
		for _, line := range strings.Split(text, "\n") {
			if line != "" {
				want = append(want, line)
			}
		}
		for i := range whole {
			if whole[i].Raw != parts[i].Raw || whole[i].Offset != parts[i].Offset || whole[i].Raw != want[i] ||
				text[whole[i].Offset:][:len(want[i])] != want[i] {
				t.Fatalf("line %d is %q at %d and %q at %d, want %q", i, whole[i].Raw, whole[i].Offset, parts[i].Raw, parts[i].Offset, want[i])
			}
		}
		if len(whole) != len(want) {
			t.Fatalf("%d lines, want %d", len(whole), len(want))
		}
	})
}

// FuzzPosition: what is read as a position is written as one that reads the same.
func FuzzPosition(f *testing.F) {
	p := position{identity: identity{1, 2, 3}, Off: 9, Head: 9, HeadSum: "a", Tail: 9, TailSum: "b", Size: 10, Mod: 11}
	f.Add(p.encode())
	f.Add([]byte(`{"v":1,"off":-1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parsePosition(raw)
		if err != nil {
			return
		}
		again, err := parsePosition(p.encode())
		if err != nil || again != p {
			t.Fatalf("%q: %+v, again %+v, %v", raw, p, again, err)
		}
	})
}
