package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"tallyman/pipeline/vfs"
)

// The state file holds two slots of slotSize bytes. The older one is
// overwritten, so that a torn write leaves the newer one.
const (
	slotSize   = 64 << 10
	slotHeader = 32

	// fixedSize is what state and lock take at their largest.
	fixedSize = 2*slotSize + 4096
)

var stateMagic = [8]byte{'T', 'L', 'Y', 'S', 'T', 'A', 'T', 2}

var (
	errState = errors.New("the state does not parse")
	errBig   = errors.New("the state is larger than its slot: too many outputs")
)

// cursorState is what is kept of one cursor.
type cursorState struct {
	name   string
	seq    uint64 // of the first frame that is not finished
	base   totals // of the journal where the cursor began
	at     totals // of the frames before seq
	counts Counts // in source records
	made   Counts // in generated events
	spans  []span // what it gives up, in order, from seq on
}

// state is what a slot, and a snapshot, holds.
type state struct {
	below   uint64 // segments whose frames are all below may be deleted
	cursors []cursorState

	durable  uint64 // the newest sequence on stable storage when it was saved; 0: not known
	accepted totals // up to and with durable
}

func (s *state) append(b []byte) []byte {
	b = binary.AppendUvarint(b, s.below)
	b = binary.AppendUvarint(b, uint64(len(s.cursors)))
	for i := range s.cursors {
		c := &s.cursors[i]
		b = append(binary.AppendUvarint(b, uint64(len(c.name))), c.name...)
		for _, n := range [...]uint64{c.seq, c.base.records, c.base.generated, c.at.records, c.at.generated} {
			b = binary.AppendUvarint(b, n)
		}
		b = appendCounts(appendCounts(b, &c.counts), &c.made)
		b = binary.AppendUvarint(b, uint64(len(c.spans)))
		for _, s := range c.spans {
			for _, n := range [...]uint64{s.from, s.to, s.before.records, s.before.generated, s.after.records, s.after.generated} {
				b = binary.AppendUvarint(b, n)
			}
		}
	}
	for _, n := range [...]uint64{s.durable, s.accepted.records, s.accepted.generated} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendCounts(b []byte, c *Counts) []byte {
	for _, n := range [...]uint64{c.Delivered, c.Unconfirmed, c.Filtered, c.DeadLettered} {
		b = binary.AppendUvarint(b, n)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Dropped)))
	for _, n := range c.Dropped {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// numbers reads varints until one is bad.
type numbers struct {
	b   []byte
	bad bool
}

func (r *numbers) next() uint64 {
	n, w := binary.Uvarint(r.b)
	if w <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *numbers) counts(c *Counts) {
	for _, n := range [...]*uint64{&c.Delivered, &c.Unconfirmed, &c.Filtered, &c.DeadLettered} {
		*n = r.next()
	}
	n := r.next()
	if n > uint64(len(c.Dropped)) {
		r.bad = true
		return
	}
	for i := range n {
		c.Dropped[i] = r.next()
	}
}

func parseState(b []byte) (*state, error) {
	r := numbers{b: b}
	s := &state{below: r.next()}
	for n := r.next(); n > 0 && !r.bad; n-- {
		name, rest, ok := cutBytes(r.b)
		if !ok {
			return nil, errState
		}
		r.b = rest
		c := cursorState{name: string(name)}
		for _, n := range [...]*uint64{&c.seq, &c.base.records, &c.base.generated, &c.at.records, &c.at.generated} {
			*n = r.next()
		}
		r.counts(&c.counts)
		r.counts(&c.made)
		for n := r.next(); n > 0 && !r.bad; n-- {
			var s span
			for _, n := range [...]*uint64{&s.from, &s.to, &s.before.records, &s.before.generated, &s.after.records, &s.after.generated} {
				*n = r.next()
			}
			c.spans = append(c.spans, s)
		}
		s.cursors = append(s.cursors, c)
	}
	if !r.bad && len(r.b) > 0 { // version 1 ended here
		for _, n := range [...]*uint64{&s.durable, &s.accepted.records, &s.accepted.generated} {
			*n = r.next()
		}
	}
	if r.bad || len(r.b) != 0 {
		return nil, errState
	}
	return s, nil
}

// slots is the state file.
type slots struct {
	fs   vfs.FS
	name string
	f    vfs.File
	gen  uint64 // of the newest slot
	buf  []byte
}

func (s *slots) close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// open opens the state file and returns the newest state, nil when there is
// none that can be read. The folder is untouched when ErrNewer comes back.
func (s *slots) open(fs vfs.FS, dir string) (*state, error) {
	s.fs, s.name = fs, filepath.Join(dir, "state")
	f, err := fs.Open(s.name, vfs.Create)
	if err != nil {
		return nil, err
	}
	s.f = f
	var newest *state
	for i := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := f.ReadAt(b, i*slotSize); err != nil && !errors.Is(err, io.EOF) {
			continue // as good as damaged
		}
		gen, st, err := parseSlot(b)
		if errors.Is(err, ErrNewer) {
			return nil, err
		}
		if err == nil && gen >= s.gen {
			s.gen, newest = gen, st
		}
	}
	return newest, nil
}

// reserve takes the room of both slots, so that a full disk does not keep the
// cursors from being saved.
func (s *slots) reserve() error {
	size, err := s.f.Size()
	if err != nil || size >= 2*slotSize {
		return err
	}
	return s.f.Allocate(2 * slotSize)
}

// parseSlot reads magic 8, generation 8, length 4, CRC32C 4 over the whole slot
// with that field zero, 8 reserved, then the state.
func parseSlot(b []byte) (uint64, *state, error) {
	le := binary.LittleEndian
	length := le.Uint32(b[16:])
	if length > slotSize-slotHeader {
		return 0, nil, errState
	}
	sum := le.Uint32(b[20:])
	clean := append([]byte(nil), b[:slotHeader+length]...)
	le.PutUint32(clean[20:], 0)
	if key(0).sum(clean) != sum || string(b[:7]) != string(stateMagic[:7]) {
		return 0, nil, errState
	}
	if b[7] > stateMagic[7] {
		return 0, nil, fmt.Errorf("%w (state version %d, this one reads %d)", ErrNewer, b[7], stateMagic[7])
	}
	st, err := parseState(b[slotHeader : slotHeader+length])
	return le.Uint64(b[8:]), st, err
}

// write puts st on stable storage in the slot of the older generation. After an
// error the next write goes through a fresh descriptor, because a failed sync
// says nothing about the one after it.
func (s *slots) write(st *state) error {
	if s.f == nil {
		f, err := s.fs.Open(s.name, vfs.Create)
		if err != nil {
			return err
		}
		s.f = f
	}
	b := s.buf[:0]
	b = append(b, make([]byte, slotHeader)...)
	b = st.append(b)
	s.buf = b
	if len(b) > slotSize {
		return errBig
	}
	gen := s.gen + 1
	le := binary.LittleEndian
	copy(b, stateMagic[:])
	le.PutUint64(b[8:], gen)
	le.PutUint32(b[16:], uint32(len(b)-slotHeader))
	le.PutUint32(b[20:], key(0).sum(b))
	_, err := s.f.WriteAt(b, int64(gen%2)*slotSize)
	if err == nil {
		err = s.f.Datasync()
	}
	if err != nil {
		err = errors.Join(err, s.f.Close())
		s.f = nil
		return err
	}
	s.gen = gen
	return nil
}
