package journal

// Reason is why a source record was lost after it was accepted: a closed list.
type Reason uint8

// The reasons of a loss.
const (
	BufferFull      Reason = iota // when_full drop_oldest or drop_newest
	TooLarge                      // larger than the output or the journal takes
	Corrupt                       // damaged on the disk
	EvictedDLQ                    // pushed out of the dead letters by newer ones
	OperatorDiscard               // an operator said so
	ShutdownDiscard               // an operator stopped without a drain
	NumReasons
)

var reasonNames = [NumReasons]string{"buffer_full", "too_large", "corrupt", "evicted_dlq", "operator_discard", "shutdown_discard"}

// String returns the name of the reason as metrics and books write it.
func (r Reason) String() string {
	if r >= NumReasons {
		return ""
	}
	return reasonNames[r]
}

// Counts say what became of records. They only grow.
type Counts struct {
	Delivered    uint64 // the destination said that it has them
	Unconfirmed  uint64 // handed to a protocol that confirms nothing
	Filtered     uint64 // the output's `when` was false
	DeadLettered uint64 // refused for good and kept aside
	Dropped      [NumReasons]uint64
}

// Sum returns the number of records that the counts speak of.
func (c *Counts) Sum() uint64 {
	n := c.Delivered + c.Unconfirmed + c.Filtered + c.DeadLettered
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

// Lost returns the sum of all reasons.
func (c *Counts) Lost() uint64 {
	var n uint64
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

func (c *Counts) add(o *Counts) {
	c.Delivered += o.Delivered
	c.Unconfirmed += o.Unconfirmed
	c.Filtered += o.Filtered
	c.DeadLettered += o.DeadLettered
	for i, n := range o.Dropped {
		c.Dropped[i] += n
	}
}

// Tally is what became of one frame.
type Tally struct {
	Records   Counts // in source records; the sum is the frame's Records
	Generated Counts // in events of our own; the sum is the frame's Generated
}

// Book is the account of one output since its cursor was made, in source
// records, and beside it in events that stand for none.
type Book struct {
	Output             string
	Received, Buffered uint64
	InFlight           uint64
	Counts             Counts
	Generated          uint64
	GeneratedBuffered  uint64
	GeneratedInFlight  uint64
	GeneratedCounts    Counts
	Lag                uint64 // frames that the cursor has not passed
	Dropping           bool   // it drops its newest events until it has caught up
	Orphan             bool   // the output is in no configuration any more
}

// Balanced reports whether
//
//	received = delivered + unconfirmed + buffered + in_flight + filtered + dead_lettered + Σ dropped
//
// holds, and the same for generated events.
func (b *Book) Balanced() bool {
	return b.Received == b.Counts.Sum()+b.Buffered+b.InFlight &&
		b.Generated == b.GeneratedCounts.Sum()+b.GeneratedBuffered+b.GeneratedInFlight
}

// Books returns the account of every cursor as of one instant.
func (j *Journal) Books() []Book {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Book, 0, len(j.cursors)+len(j.adopted))
	for _, c := range j.cursors {
		b := book(&c.state, j.accepted)
		for i := range c.flights {
			f := &c.flights[i]
			if f.given {
				continue // counted with the spans
			}
			b.InFlight += f.records
			b.GeneratedInFlight += f.generated
		}
		b.Buffered -= b.InFlight
		b.GeneratedBuffered -= b.GeneratedInFlight
		b.Lag = j.durable + 1 - min(c.state.seq, j.durable+1)
		out = append(out, b)
	}
	for i := range j.adopted {
		b := book(&j.adopted[i], j.accepted)
		b.Orphan = true
		out = append(out, b)
	}
	return out
}

// book counts what lies behind the cursor as buffered. Its received and its
// counts come from different places: from the totals that the frames carry, and
// from the tallies of the sender.
func book(s *cursorState, all totals) Book {
	b := Book{
		Output: s.name, Counts: s.counts, GeneratedCounts: s.made,
		Received: all.records - s.base.records, Buffered: all.records - s.at.records,
		Generated: all.generated - s.base.generated, GeneratedBuffered: all.generated - s.at.generated,
	}
	b.Dropping = s.open() != nil
	for i := range s.spans {
		n := s.spans[i].lost(all)
		b.Counts.Dropped[BufferFull] += n.records
		b.GeneratedCounts.Dropped[BufferFull] += n.generated
		b.Buffered -= n.records
		b.GeneratedBuffered -= n.generated
	}
	return b
}
