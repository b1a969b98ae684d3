package plugin

import "tallyman/pipeline/event"

// KindDecoder is the kind of what gives source records their meaning. A
// configuration does not list decoders: an input names the one that its records
// wait for (`decode:`), and every record goes there before the first transform.
const KindDecoder Kind = "decoder"

// Decoder makes events of the source records of one format, wherever they came
// from. One serves one lane; its methods are called from the lane's goroutine.
type Decoder interface {
	// Decode appends to out what the record e says. E.Raw is the record, e.Fields
	// are what its input knows of it (a peer's address), e.Shared is what this host
	// knows of itself, and both stay. One exception: a record that is an event
	// already, with all that its own host knew, comes without e.Shared, since it did
	// not happen here (the decoder tallyman).
	//
	// Most often one event comes of it: e with its Time, Dataset and fields, Raw
	// empty where everything in it was understood. Of several, the Records of all
	// are together those of e. An event whose Decode names another format, with
	// its text in Raw, goes on to that decoder, or to the transform of that name:
	// so a syslog message leads to the audit record inside it.
	//
	// The memory of fields comes from out.Take(e.Fields, n); strings are views of
	// Raw where that is possible, since Raw lives as long as the event.
	//
	// After an error the record is kept whole, flagged with the error and
	// counted; what was appended is dropped. What is understood in part is no
	// error: the event keeps Raw, and says in its fields what is in doubt.
	Decode(e event.Event, out *event.Batch) error
}

// HoldingDecoder is a Decoder that keeps records until their partners come. The
// rules of Holder hold for it.
type HoldingDecoder interface {
	Decoder

	// Held appends the records that are kept, as they were read.
	Held(dst []event.Event) []event.Event

	// Idle adds to out what was kept long enough; it is called when time passes.
	Idle(out *event.Batch)

	// Flush adds to out everything that is kept.
	Flush(out *event.Batch)
}

// NewDecoder describes a decoder: typ is what `decode:` names.
func NewDecoder(typ, text string, build func(Env) Decoder) Plugin {
	return Plugin{Kind: KindDecoder, Type: typ, Text: text, Settings: func() any { return &struct{}{} }, Decoder: build}
}
