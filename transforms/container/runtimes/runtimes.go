// Package runtimes says what a container is: it asks the engines of this host
// (Docker, containerd, CRI-O, Podman) and Kubernetes for names, images, labels
// and pods, follows what changes there, and keeps what it learnt for ten minutes
// after a container is gone. It does not know how an event finds its container,
// nor what an event is; it makes facts, and a Store to look them up in.
//
// What an engine says of a container is partly the word of whoever made the
// image or the container: labels and names are bounded here, and what says who
// runs a container (Pod, Workload) is taken only from where the image has no say.
package runtimes

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tallyman/pipeline/meter"
)

// The runtimes, in the words of container.runtime.
const (
	Docker     = "docker"
	Containerd = "containerd"
	CRIO       = "cri-o"
	Podman     = "podman"
)

// Container is what is known of one container. It is never changed once it is
// handed out: what is learnt later comes as another Container. Members that are
// not known are empty.
type Container struct {
	ID      string // whole: 64 hex digits, but for containers of containerd's own clients
	Name    string // without Docker's leading slash; in a pod the container's name there
	Runtime string // Docker, Containerd, CRIO or Podman

	ImageRef    string // as it was asked for: registry/name:tag@digest, or an id
	Image       string // registry/name
	ImageTag    string
	ImageDigest string // sha256:…, of the image in its registry
	ImageID     string // sha256:…, of the image on this host

	Labels       map[string]string // shared, not to be changed; bounded by maxLabels
	Privileged   *bool             // nil: not known
	CgroupParent string            // the control group that the engine was told to put it below
	Sandbox      bool              // what holds a pod's namespaces; its Name is the pod's
	Start        int               // in a pod: the how manyeth start of the container of this name it is, from 1; 0: not known

	// UpperDir is the folder of the host that holds what was written in the container,
	// as an engine with overlay mounts says; most others say none.
	UpperDir string

	InitPID int       // in the engine's pid namespace; 0 where it does not run
	Created time.Time // zero: not known, as the next two
	Started time.Time
	Gone    time.Time // when it was removed (not only stopped), or was seen to be

	// UserUID is 0 where root's engine says all this. Else it is the word of the
	// user with that id, who runs an engine of their own, and it is believed only
	// of a container that is proven to be that user's.
	UserUID uint32

	Pod      *Pod      // nil: in none, or not known
	Workload *Workload // nil: none, or a pod
}

// Pod is a pod of Kubernetes on this node.
type Pod struct {
	Namespace, Name, UID string

	Node           string
	ServiceAccount string
	IPs            []string
	Labels         map[string]string
	Annotations    map[string]string // those of Options.Annotations
	Owner          Owner             // who made it, as far up as is known: Deployment, CronJob, DaemonSet, …
}

// Owner is the object that controls a pod. Its Kind is empty where it has none,
// or where only the engine told of the pod.
type Owner struct{ Kind, Name, UID string }

// Workload says which orchestrator other than Kubernetes runs a container, in
// the terms of orchestrator.*.
type Workload struct {
	Type         string // compose, swarm, ecs or nomad
	Cluster      string // the ECS cluster
	Namespace    string // compose project, swarm stack, Nomad namespace
	ResourceType string // service, task or allocation
	Name         string // of the service, the ECS container or the Nomad task
	ID           string // ARN of the ECS task, id of the Nomad allocation or of the swarm task
	Parent       string // family:revision of the ECS task, job/group in Nomad
	Node         string // of swarm and Nomad
}

// Source is one place to ask.
type Source struct {
	Runtime string // Docker, Containerd, CRIO or Podman
	Path    string // of a socket, or of a folder that Podman keeps its storage in
	User    uint32 // whose engine it is
	Quiet   bool   // it is no fault when it is not there
}

// Options say what is asked. The zero Options ask nothing.
type Options struct {
	Sources     []Source
	Find        func() []Source // asked again and again for more of them, as the function Find is; nil: there are no more
	Kube        *Kube           // nil: Kubernetes is not asked
	Annotations []string        // of pods, which are kept
	Max         int             // containers that are kept; 0: 16384
	Keep        time.Duration   // how long they are kept once gone; 0: ten minutes
	Meter       *meter.Registry
	Log         *slog.Logger // for changes of state; nil: none
	Now         func() time.Time

	pause func(ctx context.Context, d time.Duration) // tests only; nil: a timer
}

const (
	defaultMax  = 16384
	defaultKeep = 10 * time.Minute
)

// Watcher follows all sources.
type Watcher struct {
	store   *Store
	cancel  context.CancelFunc
	done    sync.WaitGroup
	settled chan struct{}

	mu   sync.Mutex // guards list
	list []*runner  // only grows
}

// Start begins to follow the sources and returns at once; what is not there is
// waited for. Only options that cannot be meant are an error.
func Start(o Options) (*Watcher, error) {
	o.Max, o.Keep = cmp.Or(o.Max, defaultMax), cmp.Or(o.Keep, defaultKeep)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.pause == nil {
		o.pause = pause
	}
	w := &Watcher{store: newStore(&o), settled: make(chan struct{})}
	if o.Find != nil {
		o.Sources = append(slices.Clone(o.Sources), o.Find()...)
	}
	list, err := o.sources(w.store)
	if err != nil {
		return nil, err
	}
	w.list = list
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	var first sync.WaitGroup
	for _, s := range list {
		first.Add(1)
		s.settled = first.Done
		w.done.Go(func() { s.run(ctx) })
	}
	w.done.Go(func() { first.Wait(); close(w.settled) })
	w.done.Go(func() { w.store.sweep(ctx, o.pause) })
	w.done.Go(func() { w.store.dispatch(ctx, w.runners) })
	if o.Find != nil {
		w.done.Go(func() { w.discover(ctx, &o) })
	}
	return w, nil
}

// findEvery is how late an engine may be found that was not there before.
const findEvery = 5 * time.Second

// discover follows what Find names besides, until ctx is done.
func (w *Watcher) discover(ctx context.Context, o *Options) {
	for o.pause(ctx, findEvery); ctx.Err() == nil; o.pause(ctx, findEvery) {
		for _, s := range o.Find() {
			if slices.ContainsFunc(w.runners(), func(r *runner) bool { return r.path == s.Path }) {
				continue
			}
			r, err := o.source(w.store, s)
			if err != nil {
				o.Log.Warn("what was found is not followed", "error", err)
				return
			}
			w.mu.Lock()
			w.list = append(w.list, r)
			w.mu.Unlock()
			w.done.Go(func() { r.run(ctx) })
		}
	}
}

// runners returns what is followed by now; the slice is not to be changed.
func (w *Watcher) runners() []*runner {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list
}

// source builds what follows one source.
func (o *Options) source(store *Store, s Source) (*runner, error) {
	r := o.runner(store, s.Runtime, s.Path, s.Quiet)
	r.part.user = s.User
	switch {
	case s.Path == "":
		return nil, fmt.Errorf("runtimes: %s: no socket is named", s.Runtime)
	case s.Runtime == Podman && isFolder(s.Path):
		r.part.rank = rankFiles
		r.from = newStorage(r, s.Path)
	case s.Runtime == Docker, s.Runtime == Podman:
		r.from = newEngine(r, s.Path)
	case s.Runtime == Containerd, s.Runtime == CRIO:
		r.from = newCRI(r)
	default:
		return nil, fmt.Errorf("runtimes: unknown runtime %q", s.Runtime)
	}
	if s.User != 0 {
		r.part.rank = rankUser
	}
	return r, nil
}

// sources builds what follows each source.
func (o *Options) sources(store *Store) ([]*runner, error) {
	var list []*runner
	for _, s := range o.Sources {
		r, err := o.source(store, s)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if o.Kube != nil {
		r := o.runner(store, kubernetes, o.Kube.where(), o.Kube.Quiet)
		r.part.rank = rankKube
		from, err := newKube(r, o.Kube)
		if err != nil {
			return nil, err
		}
		r.from = from
		list = append(list, r)
	}
	return list, nil
}

// Store returns where the facts are.
func (w *Watcher) Store() *Store { return w.store }

// Settled returns a channel that is closed once every source told of all that
// it has, or could not be had at the first attempt.
func (w *Watcher) Settled() <-chan struct{} { return w.settled }

// Follows reports whether a source of a runtime is connected, so that its
// containers are known soon; "" is any but Kubernetes, which comes to know late.
func (w *Watcher) Follows(runtime string) bool {
	for _, r := range w.runners() {
		if r.up.Load() && r.name != kubernetes && (runtime == "" || r.name == runtime) {
			return true
		}
	}
	return false
}

// Close ends all that Start began. The Store stays readable.
func (w *Watcher) Close() error {
	w.cancel()
	w.done.Wait()
	return nil
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// jitter returns a time between half of d and d, so that many hosts do not come
// back at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
