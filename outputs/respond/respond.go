// Package respond is the output that acts on an alert: it pauses the container or
// takes it off its networks, through the engine's API, or calls a webhook. It
// knows what may be acted on, how often, and what was done already; it knows
// nothing of rules, which alerts reach it is its `when`.
//
// It changes and calls nothing unless mode is act. Each alert that it gets ends in
// one event that says what was done, or why nothing was; each try of a webhook
// that failed is one more.
package respond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the respond output.
var Plugin = plugin.NewOutput("respond", "Pauses the container of an alert, takes it off its networks, or calls a webhook; a dry run by default.", Default, New)

const (
	dryRun     = "dry_run"
	act        = "act"
	pause      = "pause"
	disconnect = "disconnect"
	webhook    = "webhook"
)

// done is one action that was taken, or would have been.
type done struct {
	Alert     string    `json:"a"`
	Container string    `json:"c"`
	At        time.Time `json:"t"`
}

// output acts on one engine, or calls one webhook. All its methods are called from one goroutine.
type output struct {
	settings *Settings
	env      plugin.Env
	engine   *engine // nil where hook is set
	hook     *hook   // nil where engine is set
	tallied  tally
	own      func() string // the id of the container that we run in, "" for none
	done     []done        // of the last ten minutes, in order
	loaded   bool
}

// New builds the output; it reads the files that tls names and connects to
// nothing.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	if p := c.Check(); p.Bad() {
		return nil, p
	}
	o := &output{settings: c, env: env, own: ownContainer, tallied: newTally(c.Action, env)}
	if c.Action != webhook {
		o.engine = newEngine(c.Socket)
		return o, nil
	}
	var err error
	if o.hook, err = newHook(&c.Webhook, env); err != nil {
		return nil, err
	}
	return o, nil
}

// Confirms implements plugin.Output: who is asked says that it is done.
func (o *output) Confirms() bool { return true }

// Close implements plugin.Output.
func (o *output) Close() error {
	if o.hook != nil {
		return o.hook.client.Close()
	}
	o.engine.close()
	return nil
}

// Send implements plugin.Output. What is no alert is taken and left alone. A
// webhook that is away is tried once, and not for every alert of a batch.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	if err := o.load(); err != nil {
		return plugin.Retry(err)
	}
	var failed []plugin.Failure
	var away error
	for i := range events {
		e := &events[i]
		if e.Get(schema.EventKind).Str() != "alert" {
			continue
		}
		err := away
		if err == nil {
			err = o.respond(ctx, e)
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if kind, _ := plugin.KindOf(err); o.hook != nil && kind != plugin.KindPermanent {
			away = err
		}
		failed = append(failed, plugin.Failure{Index: i, Err: fmt.Errorf("respond: %w", err)})
	}
	return plugin.Partial(failed)
}

// load takes up what was done before a restart. Without it an alert could be
// acted on twice, so nothing is done before it is known.
func (o *output) load() error {
	if o.loaded {
		return nil
	}
	b, err := o.env.Store.Load()
	if err == nil && len(b) > 0 {
		err = json.Unmarshal(b, &o.done)
	}
	if err != nil {
		return fmt.Errorf("respond: what was done before is not known, and nothing is done until it is; remove the file once no alert waits: %w", err)
	}
	o.loaded = true
	return nil
}

// respond deals with one alert. An error means that it may be tried again, or is
// of kind permanent; what never will be done for what is asked of a container is
// said and is no error.
func (o *output) respond(ctx context.Context, e *event.Event) error {
	now := o.env.Now()
	o.forget(now)
	alert, id := e.ID.String(), e.Get(schema.ContainerID).Str()
	for _, d := range o.done {
		if d.Alert == alert {
			return nil // it was done and said
		}
	}
	if reason := o.refusal(e, id, now); reason != "" {
		o.say(e, id, "failure", reason)
		return nil
	}
	if o.hook != nil {
		return o.call(ctx, e, id, now)
	}
	return o.contain(ctx, e, id, now)
}

// contain acts on the container of one alert.
func (o *output) contain(ctx context.Context, e *event.Event, id string, now time.Time) error {
	c, err := o.engine.inspect(ctx, id)
	if err != nil {
		return o.gaveUp(e, id, err)
	}
	switch {
	case o.settings.Never.holds(c):
		o.say(e, id, "failure", "never_list")
		return nil
	case !c.State.Running:
		o.say(e, id, "failure", "not_running")
		return nil
	case o.settings.Mode != act || o.env.Dry:
		return o.finish(e, id, "unknown", dryRun, now)
	}
	do := o.engine.pause
	if o.settings.Action == disconnect {
		do = o.engine.disconnect
	}
	switch err := do(ctx, c); {
	case errors.Is(err, errSame):
		return o.finish(e, id, "success", "already_so", now)
	case errors.Is(err, errPartly):
		return o.finish(e, id, "failure", partlyDisconnected, now)
	case errors.Is(err, errRefused) && !errors.Is(err, errUnasked): // it was asked, and counts: the next alert would ask again
		return o.finish(e, id, "failure", engineRefused, now)
	case err != nil:
		return o.gaveUp(e, id, err)
	}
	return o.finish(e, id, "success", "acted", now)
}

// refusal says why an alert is not acted on, as far as that is known without
// asking anybody; "" where nothing speaks against it.
func (o *output) refusal(e *event.Event, id string, now time.Time) string {
	minute, same := 0, 0
	for _, d := range o.done {
		if now.Sub(d.At) < time.Minute {
			minute++
		}
		if d.Container == id && id != "" {
			same++
		}
	}
	switch age := now.Sub(e.Time); {
	case o.env.Once || age > o.settings.MaxAge || age < -o.settings.MaxAge:
		return "too_old" // or of a clock that is not ours: its age is not known
	case o.hook == nil && !isID(id):
		return "no_container"
	case o.hook == nil && id == o.own():
		return "own_container"
	case same >= o.settings.PerContainer:
		return "container_rate_limited"
	case minute >= o.settings.PerMinute:
		return "rate_limited"
	}
	return ""
}

// gaveUp says what the engine will never do, and returns what it may do later.
func (o *output) gaveUp(e *event.Event, id string, err error) error {
	switch {
	case errors.Is(err, errMissing):
		o.say(e, id, "failure", "no_such_container")
	case errors.Is(err, errRefused):
		o.say(e, id, "failure", engineRefused)
	default:
		return err
	}
	return nil
}

// finish remembers what was done before it is said. Where that fails, the alert
// comes again, and the engine is found as it was to be.
func (o *output) finish(e *event.Event, id, outcome, reason string, now time.Time) error {
	list := slices.Concat(o.done, []done{{e.ID.String(), strings.Clone(id), now}})
	b, err := json.Marshal(list)
	if err == nil {
		err = o.env.Store.Save(b)
	}
	if err != nil {
		return fmt.Errorf("remember what was done: %w", err)
	}
	o.done = list
	o.say(e, id, outcome, reason)
	return nil
}

// forget drops what no limit asks for any more.
func (o *output) forget(now time.Time) {
	n := 0
	for n < len(o.done) && now.Sub(o.done[n].At) >= remembered {
		n++
	}
	o.done = o.done[n:]
}

// ownContainer returns the id of the container that this process runs in: docker
// mounts /etc/hostname out of a folder that bears it.
func ownContainer() string {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return ownIn(string(b))
}

// ownIn reads mountinfo (proc(5)): the fourth field is the root of the mount, the
// fifth where it is mounted.
func ownIn(mountinfo string) string {
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		if len(f) < 5 || f[4] != "/etc/hostname" {
			continue
		}
		_, rest, _ := strings.Cut(f[3], "/containers/")
		if id, _, _ := strings.Cut(rest, "/"); isID(id) {
			return id
		}
	}
	return ""
}
