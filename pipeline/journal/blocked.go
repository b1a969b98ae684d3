package journal

import (
	"errors"
	"fmt"
	"strings"
)

// Why nothing is accepted, or only what cannot wait, and how that is said.

// reason is what the writer waits for.
type reason uint8

const (
	forNothing reason = iota
	forOutput         // to take events, of which the journal is full
	forDisk           // to have room beyond what is left to others
	forLag            // of an output to be within its max_lag
)

// hold is what the writer waits for.
type hold struct {
	reason reason
	free   int64 // bytes that the disk has, where it is the disk
}

// Blocked says why nothing is accepted at the moment; nil while all is well.
func (j *Journal) Blocked() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return j.failed
	}
	switch j.hold.reason {
	case forOutput:
		return errors.New("the journal is full of events that " + j.holders() + " has not taken")
	case forLag:
		return errors.New(j.laggard() + " is further behind than its max_lag, and when_full is block: nothing is read until it has taken events")
	case forDisk:
		return fmt.Errorf("the disk of the journal has too little room: %s are free at %s, and journal.min_free leaves %s to others: free some there, or lower min_free",
			mib(j.hold.free), j.o.Dir, mib(j.o.MinFree))
	}
	switch {
	case !j.waits(false):
		return nil
	case len(j.laggards()) > 0 && j.roomy():
		return errors.New(j.laggard() + " is further behind than its max_lag, and when_full is block: only inputs that cannot wait are read until it has taken events")
	}
	return errors.New("the journal is full, but for the reserve of inputs that cannot wait, of events that " + j.holders() + " has not taken")
}

// setHold says what the writer waits for; that may change while it waits.
func (j *Journal) setHold(h hold) {
	j.mu.Lock()
	was, who := j.hold.reason, ""
	if j.hold = h; h.reason == forLag {
		who = j.laggard()
	}
	j.mu.Unlock()
	if h.reason == was {
		return
	}
	j.m.blocked.Set(min(int64(h.reason), 1))
	switch h.reason {
	case forNothing:
		j.o.Log.Info("the journal has room again")
	case forOutput:
		j.o.Log.Warn("the journal is full: inputs wait until an output takes events", "max_size", j.o.MaxSize)
	case forLag:
		j.o.Log.Warn("an output is further behind than its max_lag: inputs wait until it takes events", "output", who)
	case forDisk:
		j.o.Log.Warn("the journal's disk has too little room: inputs wait until it has more", "journal", j.o.Dir, "free", h.free, "min_free", j.o.MinFree)
	}
}

// mib writes a size as people read it.
func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// holders names who keeps the oldest segment from being deleted. j.mu is held.
func (j *Journal) holders() string {
	var names []string
	if len(j.segments) > 0 {
		first, end := j.bounds(0)
		for _, c := range j.cursors {
			if c.state.needs(first, end) {
				names = append(names, "output "+c.state.name)
			}
		}
		for i := range j.adopted {
			if j.adopted[i].needs(first, end) {
				names = append(names, "output "+j.adopted[i].name+" (in no configuration)")
			}
		}
	}
	return named(names)
}

// laggards are the outputs that make acceptance wait by their max_lag. j.mu is held.
func (j *Journal) laggards() (names []string) {
	for _, c := range j.cursors {
		if c.policy.WhenFull == Block && c.policy.MaxLag > 0 && j.lag(&c.state) > c.policy.MaxLag {
			names = append(names, "output "+c.state.name)
		}
	}
	return names
}

// laggard names them. j.mu is held.
func (j *Journal) laggard() string { return named(j.laggards()) }

// named joins the names of outputs; one that is not known any more is still one.
func named(outputs []string) string {
	if len(outputs) == 0 {
		return "an output"
	}
	return strings.Join(outputs, " and ")
}
