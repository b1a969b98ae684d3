// Package audit is the room where Linux audit records, audit(8), become events.
// The tokeniser (record.go, field.go) turns one line into a head and a walk over
// its fields, as views of the line. The coalescer (stage.go, window.go) joins
// the records of one serial. The interpretation (facts.go and what it calls)
// gives their fields the names and types of the schema.
//
// It knows nothing of containers, rules, files or the journal: it reads lines
// that somebody else read, and what it cannot understand it keeps, flagged.
package audit

import (
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Dataset is the event.dataset of every event of this transform.
const Dataset = "auditd.log"

// Decoder is the value of Event.Decode that marks a source record for this
// transform.
const Decoder = "audit"

// The markers that this transform adds to tags.
const (
	TagLate       = "tallyman_late"          // the event of this serial had been handed on before this record came
	TagIncomplete = "tallyman_incomplete"    // a part of the event is missing or could not be decoded; error.message says which
	TagDuplicate  = "tallyman_duplicate_key" // a field that matters stands twice in a record, with different values; both are kept
	TagAmbiguous  = "tallyman_ambiguous"     // it cannot be told where a value of the record ends; what was read of it may be chosen by a user
	TagUnparsed   = "tallyman_unparsed"      // the line is no audit record; it is kept as it is
)

// Plugin is the transform as a configuration names it: `{type: audit}`.
var Plugin = plugin.NewTransform("audit",
	"Joins Linux audit records to events and gives their fields names and types.", Default, New)

// Settings are the settings of the transform.
type Settings struct {
	KeepOriginal string        `yaml:"keep_original" doc:"When the source text stays on the event as event.original: never, on_error (a part of it was not understood) or always. A line that is no audit record is always kept." enum:"never,on_error,always"`
	Window       int           `yaml:"window" doc:"How many events of one input may be open, waiting for more records; the oldest is handed on first."`
	Timeout      time.Duration `yaml:"timeout" doc:"How long an event that nothing ends waits for more records."`
	Summary      bool          `yaml:"summary" doc:"Also write auditd.summary.*, Auditbeat's fields for who, what and how; they repeat what other fields say."`
	Passwd       string        `yaml:"passwd" doc:"The host's user database, for names that the log does not give; empty for none. In a container, name the host's file, never the container's own."`
	Group        string        `yaml:"group" doc:"The host's group database; empty for none."`
}

// Default returns the settings that hold where a configuration says nothing.
func Default() Settings {
	return Settings{KeepOriginal: "on_error", Window: 256, Timeout: 2 * time.Second, Passwd: "/etc/passwd", Group: "/etc/group"}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	if s.Window < 1 || s.Window > 1<<16 {
		p = append(p, plugin.Problem{Key: "window", Text: "window of transform audit must be 1 to 65536"})
	}
	if s.Timeout <= 0 {
		p = append(p, plugin.Problem{Key: "timeout", Text: "timeout of transform audit must be longer than nothing"})
	}
	return p
}

// Transform is the audit transform. Its tables are shared by all lanes and never
// change; everything else belongs to a lane's stage.
type Transform struct {
	set    Settings
	env    plugin.Env
	tables *tables
	host   string // host.name; records of another node are not looked up in this host's databases
	count  counters
}

type counters struct {
	late, incomplete, unparsed, overflow, timeout, missing, panics *meter.Counter
}

// New returns the transform. It reads nothing but the user and group databases,
// and those when the first event asks for a name.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	t := &Transform{set: *s, env: env, tables: newTables(), host: env.Shared.Get(schema.HostName).Str()}
	m := env.Meter
	t.count = counters{
		late:       m.Counter("tallyman_audit_late_events_total", "Events made of audit records that came after their event had been handed on."),
		panics:     m.Counter("tallyman_audit_panics_total", "Audit events, and records that were not joined yet, that a defect of this transform ended on; they are kept whole."),
		incomplete: m.Counter("tallyman_audit_incomplete_events_total", "Audit events of which a part is missing or could not be decoded."),
		unparsed:   m.Counter("tallyman_audit_unparsed_lines_total", "Lines that are no audit record and were handed on as they are."),
		overflow:   m.Counter("tallyman_audit_window_events_total", "Audit events ended because too many were open."),
		missing:    m.Counter("tallyman_audit_missing_events_total", "Serials of audit events that never came: events lost before they could be read."),
		timeout:    m.Counter("tallyman_audit_timeout_events_total", "Audit events ended because no more records came."),
	}
	return t, nil
}

// Lane returns the stage of one input's lane.
func (t *Transform) Lane(input string) plugin.Stage { return newStage(t, input) }

// Close does nothing: the transform holds nothing outside the process.
func (t *Transform) Close() error { return nil }

var _ plugin.Holder = (*stage)(nil)

// part is one source record of an event that is open.
type part struct {
	rec   Record
	typ   uint16
	owned bool         // its strings are copies that outlive the batch
	seq   uint64       // order of arrival in the lane
	e     *event.Event // as it came: in the batch, or a copy where it is owned
}
