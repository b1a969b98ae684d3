package event

// Batch is what one call of a lane carries: events in source order, and the
// position that stands for all source records read so far. It belongs to one
// goroutine and is recycled: what lies in its slab lives until Reset.
type Batch struct {
	Events []Event

	// Position is where its source goes on after this batch, in the input's own
	// encoding; nil leaves the committed position as it is. The bytes are the
	// input's until the next Read.
	Position []byte

	// Accepted, unless nil, is called exactly once: with nil when the batch is on
	// stable storage, with an error when it was refused and the sender should
	// send it again. It must not block.
	Accepted func(error)

	// Losses is what was lost before it could be read, noticed with this batch.
	Losses []Loss

	// Serials says what it means when a serial is missing among the batch's audit
	// records.
	Serials Serials

	// Filtered is how many source records a stage left out because a setting says
	// so; they count as filtered in every output's book.
	Filtered uint32

	texts texts
	stale int    // how many places of Events may hold what was there before
	slabs []slab // of what Take gave; those up to at are in use
	at    int
}

// slab is a piece of the batch's memory.
type slab struct {
	fields []Field // that are in use
	stale  int     // how many places may hold what was there before
}

// Reset empties the batch and keeps its memory. What the next use will overwrite
// is not cleared: that was a thirtieth of a run. So the texts of one batch are held
// on to until the next has come, and a Reset of an empty batch lets go of them.
func (b *Batch) Reset() {
	n := len(b.Events)
	if end := min(b.stale, cap(b.Events)); n < end {
		clear(b.Events[n:end])
	}
	b.Events, b.stale = b.Events[:0], n
	b.Position, b.Accepted, b.Filtered, b.Serials = nil, nil, 0, SerialsUnknown
	b.Losses = b.Losses[:0]
	b.texts.reset()
	kept := b.slabs[:0]
	for _, s := range b.slabs {
		if len(kept) == keptSlabs || cap(s.fields) > 4*slabFields {
			continue // what one batch needed is not kept for all that follow
		}
		n := len(s.fields)
		if n < s.stale {
			clear(s.fields[n:s.stale])
		}
		kept = append(kept, slab{fields: s.fields[:0], stale: n})
	}
	clear(b.slabs[len(kept):])
	b.slabs, b.at = kept, 0
}

// Add appends an event and returns its place, which the next Add may move.
func (b *Batch) Add(e Event) *Event {
	b.Events = append(b.Events, e)
	return &b.Events[len(b.Events)-1]
}

const (
	// slabFields is the size of a slab: 64 events of 64 fields.
	slabFields = 64 * 64
	// keptSlabs is how many slabs a batch keeps for its next use.
	keptSlabs = 16
)

// Room returns an empty list in the batch's memory to which n fields can be
// added. It is the batch's until Keep takes it; another Room gives the same.
func (b *Batch) Room(n int) Fields {
	s := b.slab(n)
	at := len(s.fields)
	return s.fields[at : at : at+n]
}

// Keep is Take for a list that Room gave, after which nothing else was taken: it
// stays where it lies unless it has outgrown its room.
func (b *Batch) Keep(f Fields, spare int) Fields {
	n := len(f) + spare
	if len(f) == 0 || n > cap(f) || b.at >= len(b.slabs) {
		return b.Take(f, spare)
	}
	s := &b.slabs[b.at]
	at := len(s.fields)
	if at+n > cap(s.fields) || &s.fields[:at+1][at] != &f[0] {
		return b.Take(f, spare)
	}
	s.fields = s.fields[:at+n]
	return s.fields[at : at+len(f) : at+n]
}

// Take copies f into the batch's memory with room for spare more fields, so that
// later transforms add theirs without an allocation.
func (b *Batch) Take(f Fields, spare int) Fields {
	n := len(f) + spare
	s := b.slab(n)
	at := len(s.fields)
	s.fields = s.fields[:at+n]
	out := s.fields[at : at+len(f) : at+n]
	copy(out, f)
	return out
}

// slab returns the first slab from b.at on that has room for n more fields.
func (b *Batch) slab(n int) *slab {
	for ; b.at < len(b.slabs); b.at++ {
		if s := &b.slabs[b.at]; cap(s.fields)-len(s.fields) >= n {
			return s
		}
		if b.at+1 == len(b.slabs) {
			break
		}
	}
	b.slabs = append(b.slabs, slab{fields: make([]Field, 0, max(slabFields, n))})
	b.at = len(b.slabs) - 1
	return &b.slabs[b.at]
}
