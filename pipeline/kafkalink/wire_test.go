package kafkalink

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// metadata5 is an answer to Metadata 5: one broker, the topic "a" with the
// partitions 1 and 0 as a broker may list them, the second without its leader.
func metadata5() []byte {
	b := []byte{0, 0, 0, 0}
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 7)
	b = AppendText(b, "one")
	b = append(b, 0, 0, 0x23, 0x84, 0xff, 0xff)
	b = AppendText(b, "cluster")
	b = append(b, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0)
	b = append(AppendText(b, "a"), 0, 0, 0, 0, 2)
	for _, p := range []struct{ id, leader uint32 }{{1, 7}, {0, 8}} {
		b = binary.BigEndian.AppendUint16(b, 0)
		b = binary.BigEndian.AppendUint32(b, p.id)
		b = binary.BigEndian.AppendUint32(b, p.leader)
		b = append(b, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0)
	}
	return b
}

// TestReadCluster: partitions come in the order of their numbers; a leader that no
// broker is, is none; and an answer that is cut anywhere is no answer.
func TestReadCluster(t *testing.T) {
	b := metadata5()
	c, err := readCluster(NewReader(b), 5)
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Topics["a"].Leaders; c.ID != "cluster" || c.Brokers[7] != "one:9092" || len(l) != 2 || l[0] != -1 || l[1] != 7 {
		t.Errorf("%+v", c)
	}
	for n := range b {
		if _, err := readCluster(NewReader(b[:n]), 5); err == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(b))
		}
	}
}

// TestReaderIsBounded: no number makes the reader give more than there is.
func TestReaderIsBounded(t *testing.T) {
	for _, n := range []uint32{5, math.MaxInt32, 1 << 31, math.MaxUint32} {
		r := NewReader(append(binary.BigEndian.AppendUint32(nil, n), 1, 2, 3, 4))
		if got := r.Count(); got != 0 || (r.Err() == nil) != (int32(n) < 0) {
			t.Errorf("an array of %d has %d elements, %v", int32(n), got, r.Err())
		}
	}
	r := NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7})
	if text, bytes := r.Text(), r.Bytes(); text != "" || len(bytes) != 0 || r.Err() != nil {
		t.Errorf("null reads as %q and %q, %v", text, bytes, r.Err())
	}
	if r.Int64() != 0 || !errors.Is(r.Err(), ErrShort) || r.Skip(0) == nil && r.Err() == nil {
		t.Errorf("beyond the end: %v", r.Err())
	}
}

// FuzzReadCluster: whatever comes, it is a cluster whose leaders are its brokers,
// or an error.
func FuzzReadCluster(f *testing.F) {
	f.Add(metadata5(), int16(5))
	f.Add([]byte{}, int16(8))
	f.Fuzz(func(t *testing.T, b []byte, version int16) {
		c, err := readCluster(NewReader(b), version)
		if err != nil {
			return
		}
		n := 0
		for name, topic := range c.Topics {
			for p, leader := range topic.Leaders {
				if _, ok := c.Brokers[leader]; leader != -1 && !ok {
					t.Errorf("partition %d of %q is led by %d, which is no broker", p, name, leader)
				}
				n++
			}
		}
		if n > len(b) {
			t.Errorf("%d bytes have %d partitions", len(b), n)
		}
	})
}
