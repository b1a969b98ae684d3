// Package filter leaves out events that somebody does not want: by the key of the
// audit rule, by type, system call, user, program and result, or by an
// expression. What it leaves out is counted as filtered in every output's book.
//
// It knows the names of fields and nothing of how records are decoded or where
// events go. It stands behind `container`, so that the processes of dropped
// events are known all the same.
package filter

import (
	"context"
	"log/slog"
	"math/bits"
	"strconv"
	"sync/atomic"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the transform `type: filter`.
var Plugin = plugin.NewTransform("filter", "Leaves out events that nobody wants, and counts them as filtered.", Default, New)

// Settings are the keys of the transform.
type Settings struct {
	Drop []Entry `yaml:"drop" doc:"What to leave out: an event that one of these describes. In one entry all terms must hold, in a list of words one." required:"true"`
	Keep []Entry `yaml:"keep" doc:"What to keep although drop describes it."`
}

// Entry describes events. An absent term holds for every event.
type Entry struct {
	Name    string        `yaml:"name" doc:"The name of the entry in metrics; without it, its place in the list, drop_1." example:"chatty_proxy"`
	Key     []plugin.Text `yaml:"key" doc:"Keys of audit rules (auditd.key)." example:"[tm_connect]"`
	Type    []plugin.Text `yaml:"type" doc:"Types of the record that the event is named after (event.code)." example:"[SYSCALL, USER_CMD]"`
	Syscall []plugin.Text `yaml:"syscall" doc:"Names of system calls." example:"[openat]"`
	UID     []plugin.Text `yaml:"uid" doc:"Users: a number is compared with user.id, a name with user.name." example:"[\"1000\", prometheus]"`
	Exe     []plugin.Text `yaml:"exe" doc:"Programs (process.executable), each an absolute path in which * stands for any part of a name and ** for any part of a path." example:"[/usr/sbin/chronyd, \"/opt/agent/**\"]"`
	Exit    []plugin.Text `yaml:"exit" doc:"Results: success, failure, the number that a system call returned, or the name of an error." example:"[success, \"-13\", ENOENT]"`
	When    plugin.Text   `yaml:"when" doc:"An expression that must hold as well, for all that the terms cannot say." example:"destination.port == 53" verbatim:"true"`
}

// Default returns the settings that hold where a configuration says nothing.
func Default() Settings { return Settings{} }

// internal is the dataset of what tallyman says of itself.
const internal = "tallyman.internal"

// Transform is shared by all lanes and does not change.
type Transform struct {
	drop, keep ruleSet
	log        *slog.Logger
	early      atomic.Bool // it was said that records come here undecoded
	errors     *meter.Counter
}

// New compiles the entries. The error is plugin.Problems with the place of each.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	t := &Transform{log: env.Log, errors: env.Meter.Counter("tallyman_filter_errors_total",
		"Expressions of filters that failed; a drop entry then drops nothing, a keep entry keeps.")}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	c := newCompiler()
	drop, keep := c.rules("drop", s.Drop), c.rules("keep", s.Keep)
	if len(s.Drop) == 0 {
		c.problems = append(c.problems, plugin.Problem{Key: "drop", Text: "drop names nothing", Hint: "name what to leave out, or remove the transform"})
	}
	if c.problems.Bad() {
		return nil, c.problems
	}
	for i := range drop {
		drop[i].count = env.Meter.Counter("tallyman_filter_records_total", "Source records that were left out, by the entry of drop that describes them first.",
			meter.Label{Name: "entry", Value: drop[i].name}, meter.Label{Name: "transform", Value: env.Name})
	}
	t.drop, t.keep = newRuleSet(drop), newRuleSet(keep)
	return t, nil
}

// Lane returns the stage of one lane.
func (t *Transform) Lane(string) plugin.Stage {
	return &stage{t: t, machine: expr.NewMachine()}
}

// Close has nothing to give back.
func (t *Transform) Close() error { return nil }

// stage is the transform in one lane.
type stage struct {
	t       *Transform
	machine *expr.Machine
	loaded  bool // the machine has the event at hand
}

// Apply passes on what no entry of drop describes, or one of keep does. What
// tallyman itself says is never left out, nor is a record that waits for its
// decoder: nothing is known of it yet.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	for i := range in.Events {
		e := &in.Events[i]
		switch {
		case e.Decode != "":
			s.t.tooEarly(e.Decode)
		case e.Records == 0 || e.Dataset == internal:
		default:
			if r := s.judge(e); r != nil {
				r.count.Add(uint64(e.Records))
				out.Filtered += e.Records
				continue
			}
		}
		out.Events = append(out.Events, *e)
	}
	return nil
}

// tooEarly says once that the transform stands before the decoder of its records.
func (t *Transform) tooEarly(decoder string) {
	if t.early.CompareAndSwap(false, true) {
		t.log.Warn("the filter sees records that are not decoded, and drops none of them; put it behind the transform that decodes them",
			"decoder", decoder)
	}
}

// judge returns the entry of drop over which e is left out, nil for none.
func (s *stage) judge(e *event.Event) *rule {
	s.loaded = false
	r := s.first(e, &s.t.drop, false)
	if r == nil || s.first(e, &s.t.keep, true) != nil {
		return nil
	}
	return r
}

// first returns the first rule of a set that describes e, nil for none. Failed
// says whether one does whose expression fails.
func (s *stage) first(e *event.Event, set *ruleSet, failed bool) *rule {
	for i := range set.banks {
		for left := set.banks[i].describes(e); left != 0; left &= left - 1 {
			r := &set.banks[i].rules[bits.TrailingZeros64(left)]
			if r.when == nil || s.test(e, r, failed) {
				return r
			}
		}
	}
	return nil
}

// test runs the expression of a rule.
func (s *stage) test(e *event.Event, r *rule, failed bool) bool {
	if !s.loaded {
		s.machine.Load(e)
		s.loaded = true
	}
	ok, err := r.when.Match(s.machine)
	if err != nil {
		s.t.errors.Inc()
		return failed
	}
	return ok
}

// place is the name of an entry that has none.
func place(list string, i int) string { return list + "_" + strconv.Itoa(i+1) }
