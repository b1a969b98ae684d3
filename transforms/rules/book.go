package rules

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"tallyman/pipeline/plugin"
)

// Book is what files of rules hold, for people who work with rules: it judges no
// event of a pipeline.
type Book struct {
	set *set
	l   *loader
	s   *Settings
	dir string
}

// Info is one rule as its file says it, with what later files and the settings
// changed. Its JSON is what `tallyman rules list --json` prints: keys are added,
// never changed.
type Info struct {
	ID          string      `json:"id"`
	Title       string      `json:"title"`
	Description string      `json:"description,omitempty"`
	Pack        string      `json:"pack,omitempty"`
	Version     string      `json:"version,omitempty"`
	Pos         plugin.Pos  `json:"-"`
	Place       string      `json:"place"` // file:line:column
	Enabled     bool        `json:"enabled"`
	Severity    string      `json:"severity"`
	Sources     []string    `json:"sources,omitempty"`
	Actions     []string    `json:"actions,omitempty"`
	Condition   string      `json:"condition"`
	Message     string      `json:"message,omitempty"`
	State       []string    `json:"state,omitempty"` // what is declared, a phrase each
	Exceptions  []Exception `json:"exceptions,omitempty"`
	Techniques  []string    `json:"attack,omitempty"` // MITRE ATT&CK
	PCI         []string    `json:"pci_dss,omitempty"`
	PCIC        []string    `json:"pci_containers,omitempty"`
	CIS         []string    `json:"cis_docker,omitempty"`
	NIST        []string    `json:"nist_800_190,omitempty"`
	AuditKeys   []string    `json:"audit_keys,omitempty"`
	Matching    int         `json:"tests_match"` // samples that it is to match
	Passing     int         `json:"tests_no_match"`
}

// Exception is a reviewed hole in a rule.
type Exception struct {
	Name      string    `json:"name,omitempty"`
	Condition string    `json:"condition"`
	Reason    string    `json:"reason"`
	Expires   time.Time `json:"expires,omitzero"` // the first instant at which it is no longer in force
}

// Read reads and compiles the rules of settings whose relative paths start at dir.
// With a problem that is more than a warning there is no Book.
func Read(s *Settings, dir string) (*Book, plugin.Problems) {
	l := load(s, dir)
	set, problems := l.compile(s)
	if problems.Bad() {
		return nil, problems
	}
	return &Book{set: set, l: l, s: s, dir: dir}, problems
}

// Rules returns every rule in the order of its id, also those that are off.
func (b *Book) Rules() []Info {
	out := make([]Info, 0, len(b.set.all))
	for _, r := range b.set.all {
		out = append(out, r.def.info())
	}
	slices.SortFunc(out, func(a, b Info) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (d *definition) info() Info {
	in := Info{ID: d.id.Value, Title: d.title, Description: d.description, Pack: d.pack, Version: d.version, Pos: d.pos, Place: d.pos.String(),
		Enabled: d.enabled, Severity: d.severity.Value, Sources: d.sourceNames(), Actions: d.actions, Condition: d.condition.Value, Message: d.message.Value,
		State: d.stateText(), Techniques: words(d.techniques), PCI: d.pci, PCIC: d.pciC, CIS: d.cis, NIST: d.nist, AuditKeys: d.auditKeys}
	for _, e := range d.exceptions {
		in.Exceptions = append(in.Exceptions, Exception{e.name, e.condition.Value, e.reason, e.expires})
	}
	for _, t := range d.tests {
		if t.match {
			in.Matching++
		} else {
			in.Passing++
		}
	}
	return in
}

func words(list []plugin.Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Value)
	}
	return out
}

// stateText says in words what state a rule declares.
func (d *definition) stateText() []string {
	var out []string
	per := func(by []plugin.Text) string {
		text := ""
		for i, t := range by {
			text += [2]string{" per ", ", "}[min(i, 1)] + t.Value
		}
		return text
	}
	if s := d.after; s != nil {
		out = append(out, fmt.Sprintf("within %s after %s%s", s.within, s.rule.Value, per(s.by)))
	}
	if s := d.first; s != nil {
		learns := "for " + s.learn.String()
		if s.approval {
			learns = "until it is approved"
		}
		text := fmt.Sprintf("first seen %s%s; learns %s, forgets after %s, holds %d", s.value.Value, per(s.by), learns, s.ttl, s.max)
		if s.baseline != "" {
			text += "; a baseline of kind " + s.baseline
		}
		out = append(out, text)
	}
	if s := d.threshold; s != nil {
		out = append(out, fmt.Sprintf("%d in %s%s", s.count, s.window, per(s.by)))
	}
	if s := d.distinct; s != nil {
		out = append(out, fmt.Sprintf("more than %d different %s in %s%s", s.count, s.value.Value, s.window, per(s.by)))
	}
	if s := d.band; s != nil {
		what := s.value.Value
		if what == "" {
			what = "the number of events in " + s.every.String()
		}
		learned := s.learn.String()
		if s.approval {
			learned = "the time until its approval"
		}
		text := fmt.Sprintf("%s%s outside of what was learned in %s, %g deviations wide", what, per(s.by), learned, s.width)
		if s.baseline != "" {
			text += "; a baseline of kind " + s.baseline
		}
		out = append(out, text)
	}
	if s := d.suppress; s != nil {
		out = append(out, fmt.Sprintf("folds repeats for %s%s", s.length, per(s.by)))
	}
	if d.sample > 0 {
		out = append(out, fmt.Sprintf("keeps one alert in %d", d.sample))
	}
	return out
}

// Term is one part of a condition and where it stands.
type Term struct {
	Text string
	Pos  plugin.Pos
}

// Terms returns the parts of a rule's condition that all have to hold.
func (b *Book) Terms(id string) []Term {
	var out []Term
	if d := b.l.byID[id]; d != nil {
		for _, t := range b.set.compiler.Terms(d.condition) {
			out = append(out, Term{t.Value, t.Pos})
		}
	}
	return out
}

// Suggest returns a hint on the id that was meant, "" for none.
func (b *Book) Suggest(id string) string { return didYouMean(id, b.l.byID) }

// Samples judges the samples that stand beside the rules, by each rule's sources,
// actions, condition and exceptions; declared state plays no part. Where a file says
// under `samples` which images and inventory its samples take for granted, these
// stand in for the configuration's. It returns how many samples there are, and a
// problem for each that was judged otherwise than it says.
func (b *Book) Samples() (int, plugin.Problems) {
	n := 0
	for _, r := range b.set.all {
		n += len(r.def.tests)
	}
	problems := b.set.samples(func(d *definition) bool { return b.l.docs[d.pos.File].granted == nil })
	for _, name := range b.l.names {
		granted := b.l.docs[name].granted
		if granted == nil {
			continue
		}
		s := *b.s
		s.Images, s.Inventory = granted.Images, granted.Inventory
		set, found := compileAll(&s, b.dir)
		if found.Bad() {
			return n, append(problems, found...)
		}
		problems = append(problems, set.samples(func(d *definition) bool { return d.pos.File == name })...)
	}
	return n, problems
}

// Lint returns what is worth mending although the rules work: an exception that has
// expired, a rule without samples of both kinds, without description
// or sources.
func (b *Book) Lint(now time.Time) plugin.Problems {
	var out plugin.Problems
	warn := func(pos plugin.Pos, hint, format string, args ...any) {
		out = append(out, plugin.Problem{Pos: pos, Text: fmt.Sprintf(format, args...), Hint: hint, Warn: true})
	}
	for _, r := range b.set.all {
		d := r.def
		in := d.info()
		if in.Matching == 0 || in.Passing == 0 {
			warn(d.pos, "add `tests:` with one event that it is to match and one that it is not", "rule %s has %d samples to match and %d not to", in.ID, in.Matching, in.Passing)
		}
		if d.description == "" {
			warn(d.pos, "say what it means that it matches", "rule %s has no description", in.ID)
		}
		if len(d.sources) == 0 {
			warn(d.pos, "name the values of event.module that it is about: a rule without sources is judged for every event", "rule %s names no sources", in.ID)
		}
		for _, e := range d.exceptions {
			if !e.expires.IsZero() && !now.Before(e.expires) {
				warn(e.condition.Pos, "review it: remove it, or set a later day", "the exception %q of rule %s expired on %s", e.name, in.ID, e.expires.AddDate(0, 0, -1).Format(time.DateOnly))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b plugin.Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return out
}

// ReadFrom is Read for files that lie in a file system of its own, by their names
// there; patterns are for Read.
func ReadFrom(files fs.FS, s *Settings) (*Book, plugin.Problems) {
	l := newLoader()
	for _, f := range s.Files {
		text, err := fs.ReadFile(files, f.Value)
		if err != nil {
			l.settings(f.Pos, "", "cannot read the rules of %s: %v", f.Value, err)
			continue
		}
		l.read(f.Value, text)
	}
	l.fromSettings(s)
	set, problems := l.compile(s)
	if problems.Bad() {
		return nil, problems
	}
	return &Book{set: set, l: l, s: s, dir: "."}, problems
}

// CheckText compiles the text of one file of rules, whose name is for the problems.
func CheckText(name string, text []byte) plugin.Problems {
	l, s := newLoader(), Default()
	l.read(name, text)
	_, problems := l.compile(&s)
	return problems
}
