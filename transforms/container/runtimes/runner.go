package runtimes

// One source, followed for as long as the program runs: connected, lost, and
// connected again, with what a person is to be told of it.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tallyman/pipeline/meter"
)

// kubernetes is the name of that source, beside those of the runtimes.
const kubernetes = "kubernetes"

// Errors that stand for a state of a source, besides those of the system.
var (
	errDenied = errors.New("permission denied")
	errAbsent = errors.New("not there")
	errEnded  = errors.New("the stream ended")
)

// follower is what knows one kind of source.
type follower interface {
	// follow connects, calls up once all that is there was told to the store, and
	// tells what changes until ctx is done or the connection is lost. Its error
	// says which; it leaves nothing running.
	follow(ctx context.Context, up func()) error

	// help says what a person may do where the source refuses.
	help() string
}

// asker is a follower that can look for one container at once. ask does not wait.
type asker interface{ ask(id string) }

// The bounds of the pauses between attempts. One that never connected costs
// nothing to try, but its socket may appear at any time.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 15 * time.Second
)

// runner follows one source.
type runner struct {
	name, path string
	quiet      bool // where it is not there, that is no fault
	from       follower
	part       *partner
	store      *Store
	log        *slog.Logger
	now        func() time.Time
	pause      func(ctx context.Context, d time.Duration)
	keepNotes  []string // annotations of pods that are kept

	up         atomic.Bool // connected
	reconnects *meter.Counter
	events     *meter.Counter
	failures   *meter.Counter

	said    string // the state that was logged last
	settled func() // called once, after the first attempt came to an end or to a connection
}

// runner returns the runner of one source, without its follower.
func (o *Options) runner(store *Store, name, path string, quiet bool) *runner {
	r := &runner{name: name, path: path, quiet: quiet, part: &partner{rank: rankEngine}, store: store, log: o.Log, now: o.Now, pause: o.pause,
		keepNotes: o.Annotations, settled: func() {}}
	labels := []meter.Label{{Name: "runtime", Value: name}, {Name: "source", Value: path}}
	// A function, because after a reload the next watcher's word replaces this one's.
	o.Meter.Func("tallyman_runtime_up", "Whether a source of names, images and labels is connected (1) or not (0).", meter.KindGauge, func() float64 {
		if r.up.Load() {
			return 1
		}
		return 0
	}, labels...)
	r.reconnects = o.Meter.Counter("tallyman_runtime_reconnects_total", "Times that the connection to a source was lost or refused and tried again.", labels...)
	r.events = o.Meter.Counter("tallyman_runtime_events_total", "Changes that a source told of.", labels...)
	r.failures = o.Meter.Counter("tallyman_runtime_failures_total", "Questions that a source answered wrongly or not at all; they are asked again where that may help.", labels...)
	return r
}

// run follows the source until ctx is done.
func (r *runner) run(ctx context.Context) {
	wait, settled := firstPause, sync.OnceFunc(r.settled)
	defer settled()
	for ctx.Err() == nil {
		connected := false
		err := r.from.follow(ctx, func() {
			connected = true
			r.up.Store(true)
			r.say("up", slog.LevelInfo, "containers are described by this runtime")
			settled()
		})
		r.up.Store(false)
		settled()
		if ctx.Err() != nil {
			return
		}
		r.down(err)
		r.reconnects.Inc()
		if connected {
			wait = firstPause
		}
		r.pause(ctx, jitter(wait))
		wait = min(2*wait, lastPause)
	}
}

// down logs why a source is not followed, once for each kind of reason.
func (r *runner) down(err error) {
	switch {
	case errors.Is(err, errDenied), errors.Is(err, fs.ErrPermission):
		r.say("denied", slog.LevelWarn, "this runtime may not be asked; its containers are known by their ids only", "error", err, "help", r.from.help())
	case errors.Is(err, errAbsent), errors.Is(err, fs.ErrNotExist):
		level := slog.LevelWarn
		if r.quiet {
			level = slog.LevelDebug
		}
		r.say("absent", level, "this runtime is not there; it is looked for again", "error", err)
	default:
		r.say("lost", slog.LevelWarn, "the connection to this runtime is lost; it is tried again", "error", err)
	}
}

// say logs a state that was not the last one.
func (r *runner) say(state string, level slog.Level, text string, args ...any) {
	if r.said == state {
		return
	}
	r.said = state
	r.log.Log(context.Background(), level, text, append([]any{"runtime", r.name, "source", r.path}, args...)...)
}

// help is what a person may do about a socket.
func (r *runner) help() string {
	return "run as root or in the group that owns " + r.path + ", or leave this runtime out of the settings"
}

// put, gone and the like tell the store as this source.
func (r *runner) put(c *Container)                   { r.store.put(r.part, c) }
func (r *runner) gone(id string, at time.Time)       { r.store.gone(r.part, id, at) }
func (r *runner) revive(id string)                   { r.store.revive(r.part, id) }
func (r *runner) only(ids map[string]bool)           { r.store.only(r.part, ids, r.now()) }
func (r *runner) of(id string) *Container            { return r.store.of(r.part, id) }
func (r *runner) edit(id string, f func(*Container)) { r.store.change(r.part, id, f) }

// dial connects to a unix socket, and names what is wrong with it.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("%w: %w", errDenied, err)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	return nil, err
}

// isFolder reports whether path is one.
func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
