package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// step is one event of a history and whether it raises an alert.
type step struct {
	at    float64 // seconds
	pairs string  // "name value name value"
	alert bool
}

func play(t *testing.T, rules string, steps []step) {
	t.Helper()
	b := start(t, rules)
	for i, s := range steps {
		got := b.alerts(exec(s.at, append([]string{"process.name", "sh"}, strings.Fields(s.pairs)...)...))
		if (len(got) > 0) != s.alert {
			t.Errorf("step %d at %gs with %q: alerts %v", i, s.at, s.pairs, got)
		}
	}
}

func TestDeclaredState(t *testing.T) {
	for _, c := range []struct {
		name, line string
		steps      []step
	}{
		{"threshold", "threshold: {count: 3, window: 60s, by: [user.name]}", []step{
			{0, "user.name a", false}, {1, "user.name a", false}, {2, "user.name b", false}, {30, "user.name a", true},
			{59, "user.name a", true}, // 0, 1, 30, 59
			{100, "user.name a", false}, {101, "user.name a", true},
			{40, "user.name a", false}, // 61 s late: out of the window
			{1000, "user.name a", false}, {990, "user.name a", false}, {995, "user.name a", true},
		}},
		{"threshold without key", "threshold: {count: 2, window: 60s}", []step{{0, "user.name a", false}, {1, "user.name b", true}}},
		{"distinct", "distinct: {value: file.path, count: 2, window: 60s, by: [user.name]}", []step{
			{0, "user.name a file.path /1", false}, {1, "user.name a file.path /2", false}, {2, "user.name a file.path /2", false},
			{3, "user.name b file.path /3", false}, {4, "user.name a", false},
			{5, "user.name a file.path /3", true}, {6, "user.name a file.path /4", true},
			{64, "user.name a file.path /4", false}, // /2 of 2 s has gone
			{64, "user.name a file.path /5", true},  // beside /3 of 5 s and /4
			{200, "user.name a file.path /6", false},
		}},
		{"first seen", "first_seen: {by: [user.name], value: file.path, learn: 60s, ttl: 600s}", []step{
			{0, "user.name a file.path /1", false}, {59, "user.name a file.path /2", false},
			{60, "user.name a file.path /2", false}, {61, "user.name a file.path /3", true}, {62, "user.name a file.path /3", false},
			{63, "user.name b file.path /4", false}, {64, "user.name a", false},
			{400, "user.name a file.path /1", false}, {700, "user.name a file.path /1", false}, {701, "user.name a file.path /2", true},
		}},
		{"first seen without learning", "first_seen: {value: file.path}", []step{{0, "file.path /1", true}, {1, "file.path /1", false}}},
		{"suppress", "suppress: {by: [user.name], for: 60s}", []step{
			{0, "user.name a", true}, {1, "user.name a", false}, {1, "user.name b", true}, {59, "user.name a", false}, {60, "user.name a", true}, {61, "user.name a", false},
		}},
		{"threshold and suppress", "threshold: {count: 2, window: 60s}\n  suppress: {for: 60s}", []step{
			{0, "", false}, {1, "", true}, {2, "", false}, {59, "", false}, {62, "", true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { play(t, rule1(c.line), c.steps) })
	}
}

func TestFoldedMatchesAreToldAndMarked(t *testing.T) {
	b := start(t, rule1("suppress: {by: [user.name], for: 60s}"))
	var last []event.Event
	for _, at := range []float64{0, 1, 2, 70} {
		last = b.run(exec(at, "process.name", "sh"))
		if !slices.Contains(said(last[0].Fields), "tallyman.rules=X-Y-001") {
			t.Errorf("the event at %gs is not marked", at)
		}
	}
	if n, _ := last[1].Get(schema.TallymanSuppressed).Int64(); n != 2 {
		t.Errorf("the alert stands for %d others", n)
	}
	if n := b.count("tallyman_rules_matches_total"); n != 4 {
		t.Errorf("%v matches were counted", n)
	}
}

func TestOneRuleAfterAnother(t *testing.T) {
	// The second stands before the first, which must change nothing.
	b := start(t, `
rules:
- {id: B-001, title: b, severity: low, condition: 'process.name == "login"', after: {rule: A-001, within: 60s, by: [user.name]}}
- {id: A-001, title: a, severity: low, condition: 'process.name in ["fail", "login"]', suppress: {for: 1h}}
`)
	for i, s := range []struct {
		at         float64
		name, user string
		want       string
	}{
		{0, "login", "x", "A-001"}, // of itself it is not after A-001
		{5, "fail", "u", ""},
		{6, "login", "v", ""},
		{7, "login", "u", "B-001"},
		{100, "fail", "w", ""},
		{90, "login", "w", "B-001"},  // ten seconds late
		{300, "login", "w", ""},      // too long after
		{305, "login", "w", "B-001"}, // after the login before it
	} {
		if got := strings.Join(b.alerts(exec(s.at, "process.name", s.name, "user.name", s.user)), " "); got != s.want {
			t.Errorf("step %d: %q, not %q", i, got, s.want)
		}
	}
}

func TestASampleOfAlertsIsKept(t *testing.T) {
	b := start(t, rule1("sample: {rate: 10}"))
	n := 0
	for i := range 1000 {
		e := exec(float64(i), "process.name", "sh")
		first, again := len(b.alerts(e)), len(b.alerts(e))
		if first != again {
			t.Fatal("the choice differs from run to run")
		}
		n += first
	}
	if n < 60 || n > 140 {
		t.Errorf("%d of 1000 alerts were kept", n)
	}
}

func TestAnExceptionHoldsUntilItExpires(t *testing.T) {
	b := start(t, rule1("exceptions:", `- {name: ci, condition: 'user.name == "ci"', reason: CHG-1, expires: 2026-11-21}`,
		`- {name: old, condition: 'user.name == "old"', reason: CHG-2, expires: 2026-11-20}`))
	for _, c := range []struct {
		at   float64
		user string
		want int
	}{{0, "ci", 0}, {0, "ana", 1}, {11 * 3600, "ci", 0}, {12 * 3600, "ci", 1}, {0, "old", 1}} {
		if got := len(b.alerts(exec(c.at, "process.name", "sh", "user.name", c.user))); got != c.want {
			t.Errorf("%s after %gs: %d alerts", c.user, c.at, got)
		}
	}
	if !strings.Contains(b.log.String(), "expired") || strings.Contains(b.log.String(), "exception=ci") {
		t.Errorf("the log says %s", b.log.String())
	}
}

func TestStateIsBounded(t *testing.T) {
	b := start(t, rule1("first_seen: {value: file.path, max: 3}"))
	for i := range 10 {
		b.run(exec(float64(i), "process.name", "sh", "file.path", fmt.Sprint("/", i)))
	}
	if n := b.count("tallyman_rule_state_evicted_total"); n != 7 {
		t.Errorf("%v values were forgotten", n)
	}
	if got := b.alerts(exec(20, "process.name", "sh", "file.path", "/9"), exec(21, "process.name", "sh", "file.path", "/1")); len(got) != 1 {
		t.Errorf("%d alerts: the last value is to be known, the second to be forgotten", len(got))
	}
}

func TestAClockFromTheFutureMovesNoWindow(t *testing.T) {
	b := start(t, rule1("suppress: {for: 60s}"))
	e := exec(0, "process.name", "sh")
	e.Time = e.Time.AddDate(10, 0, 0)
	if b.alerts(e); len(b.alerts(exec(100, "process.name", "sh"))) != 1 {
		t.Error("an event from the future has silenced the rule")
	}
}

func TestKeysDoNotRunIntoEachOther(t *testing.T) {
	b := start(t, rule1("suppress: {by: [user.name, file.path], for: 60s}"))
	if got := b.alerts(exec(0, "process.name", "sh", "user.name", "ab", "file.path", "c"), exec(1, "process.name", "sh", "user.name", "a", "file.path", "bc")); len(got) != 2 {
		t.Errorf("%d alerts", len(got))
	}
}

func TestLanesShareState(t *testing.T) {
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	b := &bench{t: t, dir: write(t, rule1("threshold: {count: 400, window: 1h}", "suppress: {for: 1h}"))}
	tr, err := New(&s, b.env())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	alerts := make([]int, 4)
	for lane := range alerts {
		stage := tr.Lane(fmt.Sprint(lane))
		wg.Go(func() {
			for i := range 100 {
				var in, out event.Batch
				in.Add(exec(float64(i), "process.name", "sh"))
				if err := stage.Apply(t.Context(), &in, &out); err != nil {
					t.Error(err)
				}
				alerts[lane] += len(out.Events) - 1
			}
		})
	}
	wg.Wait()
	if alerts[0]+alerts[1]+alerts[2]+alerts[3] != 1 {
		t.Errorf("the lanes raised %v alerts", alerts)
	}
}

// TestWindowCountsAsAListWould compares the window of parts with a list of all
// times, to the accuracy of one part.
func TestWindowCountsAsAListWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var all []int64
		now := int64(0)
		for i := range rapid.IntRange(1, 50).Draw(t, "events") {
			now += rapid.Int64Range(0, 40).Draw(t, "pause")
			part := max(0, now-rapid.Int64Range(0, 5).Draw(t, "late"))
			got := w.add(part, i == 0)
			all = append(all, part)
			newest := slices.Max(all)
			var want uint64
			for _, p := range all {
				if p > newest-slices60 {
					want++
				}
			}
			if got != want {
				t.Fatalf("%d events are in the window, not %d, after %v", got, want, all)
			}
		}
	})
}

func TestTableForgetsWhatWasUsedLongestAgo(t *testing.T) {
	tab := table[time.Duration]{max: 2, seal: keep.NewSeal()}
	for _, c := range []struct {
		key            string
		fresh, forgets bool
	}{{"a", true, false}, {"b", true, false}, {"a", false, false}, {"c", true, true}, {"a", false, false}, {"b", true, true}} {
		if _, fresh, forgot := tab.get([]byte(c.key)); fresh != c.fresh || forgot != c.forgets {
			t.Errorf("%s: fresh %v, forgot %v", c.key, fresh, forgot)
		}
	}
	if tab.find([]byte("c")) != nil || tab.find([]byte("b")) == nil {
		t.Error("the wrong key was forgotten")
	}
}
