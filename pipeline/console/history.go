package console

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/pipeline/engine"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/trend"
)

// Bounds of the history.
const (
	mostSamples = 600 // a second apart: ten minutes
	minutes     = 60  // of the rules
)

// history is what the console remembers of the engine's numbers.
type history struct {
	mu    sync.Mutex
	trend *trend.Trend
	st    engine.Status // the last one
	rules map[string]*hits
}

// hits are how often a rule matched.
type hits struct {
	total uint64
	at    [minutes]uint64 // by minute, in a circle
	last  int64           // the minute that at was written for last
}

func newHistory() *history { return &history{trend: trend.New(mostSamples), rules: map[string]*hits{}} }

func (h *history) add(now time.Time, st *engine.Status, meters *meter.Registry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trend.Add(now, st)
	h.st = *st
	minute := now.Unix() / 60
	meters.Each(func(s meter.Sample) {
		if s.Name != "tallyman_rules_matches_total" || len(s.Labels) != 1 {
			return
		}
		h.rule(s.Labels[0].Value, uint64(s.Value), minute)
	})
}

// rule notes the count of a rule.
func (h *history) rule(id string, total uint64, minute int64) {
	r := h.rules[id]
	if r == nil { // what it matched before the console began belongs to no minute
		r = &hits{total: total, last: minute}
		h.rules[id] = r
	}
	if minute-r.last >= minutes {
		r.at = [minutes]uint64{}
	} else {
		for m := r.last + 1; m <= minute; m++ {
			r.at[m%minutes] = 0
		}
	}
	r.last = max(r.last, minute)
	r.at[minute%minutes] += total - min(total, r.total)
	r.total = total
}

// ruleRow is a rule and its hour.
type ruleRow struct {
	ID    string
	Total uint64
	Hour  uint64
	Line  []uint64 // by minute, the oldest first
}

// hour returns every rule, those that matched most in the last hour first.
func (h *history) hour() []ruleRow {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []ruleRow
	for _, id := range slices.Sorted(maps.Keys(h.rules)) {
		r := h.rules[id]
		one := ruleRow{ID: oneLine(id), Total: r.total}
		for m := r.last - minutes + 1; m <= r.last; m++ {
			n := uint64(0)
			if m >= 0 {
				n = r.at[m%minutes]
			}
			one.Line = append(one.Line, n)
			one.Hour += n
		}
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(a, b ruleRow) int {
		switch {
		case a.Hour != b.Hour:
			return int(int64(b.Hour) - int64(a.Hour))
		case a.Total != b.Total:
			return int(int64(b.Total) - int64(a.Total))
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// view calls f with the last status and the trend.
func (h *history) view(f func(st *engine.Status, t *trend.Trend)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.st, h.trend)
}
