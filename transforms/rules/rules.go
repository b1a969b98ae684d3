// Package rules judges events: a rule whose condition holds makes an alert of
// its own beside the event. It reads packs of rules and lists from YAML files,
// checks every condition against the schema before anything starts, and keeps
// the state that rules declare (first seen, threshold, distinct, after,
// suppress), shared by all lanes and kept over a restart (keep.go).
//
// It knows the format of spec RULES.md section 2 and nothing of where events
// come from or go to.
package rules

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the transform as a configuration names it.
var Plugin = plugin.NewTransform("rules", "Judges events by rules and makes an alert of each match.", Default, New)

// Settings are the keys of the transform.
type Settings struct {
	Files     []plugin.Text   `yaml:"files" doc:"The files of rules and lists, in the order in which a later one may change an earlier one. A name may be a pattern." example:"rules/*.yaml" required:"true"`
	Enable    []plugin.Text   `yaml:"enable" doc:"Rules to judge although their file switches them off." example:"TM-NET-003"`
	Disable   []plugin.Text   `yaml:"disable" doc:"Rules not to judge." example:"TM-NET-003"`
	Lists     map[string]List `yaml:"lists" doc:"Changes to the lists of the files, and lists of your own."`
	Images    Images          `yaml:"images" doc:"Which images image_allowed allows."`
	Inventory Inventory       `yaml:"inventory" doc:"What is documented of the network behaviour of images, for doc_listen and doc_egress."`
}

// List changes one named list.
type List struct {
	Replace []string `yaml:"replace" doc:"The words that take the place of the list's own."`
	Append  []string `yaml:"append" doc:"Words to add."`
}

// Default returns the settings of a configuration that says nothing.
func Default() Settings { return Settings{Inventory: Inventory{Default: "allow"}} }

// transform is what all lanes share.
type transform struct {
	set    *set
	index  *index
	hostID string
	now    func() time.Time
	log    *slog.Logger
	errors *meter.Counter

	explaining sync.Mutex // guards set.compiler
	learner    *learner   // used before any lane runs; nil until then
}

// New reads the files and compiles their rules. The error is plugin.Problems
// with the place of each.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	set, problems := compileAll(s, env.Dir)
	if problems.Bad() {
		return nil, problems
	}
	t := &transform{set: set, index: newIndex(set.rules), hostID: env.HostID, now: env.Now, log: env.Log,
		errors: env.Meter.Counter("tallyman_rules_errors_total", "Rules that failed while judging an event; the event went on unjudged by them.")}
	for _, r := range set.rules {
		label := meter.Label{Name: "rule", Value: r.def.id.Value}
		r.matches = env.Meter.Counter("tallyman_rules_matches_total", "Events that a rule matched, folded ones included.", label)
		for _, e := range r.exceptions {
			if !e.expires.IsZero() && !env.Now().Before(e.expires) {
				env.Log.Warn("an exception has expired", "rule", r.def.id.Value, "exception", e.name)
			}
		}
		if r.first != nil || r.base != nil || r.band != nil {
			evicted := env.Meter.Counter("tallyman_rule_state_evicted_total", "Values that a rule forgot, or did not learn, because it held too many.", label)
			if r.first != nil {
				r.first.evicted = evicted
			}
			if r.base != nil {
				r.base.evicted = evicted
			}
			if r.band != nil {
				r.band.evicted = evicted
			}
		}
	}
	env.Log.Info("rules loaded", "rules", len(set.rules), "disabled", set.disabled, "lists", len(set.lists))
	return t, nil
}

// Lane returns the stage of one lane.
func (t *transform) Lane(input string) plugin.Stage {
	return &stage{t: t, input: input, index: t.index, machine: expr.NewMachine()}
}

// Close has nothing to give back.
func (t *transform) Close() error { return nil }

// stage judges the events of one lane.
type stage struct {
	t       *transform
	input   string
	index   *index
	quiet   bool // what it does was counted and told before
	machine *expr.Machine
	hits    []hit  // of the event at hand
	buf     []byte // for keys and ids
	bits    []uint64
	about   *actions // the rules about the module of the last event; nil before the first

	measured measure // by the band that was asked last
}

// Apply passes every event on, followed by the alerts that it raised.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	for i := range in.Events {
		s.judge(&in.Events[i])
		if len(s.hits) == 0 {
			out.Add(in.Events[i])
			continue
		}
		s.pass(in.Events[i], i, out)
	}
	return nil
}
