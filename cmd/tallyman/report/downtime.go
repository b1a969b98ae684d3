package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// maxLives bounds the starts and stops that are remembered of one host.
const maxLives = 10_000

// life is a start or a stop of the tallyman of a host, as its own events tell.
type life struct {
	at    time.Time
	begun bool
	how   string // of a start: how the run before ended
}

// life notes a start or a stop. Only what tallyman says of itself counts: no line of a
// log has its dataset.
func (c *coverage) life(e *event.Event, at time.Time) {
	if e.Dataset != internal {
		return
	}
	l := life{at: at}
	switch e.Get(schema.EventAction).Str() {
	case "agent-started":
		l.begun, l.how = true, strings.Clone(e.Get(schema.EventReason).Str())
	case "agent-stopped":
	default:
		return
	}
	if m := c.of(host(e)); m != nil && len(m.lives) < maxLives {
		m.lives = append(m.lives, l)
	}
}

// downtimes lists when the tallyman of a host did not run. One that was killed could
// not say when: its downtime begins after the last part of the map in which something
// was read.
func (c *coverage) downtimes(host string, m *marks) []Gap {
	slices.SortStableFunc(m.lives, func(a, b life) int { return a.at.Compare(b.at) })
	var list []Gap
	add := func(kind string, from, to time.Time) {
		if !to.After(from) || len(list) > maxGaps {
			return
		}
		see := fmt.Sprintf("tallyman query 'event.dataset == \"%s\"' --since %s --until %s", internal, rfc3339(from), rfc3339(to.Add(time.Second)))
		list = append(list, Gap{kind, cell(host), rfc3339(from), rfc3339(to), duration(to.Sub(from)), see})
	}
	var down time.Time // zero: it runs, or nothing is known yet
	for i, l := range m.lives {
		switch {
		case !l.begun:
			if down.IsZero() {
				down = l.at
			}
			continue
		case !down.IsZero():
			add(halted, down, l.at)
		case l.how == "unclean-stop":
			add(killed, c.readBefore(m, l.at), l.at)
		case l.how == "clean-stop" && i == 0:
			add(halted, c.from, l.at)
		}
		down = time.Time{}
	}
	if !down.IsZero() {
		add(halted, down, c.to)
	}
	return list
}

// readBefore returns the end of the last bucket before a moment's own in which
// something was read; the begin of the period where there is none.
func (c *coverage) readBefore(m *marks, at time.Time) time.Time {
	for i := min(c.bucket(at), c.n) - 1; i >= 0; i-- {
		if m.read.has(i) {
			return c.from.Add(time.Duration(i+1) * c.width)
		}
	}
	return c.from
}
