package audit

import (
	"fmt"
	"runtime/debug"

	"tallyman/pipeline/schema"
)

// understand writes the fields of an event, and reports whether it could. Programs
// without any right have their words in audit records: where one reaches a defect of
// ours, it must not end the process, which would read the same records again after
// every restart. So a panic takes this event alone, and its records are kept whole.
func (s *stage) understand(p *pending) (ok bool) {
	defer func() {
		if ok {
			return
		}
		if why := recover(); why != nil {
			s.fallen(p, why)
		}
	}()
	f := &s.f
	f.reset(s.out)
	f.gather(p)
	f.build(p)
	return true
}

// fallen writes what is certain of an event that a panic ended on, and says the first
// one with its stack, which is what a report needs.
func (s *stage) fallen(p *pending, why any) {
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
	f.want(fmt.Sprintf("a defect of the transform: %v", why))
	if s.t.count.panics.Inc(); !s.fell {
		s.fell = true
		s.t.env.Log.Error("the transform has a defect: it ended on an audit event, whose records are kept whole; please report this",
			"error", why, "stack", string(debug.Stack()))
	}
}
