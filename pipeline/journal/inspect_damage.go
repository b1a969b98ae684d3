package journal

import "fmt"

// Trouble says what kind of place a walk came to.
type Trouble uint8

// What a walk may come to. The first three are damage.
const (
	DamagedFrame  Trouble = iota // a frame whose sum is wrong
	DamagedBytes                 // bytes that are no frame, where one was or not
	MissingFrames                // frames that are in no segment, and some output waits for them
	DeletedFrames                // frames that are in no segment any more; no output waits for them
	TornWrite                    // what a crash left of a write that was never accepted
)

// Damage is a place where a journal is not what was written.
type Damage struct {
	Kind               Trouble
	Segment            string // the file's name
	Offset, Bytes      int64  // where in the file; no bytes where frames are missing
	First, Last        uint64 // the sequences that cannot be read; both 0 for none
	Records, Generated uint64 // what they stand for
	Unmeasured         bool   // what they stand for cannot be told
	Waited             bool   // some output still had to get them
	Detail             string // what else there is to say, "" for nothing
}

// Bad reports whether it is damage and not the trace of a crash or of a
// deletion.
func (d *Damage) Bad() bool { return d.Kind <= MissingFrames }

func (d Damage) String() string {
	what := [...]string{"a damaged frame", "damaged bytes", "missing frames", "deleted frames", "a torn write"}[d.Kind]
	s := fmt.Sprintf("%s at byte %d: %s", d.Segment, d.Offset, what)
	if d.Bytes > 0 {
		s += fmt.Sprintf(", %d bytes", d.Bytes)
	}
	switch d.First {
	case 0:
		s += ", no frame"
	case d.Last:
		s += fmt.Sprintf(", sequence %d", d.First)
	default:
		s += fmt.Sprintf(", sequences %d to %d", d.First, d.Last)
	}
	switch {
	case d.First == 0:
	case d.Unmeasured:
		s += ", an unknown number of records"
	case d.Generated > 0:
		s += fmt.Sprintf(", %d records and %d events of our own", d.Records, d.Generated)
	default:
		s += fmt.Sprintf(", %d records", d.Records)
	}
	if d.Waited && d.Bad() {
		s += ", which an output still waits for"
	}
	if d.Detail != "" {
		s += " (" + d.Detail + ")"
	}
	return s
}

func (t totals) String() string {
	if t.generated == 0 {
		return fmt.Sprint(t.records)
	}
	return fmt.Sprintf("%d (+%d)", t.records, t.generated)
}
