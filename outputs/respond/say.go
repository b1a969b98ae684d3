package respond

import (
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Reasons that stand in more than one place.
const (
	engineRefused      = "engine_refused"
	partlyDisconnected = "partly_disconnected"
)

// tally counts what was said, by outcome.
type tally map[string]*meter.Counter

func newTally(action string, env plugin.Env) tally {
	t := tally{}
	for _, outcome := range []string{"success", "failure", "unknown"} {
		t[outcome] = env.Meter.Counter("tallyman_respond_total", "Answers to alerts, each try of a webhook as one: success was done, failure was not, unknown is of a dry run.",
			meter.Label{Name: "output", Value: env.Name}, meter.Label{Name: "action", Value: action}, meter.Label{Name: "outcome", Value: outcome})
	}
	return t
}

// say tells in-band what became of an alert. The texts of the alert are copied:
// it is the caller's after Send.
func (o *output) say(e *event.Event, id, outcome, reason string) {
	o.sayAnswer(e, id, outcome, reason, 0)
}

// sayAnswer is say with the status of the answer, 0 for none.
func (o *output) sayAnswer(e *event.Event, id, outcome, reason string, status int) {
	o.tallied[outcome].Inc()
	kind := "info"
	switch {
	case reason == "acted", reason == partlyDisconnected:
		kind = "change"
	case outcome == "failure":
		kind = "denied"
	}
	rule := strings.Clone(e.Get(schema.RuleID).Str())
	id = strings.Clone(id)
	var f event.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "tallyman")
	f.AddString(schema.EventAction, "respond-"+o.settings.Action)
	f.AddString(schema.EventReason, reason)
	f.AddString(schema.EventCategory, "configuration")
	f.AddString(schema.EventType, kind)
	f.AddString(schema.EventOutcome, outcome)
	f.Add(schema.EventSeverity, event.Int(5))
	f.AddString(schema.TallymanComponent, o.env.Name)
	f.AddString(schema.RuleID, rule)
	if isID(id) {
		f.AddString(schema.ContainerID, id)
	}
	f.AddString(schema.ContainerName, strings.Clone(e.Get(schema.ContainerName).Str()))
	f.AddNamed(schema.Labels, "alert", event.String(e.ID.String()))
	f.AddNamed(schema.Labels, "mode", event.String(o.settings.Mode))
	if status != 0 {
		f.AddNamed(schema.Labels, "status", event.String(strconv.Itoa(status)))
	}
	f.AddString(schema.Message, "respond: "+o.settings.Action+" after "+rule+": "+reason)
	now := o.env.Now()
	o.env.Log.Info("respond", "action", o.settings.Action, "rule", rule, "container", id, "outcome", outcome, "reason", reason)
	if o.env.Say != nil {
		o.env.Say(event.Event{Time: now, Seen: now, Dataset: "tallyman.internal", Fields: f, Shared: o.env.Shared})
	}
}
