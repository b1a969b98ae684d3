package audit

import (
	"fmt"
	"runtime/debug"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Programs without any right have their words in audit records: where one reaches a
// defect of ours, it must not end the process, which would read the same records again
// after every restart. So a panic takes one record alone while records are read and
// joined, and one event alone while it is made; what it takes is kept whole.

// some takes the source records from i on, and returns the index of the first that it
// left. It is called once a batch, and once more for each panic.
func (s *stage) some(events []event.Event, i int) (next int) {
	defer func() {
		if why := recover(); why != nil {
			s.unread(&events[i], why)
			next = i + 1
		}
	}()
	for ; i < len(events); i++ {
		e := &events[i]
		if e.Decode != Decoder {
			s.out.Events = append(s.out.Events, *e)
			continue
		}
		s.record(e)
	}
	return i
}

// unread keeps a record that a panic ended on as a line that is not understood, unless
// an open event has it by now.
func (s *stage) unread(e *event.Event, why any) {
	s.memo, s.last = stampMemo{}, nil
	s.defect(why)
	if s.holds(e) {
		return
	}
	f := &s.f
	f.reset(s.out)
	f.out.AddString(schema.EventModule, "auditd")
	f.out.AddString(schema.EventOutcome, "unknown")
	f.unparsed(fmt.Sprintf(defectText, why))
	s.asItIs(e)
}

// holds reports whether the record that was joined last is e, and its event still open.
func (s *stage) holds(e *event.Event) bool {
	for p := s.win.first; p != nil; p = p.next {
		for i := range p.parts {
			if h := &p.parts[i]; h.seq == s.seq && h.e.Offset == e.Offset && h.e.Raw == e.Raw {
				return true
			}
		}
	}
	return false
}

const defectText = "a defect of the transform: %v"

// emit makes an event of the records of p and hands it on.
func (s *stage) emit(p *pending) {
	done := false
	defer func() {
		if done {
			return
		}
		if why := recover(); why != nil {
			s.fallen(p, why)
		}
	}()
	f := &s.f
	f.reset(s.out)
	text := p.parts[0].rec.Body
	known, from, h := f.knownSolo(p)
	if !known {
		f.gather(p)
		f.build(p)
	}
	if from > 0 && !known {
		f.learnSolo(p, text, from, h)
	}
	s.handOn(p, false)
	done = true
}

// fallen makes an event of what is certain of one that a panic ended on.
func (s *stage) fallen(p *pending, why any) {
	s.defect(why)
	f := &s.f
	f.reset(s.out)
	f.duplicate, f.ambiguous = false, false
	f.out.AddString(schema.EventKind, "pipeline_error")
	f.out.AddString(schema.EventModule, "auditd")
	f.out.AddString(schema.EventOutcome, "unknown")
	f.out.AddString(schema.HostName, p.node)
	if !p.bare {
		f.out.Add(schema.EventSequence, sequence(p.serial))
	}
	f.want(fmt.Sprintf(defectText, why))
	s.handOn(p, true)
}

// defect counts a panic, and says the first one with its stack, which is what a report
// needs.
func (s *stage) defect(why any) {
	if s.t.count.panics.Inc(); !s.fell {
		s.fell = true
		s.t.env.Log.Error("the transform has a defect: it ended on an audit event, whose records are kept whole; please report this",
			"error", why, "stack", string(debug.Stack()))
	}
}
