package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"tallyman/pipeline/vfs"
)

// ErrNone says that a folder holds no journal.
var ErrNone = errors.New("there is no journal")

// errMoved says that a process changed the folder while it was looked at.
var errMoved = errors.New("the journal changes faster than it can be looked at")

// lookTries is how often a look begins again when a running process changed the
// state meanwhile. It does so once a second, and a look takes milliseconds.
const lookTries = 8

// View is a journal's folder as one look found it. It takes no lock and writes
// nothing, so it works beside a running process as well as on the folder of a
// dead one. What is appended later is not in it; segments that are deleted later
// are passed over. A View belongs to one goroutine.
type View struct {
	o        Options
	segments []*segment
	state    state
	rebuilt  bool
	marks    map[string][]byte
	logged   uint64 // the newest frame that counts
	last     uint64 // the newest sequence that was ever given, not less than logged
	all      totals // up to and with last
}

// Look looks at the journal in o.Dir. ErrNone says that there is none, ErrNewer
// that a newer version wrote it. Of the options, Dir, FS and Log count.
func Look(o Options) (*View, error) {
	o.fill()
	var err error
	for range lookTries {
		v := &View{o: o}
		if err = v.look(); err == nil {
			return v, nil
		}
		if !errors.Is(err, errMoved) {
			break
		}
	}
	return nil, fmt.Errorf("look at journal %s: %w", o.Dir, err)
}

// look reads the state, then the segments: what a cursor has passed was on disk
// before the state that says so. That no segment was deleted between the two,
// the generation of the state tells, which is written before a delete.
func (v *View) look() error {
	list, err := v.o.FS.ReadDir(v.o.Dir)
	if err != nil {
		return err
	}
	had := slices.ContainsFunc(list, func(i vfs.Info) bool { return i.Name == "lock" || i.Name == "state" })
	st, gen, err := v.readState()
	if err != nil {
		return err
	}
	if list, err = v.o.FS.ReadDir(v.o.Dir); err != nil {
		return err
	}
	for _, info := range list {
		if s, ok := parseSegmentName(info.Name); ok && info.Regular {
			s.size = info.Size
			v.segments = append(v.segments, s)
		}
	}
	if len(v.segments) == 0 && !had {
		return ErrNone
	}
	slices.SortFunc(v.segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	floor := uint64(0)
	if st != nil {
		floor = st.durable
	}
	t, err := v.newest(floor)
	if errors.Is(err, fs.ErrNotExist) {
		return errMoved
	}
	if err != nil {
		return err
	}
	if _, again, err := v.readState(); err != nil || again != gen {
		return errors.Join(err, errMoved)
	}
	if st == nil && len(v.segments) > 0 {
		v.rebuilt, st = true, t.state
	}
	v.settle(st, t)
	return nil
}

// readState returns the newest state, nil when there is none that can be read.
func (v *View) readState() (*state, uint64, error) {
	f, err := v.o.FS.Open(filepath.Join(v.o.Dir, "state"), vfs.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	var newest *state
	var gen uint64
	for i := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := f.ReadAt(b, i*slotSize); err != nil && !errors.Is(err, io.EOF) {
			continue // as good as damaged
		}
		g, st, err := parseSlot(b)
		if errors.Is(err, ErrNewer) {
			return nil, 0, err
		}
		if err == nil && (newest == nil || g >= gen) {
			gen, newest = g, st
		}
	}
	return newest, gen, nil
}

// newest reads the header of every segment, and the frames of the newest that
// holds one.
func (v *View) newest(floor uint64) (*tail, error) {
	t := &tail{marks: map[string][]byte{}}
	for i := len(v.segments) - 1; i >= 0; i-- {
		s := v.segments[i]
		f, err := s.open(&v.o)
		if err != nil {
			return nil, err
		}
		err = s.readHeader(f)
		if err == nil && t.last == 0 {
			err = v.tailOf(t, i, f, floor)
		}
		s.release(&v.o)
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// tailOf puts into t what segment i says.
func (v *View) tailOf(t *tail, i int, f vfs.File, floor uint64) error {
	limit := uint64(1<<64 - 1)
	if i+1 < len(v.segments) {
		limit = v.segments[i+1].first
	}
	part, _, err := readTail(v.segments[i], f, limit, floor, nil)
	if err != nil {
		return err
	}
	if s := v.segments[i]; part.last == 0 && part.snap && s.known {
		part.last, part.all = s.first-1, s.before // begun and still empty
	}
	if t.state != nil {
		part.state = t.state
	}
	*t = *part
	return nil
}

// settle takes over what was found, as Journal.adopt does.
func (v *View) settle(st *state, t *tail) {
	v.logged, v.last, v.all, v.marks = t.last, t.last, t.all, t.marks
	if st != nil {
		v.state = *st
		if st.durable > v.last {
			v.last, v.all = st.durable, st.accepted
		}
	}
	for i := range v.state.cursors {
		c := &v.state.cursors[i]
		if c.seq > v.last+1 {
			v.last, v.all = c.seq-1, totals{max(c.at.records, v.all.records), max(c.at.generated, v.all.generated)}
		}
	}
	if n := len(v.segments); n > 0 && v.segments[n-1].first > v.last+1 {
		v.last = v.segments[n-1].first - 1
	}
}

// Books returns the account of every output, as of the newest frame that counts
// and the last time that the cursors were saved, which a running process does
// once a second. What was in flight then counts as buffered.
func (v *View) Books() []Book {
	out := make([]Book, 0, len(v.state.cursors))
	for i := range v.state.cursors {
		c := &v.state.cursors[i]
		b := book(c, v.all)
		b.Lag = v.last + 1 - min(c.seq, v.last+1)
		out = append(out, b)
	}
	return out
}

// Rebuilt reports whether both slots of the state are damaged, so that the books
// are those of the newest segment's snapshot.
func (v *View) Rebuilt() bool { return v.rebuilt }

// Marks returns every mark as of the newest frame that counts.
func (v *View) Marks() map[string][]byte { return v.marks }

// Quarantined lists the damaged parts of segments that were set aside, oldest
// segment first.
func (v *View) Quarantined() ([]Aside, error) { return Quarantined(v.o) }

// OpenAside opens the copy of a damaged part.
func (v *View) OpenAside(a Aside) (vfs.File, error) {
	return v.o.FS.Open(filepath.Join(v.o.Dir, quarantineDir, a.Name), vfs.Read)
}

// RemoveAside deletes the copy of a damaged part. A running process learns of its
// room at its next start.
func (v *View) RemoveAside(a Aside) error {
	return v.o.FS.Remove(filepath.Join(v.o.Dir, quarantineDir, a.Name))
}

// Last returns the newest sequence that was given, 0 for none.
func (v *View) Last() uint64 { return v.last }

// SegmentInfo is one segment as its name and the folder have it.
type SegmentInfo struct {
	Name   string
	Number uint64
	First  uint64 // the sequence of its first frame
	Bytes  int64  // on the disk
}

// Segments returns the segments, oldest first. Walk from the First of one of
// them reads it and what follows.
func (v *View) Segments() []SegmentInfo {
	out := make([]SegmentInfo, 0, len(v.segments))
	for _, s := range v.segments {
		out = append(out, SegmentInfo{Name: s.name, Number: s.number, First: s.first, Bytes: s.size})
	}
	return out
}

// Bytes returns the size of all segments.
func (v *View) Bytes() int64 {
	var n int64
	for _, s := range v.segments {
		n += s.size
	}
	return n
}

// Waits reports whether an output still has to get the frame with a sequence.
func (v *View) Waits(output string, seq uint64) bool {
	for i := range v.state.cursors {
		if c := &v.state.cursors[i]; c.name == output {
			return c.needs(seq, seq+1)
		}
	}
	return false
}

// From returns the first sequence that an output has not finished; false when
// the journal does not know the output.
func (v *View) From(output string) (uint64, bool) {
	for i := range v.state.cursors {
		if c := &v.state.cursors[i]; c.name == output {
			return c.seq, true
		}
	}
	return 0, false
}
