package engine

import (
	"encoding/binary"
	"strconv"
	"strings"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// internal is the dataset of what tallyman says of itself. No input and no
// decoder gives it, so that no line of a log can pass for a loss.
const internal = "tallyman.internal"

// upstream is the family of marks that keep what inputs lost before us: durable
// in the same frame as the event that says so.
const upstream = "upstream/"

// Upstream is what one input lost before it could be read, since the journal was
// made.
type Upstream struct {
	Input  string
	Reason string // its name ends in its unit where that is not source records
	Times  uint64
	Count  uint64 // as far as it is known
}

func upstreamKey(input string, r event.LossReason) string {
	return upstream + input + "/" + r.String()
}

// parseUpstream reads a mark of the family; false says that it is another.
func parseUpstream(key string, value []byte) (Upstream, bool) {
	rest, ok := strings.CutPrefix(key, upstream)
	at := strings.LastIndexByte(rest, '/')
	if !ok || at < 0 {
		return Upstream{}, false
	}
	u := Upstream{Input: rest[:at], Reason: rest[at+1:]}
	var w int
	u.Times, w = binary.Uvarint(value)
	if w <= 0 {
		return u, false
	}
	u.Count, w = binary.Uvarint(value[w:])
	return u, w > 0
}

// Upstreams returns what the marks of a journal say of losses before us, by
// input and reason.
func Upstreams(marks map[string][]byte) []Upstream {
	var list []Upstream
	for _, key := range sortedKeys(marks) {
		if u, ok := parseUpstream(key, marks[key]); ok {
			list = append(list, u)
		}
	}
	return list
}

// lossEvent is the in-band event of a loss.
func (l *lane) lossEvent(n *event.Loss) event.Event {
	var f event.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "tallyman")
	f.AddString(schema.EventAction, n.Reason.Action())
	f.AddString(schema.EventReason, n.Reason.String())
	f.AddString(schema.EventCategory, "process")
	f.AddString(schema.EventType, "info")
	f.AddString(schema.EventOutcome, "unknown")
	f.Add(schema.EventSeverity, event.Int(8))
	f.AddString(schema.TallymanComponent, l.in.name)
	text := "input " + l.in.name + ": " + n.Text
	if n.Count > 0 {
		f = append(f, event.NewField(schema.Labels, "lost", event.String(strconv.FormatUint(n.Count, 10))))
		text += " (" + strconv.FormatUint(n.Count, 10) + " " + n.Reason.String() + ")"
	}
	f.AddString(schema.Message, text)
	now := l.around.Now()
	return event.Event{Time: now, Seen: now, Dataset: internal, Fields: f, Shared: l.in.env.Shared}
}

// raise adds an event for each loss that no event of the batch speaks of.
func (l *lane) raise(b *event.Batch) {
	for i := range b.Losses {
		if n := &b.Losses[i]; !n.Said {
			b.Add(l.lossEvent(n))
		}
	}
}

// account adds losses to the sums of the lane and appends the marks that keep
// them.
func (l *lane) account(losses []event.Loss, marks []journal.Mark) []journal.Mark {
	for i := range losses {
		n := &losses[i]
		key := upstreamKey(l.in.name, n.Reason)
		u, _ := parseUpstream(key, l.upstreamMark(key))
		if l.lost == nil {
			l.lost = map[string][]byte{}
		}
		l.lost[key] = binary.AppendUvarint(binary.AppendUvarint(nil, u.Times+1), u.Count+n.Count)
		marks = append(marks, journal.Mark{Key: key, Value: l.lost[key]})
	}
	return marks
}

// upstreamMark is the newest value of a mark of losses.
func (l *lane) upstreamMark(key string) []byte {
	if v, ok := l.lost[key]; ok {
		return v
	}
	return l.mark(key)
}

// cannotWait reports whether an input loses what it cannot hand on.
func cannotWait(in plugin.Input) bool {
	p, ok := in.(plugin.Pressing)
	return ok && p.CannotWait()
}

// fleeting reports whether an input's source gives nothing twice.
func fleeting(in plugin.Input) bool {
	if f, ok := in.(plugin.Fleeting); ok {
		return f.GivesOnce()
	}
	return cannotWait(in)
}

// reserve is the part of the journal that is kept for inputs that cannot wait:
// the last tenth, and one segment at least; nothing where there is no such input.
func reserve(c *config.Journal, inputs []input) int64 {
	for i := range inputs {
		if cannotWait(inputs[i].plugin) {
			return max(int64(c.MaxSize)/10, int64(c.SegmentSize))
		}
	}
	return 0
}
