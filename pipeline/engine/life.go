package engine

import (
	"sync"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// lifetime is what was said of this run: that it began, and with which
// configuration. It outlives the herald of one graph.
type lifetime struct {
	mu    sync.Mutex // guards what follows
	begun bool
	hash  string // of the configuration that was told last
}

// The states of the run before, as the herald's position has them. A position
// that says ranOn at a start is that of a run that did not come to its end.
const (
	neverRan uint64 = iota
	ranOn
	atRest
)

// lifeReason stands in the position, with no output, for such a state.
const lifeReason = openReason + 1

// begin reports whether this is the first word of the run, and whether another
// configuration runs than was told last.
func (l *lifetime) begin(hash string) (first, changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, changed = !l.begun, l.begun && l.hash != hash
	l.begun, l.hash = true, hash
	return first, changed
}

// alive says that the run began, and how the one before ended, or that another
// configuration runs now.
func (h *herald) alive(b *event.Batch) {
	if h.life == nil {
		return
	}
	first, changed := h.life.begin(h.hash)
	switch {
	case first && h.was == ranOn:
		b.Add(h.lifeEvent("agent-started", "start", "unclean-stop", 8, "tallyman started; the run before did not come to its end: it was killed, or the host went down"))
	case first && h.was == atRest:
		b.Add(h.lifeEvent("agent-started", "start", "clean-stop", 3, "tallyman started; the run before was stopped in order"))
	case first:
		b.Add(h.lifeEvent("agent-started", "start", "first-start", 3, "tallyman started for the first time with this journal"))
	case changed:
		b.Add(h.lifeEvent("configuration-reloaded", "change", "", 3, "tallyman runs another configuration"))
	}
	h.was = ranOn
}

// ends says that the run comes to its end, once. What a reload stops goes on.
func (h *herald) ends(b *event.Batch) {
	if h.life == nil || h.was != ranOn || !h.ending() {
		return
	}
	h.was = atRest
	b.Add(h.lifeEvent("agent-stopped", "end", "", 5, "tallyman stops; what was read is delivered, or waits in the journal"))
	b.Position = h.position()
}

// lifeEvent says something of the run itself.
func (h *herald) lifeEvent(action, typ, reason string, severity int64, text string) event.Event {
	var f event.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "tallyman")
	f.AddString(schema.EventAction, action)
	if reason != "" {
		f.AddString(schema.EventReason, reason)
	}
	f.AddString(schema.EventCategory, "process")
	f.AddString(schema.EventType, typ)
	f.AddString(schema.EventOutcome, "success")
	f.Add(schema.EventSeverity, event.Int(severity))
	f.AddString(schema.TallymanComponent, "tallyman")
	f.AddNamed(schema.Labels, "config_hash", event.String(h.hash))
	f.AddString(schema.Message, text)
	now := h.now()
	return event.Event{Time: now, Seen: now, Dataset: internal, Fields: f, Shared: h.shared}
}
