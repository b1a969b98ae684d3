package auditd

import (
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// internal is the dataset of what tallyman says of itself; no line can claim it.
const internal = "tallyman.internal"

// notice makes an event of our own. Its module is auditd, so that the rules that
// judge auditd's own word of the same thing judge this too.
func (w *watch) notice(action, category, typ, text string, data ...string) {
	var f event.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "auditd")
	f.AddString(schema.EventAction, action)
	f.AddString(schema.EventCategory, category)
	f.AddString(schema.EventType, typ)
	f.AddString(schema.EventOutcome, "success")
	f.Add(schema.EventSeverity, event.Int(9))
	f.AddString(schema.TallymanComponent, w.env.Name)
	for i := 0; i+1 < len(data); i += 2 {
		f.AddNamed(schema.AuditdData, data[i], event.String(data[i+1]))
	}
	f.AddString(schema.Message, "input "+w.env.Name+": "+text)
	now := w.env.Now()
	w.events = append(w.events, event.Event{Time: now, Seen: now, Dataset: internal, Fields: f, Shared: w.env.Shared})
}

// serve shows the numbers as metrics. They are made with the first answer: where
// the kernel is not asked there are none.
func (w *watch) serve(st *kernelStatus) {
	for _, m := range []struct {
		name, help string
		value      int64
	}{
		{"lost", "Audit records that the kernel lost since it started.", int64(st.Lost)},
		{"backlog", "Audit records that wait in the kernel.", int64(st.backlog)},
		{"backlog_limit", "Audit records that may wait in the kernel.", int64(st.backlogLimit)},
		{"enabled", "Whether the kernel's audit is on: 0 off, 1 on, 2 locked.", int64(st.Enabled)},
		{"rate_limit", "Audit records that the kernel gives in a second at most, 0 for any number.", int64(st.rateLimit)},
		{"pid", "The process that the kernel gives its audit records to, 0 for none.", int64(st.PID)},
		{"rules", "Audit rules that are loaded.", int64(st.Rules)},
	} {
		w.env.Meter.Gauge("tallyman_audit_kernel_"+m.name, m.help).Set(m.value)
	}
}
