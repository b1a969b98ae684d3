package rules

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// bandRule is the state of a number, as a rule declares it.
type bandRule struct {
	value        plugin.Text // "" for the number of events
	by           []plugin.Text
	every, learn time.Duration
	width        float64
	side         plugin.Text
	floor        float64
	baseline     string // the kind of baseline that it makes; "" for none
	approval     bool   // it is learned until somebody approves
}

func (d *document) band(n *yaml.Node) *bandRule {
	s := &bandRule{}
	var kind plugin.Text
	d.mapping(n, "band", keys{"value": d.expression(&s.value, "value"), "by": d.texts(&s.by, "by"), "every": d.duration(&s.every, "every"),
		"learn": d.learning(&s.learn, &s.approval), "baseline": d.text(&kind, "baseline"), "width": d.positive(&s.width, "width"), "floor": d.positive(&s.floor, "floor"), "side": d.text(&s.side, "side")})
	s.baseline = kind.Value
	d.baseline(n, kind, s.approval, s.by)
	d.complete(n, "band", (s.learn > 0 || s.approval) && s.width > 0 && (s.value.Value == "") == (s.every > 0), "learn, width and either value or every")
	switch {
	case s.side.Value != "" && s.side.Value != "above" && s.side.Value != "both":
		d.add(s.side.Pos, "write above or both", "%q is no side of a band", s.side.Value)
	case s.every > 0 && s.side.Value == "both":
		d.add(s.side.Pos, "", "of events that are counted only too many can be told")
	}
	return s
}

// positive reads a number above zero.
func (d *document) positive(to *float64, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || !(v > 0 && v < 1e18) {
			d.bad(n, "", "%s must be a number above 0", what)
			return
		}
		*to = v
	}
}

// band makes the state that a rule declares.
func (c *compiler) band(s *bandRule) *bandState {
	return &bandState{kindOf: s.baseline, approval: s.approval, evicted: new(meter.Counter), by: c.key(s.by), made: formOf(s.by, s.value.Value, s.every.String()), value: c.value(s.value), every: int64(s.every), learn: s.learn,
		width: s.width, above: s.side.Value != "both", floor: s.floor, keys: table[band]{max: maxKeys, seal: c.seal}}
}
