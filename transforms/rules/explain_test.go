package rules

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

func TestExplain(t *testing.T) {
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	b := &bench{t: t, dir: write(t, `
rules:
- {id: A-001, title: a, severity: low, condition: 'process.name == "sh"'}
- {id: A-002, title: a, severity: low, condition: 'process.name == "sh" && (user.name == "x" or false) && process.pid > 1'}
- {id: A-003, title: a, severity: low, condition: 'true', sources: [docker, git]}
- {id: A-004, title: a, severity: low, condition: 'true', actions: [start]}
- {id: A-005, title: a, severity: low, condition: 'true', enabled: false}
- {id: A-006, title: a, severity: low, condition: 'true', threshold: {count: 2, window: 1m}}
- {id: A-007, title: a, severity: low, condition: 'true', exceptions: [{name: old, condition: 'true', reason: r1, expires: 2020-01-01}, {name: ci, condition: 'process.name == "sh"', reason: CHG-1}]}
- {id: A-008, title: a, severity: low, condition: 'int(process.name) > 1'}
`)}
	tr, err := New(&s, b.env())
	if err != nil {
		t.Fatal(err)
	}
	e := exec(0, "process.name", "sh")
	want := []string{
		"rule A-001: match: ",
		`rule A-002: no match: user.name == "x" or false is false`,
		"rule A-003: skipped: it judges events of docker, git",
		"rule A-004: skipped: it judges the actions start",
		"rule A-005: skipped: it is switched off",
		"rule A-006: match: of the condition; its threshold decides with what came before",
		"rule A-007: no match: the exception ci: CHG-1",
		"rule A-008: no match: expression at ",
	}
	for range 3 { // the threshold of A-006 would be met if explaining counted
		got := tr.(plugin.Explainer).Explain(&e)
		if len(got) != len(want) {
			t.Fatalf("%d findings", len(got))
		}
		for i, f := range got {
			if line := f.Subject + ": " + f.Verdict + ": " + f.Detail; !strings.HasPrefix(line, want[i]) {
				t.Errorf("%s\nis not\n%s", line, want[i])
			}
		}
	}
	b.stage = tr.Lane("audit")
	if got := strings.Join(b.alerts(e), " "); got != "A-001" {
		t.Errorf("the event raises %s", got)
	}
}
