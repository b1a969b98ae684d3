// Package docker follows what a container engine tells through the Docker Engine
// API: the stream of its events (docker.go), and what its containers print
// (logs.go).
//
// The input of events yields each event as it came, once, over
// restarts of either side; what an event means is the decoder's business.
//
// An engine keeps its last 256 events in memory, and tells them again to whoever
// asks for what was since a time. The position is therefore the time of the last
// event and the fingerprints of those just before it: what is told again is
// known by them, and when none of them is told again, the engine was started
// anew, or more happened than it keeps, and that is raised as a loss.
//
// The engine drops events of a listener that does not take them within a tenth
// of a second. A goroutine takes them at once and keeps them until the lane
// does; when it may keep no more, it hangs up, and the engine is asked again for
// what was since.
package docker

import (
	"context"
	"fmt"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the input `docker`.
var Plugin = plugin.NewInput("docker", "Events of a container engine, through the Docker Engine API (Docker, Podman): each once, over restarts of either side.", defaults, build)

// mostRecords is how many records one Read adds to a batch at most.
const mostRecords = 1024

// input implements plugin.Input. Its fields are the lane's alone.
type input struct {
	s   *Settings
	env plugin.Env
	api *api

	lore *looker // nil where the engine is not asked
	poll *poller // nil where nothing is asked by the clock

	at     position
	stream *stream        // nil while there is no connection
	known  map[uint64]int // of a connection: how often what was told before may come again
	fresh  bool           // of a connection: nothing of it was judged yet
	begun  bool           // the engine was connected to before

	repeated, reconnects *meter.Counter
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	a, err := newAPI(s.Host, s.TLS, env.Dir)
	if err != nil {
		return nil, err
	}
	label := meter.Label{Name: "input", Value: env.Name}
	in := &input{s: s, env: env, api: a,
		repeated:   env.Meter.Counter("tallyman_input_docker_repeated_total", "Events that the engine told again and that were known by the position.", label),
		reconnects: env.Meter.Counter("tallyman_input_docker_connections_total", "Times that the engine's stream of events was opened.", label),
	}
	if s.Inspect {
		in.lore = &looker{api: a, health: map[string]string{},
			failed: env.Meter.Counter("tallyman_input_docker_inspect_failures_total", "Containers that the engine did not describe, most often because they were gone.", label)}
	}
	in.poll = newPoller(in)
	return in, nil
}

// Open implements plugin.Input. The engine is connected to by Read.
func (in *input) Open(_ context.Context, from []byte) error {
	if in.poll != nil {
		in.poll.begin()
	}
	if len(from) == 0 {
		if in.s.StartAt == "end" {
			in.at.nano = in.env.Now().UnixNano()
		}
		return nil
	}
	p, err := parsePosition(from)
	if err != nil {
		in.env.Log.Warn("docker: the position is none of this input; what the engine remembers is read again", "error", err.Error())
		return nil
	}
	in.at = p
	return nil
}

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if in.stream == nil {
		if err := in.connect(ctx); err != nil {
			return err
		}
	}
	lines, end := in.stream.take(ctx, mostRecords, wait, in.poll.woken())
	for _, l := range lines {
		in.poll.hear(l)
		in.add(ctx, b, l)
	}
	if len(b.Events) > 0 {
		b.Position = in.at.append(nil)
	}
	in.poll.take(b)
	if end == nil || len(b.Events) > 0 { // an end comes again with the next read
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	in.stream.close()
	in.stream = nil
	return in.ended(end)
}

// connect opens the stream of events from the position on.
func (in *input) connect(ctx context.Context) error {
	s, err := in.api.events(ctx, in.at.since(), in.until())
	if stop := ctx.Err(); err != nil && stop != nil {
		return stop
	}
	if err != nil {
		return plugin.Retry(err)
	}
	in.reconnects.Inc()
	in.stream, in.known, in.fresh = s, in.at.counts(), len(in.at.last) > 0
	if in.begun {
		in.env.Log.Info("docker: connected again", "host", in.s.Host)
	}
	in.begun = true
	return nil
}

// until is when the events end that are asked for, zero for never.
func (in *input) until() time.Time {
	if in.env.Once {
		return time.Now()
	}
	return time.Time{}
}

// add takes one line of the stream.
func (in *input) add(ctx context.Context, b *event.Batch, line string) {
	if line == "" {
		return
	}
	mark, nano := fingerprint(line), timeOf(line)
	n := in.known[mark]
	if in.fresh {
		in.fresh = false
		if n == 0 {
			b.Losses = append(b.Losses, event.Loss{Reason: event.Misplaced,
				Text: "the engine at " + in.s.Host + " does not remember the last event that was read: it was started anew, or more happened than it keeps; what was since " + time.Unix(0, in.at.nano).UTC().Format(time.RFC3339) + " may be missing"})
		}
	}
	if n > 0 {
		in.known[mark] = n - 1
		in.repeated.Inc()
		return
	}
	in.at.pass(mark, nano)
	e := b.Add(event.Event{Decode: in.s.Decode, Raw: line, Records: 1, Offset: in.at.nano, Seen: in.env.Now(), Shared: in.env.Shared})
	if in.lore != nil {
		e.Fields = in.lore.look(ctx, line)
	}
}

// ended says what the end of a stream means.
func (in *input) ended(err error) error {
	if in.env.Once && isEnd(err) {
		return err
	}
	return plugin.Retry(fmt.Errorf("the stream of events of %s ended: %w", in.s.Host, unEnd(err)))
}

// Close implements plugin.Input.
func (in *input) Close() error {
	in.poll.close()
	if in.stream != nil {
		in.stream.close()
		in.stream = nil
	}
	in.api.http.CloseIdleConnections()
	return nil
}
