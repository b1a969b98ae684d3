package respond

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// say tells in-band what became of an alert. The texts of the alert are copied:
// it is the caller's after Send.
func (o *output) say(e *event.Event, id, outcome, reason string) {
	kind := "info"
	switch {
	case reason == "acted":
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
	f.AddString(schema.Message, "respond: "+o.settings.Action+" after "+rule+": "+reason)
	now := o.env.Now()
	o.env.Log.Info("respond", "action", o.settings.Action, "rule", rule, "container", id, "outcome", outcome, "reason", reason)
	if o.env.Say != nil {
		o.env.Say(event.Event{Time: now, Seen: now, Dataset: "tallyman.internal", Fields: f, Shared: o.env.Shared})
	}
}
