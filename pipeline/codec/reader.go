package codec

import (
	"encoding/binary"
	"math"
	"time"

	"tallyman/pipeline/event"
)

// reader takes values off s, from at on; once something does not fit it is bad and
// gives zero values. It moves a number and not a string, which is a pointer whose
// every move the collector of garbage asks about.
type reader struct {
	s      string
	at     int
	bad    bool
	first  bool // version 1
	joined int  // bytes that below has made
}

func (r *reader) fail() { r.s, r.at, r.bad = "", 0, true }

// rest is what was not taken yet.
func (r *reader) rest() string { return r.s[r.at:] }

// take returns the next n bytes.
func (r *reader) take(n int) string {
	if n < 0 || n > len(r.s)-r.at {
		r.fail()
		return ""
	}
	out := r.s[r.at : r.at+n]
	r.at += n
	return out
}

func (r *reader) byte() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

// uvarint reads a number. Nearly all are lengths and heads of one or two bytes.
func (r *reader) uvarint() uint64 {
	if s := r.s[r.at:]; len(s) > 1 {
		if s[0] < 0x80 {
			r.at++
			return uint64(s[0])
		}
		if s[1] < 0x80 {
			r.at += 2
			return uint64(s[0]&0x7f) | uint64(s[1])<<7
		}
	}
	return r.long()
}

// long is uvarint for every other.
func (r *reader) long() uint64 {
	var n uint64
	s := r.rest()
	for shift := 0; shift < 64 && shift/7 < len(s); shift += 7 {
		c := s[shift/7]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.at += shift/7 + 1
			return n
		}
	}
	r.fail()
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads how many things of at least size bytes follow, and refuses more
// than there is room for, before anything is allocated.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64((len(r.s)-r.at)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) str() string {
	n := r.uvarint()
	if n > uint64(len(r.s)-r.at) {
		r.fail()
		return ""
	}
	s := r.s[r.at : r.at+int(n)]
	r.at += int(n)
	return s
}

func (r *reader) time() time.Time {
	if r.byte() == 0 {
		return time.Time{}
	}
	return time.Unix(r.varint(), int64(r.uvarint()%1e9)).UTC()
}

// event reads one event of version 1 or 2 to where it stays.
func (r *reader) event(e *event.Event, keys []column, shareds []event.Fields, b *event.Batch) {
	copy(e.ID[:], r.take(len(e.ID)))
	e.Time, e.Seen = r.time(), r.time()
	e.Dataset, e.Decode = r.str(), r.str()
	e.Records = uint32(r.uvarint())
	e.Offset = r.varint()
	e.Shared = r.set(shareds)
	e.Fields = r.fields(keys, b)
	e.Raw = r.str()
}

// set reads the number of a shared set.
func (r *reader) set(shareds []event.Fields) event.Fields {
	n := r.uvarint()
	if n > uint64(len(shareds)) {
		r.fail()
	} else if n > 0 {
		return shareds[n-1]
	}
	return nil
}

// fields reads a set; with b its memory is b's slab.
func (r *reader) fields(keys []column, b *event.Batch) event.Fields {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	var f event.Fields
	if b != nil {
		f = b.Take(nil, n)[:n]
	} else {
		f = make(event.Fields, n)
	}
	for i := 0; i < len(f); i++ {
		if r.field(&f[i], keys); r.bad {
			return nil
		}
	}
	return f
}

// field reads one field to where it stays.
func (r *reader) field(f *event.Field, keys []column) {
	head := r.uvarint()
	name, kind := "", event.Kind(head&7)
	if r.first {
		name = r.str()
		head, kind = head<<4, event.Kind(r.byte())
	} else if head&hasName != 0 {
		name = r.str()
	}
	if r.bad || head>>4 >= uint64(len(keys)) {
		r.fail()
		return
	}
	c := &keys[head>>4]
	if c.alien != "" {
		name = r.below(c.alien, name)
	}
	*f = event.NewField(c.key, name, r.value(kind))
}

// below is the name under labels of a field of another build. A schema's names are short:
// where one that is long stands before many others again and again, somebody has made that up,
// and it is refused before it takes far more memory than the frame.
func (r *reader) below(alien, name string) string {
	if name == "" {
		return alien
	}
	if r.joined += len(alien) + 1 + len(name); r.joined > 1<<20+64*len(r.s) {
		r.fail()
		return ""
	}
	return alien + "." + name
}

func (r *reader) value(kind event.Kind) event.Value {
	switch kind {
	case event.KindString:
		return event.String(r.str())
	case event.KindIP:
		s := r.str()
		if v, ok := event.IP(s); ok {
			return v
		}
		return event.String(s)
	case event.KindInt:
		return event.Int(r.varint())
	case event.KindUint:
		return event.Uint(r.uvarint())
	case event.KindFloat:
		if s := r.take(8); s != "" {
			return event.Float(math.Float64frombits(binary.LittleEndian.Uint64([]byte(s))))
		}
	case event.KindBool:
		return event.Bool(r.byte() == 1)
	case event.KindTime:
		return event.Time(time.Unix(0, r.varint()))
	default:
		r.fail()
	}
	return event.Value{}
}
