package audit

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// preambles are the first fields of events: what the verdict and the type of the chief record
// say alone. Nearly all events of a host begin with one of a few, which are kept whole.
type preambles [256]preamble

type preamble struct {
	v      verdict
	typ    uint16
	fields event.Fields // none where nothing is kept
}

// of returns the place where what the verdict says is kept, and whether it is.
func (h *preambles) of(v *verdict, typ uint16) (at *preamble, kept bool) {
	at = &h[(v.action.sum+uint32(typ)*7+uint32(v.severity)*13+uint32(len(v.types))*29)%uint32(len(h))]
	k := &at.v
	return at, k.action == v.action && at.typ == typ && k.severity == v.severity && k.outcome == v.outcome && k.types == v.types && k.name == v.name
}

// begin writes the first fields.
func (f *facts) begin(v *verdict) {
	out, kinds := &f.out, &f.t.tables.kinds
	at, kept := f.preambles.of(v, f.head.typ)
	if kept {
		*out = append(*out, at.fields...)
		return
	}
	from := len(*out)
	out.AddString(schema.EventKind, "event")
	out.AddString(schema.EventModule, "auditd")
	out.AddString(schema.EventAction, v.name)
	addWords(out, schema.EventCategory, v.action.category)
	addWords(out, schema.EventType, v.types)
	out.AddString(schema.EventOutcome, v.outcome)
	out.Add(schema.EventSeverity, event.Int(int64(v.severity)))
	out.AddString(schema.EventCode, kinds.label(f.head))
	out.AddString(schema.AuditdMessageType, kinds.lowered(f.head))
	// A name that the record gives, of a call or of a type, is a text of the log.
	if v.action.name != "" && v.name == v.action.name && kinds.has(f.head.typ) {
		at.v, at.typ, at.fields = *v, f.head.typ, append(at.fields[:0], (*out)[from:]...)
	}
}
