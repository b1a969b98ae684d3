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

	// Filtered is how many source records a stage left out because a setting says
	// so; they count as filtered in every output's book.
	Filtered uint32

	slabs [][]Field // of what Take gave; those up to at are in use
	at    int
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Events)
	b.Events = b.Events[:0]
	b.Position, b.Accepted, b.Filtered = nil, nil, 0
	b.Losses = b.Losses[:0]
	kept := b.slabs[:0]
	for i, slab := range b.slabs {
		if len(kept) == keptSlabs || cap(slab) > 4*slabFields {
			continue // what one batch needed is not kept for all that follow
		}
		if i <= b.at {
			clear(slab)
		}
		kept = append(kept, slab[:0])
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
	slab := b.slab(n)
	at := len(*slab)
	return (*slab)[at : at : at+n]
}

// Keep is Take for a list that Room gave, after which nothing else was taken: it
// stays where it lies unless it has outgrown its room.
func (b *Batch) Keep(f Fields, spare int) Fields {
	n := len(f) + spare
	if len(f) == 0 || n > cap(f) || b.at >= len(b.slabs) {
		return b.Take(f, spare)
	}
	slab := &b.slabs[b.at]
	at := len(*slab)
	if at+n > cap(*slab) || &(*slab)[:at+1][at] != &f[0] {
		return b.Take(f, spare)
	}
	*slab = (*slab)[:at+n]
	return (*slab)[at : at+len(f) : at+n]
}

// Take copies f into the batch's memory with room for spare more fields, so that
// later transforms add theirs without an allocation.
func (b *Batch) Take(f Fields, spare int) Fields {
	n := len(f) + spare
	slab := b.slab(n)
	at := len(*slab)
	*slab = (*slab)[:at+n]
	out := (*slab)[at : at+len(f) : at+n]
	copy(out, f)
	return out
}

// slab returns the first slab from b.at on that has room for n more fields.
func (b *Batch) slab(n int) *[]Field {
	for ; b.at < len(b.slabs); b.at++ {
		if slab := &b.slabs[b.at]; cap(*slab)-len(*slab) >= n {
			return slab
		}
		if b.at+1 == len(b.slabs) {
			break
		}
	}
	b.slabs = append(b.slabs, make([]Field, 0, max(slabFields, n)))
	b.at = len(b.slabs) - 1
	return &b.slabs[b.at]
}
