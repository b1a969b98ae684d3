package journal

import (
	"context"
	"fmt"
)

// mostDoubts bounds the list of what does not add up.
const mostDoubts = 100

// Report is what a walk over everything came to.
type Report struct {
	Segments []SegmentReport
	Outputs  []Waiting
	Frames   uint64   // that are whole
	Damage   []Damage // every place, with torn writes and deletions among them
	Doubts   []string // what does not add up, each a sentence; at most a hundred
	Unsaid   int      // doubts beyond these
}

// OK reports whether nothing is damaged and everything adds up.
func (r *Report) OK() bool {
	for i := range r.Damage {
		if r.Damage[i].Bad() {
			return false
		}
	}
	return len(r.Doubts) == 0
}

// SegmentReport is one segment after a walk.
type SegmentReport struct {
	SegmentInfo
	Last    uint64 // the sequence of its last frame, 0 for none
	Frames  uint64 // that are whole
	Damaged int64  // bytes
}

// Waiting is what an output still has to get.
type Waiting struct {
	Book
	Frames uint64
	Bytes  int64 // of frames
}

// Verify walks over everything. It recomputes the totals of every frame, the
// place of every cursor among them, and every book. Frame, unless nil, is called
// as Walk calls it.
func (v *View) Verify(ctx context.Context, frame func(*Seen) error) (*Report, error) {
	a := &audit{v: v, byName: map[string]*SegmentReport{}}
	for _, s := range v.Segments() {
		a.Segments = append(a.Segments, SegmentReport{SegmentInfo: s})
	}
	for i := range a.Segments {
		a.byName[a.Segments[i].Name] = &a.Segments[i]
	}
	for _, b := range v.Books() {
		a.Outputs = append(a.Outputs, Waiting{Book: b})
	}
	w := walker{v: v, damage: a.damage, check: a.doubt, met: a.met}
	w.frame = func(f *Seen) error {
		a.frame(f)
		if frame == nil {
			return nil
		}
		return frame(f)
	}
	if err := w.walk(ctx); err != nil {
		return nil, err
	}
	a.cursors()
	return &a.Report, nil
}

// audit collects a Report.
type audit struct {
	Report
	v      *View
	byName map[string]*SegmentReport
}

func (a *audit) doubt(format string, args ...any) {
	if len(a.Doubts) == mostDoubts {
		a.Unsaid++
		return
	}
	a.Doubts = append(a.Doubts, fmt.Sprintf(format, args...))
}

func (a *audit) damage(d Damage) {
	a.Damage = append(a.Damage, d)
	if s := a.byName[d.Segment]; s != nil && d.Bad() {
		s.Damaged += d.Bytes
	}
}

func (a *audit) frame(f *Seen) {
	a.Frames++
	s := a.byName[f.Segment]
	s.Frames++
	s.Last = f.Seq
	for i := range a.Outputs {
		if o := &a.Outputs[i]; a.v.state.cursors[i].needs(f.Seq, f.Seq+1) {
			o.Frames++
			o.Bytes += f.Bytes
		}
	}
}

// met compares a frame with the cursors that stand before and behind it, and
// with what they give up there.
func (a *audit) met(h *header) {
	after := h.before.plus(h.records, h.generated)
	for i := range a.v.state.cursors {
		c := &a.v.state.cursors[i]
		switch {
		case c.seq == h.seq && c.at != h.before:
			a.doubt("output %q stands before sequence %d with totals of %v, and the journal has %v there", c.name, c.seq, c.at, h.before)
		case c.seq == h.seq+1 && c.at != after:
			a.doubt("output %q stands behind sequence %d with totals of %v, and the journal has %v there", c.name, h.seq, c.at, after)
		}
		for k := range c.spans {
			sp := &c.spans[k]
			if sp.from == h.seq && sp.before != h.before || sp.to == h.seq && sp.after != h.before || sp.to == h.seq+1 && sp.after != after {
				a.doubt("output %q gives up sequences from %d to %d with totals of %v to %v, and the journal has %v before sequence %d",
					c.name, sp.from, sp.to, sp.before, sp.after, h.before, h.seq)
			}
		}
	}
}

// cursors checks what can be said of a cursor without the frame it stands at.
func (a *audit) cursors() {
	v := a.v
	if v.rebuilt {
		a.doubt("both slots of the state are damaged; the books are those of the newest segment's snapshot")
	}
	end := max(v.logged+1, v.state.below)
	if n := len(v.segments); n > 0 {
		end = max(end, v.segments[n-1].first)
	}
	for i := range v.state.cursors {
		c := &v.state.cursors[i]
		if c.seq > end {
			a.doubt("output %q has finished sequence %d, and the journal ends at %d", c.name, c.seq-1, end-1)
		}
		if c.base.records > c.at.records || c.base.generated > c.at.generated || c.at.records > v.all.records || c.at.generated > v.all.generated {
			a.doubt("output %q began at totals of %v and stands at %v, and the journal ends at %v", c.name, c.base, c.at, v.all)
		}
		if first := v.first(); len(v.segments) > 0 && c.needs(0, first) {
			a.doubt("output %q still has to get sequence %d, and the journal begins at %d", c.name, c.seq, first)
		}
	}
	for _, b := range v.Books() {
		if !b.Balanced() {
			a.doubt("the book of output %q does not balance", b.Output)
		}
	}
}

// first returns the first sequence that is kept.
func (v *View) first() uint64 {
	if len(v.segments) == 0 {
		return v.last + 1
	}
	return v.segments[0].first
}
