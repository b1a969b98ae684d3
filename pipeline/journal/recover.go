package journal

import (
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"tallyman/pipeline/vfs"
)

// recover brings the journal to where it was left: the state, the newest
// segment that holds a frame, and nothing else is read. Nothing is written
// before it is known that no newer version wrote here.
func (j *Journal) recover() error {
	list, err := j.o.FS.ReadDir(j.o.Dir)
	if err != nil {
		return err
	}
	for _, info := range list {
		if s, ok := parseSegmentName(info.Name); ok && info.Regular {
			s.size = info.Size
			j.segments = append(j.segments, s)
		}
	}
	slices.SortFunc(j.segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	if n := len(j.segments); n > 0 {
		j.number = j.segments[n-1].number + 1
	}
	st, err := j.slot.open(j.o.FS, j.o.Dir)
	if err != nil {
		return err
	}
	if st != nil {
		j.floor = st.durable
	}
	tail, err := j.newest()
	if err != nil {
		return err
	}
	if st == nil && len(j.segments) > 0 {
		j.rebuilt = true
		j.o.Log.Warn("both slots of the journal's state are damaged: what was delivered since the newest segment began is delivered again")
		st = tail.state
	}
	if err := j.slot.reserve(); err != nil {
		j.o.Log.Warn("there is no room for the journal's state; while the disk is full cursors are not saved, and a crash delivers again", "error", err)
	}
	j.adopt(st, tail)
	j.size = j.measure()
	return nil
}

// tail is what the newest segment says.
type tail struct {
	last  uint64 // the newest sequence
	all   totals // up to and with last
	marks map[string][]byte
	state *state // from the snapshot, nil when it is lost

	snap       bool  // its snapshot is whole
	redo, upto int64 // the bytes that no later frame knows as durable
}

// newest reads segments from the newest backwards until one holds a frame.
func (j *Journal) newest() (*tail, error) {
	t := &tail{marks: map[string][]byte{}}
	for i := len(j.segments) - 1; i >= 0; i-- {
		s := j.segments[i]
		f, err := s.open(&j.o)
		if err != nil {
			return nil, err
		}
		if err := s.readHeader(f); err != nil {
			s.release(&j.o)
			return nil, err
		}
		part, end, err := j.read(i, f)
		s.release(&j.o)
		if err != nil {
			return nil, err
		}
		if t.state == nil {
			t.state = part.state
		}
		if len(t.marks) == 0 {
			t.marks = part.marks
		}
		if part.last > 0 {
			part.state = t.state
			return part, j.settleTail(s, end, part.redo, part.upto)
		}
		if part.snap && s.known {
			// Begun and still empty: its header and snapshot say all of what is before.
			part.last, part.all, part.state = s.first-1, s.before, t.state
			return part, nil
		}
	}
	return t, nil
}

// read reads segment i to its end. Without a whole snapshot its marks stand on
// those of the segment before.
func (j *Journal) read(i int, f vfs.File) (*tail, int64, error) {
	limit := uint64(1<<64 - 1)
	if i+1 < len(j.segments) {
		limit = j.segments[i+1].first // what an abandoned segment holds from there on counts no more
	}
	part, end, err := readTail(j.segments[i], f, limit, j.floor, nil)
	if err != nil || part.snap || i == 0 {
		return part, end, err
	}
	g, err := j.segments[i-1].open(&j.o)
	if err != nil {
		return part, end, nil // as good as damaged
	}
	defer j.segments[i-1].release(&j.o)
	base, _, err := j.read(i-1, g)
	if err != nil {
		return part, end, nil
	}
	return readTail(j.segments[i], f, limit, j.floor, base.marks)
}

// settleTail makes what was found in the newest segment durable: after a kill it
// may be in the kernel's memory only, and what is appended from now on stands on
// it. It also gives back the preallocated room from end on, unless end is 0.
func (j *Journal) settleTail(s *segment, end, redo, upto int64) error {
	f, err := j.o.FS.Open(filepath.Join(j.o.Dir, s.name), vfs.Write)
	if err != nil {
		return err
	}
	if end > 0 {
		if err := f.Truncate(end); err != nil {
			j.o.Log.Warn("the unused room of a journal segment is kept", "segment", s.name, "error", err)
		} else {
			s.size = end
		}
	}
	// A sync that failed before the kill left pages that count as clean and that
	// no disk has: a sync alone would prove nothing, so they are written again.
	b := make([]byte, upto-redo)
	if _, err = f.ReadAt(b, redo); err == nil || errors.Is(err, io.EOF) {
		_, err = f.WriteAt(b, redo)
	}
	return errors.Join(err, f.Datasync(), f.Close())
}

// readTail walks the newest segment. A frame that is damaged and that no later
// frame knows as durable was torn by the crash: it was never accepted, and
// neither was what follows it. A damaged frame that was durable is a gap, for
// cursors to find; what follows it stands.
//
// Frames up to floor are known as durable by the state.
//
// The second result is where the file may be cut, 0 for nowhere: only zeros
// follow.
func readTail(s *segment, f vfs.File, limit, floor uint64, base map[string][]byte) (*tail, int64, error) {
	size, err := f.Size()
	if err != nil {
		return nil, 0, err
	}
	sc := &scan{seg: s, file: f, off: segmentHeaderSize, end: size, snapshots: true}
	var whole []found // in order, with the marks only, of snapshots the whole body
	for {
		fr, err := sc.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		if fr.kind == kindBatch && (fr.seq < s.first || fr.seq >= limit) {
			continue
		}
		keep := fr
		if fr.body != nil {
			keep.body = slices.Clone(fr.body[:fr.marks])
			if fr.kind == kindSnapshot {
				keep.body = slices.Clone(fr.body)
			}
		}
		whole = append(whole, keep)
	}
	known := floor
	if limit < 1<<64-1 {
		known = max(known, limit-1) // a newer segment begins only when all before it is durable
	}
	for i := range whole {
		known = max(known, whole[i].synced)
	}
	t := settle(s, whole, known, base)
	t.redo, t.upto = sc.off, sc.off
	for i := len(whole) - 1; i >= 0 && (whole[i].kind == kindSnapshot || whole[i].seq > known); i-- {
		t.redo = whole[i].off
	}
	return t, zerosFrom(f, sc.off, size), nil
}

// settle takes the frames that count from those that were found.
func settle(s *segment, whole []found, known uint64, base map[string][]byte) *tail {
	t := &tail{marks: map[string][]byte{}}
	maps.Copy(t.marks, base)
	next := s.first
	for i := range whole {
		fr := &whole[i]
		if fr.kind == kindSnapshot {
			if fr.body == nil {
				continue
			}
			if err := applyMarks(t.marks, fr.body[:fr.marks]); err != nil {
				continue
			}
			if st, err := parseState(fr.body[fr.marks:]); err == nil {
				t.state = st
			}
			t.snap = true
			continue
		}
		if fr.seq != next && known < fr.seq-1 {
			break
		}
		if fr.body == nil && known < fr.seq {
			break
		}
		if fr.body != nil {
			// Marks that do not parse under a right sum cannot be; if so, the
			// positions before them stand and the source is read again.
			if err := applyMarks(t.marks, fr.body); err != nil {
				break
			}
		}
		t.last, t.all = fr.seq, fr.before.plus(fr.records, fr.generated)
		next = fr.seq + 1
	}
	return t
}

// zerosFrom returns from when every byte of f from there is zero and there is
// one, else 0.
func zerosFrom(f vfs.File, from, size int64) int64 {
	buf := make([]byte, 64<<10)
	for at := from; at < size; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		for _, c := range buf[:n] {
			if c != 0 {
				return 0
			}
		}
		at += int64(n)
		if n == 0 || (err != nil && !errors.Is(err, io.EOF)) {
			return 0
		}
	}
	if from >= size {
		return 0
	}
	return from
}

// adopt takes over what was found.
func (j *Journal) adopt(st *state, t *tail) {
	j.seq, j.totals, j.marks = t.last+1, t.all, t.marks // nobody else has these marks from now on
	if st != nil {
		j.below = st.below
		j.adopted = st.cursors
		if st.durable >= j.seq { // the end of the log is gone: its cursors find the gap
			j.seq, j.totals = st.durable+1, st.accepted
		}
	}
	// A cursor ahead of the log: the frames that it finished were lost with their
	// segment. Their numbers are not used again.
	for _, c := range j.adopted {
		if c.seq > j.seq {
			j.seq, j.totals = c.seq, totals{max(c.at.records, j.totals.records), max(c.at.generated, j.totals.generated)}
		}
	}
	if n := len(j.segments); n > 0 && j.segments[n-1].first > j.seq {
		j.seq = j.segments[n-1].first
	}
	j.durable, j.accepted = j.seq-1, j.totals
}

// measure adds up the folder.
func (j *Journal) measure() int64 {
	size := int64(fixedSize)
	for _, s := range j.segments {
		size += s.size
	}
	n, err := j.aside.load(&j.o)
	if err != nil {
		j.o.Log.Warn("the quarantine cannot be read", "error", err)
	}
	return size + n
}
