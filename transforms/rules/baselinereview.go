package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// BaselinesVersion is the version of Baselines as a file.
const BaselinesVersion = 1

// Baselines are what rules learned, as a person reads it and as it moves between
// hosts.
type Baselines struct {
	Version   int        `yaml:"version" json:"version"`
	Baselines []Baseline `yaml:"baselines" json:"baselines"`
}

// Baseline is what one rule knows of one key.
type Baseline struct {
	Rule string   `yaml:"rule" json:"rule"`
	Kind string   `yaml:"kind" json:"kind"` // exe, port, egress, user, mount or another word of the rule
	By   []string `yaml:"by,flow" json:"by"`
	// Mode is learning (until it is approved), enforcing (approved) or timed:
	// learning from Since on for as long as the rule says, then enforcing.
	Mode  string    `yaml:"mode" json:"mode"`
	Since time.Time `yaml:"since" json:"since"` // of the first event
	// Approved and Learned are values, in order; Learned ones were seen, and
	// nobody has approved them.
	Approved []string `yaml:"approved,omitempty" json:"approved,omitempty"`
	Learned  []string `yaml:"learned,omitempty" json:"learned,omitempty"`
}

var modeNames = [...]string{byTime: "timed", learning: "learning", enforcing: "enforcing"}

// BaselineChange says what is asked of baselines. Empty selectors select all.
type BaselineChange struct {
	Verb   string    `json:"verb"` // list, approve, learn, forget or import
	Rule   string    `json:"rule,omitempty"`
	Kind   string    `json:"kind,omitempty"`
	By     string    `json:"by,omitempty"`     // one of the values of the key: an image
	Values []string  `json:"values,omitempty"` // approve and forget: only these
	Import Baselines `json:"import,omitzero"`
}

// BaselineReport is what became of a BaselineChange.
type BaselineReport struct {
	Baselines Baselines `json:"baselines"`       // list: those selected
	Profiles  int       `json:"profiles"`        // selected or imported
	Values    int       `json:"values"`          // approved, forgotten or imported
	Left      []string  `json:"left,omitempty"`  // import: what was left out, and why
	Rules     int       `json:"rules,omitempty"` // how many rules keep a baseline
}

// Baselined is a transform that has baselines.
type Baselined interface {
	// ChangeBaselines does what is asked and reports whether anything changed. No
	// Stage runs meanwhile. A change that is in error changes nothing.
	ChangeBaselines(c *BaselineChange, now time.Time) (report *BaselineReport, changed bool, err error)
}

var _ Baselined = (*transform)(nil)

// ChangeBaselines implements Baselined.
func (t *transform) ChangeBaselines(c *BaselineChange, now time.Time) (*BaselineReport, bool, error) {
	r := &BaselineReport{Baselines: Baselines{Version: BaselinesVersion, Baselines: []Baseline{}}}
	bases := map[string]*baselineState{}
	for _, rule := range t.set.rules {
		if rule.base != nil {
			bases[rule.def.id.Value] = rule.base
		}
	}
	r.Rules = len(bases)
	if c.Verb == "import" {
		err := c.Import.check()
		if err == nil {
			c.take(bases, r, now)
		}
		return r, r.Profiles > 0, err
	}
	act := map[string]func(*baselineState, string, *BaselineReport){"approve": c.approve, "learn": c.learn, "forget": c.forget}[c.Verb]
	if act == nil && c.Verb != "list" {
		return nil, false, fmt.Errorf("baselines know no %q", c.Verb)
	}
	for _, id := range slices.Sorted(maps.Keys(bases)) {
		b := bases[id]
		if c.Rule != "" && c.Rule != id || c.Kind != "" && c.Kind != b.kindOf {
			continue
		}
		b.mu.Lock()
		for _, key := range slices.Sorted(maps.Keys(b.profiles)) {
			if c.By != "" && !slices.Contains(parts(key), c.By) {
				continue
			}
			if c.Verb == "list" {
				r.Profiles++
				r.Baselines.Baselines = append(r.Baselines.Baselines, b.shown(id, key))
			} else {
				act(b, key, r)
			}
		}
		b.mu.Unlock()
	}
	return r, act != nil && r.Profiles > 0, nil
}

// shown is a profile as a person reads it.
func (b *baselineState) shown(id, key string) Baseline {
	p := b.profiles[key]
	out := Baseline{Rule: id, Kind: b.kindOf, By: parts(key), Mode: modeNames[p.mode], Since: p.began.UTC()}
	for _, v := range slices.Sorted(maps.Keys(p.values)) {
		if p.values[v].approved {
			out.Approved = append(out.Approved, v)
		} else {
			out.Learned = append(out.Learned, v)
		}
	}
	return out
}

// approve makes a profile enforce all that it knows. Where values are named, only
// they are approved and the mode stays; with a rule or a kind they may be values
// that were not seen yet.
func (c *BaselineChange) approve(b *baselineState, key string, r *BaselineReport) {
	p := b.profiles[key]
	before := r.Values
	for _, v := range slices.Sorted(maps.Keys(p.values)) {
		if s := p.values[v]; !s.approved && (len(c.Values) == 0 || slices.Contains(c.Values, v)) {
			b.put(p, v, sight{last: s.last, approved: true})
			r.Values++
		}
	}
	for _, v := range c.Values {
		if _, known := p.values[v]; !known && v != "" && c.Rule+c.Kind != "" && b.room(len(v)) {
			b.put(p, v, sight{last: p.began, approved: true})
			r.Values++
		}
	}
	if len(c.Values) == 0 {
		p.mode = enforcing
	}
	if len(c.Values) == 0 || r.Values > before {
		r.Profiles++
	}
}

// learn makes a profile learn again until it is approved; it forgets nothing.
func (c *BaselineChange) learn(b *baselineState, key string, r *BaselineReport) {
	b.profiles[key].mode = learning
	r.Profiles++
}

// forget takes out the values that are named, or the whole profile, which then
// begins anew.
func (c *BaselineChange) forget(b *baselineState, key string, r *BaselineReport) {
	p := b.profiles[key]
	if len(c.Values) == 0 {
		r.Profiles++
		r.Values += len(p.values)
		b.dropProfile(key)
		return
	}
	gone := 0
	for _, v := range c.Values {
		if _, ok := p.values[v]; ok {
			b.drop(p, v)
			gone++
		}
	}
	if gone > 0 {
		r.Profiles++
		r.Values += gone
	}
}

// check looks at a file of another host before anything of it is taken.
func (l *Baselines) check() error {
	if l.Version != BaselinesVersion {
		return fmt.Errorf("the baselines are of version %d; this tallyman reads %d", l.Version, BaselinesVersion)
	}
	for i := range l.Baselines {
		b := &l.Baselines[i]
		if !slices.Contains(modeNames[:], b.Mode) {
			return fmt.Errorf("baseline %d, of rule %s: %q is no mode; write %s", i+1, b.Rule, b.Mode, strings.Join(modeNames[:], ", "))
		}
		if b.Rule == "" {
			return fmt.Errorf("baseline %d names no rule", i+1)
		}
	}
	return nil
}

// take adds what another host knows to what is known here. Where both know a key,
// the mode is that of the file; a value is approved where either approved it.
func (c *BaselineChange) take(bases map[string]*baselineState, r *BaselineReport, now time.Time) {
	for i := range c.Import.Baselines {
		in := &c.Import.Baselines[i]
		b := bases[in.Rule]
		if b == nil || b.kindOf != in.Kind || len(b.by) != len(in.By) {
			r.Left = append(r.Left, fmt.Sprintf("rule %s keeps no baseline of kind %s by %d values here", in.Rule, in.Kind, len(in.By)))
			continue
		}
		b.mu.Lock()
		if !b.takeOne(in, r, now) {
			r.Left = append(r.Left, fmt.Sprintf("rule %s holds as much as it may: %s is not whole", in.Rule, strings.Join(in.By, ", ")))
		}
		b.mu.Unlock()
	}
}

func (b *baselineState) takeOne(in *Baseline, r *BaselineReport, now time.Time) (whole bool) {
	m := mode(slices.Index(modeNames[:], in.Mode))
	key := keyOf(in.By)
	p := b.profiles[key]
	if p == nil {
		since := in.Since
		if since.IsZero() || since.After(now) {
			since = now
		}
		if p = b.begin(key, since, m); p == nil {
			return false
		}
	}
	p.mode, whole = m, true
	r.Profiles++
	add := func(list []string, approved bool) {
		for _, v := range list {
			v = bounded(v)
			s, known := p.values[v]
			if v == "" || known && (s.approved || !approved) {
				continue
			}
			if !known && !b.room(len(v)) {
				whole = false
				continue
			}
			if !known {
				s.last = now
			}
			b.put(p, v, sight{last: s.last, approved: approved})
			r.Values++
		}
	}
	add(in.Approved, true)
	add(in.Learned, false)
	return whole
}
