package codec

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// A set of fields is the same, whichever of its fields were read the short way, and
// so is what is refused, wherever the bytes end.
func TestShortIsField(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	columns := someColumns()
	lengths := []int{0, 1, 2, 126, 127, 128, 129, 300}
	for range 100 {
		body := []byte{} // as Encoder.fields writes them, with columns that it has no keys for
		n := 1 + random.IntN(6)
		for range n {
			at := random.IntN(40)
			if random.IntN(3) == 0 {
				at = len(columns) - random.IntN(80) // the last is none
			}
			head := uint64(at) << 4
			v := someValue(random, lengths)
			name := ""
			if random.IntN(3) == 0 {
				name = strings.Repeat("n", lengths[random.IntN(len(lengths))])
				head |= named
			}
			body = binary.AppendUvarint(body, head|uint64(v.Kind()))
			if head&named != 0 {
				body = appendString(body, name)
			}
			body = appendValue(body, v)
		}
		for end := range len(body) + 1 {
			whole := &reader{s: string(body[:end])}
			both := *whole
			var got event.Fields
			want := make(event.Fields, n)
			for i := range want {
				if whole.field(&want[i], columns); whole.bad {
					break
				}
			}
			both.s = string(binary.AppendUvarint(nil, uint64(n))) + both.s
			if 2*n > end { // count refuses it before a field is read
				continue
			}
			if got = both.fields(columns, nil); both.bad != whole.bad {
				t.Fatalf("%q: refused %v, want %v", body[:end], both.bad, whole.bad)
			}
			if !whole.bad && (!got.Equal(want) || both.rest() != whole.rest()) {
				t.Fatalf("%q: %v and the rest %q, want %v and %q", body[:end], got, both.rest(), want, whole.rest())
			}
		}
	}
}

// someColumns are more than one byte can number, and more than two, some of another
// build.
func someColumns() []column {
	keys := schema.Keys()
	var list []column
	for i := range 1060 {
		c := column{key: keys[i%len(keys)]}
		if i%5 == 4 {
			c = column{key: schema.Labels, alien: "other.build"}
		}
		list = append(list, c)
	}
	return list
}

func someValue(random *rand.Rand, lengths []int) event.Value {
	switch random.IntN(10) {
	case 0:
		return event.Int(random.Int64() - math.MaxInt64/2)
	case 1:
		return event.Uint(uint64(random.IntN(300)))
	case 2:
		return event.Float(0.5)
	case 3:
		return event.Bool(random.IntN(2) == 0)
	case 4:
		return event.Time(time.Unix(random.Int64N(1e9), 5))
	case 5:
		v, _ := event.IP("10.0.0.1")
		return v
	}
	return event.String(strings.Repeat("v", lengths[random.IntN(len(lengths))]))
}

// TestHeadsHaveTwoBytes: fields makes room for a head of two bytes.
func TestHeadsHaveTwoBytes(t *testing.T) {
	if n := len(schema.Keys()); n >= 1<<10 {
		t.Errorf("a number of %d keys and what stands beside it does not fit two bytes", n)
	}
}

// TestStringsOfEveryLength: a text comes back, whatever its length is and wherever it lies.
func TestStringsOfEveryLength(t *testing.T) {
	text := strings.Repeat("0123456789abcdefghijklmnopqrstuv", 10)
	var e event.Event
	for n := range 300 {
		e.Fields.AddNamed(schema.Labels, text[n-n%20:n], event.String(text[n/2:n/2+n%140]))
	}
	var b event.Batch
	if err := NewDecoder().Decode(NewEncoder().Append(nil, []event.Event{e}), &b); err != nil {
		t.Fatal(err)
	}
	if !b.Events[0].Fields.Equal(e.Fields) {
		t.Errorf("%v, want %v", b.Events[0].Fields, e.Fields)
	}
}
