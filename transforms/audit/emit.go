package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// spare is the room that an event's fields leave for later transforms.
const spare = 16

// room is the most fields that an event is expected to have.
const room = 128

// give hands the fields over to the batch, with room for those of later
// transforms.
func (f *facts) give(out *event.Batch) event.Fields {
	fields := out.Keep(f.out, spare)
	f.out = nil // they are the event's now
	return fields
}

// handOn turns the records of an event into one event of the output, of which its
// fields are written; broken says that they could not be. Fields are written where they
// stay: to copy them there afterwards took 3 % of a run.
func (s *stage) handOn(p *pending, broken bool) {
	f := &s.f
	first := p.parts[0].e
	incomplete := len(f.wants) > 0
	doubtful := f.doubts()
	raw := ""
	if keep := s.t.set.KeepOriginal; keep == "always" || broken || keep == "on_error" && (incomplete || doubtful) {
		raw = joinRaw(p.parts)
		f.out.AddString(schema.EventHash, digest(raw))
	}
	if p.late {
		f.out.AddString(schema.Tags, TagLate)
		s.t.count.late.Inc()
	}
	if incomplete {
		f.out.AddString(schema.Tags, TagIncomplete)
		s.t.count.incomplete.Inc()
	}
	if incomplete || doubtful {
		f.out.AddString(schema.ErrorMessage, strings.Join(f.wants, "; "))
	}
	for i := 0; p.inherits && i < len(p.parts); i++ {
		if fields := p.parts[i].e.Fields; len(fields) > 0 {
			f.inherit(fields)
		}
	}
	s.out.Events = append(s.out.Events, event.Event{
		ID:      s.id(p, first),
		Time:    time.UnixMilli(p.ms).UTC(),
		Seen:    first.Seen,
		Dataset: Dataset,
		Records: p.records,
		Offset:  first.Offset,
		Fields:  f.give(s.out),
		Shared:  first.Shared,
		Raw:     raw,
	})
}

// doubts flags what may not be what it seems to be, and says why.
func (f *facts) doubts() bool {
	if f.duplicate {
		f.out.AddString(schema.Tags, TagDuplicate)
		f.want("a field stands twice with different values")
	}
	if f.ambiguous {
		f.out.AddString(schema.Tags, TagAmbiguous)
		f.want("it is not clear where a value ends")
	}
	return f.duplicate || f.ambiguous
}

// id is the stable id of an event (SCHEMA event.id). Where a source has no
// positions, the text of a late record tells its event from the one before. What most
// events have in common is hashed once, and the rest fits one block of SHA-256.
func (s *stage) id(p *pending, first *event.Event) event.ID {
	k := &s.idHead
	if k.id.IsZero() || k.node != p.node {
		s.f.buf = append(s.seed(), p.node...)
		k.id, k.node = event.NewID(s.f.buf), strings.Clone(p.node)
	}
	b := s.f.buf[:0]
	b = append(b, k.id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.ms))
	b = binary.BigEndian.AppendUint64(b, p.serial)
	b = binary.BigEndian.AppendUint64(b, uint64(first.Offset))
	if (p.late || p.bare) && first.Shared.Get(schema.LogFilePath).IsZero() {
		b = append(b, first.Raw...)
	}
	s.f.buf = b
	return event.NewID(b)
}

// seed is the start of what an id is made of.
func (s *stage) seed() []byte {
	b := s.f.buf[:0]
	b = append(b, s.t.env.HostID...)
	return append(append(append(b, 0), Dataset...), 0)
}

// foreign hands on a line that is no audit record: kept as it is, whatever
// keep_original says, because there is nothing else of it.
func (s *stage) foreign(e *event.Event) {
	f := &s.f
	f.reset(s.out)
	f.out.AddString(schema.EventModule, "auditd")
	f.out.AddString(schema.EventOutcome, "unknown")
	if text, ok := lostBy(e.Raw); ok {
		f.lost(text)
	} else {
		f.unparsed(ErrNoRecord.Error())
		s.t.count.unparsed.Inc()
	}
	s.asItIs(e)
}

// unparsed writes that a line is kept as it is, and why.
func (f *facts) unparsed(why string) {
	f.out.AddString(schema.EventKind, "pipeline_error")
	f.out.Add(schema.EventSeverity, event.Int(2))
	f.out.AddString(schema.ErrorMessage, why)
	f.out.AddString(schema.Tags, TagUnparsed)
}

// asItIs hands on a line with the fields that were written of it.
func (s *stage) asItIs(e *event.Event) {
	f := &s.f
	if e.Raw != "" {
		f.out.AddString(schema.EventHash, digest(e.Raw))
	}
	f.inherit(e.Fields)
	b := s.seed()
	b = append(append(b, e.Shared.Get(schema.LogFilePath).Str()...), 0)
	b = append(event.AppendInt(b, e.Offset), 0)
	b = append(b, e.Raw...)
	f.buf = b
	at := e.Time
	if at.IsZero() {
		at = e.Seen
	}
	s.out.Events = append(s.out.Events, event.Event{ID: event.NewID(f.buf), Time: at, Seen: e.Seen, Dataset: Dataset,
		Records: e.Records, Offset: e.Offset, Fields: f.give(s.out), Shared: e.Shared, Raw: e.Raw})
}

// lost writes what the kernel says of records that it dropped.
func (f *facts) lost(text string) {
	out := &f.out
	out.AddString(schema.EventKind, "event")
	out.AddString(schema.EventAction, "lost-audit-records")
	out.AddString(schema.EventCategory, "process")
	out.AddString(schema.EventType, "info")
	out.Add(schema.EventSeverity, event.Int(8))
	for w := NewWalk(text); ; {
		t, ok := w.Next()
		if !ok {
			break
		}
		f.leftover(t.Key, t.Val)
	}
	*out = append(*out, f.data...)
	out.AddString(schema.Message, "the kernel lost audit records: "+text)
}

// inherit adds what the input knew of a record, unless the event says it. Lists,
// like tags, are joined.
func (f *facts) inherit(fields event.Fields) {
	own := len(f.out)
	for _, x := range fields {
		if f.out[:own].GetNamed(x.Key, x.Name()).IsZero() || x.Key.Info().Many && !f.lists(own, x) {
			f.out = append(f.out, x)
		}
	}
}

// lists reports whether a value is among the first n fields.
func (f *facts) lists(n int, x event.Field) bool {
	for _, y := range f.out[:n] {
		if y.Equal(x) {
			return true
		}
	}
	return false
}

func joinRaw(parts []part) string {
	if len(parts) == 1 {
		return parts[0].e.Raw
	}
	var b strings.Builder
	for i := range parts {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(parts[i].e.Raw)
	}
	return b.String()
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
