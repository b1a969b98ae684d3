package journal

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"tallyman/pipeline/vfs"
)

// Seen is one frame as a walk found it.
type Seen struct {
	Entry          // Payload is a view until the callback returns
	Segment string // the file's name
	Offset  int64  // of its header in the file
	Bytes   int64  // header and body
	At      int64  // bytes of the journal up to the frame's end; of View.Bytes
}

// Walk calls frame with every frame from a sequence on, in order, and damage
// with every place where the journal is not what was written. A frame whose sums
// are wrong is never handed out. An error of frame ends the walk and is returned.
func (v *View) Walk(ctx context.Context, from uint64, frame func(*Seen) error, damage func(Damage)) error {
	w := walker{v: v, from: from, frame: frame, damage: damage}
	return w.walk(ctx)
}

// walker is one walk.
type walker struct {
	v      *View
	from   uint64 // what lies before it is read, and not told
	frame  func(*Seen) error
	damage func(Damage)
	check  func(format string, args ...any) // told what does not add up; nil: nobody asks
	met    func(*header)                    // called with every frame that counts, damaged ones too; nil: nobody asks

	seg    *segment // the one that is walked
	expect uint64   // the next sequence
	at     totals   // of the frames before it
	sure   bool     // at is known
	hole   *Damage  // damaged bytes whose loss the next frame will tell
	base   int64    // bytes of the segments before seg
	body   []byte
	un     unpacker
}

func (w *walker) walk(ctx context.Context) error {
	defer w.un.close()
	begun := false
	for i, s := range w.v.segments {
		next := i + 1
		if !begun && next < len(w.v.segments) && w.v.segments[next].first <= w.from {
			w.base += s.size
			continue
		}
		w.seg = s
		if !begun {
			begun, w.expect, w.at, w.sure = true, s.first, s.before, s.known
		} else if s.known {
			w.resolve(s.first, s.before, 0)
		}
		if err := w.segment(ctx, i); err != nil {
			return err
		}
		w.base += s.size
	}
	if begun {
		w.resolve(w.v.last+1, w.v.all, w.seg.size)
	}
	return nil
}

// segment walks the frames of one segment.
func (w *walker) segment(ctx context.Context, i int) error {
	s := w.seg
	limit := w.v.last + 1 // what a cursor has passed was accepted, whatever became of it
	if i+1 < len(w.v.segments) {
		limit = min(limit, w.v.segments[i+1].first)
	}
	f, err := s.open(&w.v.o)
	if errors.Is(err, fs.ErrNotExist) {
		// Its process deleted it since the look.
		w.expect, w.sure, w.hole = max(w.expect, limit), false, nil
		return nil
	}
	if err != nil {
		w.dig(0, s.size, err.Error())
		return nil
	}
	defer s.release(&w.v.o)
	size, err := f.Size()
	if err != nil {
		w.dig(0, s.size, err.Error())
		return nil
	}
	if !s.known && s.first < limit {
		w.dig(0, min(size, segmentHeaderSize), "the segment's header")
	}
	sc := &scan{seg: s, file: f, off: segmentHeaderSize, end: size, snapshots: true, body: w.body}
	defer func() { w.body = sc.body }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		fr, err := sc.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.dig(sc.off, size-sc.off, err.Error())
			return nil
		}
		if fr.kind == kindBatch && fr.seq >= limit {
			return nil // written again elsewhere, or never accepted
		}
		if err := w.found(&fr); err != nil {
			return err
		}
	}
	// In the newest segment, what follows the last frame that counts was torn or
	// is being written.
	if i+1 < len(w.v.segments) || w.expect < limit {
		if n := used(f, sc.off, size); n > 0 {
			w.dig(sc.off, n, "")
		}
	}
	return nil
}

// found takes one frame.
func (w *walker) found(fr *found) error {
	if fr.skipped > 0 {
		w.dig(fr.off-fr.skipped, fr.skipped, "")
	}
	if fr.kind == kindSnapshot {
		w.snapshot(fr)
		return nil
	}
	if fr.seq < w.expect {
		w.doubt("%s at byte %d: frame %d again", w.seg.name, fr.off, fr.seq)
		return nil
	}
	w.resolve(fr.seq, fr.before, fr.off)
	if w.met != nil {
		w.met(&fr.header)
	}
	w.expect, w.at, w.sure = fr.seq+1, fr.before.plus(fr.records, fr.generated), true
	var payload []byte
	if fr.body != nil {
		var err error
		if payload, err = w.un.payload(&fr.header, fr.body); err != nil {
			fr.body = nil
		}
	}
	if fr.body == nil {
		w.tell(Damage{Kind: DamagedFrame, Segment: w.seg.name, Offset: fr.off, Bytes: fr.size(), First: fr.seq, Last: fr.seq,
			Records: uint64(fr.records), Generated: uint64(fr.generated)})
		return nil
	}
	if fr.seq < w.from || w.frame == nil {
		return nil
	}
	return w.frame(&Seen{
		Entry:   Entry{Seq: fr.seq, Payload: payload, Records: fr.records, Generated: fr.generated},
		Segment: w.seg.name, Offset: fr.off, Bytes: fr.size(), At: w.base + fr.off + fr.size(),
	})
}

// snapshot takes a snapshot, which says again what the frames before it came to.
func (w *walker) snapshot(fr *found) {
	if fr.body == nil {
		w.tell(Damage{Kind: DamagedFrame, Segment: w.seg.name, Offset: fr.off, Bytes: fr.size(), Detail: "the snapshot at the segment's start"})
		return
	}
	if fr.seq != w.seg.first {
		w.doubt("%s at byte %d: the snapshot is of sequence %d and the segment begins at %d", w.seg.name, fr.off, fr.seq, w.seg.first)
		return
	}
	if fr.seq >= w.expect {
		w.resolve(fr.seq, fr.before, fr.off)
	}
}

// dig remembers damaged bytes of the segment that is walked until it is known
// which frames were there.
func (w *walker) dig(off, bytes int64, detail string) {
	if w.hole == nil {
		w.hole = &Damage{Kind: DamagedBytes, Segment: w.seg.name, Offset: off, Detail: detail}
	}
	w.hole.Bytes += bytes
}

// resolve says what was lost before the frame at off, which has the sequence seq
// and the totals before.
func (w *walker) resolve(seq uint64, before totals, off int64) {
	d := w.hole
	w.hole = nil
	switch {
	case seq < w.expect:
		w.doubt("%s at byte %d: sequence %d after %d", w.seg.name, off, seq, w.expect-1)
		return
	case seq == w.expect && d != nil && d.Segment != w.seg.name:
		d.Kind = TornWrite // and what follows it was not lost
	case seq > w.expect && d == nil:
		d = &Damage{Kind: DeletedFrames, Segment: w.seg.name, Offset: off}
		if w.needed(w.expect, seq) {
			d.Kind = MissingFrames
		}
	}
	if w.sure && (before.records < w.at.records || before.generated < w.at.generated || seq == w.expect && before != w.at) {
		w.doubt("%s at byte %d: the totals before sequence %d are %v, and the frames before it come to %v", w.seg.name, off, seq, before, w.at)
	}
	if seq > w.expect {
		d.First, d.Last, d.Unmeasured = w.expect, seq-1, !w.sure
		if w.sure {
			d.Records, d.Generated = less(before.records, w.at.records), less(before.generated, w.at.generated)
		}
	}
	if d != nil {
		w.tell(*d)
	}
	w.expect, w.at, w.sure = seq, before, true
}

func (w *walker) doubt(format string, args ...any) {
	if w.check != nil {
		w.check(format, args...)
	}
}

// tell reports damage that does not lie before what was asked for.
func (w *walker) tell(d Damage) {
	if w.damage == nil || d.Last < w.from && w.expect <= w.from {
		return
	}
	d.Waited = d.First != 0 && w.needed(d.First, d.Last+1)
	w.damage(d)
}

func (w *walker) needed(first, end uint64) bool {
	for i := range w.v.state.cursors {
		if w.v.state.cursors[i].needs(first, end) {
			return true
		}
	}
	return false
}

// less is a - b, and 0 where that is negative.
func less(a, b uint64) uint64 { return a - min(a, b) }

// used returns the bytes of f from an offset to the last that is not zero.
func used(f vfs.File, from, size int64) int64 {
	buf := make([]byte, 64<<10)
	last := from
	for at := from; at < size; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		for k := n - 1; k >= 0; k-- {
			if buf[k] != 0 {
				last = at + int64(k) + 1
				break
			}
		}
		at += int64(n)
		if n == 0 || err != nil {
			break // what cannot be read is reported where a frame is
		}
	}
	return last - from
}
