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

	slab []Field
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.Events)
	b.Events = b.Events[:0]
	b.Position, b.Accepted, b.Filtered = nil, nil, 0
	b.Losses = b.Losses[:0]
	clear(b.slab)
	b.slab = b.slab[:0]
}

// Add appends an event and returns its place, which the next Add may move.
func (b *Batch) Add(e Event) *Event {
	b.Events = append(b.Events, e)
	return &b.Events[len(b.Events)-1]
}

// slabFields is the size of a fresh slab: 256 events of 48 fields.
const slabFields = 256 * 48

// Take copies f into the slab with room for spare more fields, so that later
// transforms add theirs without an allocation.
func (b *Batch) Take(f Fields, spare int) Fields {
	n := len(f) + spare
	if cap(b.slab)-len(b.slab) < n {
		// The full slab stays alive through the events that point into it.
		b.slab = make([]Field, 0, max(slabFields, n))
	}
	at := len(b.slab)
	b.slab = b.slab[:at+n]
	out := b.slab[at : at+len(f) : at+n]
	copy(out, f)
	return out
}
