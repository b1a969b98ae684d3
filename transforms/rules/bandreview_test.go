package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/schema"
)

const memoryBase = "band: {value: docker.stats.memory_bytes, by: [container.image.name], learn: 1h, width: 4, floor: 10, baseline: memory}"

func (b *based) measures(at float64, image string, bytes int64) bool {
	return len(b.alerts(measured(at, image, bytes))) > 0
}

func (b *based) listed() []Baseline { return b.do(BaselineChange{Verb: "list"}).Baselines.Baselines }

// TestABandIsReviewed: it is shown, approved before its time, given limits by hand,
// learned again and forgotten.
func TestABandIsReviewed(t *testing.T) {
	b := baselines(t, memoryBase)
	for i := range 4 {
		b.measures(float64(i), "a", 1000+int64(i%2)*100)
	}
	want := []Baseline{{Rule: "X-Y-001", Kind: "memory", By: []string{"a"}, Mode: "timed", Since: noon,
		Band: &Band{Learned: 4, Mean: 1050, Deviation: 50, High: 1050 + 4*52.5}}} // a deviation is 5 % of the mean at the least
	near := cmpopts.EquateApprox(1e-12, 0)
	if diff := cmp.Diff(want, b.listed(), near); diff != "" {
		t.Error(diff)
	}
	if b.measures(10, "a", 1e6) {
		t.Fatal("it is told while it is learned")
	}
	b.do(BaselineChange{Verb: "forget", Kind: "memory"})
	for i := range 4 {
		b.measures(20+float64(i), "a", 1000+int64(i%2)*100)
	}
	if r := b.do(BaselineChange{Verb: "approve", By: "a"}); r.Profiles != 1 || r.Values != 1 {
		t.Errorf("approved: %+v", r)
	}
	if b.measures(30, "a", 1260) || !b.measures(31, "a", 1261) || b.measures(32, "a", 0) {
		t.Error("what was approved is not what is told")
	}
	b.do(BaselineChange{Verb: "approve", Rule: "X-Y-001", Values: []string{"..5000"}})
	if b.measures(40, "a", 5000) || !b.measures(41, "a", 5001) {
		t.Error("the limit that was given is not what is told")
	}
	want[0].Mode, want[0].Since, want[0].Band.High, want[0].Band.Fixed = "enforcing", noon.Add(20e9), 5000, true
	if diff := cmp.Diff(want, b.listed(), near); diff != "" {
		t.Error(diff)
	}
	b.do(BaselineChange{Verb: "learn", By: "a"})
	for i := range 40 {
		if b.measures(1e6+float64(i), "a", 9000) {
			t.Fatal("it is told while it learns again")
		}
	}
	b.do(BaselineChange{Verb: "approve", By: "a"})
	if b.measures(2e6, "a", 9000) || !b.measures(2e6+1, "a", 50000) {
		t.Error("what was learned again is not what is told")
	}
}

// TestAnAlertSaysWhatWasMeasured: the number, the limits and from how many.
func TestAnAlertSaysWhatWasMeasured(t *testing.T) {
	for _, side := range []string{"above", "both"} {
		b := baselines(t, strings.Replace(memoryBase, "floor", "side: "+side+", floor", 1))
		for i := range 3 {
			b.measures(float64(i), "a", 1000)
		}
		b.do(BaselineChange{Verb: "approve", Kind: "memory"})
		for _, e := range b.run(measured(10, "a", 4000)) {
			f := e.Fields
			if f.Get(schema.EventKind).Str() != "alert" {
				if !f.Get(schema.TallymanBandValue).IsZero() {
					t.Error("the event that was judged says it as well")
				}
				continue
			}
			learned, _ := f.Get(schema.TallymanBandLearned).Int64()
			low := f.Get(schema.TallymanBandLow)
			value, high := f.Get(schema.TallymanBandValue).Float64(), f.Get(schema.TallymanBandHigh).Float64()
			if value != 4000 || high != 1200 || learned != 3 || low.IsZero() != (side == "above") || !low.IsZero() && low.Float64() != 800 {
				t.Errorf("%s: value %v, low %v, high %v, learned %d", side, value, low, high, learned)
			}
		}
	}
}

// TestBandsMove: what one host exports another imports, in the form of a file, and
// tells by; after an import the file's band counts.
func TestBandsMove(t *testing.T) {
	from := baselines(t, memoryBase)
	for i := range 30 {
		from.measures(float64(i), "a", 1000+int64(i%5)*10)
		from.measures(float64(i), "b", 70)
	}
	from.do(BaselineChange{Verb: "approve", By: "a"})
	from.do(BaselineChange{Verb: "approve", By: "b", Kind: "memory", Values: []string{"..99.5"}})
	text, err := yaml.Marshal(from.do(BaselineChange{Verb: "list"}).Baselines)
	if err != nil {
		t.Fatal(err)
	}
	var file Baselines
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	to := baselines(t, memoryBase)
	to.measures(0, "a", 7)
	r := to.do(BaselineChange{Verb: "import", Import: file})
	if r.Profiles != 2 || len(r.Left) > 0 {
		t.Errorf("imported: %+v", r)
	}
	if diff := cmp.Diff(from.listed(), to.listed(), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Error(diff)
	}
	if to.measures(9, "a", 1020) || !to.measures(9, "a", 2000) || to.measures(9, "b", 99) || !to.measures(9, "b", 100) {
		t.Error("what was imported is not what is told")
	}
	exe := baselines(t, exeBase)
	file.Baselines[0].Kind = "exe"
	if r := exe.do(BaselineChange{Verb: "import", Import: file}); r.Profiles != 0 || len(r.Left) != 2 {
		t.Errorf("a band for a rule that has values: %+v", r)
	}
}

// TestABandRefuses: what is wrong is said, and changes nothing.
func TestABandRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		side, want string
		change     BaselineChange
	}{
		"no limits":       {"above", "no limits", BaselineChange{Verb: "approve", Kind: "memory", Values: []string{"many"}}},
		"no number":       {"above", "no limits", BaselineChange{Verb: "approve", Kind: "memory", Values: []string{"..NaN"}}},
		"two":             {"above", "one value", BaselineChange{Verb: "approve", Kind: "memory", Values: []string{"..1", "..2"}}},
		"the wrong way":   {"both", "no limits", BaselineChange{Verb: "approve", Kind: "memory", Values: []string{"9..1"}}},
		"one of two":      {"both", "both limits", BaselineChange{Verb: "approve", Kind: "memory", Values: []string{"..9"}}},
		"two of one":      {"above", "only what is too much", BaselineChange{Verb: "approve", Kind: "memory", Values: []string{"1..9"}}},
		"a value is gone": {"above", "no values to forget", BaselineChange{Verb: "forget", Kind: "memory", Values: []string{"9"}}},
		"not finite": {"above", "is none", BaselineChange{Verb: "import", Import: Baselines{Version: 1, Baselines: []Baseline{
			{Rule: "X-Y-001", Kind: "memory", By: []string{"a"}, Mode: "timed", Band: &Band{Mean: math.NaN()}}}}}},
	} {
		b := baselines(t, strings.Replace(memoryBase, "floor", "side: "+c.side+", floor", 1))
		b.measures(0, "a", 1000)
		before := b.listed()
		if _, changed, err := b.tr.ChangeBaselines(&c.change, noon); err == nil || changed || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, b.listed()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// Values without a kind are those of other rules.
	b := baselines(t, memoryBase)
	b.measures(0, "a", 1000)
	if r := b.do(BaselineChange{Verb: "approve", By: "a", Values: []string{"/bin/x"}}); r.Profiles != 0 {
		t.Errorf("%+v", r)
	}
}

// TestBandsAreBounded: what there is no room for is not learned and is counted, and
// nothing is forgotten for it.
func TestBandsAreBounded(t *testing.T) {
	b := baselines(t, memoryBase)
	for i := range maxProfiles + 5 {
		b.measures(0, fmt.Sprint("image-", i), 1000)
	}
	b.measures(1, strings.Repeat("x", 4<<20), 1000)
	got := b.listed()
	if len(got) != maxProfiles || got[0].By[0] != "image-0" {
		t.Errorf("%d bands, the first of %v", len(got), got[0].By)
	}
	if n := b.count("tallyman_rule_state_evicted_total"); n != 6 {
		t.Errorf("counted %v", n)
	}
}
