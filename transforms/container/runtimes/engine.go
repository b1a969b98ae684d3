package runtimes

// The Docker Engine API, which Podman's socket speaks too: the stream of
// events, the list at the start, and one look at each container that changed.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// back is how far the events of before are asked for: those who went before the
// start are named by them, as far as the engine still has them.
const back = 10 * time.Minute

// engine follows one socket.
type engine struct {
	*runner
	api *engineAPI

	runtime string    // as the engine calls itself; known once it is connected
	last    time.Time // of the last event, so that none is missed between connections

	images map[string]*imageFacts // by id; only the looker uses it

	mu      sync.Mutex // guards what follows
	pending []string   // ids that are to be looked at, each once
	queued  map[string]bool
	wake    chan struct{}
}

func newEngine(r *runner, path string) *engine {
	return &engine{runner: r, api: newEngineAPI(path), runtime: r.name, images: map[string]*imageFacts{}, queued: map[string]bool{},
		wake: make(chan struct{}, 1)}
}

func (e *engine) follow(ctx context.Context, up func()) error {
	defer e.api.http.CloseIdleConnections()
	podman, err := e.api.hello(ctx)
	if err != nil {
		return err
	}
	if e.runtime = Docker; podman {
		e.runtime = Podman
	}
	since := e.last
	if since.IsZero() {
		since = e.now().Add(-back)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := e.api.events(ctx, since)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	if err := e.list(ctx); err != nil {
		return err
	}
	var looker sync.WaitGroup
	defer looker.Wait()
	defer cancel()
	looker.Go(func() { e.look(ctx, up) })
	return e.read(ctx, stream)
}

// list tells of all containers that the engine has, and of those that it has
// no more.
func (e *engine) list(ctx context.Context) error {
	ids := map[string]bool{}
	err := e.api.list(ctx, func(l *listed) {
		if !isID(l.ID) {
			return
		}
		ids[l.ID] = true
		switch c := e.of(l.ID); {
		case c == nil:
			e.put(l.container(e.runtime))
		case !c.Gone.IsZero():
			e.revive(l.ID)
		}
		e.want(l.ID)
	})
	if errors.Is(err, errTooLarge) { // the rest becomes known as it changes
		e.failures.Inc()
		return nil
	}
	if err == nil {
		e.only(ids)
	}
	return err
}

// read tells what the stream of events says until it ends.
func (e *engine) read(ctx context.Context, stream io.Reader) error {
	in := &limited{from: stream}
	dec := json.NewDecoder(in)
	for {
		var m message
		in.left = maxValue
		if err := dec.Decode(&m); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, io.EOF) {
				return errEnded
			}
			if errors.Is(err, errTooLarge) || isSyntax(err) {
				e.last = e.now() // not the same event again
			}
			return fmt.Errorf("read events of %s: %w", e.path, err)
		}
		e.events.Inc()
		e.take(&m)
	}
}

// take tells what one event says.
func (e *engine) take(m *message) {
	if m.TimeNano > 0 {
		e.last = time.Unix(0, m.TimeNano)
	}
	if m.Type != "" && m.Type != "container" || !isID(m.Actor.ID) {
		return
	}
	at := time.Unix(0, m.TimeNano)
	if m.TimeNano == 0 {
		at = e.now()
	}
	id := m.Actor.ID
	action, _, _ := strings.Cut(m.Action, ":")
	switch action {
	case "create", "start", "restart", "rename", "update", "init":
		e.meet(m, at, action == "create")
		e.want(id)
	case "die", "died", "stop":
		e.meet(m, at, false)
		e.edit(id, func(c *Container) { c.InitPID = 0 })
	case "destroy", "remove":
		e.meet(m, at, false)
		e.gone(id, at)
	}
}

// meet tells of a container that only an event knows yet.
func (e *engine) meet(m *message, at time.Time, created bool) {
	if c := e.of(m.Actor.ID); c != nil {
		return
	}
	c := m.container(e.runtime)
	if created {
		c.Created = at
	}
	e.put(c)
}

// want notes that a container is to be looked at. What is noted is bounded by
// what the engine has.
func (e *engine) want(id string) {
	e.mu.Lock()
	if !e.queued[id] && len(e.pending) < e.store.max {
		e.queued[id] = true
		e.pending = append(e.pending, id)
	}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// ask looks at a container that the store was asked for in vain.
func (e *engine) ask(id string) {
	if isID(id) {
		e.want(id)
	}
}

// next returns the id that waits longest, "" for none.
func (e *engine) next() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pending) == 0 {
		return ""
	}
	id := e.pending[0]
	e.pending = e.pending[1:]
	delete(e.queued, id)
	return id
}

// look asks the engine for each container that waits for it, and calls up when
// none waits any more.
func (e *engine) look(ctx context.Context, up func()) {
	for first := true; ; {
		for id := e.next(); id != "" && ctx.Err() == nil; id = e.next() {
			e.inspect(ctx, id)
		}
		if ctx.Err() != nil {
			return
		}
		if first {
			up()
			first = false
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		}
	}
}

// inspect looks at one container. One that is gone meanwhile keeps what the
// events and the list said of it.
func (e *engine) inspect(ctx context.Context, id string) {
	i, err := e.api.inspect(ctx, id)
	if errors.Is(err, errNoSuch) {
		return
	}
	if err != nil || i.ID != id {
		if ctx.Err() == nil {
			e.failures.Inc()
		}
		return
	}
	img := e.image(ctx, i)
	e.put(i.container(e.runtime, img))
}

// maxImages is how many images are remembered.
const maxImages = 1024

// image returns what the engine knows of a container's image; it is asked once
// for each.
func (e *engine) image(ctx context.Context, i *inspection) *imageFacts {
	if i.Image == "" {
		return nil
	}
	if img := e.images[i.Image]; img != nil {
		return img
	}
	img, err := e.api.image(ctx, i.Image)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, errNoSuch) {
			e.failures.Inc()
		}
		return nil
	}
	if len(e.images) >= maxImages {
		clear(e.images)
	}
	img.Config.Labels, _ = boundLabels(img.Config.Labels)
	e.images[i.Image] = img
	return img
}
