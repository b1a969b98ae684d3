package docker

// How containers do: memory, processes, processors, network and disk, measured by
// the clock, and the thresholds that are crossed.
//
// Each round asks for one reading of each container (stream=false, one-shot) and
// makes rates of it and the reading before. An open stream for each would take a
// connection each and have the engine read every control group once a second, as
// long as it is open: with a measurement every 30 seconds that is thirty times the
// work, and stream=false without one-shot makes the engine wait for a second
// reading of its own.

import (
	"cmp"
	"context"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// statsDataset is that of measurements and of thresholds that are crossed.
const statsDataset = "docker.stats"

const (
	defaultEvery = 30 * time.Second
	leastEvery   = time.Second
	defaultClear = 0.9

	// askers is how many containers are asked for at a time.
	askers = 4
)

// Stats says how containers are measured.
type Stats struct {
	Every      time.Duration `yaml:"every" doc:"How often; at least 1s. Default: 30s."`
	Containers int           `yaml:"containers" doc:"How many containers are measured at most, those that were there first; others are counted. Default: 256."`
	Thresholds *Thresholds   `yaml:"thresholds" doc:"Values that are told of when they are crossed, up and down. One that is left out is not looked at."`
}

// Thresholds are where a value becomes worth an event. Zero is none.
type Thresholds struct {
	Memory      float64     `yaml:"memory" doc:"The share of its memory limit that a container uses, 0 to 1." example:"0.9"`
	MemoryBytes plugin.Size `yaml:"memory_bytes" doc:"The memory that it uses." example:"2GiB"`
	PIDs        int64       `yaml:"pids" doc:"Its processes and threads." example:"500"`
	CPU         float64     `yaml:"cpu" doc:"The share of all processors of the host that it used since the last measurement, 0 to 1." example:"0.8"`
	Ingress     plugin.Size `yaml:"ingress" doc:"What it received a second, since the last measurement." example:"50MiB"`
	Egress      plugin.Size `yaml:"egress" doc:"What it sent a second, since the last measurement." example:"10MiB"`
	Clear       float64     `yaml:"clear" doc:"The part of a threshold that a value has to fall below before the threshold counts as left. Default: 0.9."`
}

func (s *Stats) check() plugin.Problems {
	var p plugin.Problems
	if s == nil {
		return nil
	}
	if s.Every != 0 && s.Every < leastEvery {
		p = append(p, plugin.Problem{Key: "stats.every", Text: "stats.every is " + s.Every.String(), Hint: "at least 1s"})
	}
	if s.Containers < 0 || s.Containers > 1<<16 {
		p = append(p, plugin.Problem{Key: "stats.containers", Text: "stats.containers must lie between 1 and 65536"})
	}
	t := s.Thresholds
	if t == nil {
		return p
	}
	for _, x := range [...]struct {
		key   string
		v, to float64
	}{{"memory", t.Memory, 1}, {"memory_bytes", float64(t.MemoryBytes), 1 << 62}, {"pids", float64(t.PIDs), 1 << 62}, {"cpu", t.CPU, 1},
		{"ingress", float64(t.Ingress), 1 << 62}, {"egress", float64(t.Egress), 1 << 62}, {"clear", t.Clear, 1}} {
		if !(x.v >= 0 && x.v <= x.to) {
			p = append(p, plugin.Problem{Key: "stats.thresholds." + x.key, Text: "stats.thresholds." + x.key + " is out of its range", Hint: "shares lie between 0 and 1"})
		}
	}
	return p
}

// whole returns the settings with what was left out.
func (s *Stats) whole() Stats {
	w := *s
	w.Every, w.Containers = cmp.Or(w.Every, defaultEvery), cmp.Or(w.Containers, defaultContainers)
	if w.Thresholds == nil {
		w.Thresholds = &Thresholds{}
	}
	t := *w.Thresholds
	t.Clear = cmp.Or(t.Clear, defaultClear)
	w.Thresholds = &t
	return w
}

// measured is the last reading of a container, and which thresholds it is beyond.
type measured struct {
	at     reading
	beyond [thresholds]bool
}

// sampler measures. It belongs to the poller's goroutine.
type sampler struct {
	set  Stats
	last map[string]*measured
}

// round measures every container that runs, and forgets those that do not.
func (s *sampler) round(ctx context.Context, p *poller) []event.Event {
	all, ok := p.list(ctx, s.set.Containers)
	if !ok {
		return nil
	}
	answers := p.read(ctx, all)
	kept := make(map[string]*measured, len(all))
	var out []event.Event
	for i := range all {
		a, m := answers[i], s.last[all[i].ID]
		if a == nil {
			if m != nil {
				kept[all[i].ID] = m
			}
			continue
		}
		if m == nil {
			m = &measured{}
		}
		r := a.reading(p.in.env.Now())
		g := r.since(&m.at)
		out = append(out, p.measurement(&all[i], &r, &g))
		out = s.judge(p, out, &all[i], m, &r, &g)
		m.at = r
		kept[all[i].ID] = m
	}
	s.last = kept
	return out
}

// read asks for one reading of each; nil where there is none.
func (p *poller) read(ctx context.Context, all []running) []*usage {
	out := make([]*usage, len(all))
	next := make(chan int, len(all))
	for i := range all {
		next <- i
	}
	close(next)
	var work sync.WaitGroup
	for range min(askers, len(all)) {
		work.Go(func() {
			for i := range next {
				out[i] = p.readOne(ctx, all[i].ID)
			}
		})
	}
	work.Wait()
	return out
}

func (p *poller) readOne(ctx context.Context, id string) *usage {
	ctx, cancel := context.WithTimeout(ctx, 2*lookFor) // an engine without one-shot takes a second and more
	defer cancel()
	var u usage
	if err := p.in.api.get(ctx, "/containers/"+id+"/stats?stream=false&one-shot=true", &u); err != nil {
		p.fail(ctx)
		return nil
	}
	return &u
}

// measurement is the event of one reading.
func (p *poller) measurement(c *running, r *reading, g *gained) event.Event {
	e := p.event(c, statsDataset, "metric", "container-stats", r.at)
	f := &e.Fields
	f.AddString(schema.EventCategory, "host")
	f.AddString(schema.EventType, "info")
	f.Add(schema.EventSeverity, event.Int(1))
	if r.memoryLimit > 0 {
		f.Add(schema.ContainerMemoryUsage, event.Float(r.memoryShare()))
		f.Add(schema.DockerStatsMemoryLimit, event.Int(r.memoryLimit))
	}
	f.Add(schema.DockerStatsMemoryBytes, event.Int(r.memory))
	f.Add(schema.DockerStatsPIDs, event.Int(r.pids))
	if r.pidsLimit > 0 {
		f.Add(schema.DockerStatsPIDsLimit, event.Int(r.pidsLimit))
	}
	if g.known {
		f.Add(schema.ContainerCPUUsage, event.Float(g.cpu))
		f.Add(schema.ContainerNetworkIngressBytes, event.Int(g.ingress))
		f.Add(schema.ContainerNetworkEgressBytes, event.Int(g.egress))
		f.Add(schema.ContainerDiskReadBytes, event.Int(g.diskRead))
		f.Add(schema.ContainerDiskWriteBytes, event.Int(g.diskWrite))
		f.Add(schema.EventDuration, event.Int(int64(g.time)))
	}
	p.identify(&e, c.ID)
	return e
}
