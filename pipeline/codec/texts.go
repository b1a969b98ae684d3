package codec

import (
	"encoding/binary"

	"tallyman/pipeline/event"
)

// texts finds the texts of a frame that stood in it before. Events say the same again and
// again, and what a decoder, a table or the program itself says it with lies in one place:
// seven of ten texts of an audit log are found by where they lie, without a look at them. Texts
// are numbered as they come; what is not found again costs room and nothing else. So the same
// events in other memory may have other bytes.
type texts struct {
	count uint32 // of those that have a number
	slots []slot
	all   []slot // the memory of slots
}

// slot is a text by the hash of its place, the last that came.
type slot struct {
	place  uint64
	length uint32
	number uint32 // from 1; 0 for no text
}

const (
	// mostTexts is how many texts have a number: a number takes two bytes at most.
	mostTexts = 1<<13 - 1
	// mostSlots are enough for the texts of a batch of a thousand records, fewSlots for
	// a few events; these are cleared sooner.
	mostSlots = 1 << slotBits
	slotBits  = 11
	fewSlots  = 1 << 7
)

// is reports whether the text in a slot is the one of that place and length.
func (s *slot) is(place uint64, n int) bool {
	return s.place == place && int(s.length) == n && s.number > 0
}

// begin forgets all texts.
func (t *texts) begin(events int) {
	n := mostSlots
	if events < 8 {
		n = fewSlots
	}
	if len(t.all) < n {
		t.all = make([]slot, n)
	}
	t.count, t.slots = 0, t.all[:n]
	clear(t.slots)
}

// slot returns where a text would be found.
func (t *texts) slot(place uint64, n int) *slot {
	return &t.slots[(place+uint64(n)<<48)*0x9e3779b97f4a7c15>>(64-slotBits)&uint64(len(t.slots)-1)]
}

// number returns the number of a text that stood before, or 0 and gives it one.
func (t *texts) number(s string) uint32 {
	place := event.Place(s)
	slot := t.slot(place, len(s))
	if slot.is(place, len(s)) {
		return slot.number
	}
	if len(s) > 0 && t.count < mostTexts {
		t.count++
		if uint64(len(s)) < 1<<32 {
			slot.place, slot.length, slot.number = place, uint32(len(s)), t.count
		}
	}
	return 0
}

// text appends a text.
func (e *Encoder) text(b []byte, s string) []byte {
	if n := e.texts.number(s); n > 0 {
		return binary.AppendUvarint(b, knownText+2*uint64(n-1))
	}
	return append(binary.AppendUvarint(b, ownText+2*uint64(len(s))), s...)
}

const (
	// mostShort is what a field of short takes at most.
	mostShort = 1 + 32
	// shortSpace is what it looks at beyond that.
	shortSpace = 40
)

// short appends fields as long as they are what most are, a text of the column that is to be
// expected, which was found or has at most 32 bytes: it calls nothing, so that the
// compiler keeps in registers what it needs. b has room for all. It returns how many.
func (e *Encoder) short(b []byte, f []event.Field, last uint32) (int, []byte, uint32) {
	columns, t, at := e.columns, &e.texts, len(b)
	b = b[:cap(b)]
	c := &columns[last]
	for i := range f {
		x, next := &f[i], c.next
		name, place := x.Places()
		to := &columns[next]
		if to.short != x.Form() || to.place != name {
			return i, b[:at], last
		}
		w, n := b[at:at+shortSpace:at+shortSpace], x.Len()
		slot := t.slot(place, n)
		if slot.is(place, n) {
			k := 2 * slot.number // knownText+2*(number-1)
			w[0], w[1] = byte(k), byte(k>>7)
			at++
			if k >= 0x80 {
				w[0] |= 0x80
				at++
			}
			last, c = next, to
			continue
		}
		if n > 32 || n == 0 || t.count == mostTexts {
			return i, b[:at], last
		}
		t.count++
		slot.place, slot.length, slot.number = place, uint32(n), t.count
		w[0] = byte(ownText + 2*n)
		at += 1 + n
		last, c = next, to
		put(w, x.Str())
	}
	return len(f), b[:at], last
}

// put writes a text of 1 to 32 bytes behind the first of w, in two halves that overlap.
func put(w []byte, s string) {
	switch n := len(s); {
	case n >= 16:
		binary.LittleEndian.PutUint64(w[1:9], word(s))
		binary.LittleEndian.PutUint64(w[9:17], word(s[8:]))
		binary.LittleEndian.PutUint64(w[n-15:n-7], word(s[n-16:]))
		binary.LittleEndian.PutUint64(w[n-7:n+1], word(s[n-8:]))
	case n >= 8:
		binary.LittleEndian.PutUint64(w[1:9], word(s))
		binary.LittleEndian.PutUint64(w[n-7:n+1], word(s[n-8:]))
	case n >= 4:
		binary.LittleEndian.PutUint32(w[1:5], half(s))
		binary.LittleEndian.PutUint32(w[n-3:n+1], half(s[n-4:]))
	default:
		w[1+n/2], w[n], w[1] = s[n/2], s[n-1], s[0]
	}
}

// word returns the first eight bytes of s, half the first four: the compiler makes one
// load of each.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func half(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
