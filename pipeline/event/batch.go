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

// Take copies f into the batch's memory with room for spare more fields, so that
// later transforms add theirs without an allocation.
func (b *Batch) Take(f Fields, spare int) Fields {
	n := len(f) + spare
	for ; b.at < len(b.slabs); b.at++ {
		if slab := b.slabs[b.at]; cap(slab)-len(slab) >= n {
			at := len(slab)
			b.slabs[b.at] = slab[:at+n]
			out := slab[at : at+len(f) : at+n]
			copy(out, f)
			return out
		}
		if b.at+1 == len(b.slabs) {
			break
		}
	}
	b.slabs = append(b.slabs, make([]Field, n, max(slabFields, n)))
	b.at = len(b.slabs) - 1
	out := b.slabs[b.at][0:len(f):n]
	copy(out, f)
	return out
}
