package rules

import (
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func TestOrderAndIndex(t *testing.T) {
	b := start(t, `
rules:
- {id: A-001, title: a, severity: low, condition: "true"}
- {id: A-002, title: a, severity: low, condition: "true", sources: [auditd]}
- {id: A-003, title: a, severity: low, condition: "true", sources: [docker, auditd], actions: [executed]}
- {id: A-004, title: a, severity: low, condition: "true", actions: [executed, start]}
- {id: A-005, title: a, severity: low, condition: "true", sources: [docker]}
- {id: A-006, title: a, severity: low, condition: "true", enabled: false}
`)
	in := func(module, action string) event.Event {
		e := exec(0)
		e.Fields.Set(schema.EventModule, event.String(module))
		e.Fields.Set(schema.EventAction, event.String(action))
		return e
	}
	for _, c := range []struct{ module, action, want string }{
		{"auditd", "executed", "A-001 A-002 A-003 A-004"},
		{"auditd", "opened-file", "A-001 A-002"},
		{"docker", "start", "A-001 A-004 A-005"},
		{"git", "executed", "A-001 A-004"},
		{"git", "push", "A-001"},
	} {
		if got := strings.Join(b.alerts(in(c.module, c.action)), " "); got != c.want {
			t.Errorf("%s of %s: %s, not %s", c.action, c.module, got, c.want)
		}
	}
	out := b.run(in("auditd", "opened-file"))
	if got := said(out[0].Fields); !slices.Contains(got, "tallyman.rules=A-001") || !slices.Contains(got, "tallyman.rules=A-002") {
		t.Errorf("the event says %q", got)
	}
	if slices.Contains(said(out[2].Fields), "tallyman.rules=A-001") {
		t.Error("an alert carries the marks of the event")
	}
}
