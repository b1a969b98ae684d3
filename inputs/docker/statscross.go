package docker

import (
	"strconv"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// thresholds is how many a container has.
const thresholds = 6

// thresholdNames are the names of the thresholds, as their settings.
var thresholdNames = [thresholds]string{"memory", "memory_bytes", "pids", "cpu", "ingress", "egress"}

// limits returns where each threshold lies, 0 for none.
func (t *Thresholds) limits() [thresholds]float64 {
	return [thresholds]float64{t.Memory, float64(t.MemoryBytes), float64(t.PIDs), t.CPU, float64(t.Ingress), float64(t.Egress)}
}

// judge adds an event for each threshold that a reading crosses. A value has to
// fall below a part of the threshold before that counts as left: one that sways
// about the threshold is told of once. What is not known crosses nothing.
func (s *sampler) judge(p *poller, out []event.Event, c *running, m *measured, r *reading, g *gained) []event.Event {
	values := [thresholds]float64{r.memoryShare(), float64(r.memory), float64(r.pids)}
	known := [thresholds]bool{r.memoryLimit > 0, true, true, g.known, g.known, g.known}
	if g.known {
		values[3], values[4], values[5] = g.cpu, g.second(g.ingress), g.second(g.egress)
	}
	for i, limit := range s.set.Thresholds.limits() {
		if limit <= 0 || !known[i] {
			continue
		}
		switch v := values[i]; {
		case !m.beyond[i] && v >= limit:
			m.beyond[i] = true
			out = append(out, p.crossing(c, r, i, limit, v, true))
		case m.beyond[i] && v < limit*s.set.Thresholds.Clear:
			m.beyond[i] = false
			out = append(out, p.crossing(c, r, i, limit, v, false))
		}
	}
	return out
}

// crossing is the event of a threshold that is crossed.
func (p *poller) crossing(c *running, r *reading, i int, limit, value float64, up bool) event.Event {
	action, outcome, severity, says := "container-threshold-cleared", "success", int64(3), " is below its threshold again: "
	if up {
		action, outcome, severity, says = "container-threshold-exceeded", "failure", 5, " is beyond its threshold: "
	}
	e := p.event(c, statsDataset, "event", action, r.at)
	name := thresholdNames[i]
	f := &e.Fields
	f.AddString(schema.EventCategory, "host")
	f.AddString(schema.EventType, "info")
	f.AddString(schema.EventOutcome, outcome)
	f.Add(schema.EventSeverity, event.Int(severity))
	f.AddString(schema.DockerThresholdName, name)
	f.Add(schema.DockerThresholdLimit, event.Float(limit))
	f.Add(schema.DockerThresholdValue, event.Float(value))
	f.AddString(schema.Message, name+" of container "+f.Get(schema.ContainerName).Str()+says+decimal(value)+" of "+decimal(limit))
	p.identify(&e, c.ID, action, name)
	return e
}

func decimal(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
