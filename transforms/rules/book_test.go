package rules

import (
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

const bookFile = `pack: mine
samples:
  images: {allowed: ["good/**"]}
rules:
- id: MY-000-001
  title: Any image but ours
  sources: [docker]
  actions: [create]
  condition: >-
    !image_allowed(container.image.name) && container.id != ""
  severity: low
  threshold: {count: 3, window: 1m, by: [container.id]}
  suppress: {for: 10m, by: [container.id]}
  threat: {technique: [T1610]}
  exceptions:
  - {name: old, condition: 'container.name == "x"', reason: CHG-1, expires: 2026-01-31}
  tests:
  - {match: true, event: {container: {id: a, image: {name: evil/x}}}}
  - {match: false, event: {container: {id: a, image: {name: good/x}}}}
  - {match: false, event: {event: {action: start}, container: {id: a, image: {name: evil/x}}}}
- id: MY-000-002
  title: Off
  enabled: false
  condition: "true"
  severity: high
  tests:
  - {match: true, event: {container: {id: a}}}
`

func TestBook(t *testing.T) {
	s := Default()
	s.Files = []plugin.Text{text("0.yaml")}
	book, problems := Read(&s, write(t, bookFile))
	if book == nil {
		t.Fatal(problems)
	}
	list := book.Rules()
	if len(list) != 2 || !list[0].Enabled || list[1].Enabled {
		t.Fatalf("the rules are %+v", list)
	}
	one := list[0]
	if one.Severity != "low" || one.Pack != "mine" || one.Matching != 1 || one.Passing != 2 || one.Techniques[0] != "T1610" || one.Pos.Line != 5 {
		t.Errorf("the first is %+v", one)
	}
	if got := strings.Join(one.State, "; "); got != "3 in 1m0s per container.id; folds repeats for 10m0s per container.id" {
		t.Errorf("its state is %q", got)
	}
	terms := book.Terms(one.ID)
	if len(terms) != 2 || terms[1].Text != `container.id != ""` {
		t.Errorf("its terms are %+v", terms)
	}
	if n, problems := book.Samples(); n != 4 || len(problems) > 0 {
		t.Errorf("of %d samples: %v", n, problems)
	}
	if hint := book.Suggest("MY-000-003"); !strings.Contains(hint, "MY-000-00") {
		t.Errorf("the hint is %q", hint)
	}
	var told []string
	for _, p := range book.Lint(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)) {
		told = append(told, p.Text)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{`"old" of rule MY-000-001 expired on 2026-01-31`, "MY-000-002 has 1 samples to match and 0 not to", "MY-000-002 names no sources", "MY-000-001 has no description"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing is said of %q:\n%s", want, all)
		}
	}
	for _, p := range book.Lint(time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)) {
		if strings.Contains(p.Text, "expired") {
			t.Errorf("on its last day: %s", p.Text)
		}
	}
}

// TestBookSaysWhatIsWrong: a sample that is judged otherwise, and what its file takes
// for granted and cannot.
func TestBookSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"{match: true, event: {container: {id: a, image: {name: evil", "{match: false, event: {container: {id: a, image: {name: evil", "matches this sample and should not"},
		{`["good/**"]`, `["bad/**"]`, "matches this sample and should not"},
		{"images: {allowed:", "images: {allowedd:", `did you mean "allowed"?`},
		{`images: {allowed: ["good/**"]}`, `inventory: {default: allwo}`, `did you mean "allow"?`},
	} {
		s := Default()
		s.Files = []plugin.Text{text("0.yaml")}
		got := judgeSamples(t, &s, write(t, strings.Replace(bookFile, c.from, c.to, 1)))
		if !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s -> %s: %v", c.from, c.to, got)
		}
	}
}
