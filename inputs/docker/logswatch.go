package docker

// Which containers are followed.

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// logInspection is the part that is used of GET /containers/ID/json.
type logInspection struct {
	ID         string `json:"Id"`
	Name       string
	State      struct{ Running, Paused, Restarting bool }
	HostConfig struct{ LogConfig struct{ Type string } }
	Config     struct {
		Tty   bool
		Image string
	}
}

// connect opens the stream of events and then lists what there is, so that no
// container comes between the two unseen.
func (in *logs) connect(ctx context.Context) error {
	now := in.env.Now()
	until := time.Time{}
	if in.env.Once {
		until = now
	}
	s, err := in.api.events(ctx, now, until)
	if err == nil {
		if err = in.list(ctx); err != nil {
			s.close()
		}
	}
	if stop := ctx.Err(); err != nil && stop != nil {
		return stop
	}
	if err != nil {
		return plugin.Retry(err)
	}
	in.events = s
	return nil
}

// list has every container followed that is not, and forgets those that are no
// more.
func (in *logs) list(ctx context.Context) error {
	var all []struct {
		ID string `json:"Id"`
	}
	if err := in.api.get(ctx, "/containers/json?all=1", &all); err != nil {
		return err
	}
	there := make(map[string]bool, len(all))
	for _, c := range all {
		there[c.ID] = true
		if !isContainer(c.ID) || in.busy[c.ID] {
			continue
		}
		in.wanted[c.ID] = wish{}
		if _, ok := in.places[c.ID]; !ok && !in.known && in.s.StartAt == "end" {
			at := mark{nano: in.env.Now().UnixNano()}
			in.places[c.ID] = place{at, at}
		}
	}
	in.known = true
	for id := range in.places {
		if !there[id] && !in.busy[id] {
			delete(in.places, id)
		}
	}
	return nil
}

func isContainer(id string) bool {
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}

// hear takes one line of the stream of events.
func (in *logs) hear(line string) {
	if !strings.Contains(line, `"start"`) && !strings.Contains(line, `"destroy"`) {
		return
	}
	var m struct {
		Type, Action string
		Actor        struct{ ID string }
	}
	if json.Unmarshal([]byte(line), &m) != nil || m.Type != "container" || !isContainer(m.Actor.ID) {
		return
	}
	switch id := m.Actor.ID; m.Action {
	case "start":
		in.wanted[id] = wish{} // one that is followed still is at its end
	case "destroy":
		if delete(in.wanted, id); in.busy[id] {
			in.gone[id] = true
		} else {
			delete(in.places, id)
		}
	}
}

// begin follows what is wanted.
func (in *logs) begin(ctx context.Context) {
	if len(in.wanted) == 0 {
		return
	}
	now := time.Now()
	for id, w := range in.wanted {
		if in.busy[id] || w.at.After(now) {
			continue
		}
		if len(in.busy) >= in.s.Containers {
			if !in.drivers[""] {
				in.drivers[""] = true
				in.env.Log.Warn("docker_logs: more containers are there than are followed at a time; the others wait", "containers", in.s.Containers)
			}
			return
		}
		if !in.look(ctx, id, w) {
			return
		}
	}
}

// look follows one that is wanted, if it is to be read; false says that ctx is done.
func (in *logs) look(ctx context.Context, id string, w wish) bool {
	var i logInspection
	now, err := in.api.getAt(ctx, "/containers/"+id+"/json", &i)
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, errNoSuch): // it was removed before its log could be read
		delete(in.wanted, id)
		delete(in.places, id)
		in.failed.Inc()
		return true
	case err != nil:
		in.failed.Inc()
		w.at = time.Now().Add(again)
		in.wanted[id] = w
		return true
	}
	delete(in.wanted, id)
	if !in.reads(&i) {
		delete(in.places, id)
		return true
	}
	if w.ifRuns && !i.State.Running {
		return true
	}
	if in.places[id].ahead(now) {
		in.env.Log.Info("docker_logs: the clock of the engine's host was set back; a container's log is read again", "container", id[:12])
		delete(in.places, id)
	}
	in.busy[id] = true
	in.followed.Set(int64(len(in.busy)))
	p, from, runs := i.printer(), in.places[id], i.State.Running && !in.env.Once
	in.work.Go(func() { in.follow(in.life, p, from, runs) })
	return true
}

// reads reports whether a container is one of those that are read.
func (in *logs) reads(i *logInspection) bool {
	for _, t := range in.s.Exclude {
		if ok, _ := path.Match(t.Value, strings.TrimPrefix(i.Name, "/")); ok { // Check tried the pattern
			return false
		}
	}
	switch driver := i.HostConfig.LogConfig.Type; driver {
	case "none":
		return false
	case "json-file", "journald":
		return in.s.Logs == "all"
	}
	return true
}

// printer returns what the lines of a container bear.
func (i *logInspection) printer() *printer {
	p := &printer{id: i.ID, tty: i.Config.Tty}
	for n, stream := range [streams]string{"stdout", "stderr"} {
		f := &p.fields[n]
		f.AddString(schema.ContainerID, i.ID)
		f.AddString(schema.ContainerName, strings.TrimPrefix(i.Name, "/"))
		f.AddString(schema.ContainerRuntime, "docker")
		f.AddNamed(schema.Labels, "stream", event.String(stream))
	}
	return p
}

// ended takes note that a follower has ended. Its container is looked at again: it
// may have been started meanwhile, or the engine hung up.
func (in *logs) ended(c *chunk) {
	id := c.of.id
	delete(in.busy, id)
	in.followed.Set(int64(len(in.busy)))
	if in.gone[id] {
		delete(in.gone, id)
		delete(in.wanted, id)
		delete(in.places, id)
		return
	}
	if _, anew := in.wanted[id]; in.env.Once || anew {
		return // it was started again
	}
	if c.err == nil {
		if c.ran { // the engine may have hung up on one that runs
			in.wanted[id] = wish{at: time.Now().Add(again), ifRuns: true}
		}
		return
	}
	in.failed.Inc()
	if why := c.err.Error(); strings.Contains(why, "does not support reading") {
		if !in.drivers[why] && len(in.drivers) < 64 {
			in.drivers[why] = true
			in.env.Log.Warn("docker_logs: a container's log cannot be read", "container", id[:12], "error", why)
		}
		return
	}
	in.wanted[id] = wish{at: time.Now().Add(again)}
}
