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
	Kind string   `yaml:"kind" json:"kind"` // exe, port, egress, user, mount, memory … or another word of the rule
	By   []string `yaml:"by,flow" json:"by"`
	// Mode is learning (until it is approved), enforcing (approved) or timed:
	// learning from Since on for as long as the rule says, then enforcing.
	Mode  string    `yaml:"mode" json:"mode"`
	Since time.Time `yaml:"since" json:"since"` // of the first event
	// Approved and Learned are values, in order; Learned ones were seen, and
	// nobody has approved them.
	Approved []string `yaml:"approved,omitempty" json:"approved,omitempty"`
	Learned  []string `yaml:"learned,omitempty" json:"learned,omitempty"`
	// Band is set, and Approved and Learned are not, of a rule that learns a number.
	Band *Band `yaml:"band,omitempty" json:"band,omitempty"`
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
	known := t.baselined()
	r.Rules = len(known)
	switch c.Verb {
	case "import":
		err := c.Import.check()
		if err == nil {
			c.take(known, r, now)
		}
		return r, r.Profiles > 0, err
	case "list", "approve", "learn", "forget":
	default:
		return nil, false, fmt.Errorf("baselines know no %q", c.Verb)
	}
	given := map[string]limits{}
	for id, rule := range known {
		if c.Rule != "" && c.Rule != id || c.Kind != "" && c.Kind != rule.keeps() {
			delete(known, id)
			continue
		}
		if rule.base == nil {
			var err error
			if given[id], err = c.given(id, rule.band); err != nil {
				return nil, false, err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if rule := known[id]; rule.base != nil {
			c.change(id, rule.base, r)
		} else {
			c.changeBand(id, rule.band, given[id], r)
		}
	}
	return r, c.Verb != "list" && r.Profiles > 0, nil
}

// baselined returns the rules that keep a baseline, by id.
func (t *transform) baselined() map[string]*rule {
	known := map[string]*rule{}
	for _, r := range t.set.rules {
		if r.keeps() != "" {
			known[r.def.id.Value] = r
		}
	}
	return known
}

// keeps returns the kind of baseline that r keeps, "" for none.
func (r *rule) keeps() string {
	switch {
	case r.base != nil:
		return r.base.kindOf
	case r.band != nil:
		return r.band.kindOf
	}
	return ""
}

// change does what is asked with one rule's profiles, which are selected.
func (c *BaselineChange) change(id string, b *baselineState, r *BaselineReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(b.profiles)) {
		if c.By != "" && !slices.Contains(parts(key), c.By) {
			continue
		}
		switch c.Verb {
		case "list":
			r.Profiles++
			r.Baselines.Baselines = append(r.Baselines.Baselines, b.shown(id, key))
		case "approve":
			c.approve(b, key, r)
		case "learn":
			c.learn(b, key, r)
		case "forget":
			c.forget(b, key, r)
		}
	}
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
		if b.Band == nil {
			continue
		}
		if err := b.Band.check(); err != nil {
			return fmt.Errorf("baseline %d, of rule %s: %w", i+1, b.Rule, err)
		}
	}
	return nil
}

// take adds what another host knows to what is known here. Where both know a key,
// the mode is that of the file; a value is approved where either approved it, and a
// band is that of the file.
func (c *BaselineChange) take(known map[string]*rule, r *BaselineReport, now time.Time) {
	for i := range c.Import.Baselines {
		in := &c.Import.Baselines[i]
		rule := known[in.Rule]
		if rule == nil || rule.keeps() != in.Kind || rule.keyLen() != len(in.By) || (rule.base == nil) != (in.Band != nil) {
			r.Left = append(r.Left, fmt.Sprintf("rule %s keeps no such baseline of kind %s by %d values here", in.Rule, in.Kind, len(in.By)))
			continue
		}
		if !rule.takeOne(in, r, now) {
			r.Left = append(r.Left, fmt.Sprintf("rule %s holds as much as it may: %s is not whole", in.Rule, strings.Join(in.By, ", ")))
		}
	}
}

func (r *rule) keyLen() int {
	if r.base != nil {
		return len(r.base.by)
	}
	return len(r.band.by)
}

func (r *rule) takeOne(in *Baseline, report *BaselineReport, now time.Time) (whole bool) {
	if r.base != nil {
		r.base.mu.Lock()
		defer r.base.mu.Unlock()
		return r.base.takeOne(in, report, now)
	}
	r.band.mu.Lock()
	defer r.band.mu.Unlock()
	return r.band.takeOne(in, report, now)
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
			s, known := p.sight(v)
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
