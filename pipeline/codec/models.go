package codec

import (
	"encoding/binary"
	"slices"

	"tallyman/pipeline/event"
)

// models finds for an event one before it that has most of the same fields. What an event is
// about stands at its beginning and lies in the program's own memory: the last of as many fields
// that begins with the same texts is as good as the best of sixty-four, within a tenth.
type models struct {
	events []event.Event
	form   [modelSlots]uint32 // 1 + place of the last event, by what it begins with and how many fields it has
	begins [modelSlots]uint32 // the same by what it begins with
	last   uint32             // 1 + place of the last event
	fields int                // of all events before
	hashes [2]uint64          // of the event that was chosen for
}

const (
	// modelSlots is how many beginnings are known.
	modelSlots = 1 << modelBits
	modelBits  = 6
	// beginning is how many fields an event is known by.
	beginning = 8
)

func (m *models) begin(events []event.Event) {
	m.events, m.last, m.fields = events, 0, 0
	clear(m.form[:])
	clear(m.begins[:])
}

// choose returns the place of the model of an event, or -1; the frame has come to so many bytes.
func (m *models) choose(ev *event.Event, size int) int {
	h, f := uint64(0), ev.Fields
	for k := range f[:min(len(f), beginning)] {
		_, place := f[k].Places()
		h = (h + place) * 0x9e3779b97f4a7c15
	}
	m.hashes[0], m.hashes[1] = (h+uint64(len(f)))*0x9e3779b97f4a7c15>>(64-modelBits), h>>(64-modelBits)
	n := m.form[m.hashes[0]]
	if n == 0 || len(m.events[n-1].Fields) != len(f) {
		if n = m.begins[m.hashes[1]]; n == 0 {
			n = m.last
		}
	}
	m.fields += len(f)
	if n == 0 || len(f) == 0 || m.fields > fewFields+mostFields*(size-1) {
		return -1
	}
	if was := &m.events[n-1]; !same(was.Dataset, ev.Dataset) || !same(was.Decode, ev.Decode) || !sameSet(was.Shared, ev.Shared) {
		return -1
	}
	return int(n) - 1
}

// add makes the event that was chosen for last one that others may be like.
func (m *models) add(i int) {
	n := uint32(i) + 1
	m.form[m.hashes[0]], m.begins[m.hashes[1]], m.last = n, n, n
}

// same reports whether two texts lie in one place.
func same(s, t string) bool { return len(s) == len(t) && event.Place(s) == event.Place(t) }

func sameSet(f, g event.Fields) bool { return len(f) == len(g) && (len(f) == 0 || &f[0] == &g[0]) }

// likes appends the fields of an event that is like another one with those of g.
func (e *Encoder) likes(b []byte, f, g event.Fields) []byte {
	b = binary.AppendUvarint(b, uint64(len(f)))
	i, k, run := 0, 0, 0 // places in f and g, and how many before them are the same and not said yet
	for {
		b = slices.Grow(b, min(len(f)-i, atOnce)*mostAlike+alikeSpace)
		n := 0
		n, run, b = e.alike(b, f[i:min(len(f), i+atOnce)], g[k:], run)
		if i, k = i+n, k+n; i == len(f) {
			return appendRun(b, run)
		}
		x := &f[i]
		if k < len(g) && x.Form() == g[k].Form() && x.Named(g[k].Name()) {
			if x.Value().Equal(g[k].Value()) {
				run++
			} else {
				b, run = e.other(appendRun(b, run), x, &g[k]), 0
			}
			i, k = i+1, k+1
			continue
		}
		b, run = appendRun(b, run), 0
		if x.IsZero() {
			b, e.absent = append(b, 0, absent), true
			i++
			continue
		}
		if n = find(x, g[k:], farAhead); n > 0 {
			b = binary.AppendUvarint(append(b, 0), uint64(gone+n))
			k += n
			continue
		}
		b, n = e.more(b, f, g[k:], i)
		i += n
	}
}

// more appends fields that the model does not have, from i on, up to one that g has soon, and
// returns how many.
func (e *Encoder) more(b []byte, f, g event.Fields, i int) ([]byte, int) {
	n := 1
	if i > 0 && find(&f[i], f[i-1:], 1) == 0 {
		for i+n < len(f) && find(&f[i+n], f[i-1:], 1) == 0 {
			n++
		}
		b = binary.AppendUvarint(append(b, 0, further), uint64(n))
		for k := range f[i : i+n] {
			b = e.other(b, &f[i+k], &f[i-1])
		}
		return b, n
	}
	for i+n < len(f) && !f[i+n].IsZero() && find(&f[i+n], g, soon) < 0 {
		n++
	}
	b = binary.AppendUvarint(append(b, 0, inserted), uint64(n))
	return e.fields(b, f[i:i+n]), n
}

// find returns where the first n of g have a field of the key, the name and the kind of x, or -1.
func find(x *event.Field, g event.Fields, n int) int {
	form := x.Form()
	for i := range g[:min(len(g), n)] {
		if g[i].Form() == form && x.Named(g[i].Name()) {
			return i
		}
	}
	return -1
}

const (
	// farAhead is how many fields of a model are looked at for one, and soon how many for one
	// behind some that it does not have.
	farAhead = 12
	soon     = 4
)

func appendRun(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendUvarint(b, 4*uint64(n))
}

// other appends what is other in x, which stands where its model has y.
func (e *Encoder) other(b []byte, x, y *event.Field) []byte {
	if kind := x.Kind(); kind != event.KindString && kind != event.KindIP {
		if c, ok := moved(x.Bits(), y.Bits()); ok {
			return binary.AppendUvarint(b, c)
		}
		return binary.LittleEndian.AppendUint64(append(b, 2), x.Bits())
	}
	s := x.Str()
	if n := e.texts.number(s); n > 0 {
		return binary.AppendUvarint(b, 2+4*uint64(n-1))
	}
	return append(binary.AppendUvarint(b, 1+2*uint64(len(s))), s...)
}

// moved is how what is no text and now n comes of what it was, unless that takes more than 64 bits.
func moved(n, was uint64) (uint64, bool) {
	d := int64(n - was)
	z := uint64(d<<1) ^ uint64(d>>63)
	return z<<1 | 1, z < 1<<63
}

const (
	// mostText is the longest text that alike writes.
	mostText = 120
	// mostAlike is what a field of alike takes at most, with a run before it.
	mostAlike = 1 + 2 + mostText
	// alikeSpace is what it looks at beyond that.
	alikeSpace = 1 + 2 + mostText + 8
	// mostRun is the longest run that it writes.
	mostRun = 0x80/4 - 1
)

// alike appends fields at the beginning of f as long as they stand as those of g do and are what
// most are, the same, of a number or of a text that was found or is short. Before them are run
// fields that are the same. It returns how many it has appended or found the same, and how many of those are not said
// yet. b has room for all.
func (e *Encoder) alike(b []byte, f, g event.Fields, run int) (int, int, []byte) {
	t, at, n := &e.texts, len(b), min(len(f), len(g))
	f, g, b = f[:n], g[:n], b[:cap(b)]
	for i := range f {
		x, y := &f[i], &g[i]
		name, place := x.Places()
		was, before := y.Places()
		if x.Form() != y.Form() || name != was {
			return i, run, b[:at]
		}
		if x.Bits() == y.Bits() && (place == before || place != 0 && before != 0 && x.Repeats(y)) {
			run++
			continue
		}
		if run > 0 {
			if run > mostRun {
				return i, run, b[:at]
			}
			b[at] = byte(4 * run)
			at++
			run = 0
		}
		n, w := x.Len(), (*[alikeSpace]byte)(b[at:])
		if kind := x.Kind(); kind != event.KindString {
			c, ok := moved(x.Bits(), y.Bits())
			if kind == event.KindIP || !ok {
				return i, run, b[:at]
			}
			k := 0
			for ; c >= 0x80; k++ {
				w[k&15] = byte(c) | 0x80
				c >>= 7
			}
			w[k&15] = byte(c)
			at += k + 1
			continue
		}
		slot := t.slot(place, n)
		if slot.is(place, n) {
			c := 4*slot.number - 2 // 2+4*(number-1)
			if c >= 0x80<<7 {
				return i, run, b[:at]
			}
			w[0], w[1] = byte(c)|0x80, byte(c>>7) // of two bytes also where one would do
			at += 2
			continue
		}
		if n > mostText || n == 0 || t.count == mostTexts {
			return i, run, b[:at]
		}
		t.count++
		slot.place, slot.length, slot.number = place, uint32(n), t.count
		w[0] = byte(1 + 2*n)
		at += 1 + n
		switch s := x.Str(); {
		case n <= 32:
			put(w[:], s)
		case n < 64:
			copy(w[1:], s)
		default:
			w[0], w[1] = w[0]|0x80, byte(n>>6)
			copy(w[2:], s)
			at++
		}
	}
	return n, run, b[:at]
}
