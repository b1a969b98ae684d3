package rules

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// definition is one rule as its file says it, with what later files changed.
type definition struct {
	pos           plugin.Pos
	pack, version string

	id          plugin.Text
	title       string
	description string
	category    string
	reference   string
	enabled     bool
	severity    plugin.Text
	sources     []plugin.Text
	actions     []string
	condition   plugin.Text
	message     plugin.Text
	tags        []string
	tactics     []string
	techniques  []plugin.Text
	pci         []string
	pciC        []string
	cis         []string
	nist        []string
	auditKeys   []string

	first      *firstSeen
	threshold  *threshold
	distinct   *distinct
	after      *after
	band       *bandRule
	suppress   *suppress
	sample     int
	exceptions []exception
	tests      []sample
}

// firstSeen, threshold, distinct, after and suppress are the declared state of
// RULES.md section 2.
type firstSeen struct {
	by         []plugin.Text
	value      plugin.Text
	learn, ttl time.Duration
	approval   bool   // learn until somebody approves
	baseline   string // the kind of baseline that its values make; "" for none
	max        int
}

type threshold struct {
	count  int
	window time.Duration
	by     []plugin.Text
}

type distinct struct {
	value  plugin.Text
	count  int
	window time.Duration
	by     []plugin.Text
}

type after struct {
	rule   plugin.Text
	within time.Duration
	by     []plugin.Text
}

type suppress struct {
	by     []plugin.Text
	length time.Duration
}

// exception is a reviewed hole in a rule.
type exception struct {
	name      string
	condition plugin.Text
	reason    string
	expires   time.Time // the first instant at which it is no longer in force; zero for never
}

// severities are the words of SCHEMA.md section 5 and their event.severity.
var severities = map[string]int64{"informational": 2, "low": 3, "medium": 5, "high": 8, "critical": 10}

// modules are the values of event.module (SCHEMA.md section 2).
var modules = map[string]bool{"auditd": true, "syslog": true, "docker": true, "kubernetes": true, "jenkins": true,
	"git": true, "registry": true, "falco": true, "tallyman": true}

var (
	idForm        = regexp.MustCompile(`^[A-Z0-9]+(-[A-Z0-9]+)*-[0-9]{3}$`)
	kindForm      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	secretive     = regexp.MustCompile(`process\.(parent\.)?(args|command_line)|event\.original|\bmessage\b`)
	techniqueForm = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
)

// Bounds of declared state.
const (
	maxDistinct  = 1000    // values that one key of a distinct rule counts exactly
	maxCount     = 1 << 20 // events of a threshold
	defaultFirst = 100_000 // values of one first_seen rule
)

// rule reads one entry of `rules:`.
func (d *document) rule(n *yaml.Node, pack, version string) *definition {
	r := &definition{pos: d.pos(n), pack: pack, version: version, enabled: true}
	d.mapping(n, "a rule", d.ruleKeys(r))
	switch {
	case !idForm.MatchString(r.id.Value):
		d.add(r.at(r.id), "write TEAM-TOPIC-001: capitals, digits and dashes, with three digits at the end", "a rule needs an id, and %q is none", r.id.Value)
	case r.title == "":
		d.add(r.pos, "", "rule %s has no title", r.id.Value)
	case r.condition.Value == "":
		d.add(r.pos, "", "rule %s has no condition", r.id.Value)
	case r.first != nil && r.first.baseline != "" && r.band != nil && r.band.baseline != "":
		d.add(r.pos, "write two rules", "rule %s keeps two baselines", r.id.Value)
	case r.severity.Value == "":
		d.add(r.pos, "", "rule %s has no severity", r.id.Value)
	}
	return r
}

// at returns where t stands, or the rule where t is absent.
func (r *definition) at(t plugin.Text) plugin.Pos {
	if t.Pos.Line == 0 {
		return r.pos
	}
	return t.Pos
}

func (d *document) ruleKeys(r *definition) keys {
	k := d.changeableKeys(r)
	k["id"] = d.text(&r.id, "id")
	k["sources"] = func(n *yaml.Node) {
		d.texts(&r.sources, "sources")(n)
		for _, s := range r.sources {
			if !modules[s.Value] {
				d.add(s.Pos, didYouMean(s.Value, modules), "%q is no event.module", s.Value)
			}
		}
	}
	k["actions"] = d.strs(&r.actions, "actions")
	k["category"] = d.str(&r.category, "category")
	k["reference"] = d.str(&r.reference, "reference")
	k["audit_keys"] = d.strs(&r.auditKeys, "audit_keys")
	k["threat"] = func(n *yaml.Node) {
		d.mapping(n, "threat", keys{"tactic": d.strs(&r.tactics, "tactic"), "technique": d.texts(&r.techniques, "technique")})
		for _, t := range r.techniques {
			if !techniqueForm.MatchString(t.Value) {
				d.add(t.Pos, "write T1059 or T1059.004", "%q is no technique of ATT&CK", t.Value)
			}
		}
	}
	k["compliance"] = func(n *yaml.Node) {
		d.mapping(n, "compliance", keys{"pci_dss": d.strs(&r.pci, "pci_dss"), "pci_containers": d.strs(&r.pciC, "pci_containers"),
			"cis_docker": d.strs(&r.cis, "cis_docker"), "nist_800_190": d.strs(&r.nist, "nist_800_190")})
	}
	k["tests"] = func(n *yaml.Node) {
		d.sequence(n, "tests", func(n *yaml.Node) { r.tests = append(r.tests, d.sample(n)) })
	}
	return k
}

// changeableKeys are what an override may set as well.
func (d *document) changeableKeys(r *definition) keys {
	return keys{
		"title":       d.str(&r.title, "title"),
		"description": d.str(&r.description, "description"),
		"enabled":     d.boolean(&r.enabled, "enabled"),
		"condition":   d.expression(&r.condition, "condition"),
		"message":     d.expression(&r.message, "message"),
		"tags":        d.strs(&r.tags, "tags"),
		"severity": func(n *yaml.Node) {
			d.text(&r.severity, "severity")(n)
			if _, ok := severities[r.severity.Value]; !ok {
				d.add(r.severity.Pos, didYouMean(r.severity.Value, severities), "%q is no severity", r.severity.Value)
			}
		},
		"first_seen": func(n *yaml.Node) { r.first = d.firstSeen(n) },
		"threshold":  func(n *yaml.Node) { r.threshold = d.threshold(n) },
		"distinct":   func(n *yaml.Node) { r.distinct = d.distinct(n) },
		"after":      func(n *yaml.Node) { r.after = d.after(n) },
		"band":       func(n *yaml.Node) { r.band = d.band(n) },
		"suppress":   func(n *yaml.Node) { r.suppress = d.suppress(n) },
		"sample": func(n *yaml.Node) {
			d.mapping(n, "sample", keys{"rate": d.count(&r.sample, "rate", maxCount)})
		},
		"exceptions": func(n *yaml.Node) {
			d.sequence(n, "exceptions", func(n *yaml.Node) { r.exceptions = append(r.exceptions, d.exception(n)) })
		},
	}
}

func (d *document) firstSeen(n *yaml.Node) *firstSeen {
	s := &firstSeen{max: defaultFirst}
	var kind plugin.Text
	d.mapping(n, "first_seen", keys{"by": d.texts(&s.by, "by"), "value": d.expression(&s.value, "value"), "learn": d.learning(&s.learn, &s.approval),
		"ttl": d.duration(&s.ttl, "ttl"), "max": d.count(&s.max, "max", 10*defaultFirst), "baseline": d.text(&kind, "baseline")})
	d.complete(n, "first_seen", s.value.Value != "", "value")
	s.baseline = kind.Value
	d.baseline(n, kind, s.approval, append(slices.Clone(s.by), s.value))
	return s
}

func (d *document) threshold(n *yaml.Node) *threshold {
	s := &threshold{}
	d.mapping(n, "threshold", keys{"count": d.count(&s.count, "count", maxCount), "window": d.duration(&s.window, "window"), "by": d.texts(&s.by, "by")})
	d.complete(n, "threshold", s.count > 0 && s.window > 0, "count and window")
	return s
}

func (d *document) distinct(n *yaml.Node) *distinct {
	s := &distinct{}
	d.mapping(n, "distinct", keys{"value": d.expression(&s.value, "value"), "count": d.count(&s.count, "count", maxDistinct),
		"window": d.duration(&s.window, "window"), "by": d.texts(&s.by, "by")})
	d.complete(n, "distinct", s.value.Value != "" && s.count > 0 && s.window > 0, "value, count and window")
	return s
}

func (d *document) after(n *yaml.Node) *after {
	s := &after{}
	d.mapping(n, "after", keys{"rule": d.text(&s.rule, "rule"), "within": d.duration(&s.within, "within"), "by": d.texts(&s.by, "by")})
	d.complete(n, "after", s.rule.Value != "" && s.within > 0, "rule and within")
	return s
}

func (d *document) suppress(n *yaml.Node) *suppress {
	s := &suppress{}
	d.mapping(n, "suppress", keys{"by": d.texts(&s.by, "by"), "for": d.duration(&s.length, "for")})
	d.complete(n, "suppress", s.length > 0, "for")
	return s
}

func (d *document) complete(n *yaml.Node, what string, ok bool, needs string) {
	if !ok && n.Kind == yaml.MappingNode {
		d.bad(n, "", "%s needs %s", what, needs)
	}
}

func (d *document) exception(n *yaml.Node) exception {
	var e exception
	d.mapping(n, "an exception", keys{"name": d.str(&e.name, "name"), "condition": d.expression(&e.condition, "condition"),
		"reason": d.str(&e.reason, "reason"), "expires": func(n *yaml.Node) {
			day, err := time.Parse(time.DateOnly, n.Value)
			if err != nil {
				d.bad(n, "write 2027-03-31", "expires must be a day")
				return
			}
			// It is in force on its last day.
			e.expires = day.AddDate(0, 0, 1)
		}})
	d.complete(n, "an exception", e.condition.Value != "" && e.reason != "", "a condition and a reason")
	return e
}

// merge lets a later file change r. What it does not name stays.
func (r *definition) merge(d *document, n *yaml.Node) {
	k := d.changeableKeys(r)
	k["id"] = func(*yaml.Node) {}
	d.mapping(n, "an override", k)
}

// sourceNames returns the modules that r judges.
func (r *definition) sourceNames() []string {
	var out []string
	for _, s := range r.sources {
		out = append(out, s.Value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// technique returns the techniques without their last part, and those that
// have one.
func (r *definition) technique() (techniques, subtechniques []string) {
	for _, t := range r.techniques {
		main, _, sub := strings.Cut(t.Value, ".")
		if !slices.Contains(techniques, main) {
			techniques = append(techniques, main)
		}
		if sub {
			subtechniques = append(subtechniques, t.Value)
		}
	}
	return techniques, subtechniques
}
