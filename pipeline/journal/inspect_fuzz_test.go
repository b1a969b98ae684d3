package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"tallyman/pipeline/vfs"
)

// fuzzID is the id of the segment that FuzzLook writes.
const fuzzID = 0x1122334455667788

// rekey makes the sums of every frame in b right, and that of the segment's
// header, so that a fuzzer comes past them.
func rekey(b []byte) {
	le := binary.LittleEndian
	k := newKey(fuzzID)
	if len(b) >= segmentHeaderSize {
		le.PutUint32(b[60:], key(0).sum(b[:60]))
	}
	for at := segmentHeaderSize; at+headerSize <= len(b); {
		if !bytes.Equal(b[at:at+4], frameMagic[:]) {
			at++
			continue
		}
		length := int(le.Uint32(b[at+8:]))
		if length > len(b)-at-headerSize {
			length = len(b) - at - headerSize
		}
		le.PutUint32(b[at+56:], k.sum(b[at+headerSize:at+headerSize+length]))
		le.PutUint32(b[at+60:], k.sum(b[at:at+60]))
		at += headerSize + length
	}
}

// fuzzSegment is a segment of three frames and a snapshot under fuzzID.
func fuzzSegment() []byte {
	s := &segment{number: 1, first: 1, id: fuzzID}
	b := s.header()
	st := state{cursors: []cursorState{{name: "a", seq: 2, at: totals{records: 1}, counts: Counts{Delivered: 1}}}}
	frame := func(h header, body []byte) {
		h.length = uint32(len(body))
		at := len(b)
		b = append(append(b, make([]byte, headerSize)...), body...)
		h.put(b[at:], newKey(fuzzID))
	}
	frame(header{kind: kindSnapshot, seq: 1}, st.append(nil))
	for n := range uint64(3) {
		frame(header{kind: kindBatch, seq: n + 1, synced: n, before: totals{records: n}, records: 1}, item(n+1, 20))
	}
	rekey(b)
	return append(b, make([]byte, 100)...)
}

// FuzzLook looks at a segment of any bytes, as they are and under right sums.
// Whatever they are, a look neither panics nor writes; frames come in order; and
// a payload that is handed out is one that was written, where the sums are not
// forged.
func FuzzLook(f *testing.F) {
	f.Add(fuzzSegment(), false)
	f.Add(fuzzSegment(), true)
	f.Add([]byte{}, false)
	huge := fuzzSegment()
	copy(huge[len(huge)-100-84+8:], []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(huge, true)
	f.Fuzz(func(t *testing.T, b []byte, forged bool) {
		if b = bytes.Clone(b); forged {
			rekey(b)
		}
		m := vfs.NewMem()
		// No journal is opened: what its goroutines do differs from run to run.
		if err := m.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
		file, err := m.Open(filepath.Join(dir, segmentName(1, 1, fuzzID)), vfs.CreateNew)
		if err == nil {
			_, err = file.WriteAt(b, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		changed := changes(m)
		v, err := Look(small(m))
		if err != nil {
			if !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		last := uint64(0)
		r, err := v.Verify(t.Context(), func(fr *Seen) error {
			if fr.Seq <= last || fr.Offset < segmentHeaderSize || fr.Offset+fr.Bytes > int64(len(b)) {
				t.Errorf("frame %d after %d at %d, %d bytes", fr.Seq, last, fr.Offset, fr.Bytes)
			}
			last = fr.Seq
			if !forged && number(t, fr.Payload) != fr.Seq {
				t.Errorf("frame %d has another's payload", fr.Seq)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Segments {
			if s.Damaged < 0 || s.Damaged > s.Bytes {
				t.Errorf("%d damaged bytes of %d: %v", s.Damaged, s.Bytes, r.Damage)
			}
		}
		for _, d := range r.Damage {
			_ = d.String()
		}
		if *changed != 0 {
			t.Errorf("looking changed %d things", *changed)
		}
	})
}

// FuzzParseState: no bytes make it panic, and what it takes it gives back.
func FuzzParseState(f *testing.F) {
	st := state{below: 3, cursors: []cursorState{{name: "a", seq: 9, at: totals{5, 6}, counts: Counts{Delivered: 5}, made: Counts{Filtered: 6}}, {name: ""}}}
	f.Add(st.append(nil))
	f.Add([]byte{})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := parseState(b)
		if err != nil {
			return
		}
		again, err := parseState(st.append(nil))
		if err != nil || !reflect.DeepEqual(st, again) {
			t.Errorf("%+v came back as %+v, %v", st, again, err)
		}
	})
}

// FuzzParseSlot: no slot makes it panic, and one under a wrong sum is refused.
func FuzzParseSlot(f *testing.F) {
	st := state{cursors: []cursorState{{name: "a", seq: 9}}}
	b := make([]byte, slotHeader)
	copy(b, stateMagic[:])
	b = st.append(b)
	b[16] = byte(len(b) - slotHeader)
	f.Add(b, true)
	f.Add(b, false)
	f.Add([]byte{16: 0xff, 17: 0xff, 18: 0xff, 19: 0xff}, true)
	f.Fuzz(func(t *testing.T, head []byte, forged bool) {
		b := make([]byte, slotSize)
		copy(b, head)
		if forged {
			sealSlot(b)
		}
		sum := binary.LittleEndian.Uint32(b[20:])
		_, st, err := parseSlot(b)
		if err != nil {
			return
		}
		sealSlot(b)
		if binary.LittleEndian.Uint32(b[20:]) != sum || st == nil {
			t.Errorf("a slot under a wrong sum was taken: %+v", st)
		}
	})
}
