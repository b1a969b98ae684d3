package rules

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// maxMessage is the length of a message in bytes (SCHEMA.md, message).
const maxMessage = 1024

// pass adds a judged event to out, marked with the rules that matched, and then
// its alerts.
func (s *stage) pass(e event.Event, index int, out *event.Batch) {
	if e.ID.IsZero() {
		s.identify(&e, index)
	}
	s.machine.Load(&e) // messages are made of the event as it came
	// Alerts are made first, of an event without marks, and stand after it.
	at := len(out.Events)
	out.Add(e)
	for _, h := range s.hits {
		if h.silent {
			continue
		}
		a := s.alert(&e, h, out)
		if n := h.rule.def.sample; n > 1 && binary.BigEndian.Uint64(a.ID[:8])%uint64(n) != 0 {
			continue
		}
		out.Add(a)
	}
	f := &out.Events[at].Fields
	marks := 0
	for _, h := range s.hits {
		marks += 1 + len(h.rule.def.tags)
	}
	if len(*f)+marks > cap(*f) { // room of the batch, and not an allocation for each event that matches
		*f = out.Take(*f, marks)
	}
	for _, h := range s.hits {
		f.AddString(schema.TallymanRules, h.rule.def.id.Value)
		for _, tag := range h.rule.def.tags {
			addOnce(f, schema.Tags, tag)
		}
	}
}

// alertFields is the room that an alert's own fields take beside those of the
// event.
const alertFields = 36

// alert makes the alert of one match (SCHEMA.md rule 8 and section 3): the
// fields of the event, with the rule in the place of what the event was about.
func (s *stage) alert(e *event.Event, h hit, out *event.Batch) event.Event {
	d := h.rule.def
	a := *e
	a.Records, a.Raw = 0, ""
	seed := append(append(s.buf[:0], e.ID[:]...), 0)
	seed = append(seed, d.id.Value...)
	a.ID, s.buf = event.NewID(seed), seed

	a.Fields = slices.DeleteFunc(out.Take(e.Fields, alertFields), func(f event.Field) bool {
		switch f.Key {
		case schema.EventType, schema.EventHash, schema.TallymanRules:
			return true
		}
		return false
	})
	f := &a.Fields
	f.Set(schema.EventKind, event.String("alert"))
	addOnce(f, schema.EventCategory, "intrusion_detection")
	f.AddString(schema.EventType, "info")
	f.Set(schema.EventSeverity, event.Int(severities[d.severity.Value]))
	f.Set(schema.EventReference, event.String(e.ID.String()))
	f.Set(schema.Message, event.String(s.say(h.rule, e)))
	for _, tag := range d.tags {
		addOnce(f, schema.Tags, tag)
	}
	d.describe(f)
	if h.folded > 0 {
		f.Add(schema.TallymanSuppressed, event.Int(h.folded))
	}
	if h.rule.band != nil {
		h.off.describe(f)
	}
	return a
}

// describe adds what the rule says of itself.
func (d *definition) describe(f *event.Fields) {
	f.AddString(schema.RuleID, d.id.Value)
	f.AddString(schema.RuleName, d.title)
	f.AddString(schema.RuleDescription, d.description)
	f.AddString(schema.RuleRuleset, d.pack)
	f.AddString(schema.RuleVersion, d.version)
	f.AddString(schema.RuleCategory, d.category)
	f.AddString(schema.RuleReference, d.reference)
	techniques, subtechniques := d.technique()
	if len(techniques)+len(d.tactics) > 0 {
		f.AddString(schema.ThreatFramework, "MITRE ATT&CK")
	}
	for _, l := range []struct {
		key    schema.Key
		values []string
	}{
		{schema.ThreatTacticID, d.tactics},
		{schema.ThreatTechniqueID, techniques},
		{schema.ThreatTechniqueSubtechniqueID, subtechniques},
		{schema.TallymanCompliancePCIDSS, d.pci},
		{schema.TallymanCompliancePCIContainers, d.pciC},
		{schema.TallymanComplianceCISDocker, d.cis},
		{schema.TallymanComplianceNIST800190, d.nist},
	} {
		for _, v := range l.values {
			f.AddString(l.key, v)
		}
	}
}

// say makes the message of an alert: the rule's own or, where it has none, its
// title and what the event said.
func (s *stage) say(r *rule, e *event.Event) string {
	var b []byte
	if len(r.message) > 0 {
		for _, part := range r.message {
			text := part.text
			if part.value != nil {
				var err error
				if text, err = part.value.Text(s.machine); err != nil {
					s.fail(r, err)
				}
			}
			b = append(b, text...)
		}
	} else {
		b = append(b, r.def.title...)
		if m := e.Get(schema.Message).Str(); m != "" {
			b = append(append(b, ": "...), m...)
		}
	}
	if len(b) > maxMessage {
		n := maxMessage
		for n > 0 && !utf8.RuneStart(b[n]) {
			n--
		}
		b = b[:n]
	}
	return string(b)
}

// addOnce adds s to a list unless it is there.
func addOnce(f *event.Fields, k schema.Key, s string) {
	for v := range f.All(k) {
		if v.Str() == s {
			return
		}
	}
	f.AddString(k, s)
}
