package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/event"
)

// based is a bench whose baselines a test changes.
type based struct {
	*bench
	tr Baselined
}

func baselines(t *testing.T, line string) *based {
	t.Helper()
	b := &based{bench: &bench{t: t, dir: write(t, rule1(line))}}
	s := Default()
	s.Files = append(s.Files, text("*.yaml"))
	tr, err := New(&s, b.env())
	if err != nil {
		t.Fatal(err)
	}
	b.tr, b.stage = tr.(Baselined), tr.Lane("audit")
	return b
}

func (b *based) do(c BaselineChange) *BaselineReport {
	b.t.Helper()
	r, _, err := b.tr.ChangeBaselines(&c, noon)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// ran is a program that ran at a second in a container of an image.
func ran(at float64, image, path string) event.Event {
	return exec(at, "process.name", "sh", "container.image.name", image, "process.executable", path)
}

const exeBase = "first_seen: {by: [container.image.name], value: process.executable, learn: 60s, ttl: 600s, baseline: exe}"

func TestABaselineIsLearnedAndApproved(t *testing.T) {
	b := baselines(t, exeBase)
	step := func(at float64, path string, alert bool) {
		t.Helper()
		if got := b.alerts(ran(at, "shop/api", path)); (len(got) > 0) != alert {
			t.Errorf("%s at %gs: alerts %v", path, at, got)
		}
	}
	step(0, "/a", false)
	step(59, "/b", false)
	step(61, "/c", true) // the time of learning is over
	step(62, "/c", false)
	r := b.do(BaselineChange{Verb: "approve", By: "shop/api", Values: []string{"/a", "/b"}})
	if r.Values != 2 || r.Profiles != 1 {
		t.Errorf("approved: %+v", r)
	}
	b.do(BaselineChange{Verb: "forget", Values: []string{"/c"}})
	b.do(BaselineChange{Verb: "approve", By: "shop/api"})
	step(5000, "/a", false) // what was approved does not grow old
	step(5001, "/c", true)
	step(5002, "/c", true) // and what was not stays news
	want := []Baseline{{Rule: "X-Y-001", Kind: "exe", By: []string{"shop/api"}, Mode: "enforcing", Since: noon, Approved: []string{"/a", "/b"}, Learned: []string{"/c"}}}
	if diff := cmp.Diff(want, b.do(BaselineChange{Verb: "list"}).Baselines.Baselines); diff != "" {
		t.Error(diff)
	}
	b.do(BaselineChange{Verb: "learn", By: "shop/api"})
	step(5003, "/d", false)
	b.do(BaselineChange{Verb: "forget", By: "shop/api"})
	step(9000, "/e", false) // it begins anew
	step(9061, "/f", true)
}

func TestABaselineUntilApproval(t *testing.T) {
	b := baselines(t, strings.Replace(exeBase, "learn: 60s", "learn: approval", 1))
	for i, path := range []string{"/a", "/b", "/c"} {
		if got := b.alerts(ran(float64(i)*1e6, "shop/api", path)); len(got) > 0 {
			t.Errorf("%s: %v", path, got)
		}
	}
	b.do(BaselineChange{Verb: "approve", Kind: "exe"})
	if got := b.alerts(ran(4e6, "shop/api", "/d")); len(got) == 0 {
		t.Error("nothing was said of a program that was not approved")
	}
	if got := b.alerts(ran(4e6, "shop/web", "/d")); len(got) > 0 {
		t.Errorf("another image, which nobody approved: %v", got)
	}
	if r := b.do(BaselineChange{Verb: "list", Kind: "port"}); r.Profiles != 0 {
		t.Errorf("of another kind: %+v", r)
	}
}

func TestBaselinesMoveBetweenHosts(t *testing.T) {
	from, to := baselines(t, exeBase), baselines(t, exeBase)
	long := "/" + strings.Repeat("x", 2*maxBaselineText)
	from.alerts(ran(0, "shop/api", "/a"), ran(1, "shop/api", long), ran(2, "shop/api", "/bad\xff"))
	from.do(BaselineChange{Verb: "approve"})
	out := from.do(BaselineChange{Verb: "list"}).Baselines
	in := BaselineChange{Verb: "import", Import: out}
	if r := to.do(in); r.Profiles != 1 || r.Values != 3 || len(r.Left) > 0 {
		t.Errorf("imported: %+v", r)
	}
	if diff := cmp.Diff(out, to.do(BaselineChange{Verb: "list"}).Baselines); diff != "" {
		t.Error(diff)
	}
	if got := to.alerts(ran(5, "shop/api", "/a"), ran(6, "shop/api", long), ran(7, "shop/api", "/bad\xff")); len(got) > 0 {
		t.Errorf("what came from the other host is told: %v", got)
	}
	if got := to.alerts(ran(8, "shop/api", long+"y")); len(got) == 0 {
		t.Error("another long path is taken for the one that is known")
	}
	in.Import.Baselines[0].Rule = "A-B-001"
	if r := to.do(in); len(r.Left) != 1 || r.Profiles != 0 {
		t.Errorf("of a rule that is not here: %+v", r)
	}
	for _, bad := range []Baselines{{Version: 2}, {Version: 1, Baselines: []Baseline{{Rule: "X-Y-001", Mode: "off"}}}, {Version: 1, Baselines: []Baseline{{Mode: "timed"}}}} {
		if _, changed, err := to.tr.ChangeBaselines(&BaselineChange{Verb: "import", Import: bad}, noon); err == nil || changed {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// TestAFullBaselineIsNotSilent: what cannot be learned is told, also again.
func TestAFullBaselineIsNotSilent(t *testing.T) {
	b := baselines(t, strings.Replace(exeBase, "baseline", "max: 2, baseline", 1))
	b.alerts(ran(0, "i", "/a"), ran(1, "i", "/b"), ran(2, "i", "/c"))
	for range 2 {
		if got := b.alerts(ran(100, "i", "/c")); len(got) == 0 {
			t.Error("a value that there was no room for is silent")
		}
	}
	if n := b.count("tallyman_rule_state_evicted_total"); n != 3 {
		t.Errorf("%v were counted", n)
	}
	if got := b.alerts(ran(101, "i", "/a")); len(got) > 0 {
		t.Errorf("a known one: %v", got)
	}
	many := baselines(t, exeBase)
	for i := range maxProfiles {
		many.alerts(ran(0, fmt.Sprint("image", i), "/a"))
	}
	if got := many.alerts(ran(1, "one more", "/a")); len(got) == 0 {
		t.Error("an image that there was no room for is silent")
	}
}

func TestAnApprovalSurvives(t *testing.T) {
	dir := write(t, rule1(exeBase))
	first, second := keeperIn(t, dir), keeperIn(t, dir)
	b := &based{bench: &bench{t: t, dir: dir, stage: first.Lane("audit")}, tr: first.(Baselined)}
	b.alerts(ran(0, "shop/api", "/a"))
	b.do(BaselineChange{Verb: "approve"})
	saved := snap(t, first)
	if err := second.Restore(saved); err != nil {
		t.Fatal(err)
	}
	again := &based{bench: &bench{t: t, dir: dir, stage: second.Lane("audit")}, tr: second.(Baselined)}
	if diff := cmp.Diff(b.do(BaselineChange{Verb: "list"}), again.do(BaselineChange{Verb: "list"})); diff != "" {
		t.Error(diff)
	}
	if got := again.alerts(ran(5, "shop/api", "/a")); len(got) > 0 {
		t.Errorf("what was approved: %v", got)
	}
	if got := again.alerts(ran(6, "shop/api", "/new")); len(got) != 1 {
		t.Errorf("what is new: %v", got)
	}
}

func TestKeysComeApart(t *testing.T) {
	for _, list := range [][]string{{}, {"a"}, {"", "b"}, {strings.Repeat("x", 300), "ä"}} {
		if got := parts(keyOf(list)); !slices.Equal(got, list) {
			t.Errorf("%q became %q", list, got)
		}
	}
	if got := parts("\xff\xff"); len(got) > 0 {
		t.Errorf("damage became %q", got)
	}
}

func TestWrongBaselines(t *testing.T) {
	for line, want := range map[string]string{
		"first_seen: {value: process.command_line, baseline: exe}": "may hold a secret",
		"first_seen: {value: process.executable, baseline: E x}":   "no kind of baseline",
		"first_seen: {value: process.executable, learn: approval}": "only a baseline",
		"first_seen: {value: process.executable, learn: sometime}": "must be a duration",
	} {
		s := Default()
		s.Files = append(s.Files, text("*.yaml"))
		if _, problems := compileAll(&s, write(t, rule1(line))); !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v", line, problems)
		}
	}
}
