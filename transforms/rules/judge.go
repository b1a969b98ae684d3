package rules

import (
	"errors"
	"math/bits"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// hit is one rule that matched the event at hand.
type hit struct {
	rule   *rule
	silent bool  // folded into an earlier alert
	folded int64 // alerts that this one stands for beside itself
	off    measure
}

// judge runs the rules of the index against e and leaves those that matched in
// s.hits. Records that wait for a decoder are not judged, and an alert of a rule,
// which another tallyman may have made, is not judged again.
func (s *stage) judge(e *event.Event) {
	s.hits = s.hits[:0]
	if e.Decode != "" {
		return
	}
	m := s.machine
	m.Load(e)
	// The events of a lane are nearly all of one module.
	if name := moduleOf(m.Value(schema.EventModule), e); s.about == nil || name != s.about.module {
		s.about = s.index.about(name)
	}
	g := s.about.of(m.Value(schema.EventAction).Str())
	if len(g.rules) == 0 || (m.Value(schema.EventKind).Str() == "alert" && !m.Value(schema.RuleID).IsZero()) {
		return
	}
	s.bits = g.candidates(s.bits, m)
	at := moment(e)
	for w, word := range s.bits {
		for ; word != 0; word &= word - 1 {
			s.ask(g.rules[w*64+bits.TrailingZeros64(word)], at)
		}
	}
	// What a match tells to other rules holds from the next event on, so that
	// the order of rules changes nothing.
	for _, h := range s.hits {
		for _, w := range h.rule.waiting {
			if key, err := w.by.append(s.buf[:0], s.machine); err != nil {
				s.fail(h.rule, err)
			} else {
				w.note(key, at)
				s.buf = key
			}
		}
	}
}

// ask judges the loaded event by one rule.
func (s *stage) ask(r *rule, at time.Time) {
	ok, err := r.holds(s.machine, at)
	if err != nil {
		s.fail(r, err)
		if !errors.Is(err, errHole) {
			return
		}
	}
	if ok {
		s.match(r, at)
	}
}

// match lets the state of r decide about an event whose condition held.
func (s *stage) match(r *rule, at time.Time) {
	for _, state := range r.decide {
		ok, err := state.holds(s, at)
		if err != nil {
			s.fail(r, err)
		}
		if !ok {
			return
		}
	}
	if !s.quiet {
		r.matches.Inc()
	}
	h := hit{rule: r}
	if r.band != nil {
		h.off = s.measured
	}
	if r.suppress != nil {
		alert, folded, err := r.suppress.pass(s, at)
		if err != nil {
			s.fail(r, err)
		}
		h.silent, h.folded = !alert, folded
	}
	s.hits = append(s.hits, h)
}

// fail counts an error of a rule and logs the rule's first.
func (s *stage) fail(r *rule, err error) {
	if s.quiet {
		return
	}
	s.t.errors.Inc()
	if r.failed.CompareAndSwap(false, true) {
		s.t.log.Error("a rule cannot judge an event; further failures of it are only counted", "rule", r.def.id.Value, "error", err)
	}
}

// module returns event.module or, where a decoder left it out, what the dataset
// begins with.
func module(e *event.Event) string { return moduleOf(e.Get(schema.EventModule), e) }

func moduleOf(v event.Value, e *event.Event) string {
	if m := v.Str(); m != "" {
		return m
	}
	m, _, _ := strings.Cut(e.Dataset, ".")
	return m
}

// lateness bounds how far the clock of a source is trusted: an event from the
// future does not move a window further than this.
const lateness = 30 * time.Second

// moment is the time at which e counts in windows.
func moment(e *event.Event) time.Time {
	if e.Seen.IsZero() {
		return e.Time
	}
	if limit := e.Seen.Add(lateness); e.Time.After(limit) {
		return limit
	}
	if e.Time.IsZero() {
		return e.Seen
	}
	return e.Time
}

// identify gives e the id that the engine would give it at the end of the lane:
// an alert needs the id of what it judges.
func (s *stage) identify(e *event.Event, index int) {
	if e.Seen.IsZero() {
		e.Seen = s.t.now()
	}
	s.buf = e.Identify(s.buf, s.t.hostID, s.input, index)
}
