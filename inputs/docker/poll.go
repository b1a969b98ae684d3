package docker

// What is asked of the engine by the clock, beside the stream of its events: the
// measurements of containers (stats.go) and the files that changed in them
// (changes.go). One goroutine asks, and hands over what comes of it; while the
// lane does not take it, nothing more is asked.

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

const (
	// defaultContainers is how many containers a round asks for unless told otherwise.
	defaultContainers = 256

	// maxLabels is how many labels of a container stand on its events.
	maxLabels = 128

	// maxHints is how many containers wait to be looked at before their time.
	maxHints = 64
)

// poller asks the engine by the clock.
type poller struct {
	in      *input
	stats   *sampler // nil: nothing is measured
	changes *differ  // nil: no files are looked at

	measure, look <-chan time.Time // when a round is due
	hints         chan string      // containers whose files are looked at at once
	found         chan []event.Event
	wake          chan struct{} // something was found

	stop context.CancelFunc
	work sync.WaitGroup
	done []func()

	failed, over *meter.Counter
}

// newPoller returns nil where the settings ask for nothing. What --once reads is
// what happened, and not what is.
func newPoller(in *input) *poller {
	s := in.s
	if in.env.Once || s.Stats == nil && s.Changes == nil {
		return nil
	}
	label := meter.Label{Name: "input", Value: in.env.Name}
	p := &poller{in: in, hints: make(chan string, maxHints), found: make(chan []event.Event, 1), wake: make(chan struct{}, 1),
		failed: in.env.Meter.Counter("tallyman_input_docker_poll_failures_total", "Times that the engine did not say how a container does or what changed in it.", label),
		over:   in.env.Meter.Counter("tallyman_input_docker_poll_left_out_total", "Containers and changed files that were left out, because there were more than the settings allow.", label),
	}
	if s.Stats != nil {
		p.stats = &sampler{set: s.Stats.whole(), last: map[string]*measured{}}
		p.measure = p.every(p.stats.set.Every)
	}
	if s.Changes != nil {
		p.changes = &differ{set: s.Changes.whole(), seen: map[string]map[uint64]bool{}}
		p.look = p.every(p.changes.set.Every)
	}
	return p
}

// every returns a clock that is stopped with the poller.
func (p *poller) every(d time.Duration) <-chan time.Time {
	t := time.NewTicker(d)
	p.done = append(p.done, t.Stop)
	return t.C
}

// begin starts to ask. Files are looked at at once: what they are compared with
// is the image, whenever they changed.
func (p *poller) begin() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.work.Go(func() {
		if p.changes != nil {
			p.give(ctx, p.changes.round(ctx, p))
		}
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-p.measure:
				p.give(ctx, p.stats.round(ctx, p))
			case <-p.look:
				p.give(ctx, p.changes.round(ctx, p))
			case id := <-p.hints:
				p.give(ctx, p.changes.hinted(ctx, p, id))
			}
		}
	})
}

// give hands events to the lane, a batch at a time, and waits until it takes them.
func (p *poller) give(ctx context.Context, list []event.Event) {
	for len(list) > 0 {
		n := min(len(list), mostRecords)
		select {
		case p.found <- list[:n]:
		case <-ctx.Done():
			return
		}
		list = list[n:]
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// take adds what was found to a batch.
func (p *poller) take(b *event.Batch) {
	if p == nil {
		return
	}
	select {
	case list := <-p.found:
		b.Events = append(b.Events, list...)
	default:
	}
}

// woken is what to wait for beside the stream; nil for nothing.
func (p *poller) woken() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.wake
}

// hear looks at a line of the engine's events: who copied files into a container
// or ran a command in it may have changed it.
func (p *poller) hear(line string) {
	if p == nil || p.changes == nil || !strings.Contains(line, `"extract-to-dir"`) && !strings.Contains(line, `"exec_die`) {
		return
	}
	var m struct {
		Type, Action string
		Actor        struct{ ID string }
	}
	if json.Unmarshal([]byte(line), &m) != nil || m.Type != "container" || !isContainer(m.Actor.ID) {
		return
	}
	select {
	case p.hints <- m.Actor.ID:
	default: // the next round comes
	}
}

// close ends the asking.
func (p *poller) close() {
	if p == nil {
		return
	}
	for _, stop := range p.done {
		stop()
	}
	if p.stop != nil {
		p.stop()
		p.work.Wait()
	}
}

// running is a container as the engine lists it.
type running struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string
	ImageID string
	Labels  map[string]string
}

// list returns the containers that run, at most so many; what is more is counted.
// Those that came first stay: the engine lists the newest first.
func (p *poller) list(ctx context.Context, most int) ([]running, bool) {
	var all []running
	if err := p.in.api.get(ctx, "/containers/json", &all); err != nil {
		p.fail(ctx)
		return nil, false
	}
	kept := all[:0]
	for _, c := range all {
		if isContainer(c.ID) {
			kept = append(kept, c)
		}
	}
	if n := len(kept) - most; n > 0 {
		p.over.Add(uint64(n))
		kept = kept[n:]
	}
	return kept, true
}

func (p *poller) fail(ctx context.Context) {
	if ctx.Err() == nil {
		p.failed.Inc()
	}
}

// event returns an event of our own about a container.
func (p *poller) event(c *running, dataset, kind, action string, at time.Time) event.Event {
	e := event.Event{Time: at.UTC(), Seen: p.in.env.Now(), Dataset: dataset, Shared: p.in.env.Shared}
	f := &e.Fields
	f.AddString(schema.EventKind, kind)
	f.AddString(schema.EventModule, "docker")
	f.AddString(schema.EventAction, action)
	f.AddString(schema.DockerEventType, "container")
	f.AddString(schema.ContainerID, c.ID)
	if len(c.Names) > 0 {
		f.AddString(schema.ContainerName, strings.TrimPrefix(c.Names[0], "/"))
	}
	if !strings.HasPrefix(c.Image, "sha256:") { // an image without a name is listed by its id
		record.ParseImage(c.Image).Fields(f)
	}
	f.AddString(schema.ContainerImageHashAll, c.ImageID)
	for n, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if n == maxLabels {
			break
		}
		if v := c.Labels[name]; v != "" && len(name) <= 256 && len(v) <= record.MaxText {
			f.AddNamed(schema.ContainerLabels, name, event.String(v))
		}
	}
	return e
}

// identify gives an event its id by what it says and when that was.
func (p *poller) identify(e *event.Event, parts ...string) {
	e.ID, _ = record.ID(nil, p.in.env.HostID, e, append(parts, strconv.FormatInt(e.Time.UnixNano(), 10))...)
}

// fileID is an id that is the same whenever a file is told of.
func (p *poller) fileID(e *event.Event, parts ...string) event.ID {
	id, _ := record.ID(nil, p.in.env.HostID, e, parts...)
	return id
}
