package runtimes

// Kubernetes: the pods of this node, by one list and one watch of the API
// server, and who made them; or the kubelet's own list where the API server is
// out of reach.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// kubeSource follows one cluster.
type kubeSource struct {
	*runner
	set *Kube

	ids map[string][]string // containers by the pod's uid, as it was told last

	owners  map[string]Owner // by the uid of what controls a pod; only the looker uses it
	mu      sync.Mutex       // guards pending
	pending []orphan         // pods whose maker is to be looked up
	wake    chan struct{}
	denied  sync.Once
}

func newKube(r *runner, set *Kube) (*kubeSource, error) {
	if err := set.Check(); err != nil {
		return nil, err
	}
	return &kubeSource{runner: r, set: set, ids: map[string][]string{}, owners: map[string]Owner{}, wake: make(chan struct{}, 1)}, nil
}

func (k *kubeSource) help() string {
	return "bind the program's service account to the ClusterRole of configs/deploy/kubernetes/rbac.yaml"
}

// kubeletFor is how long the kubelet is asked before the API server is tried
// again.
const (
	kubeletFor   = 5 * time.Minute
	kubeletEvery = 10 * time.Second
)

func (k *kubeSource) follow(ctx context.Context, up func()) error {
	err := errAbsent
	if k.set.URL != "" {
		if err = k.followAPI(ctx, up); ctx.Err() != nil || k.set.Kubelet == "" {
			return err
		}
	}
	if later := k.followKubelet(ctx, up); later != nil {
		return errors.Join(err, later)
	}
	return errEnded
}

// followAPI lists the pods and watches them until the watch is lost.
func (k *kubeSource) followAPI(ctx context.Context, up func()) error {
	api, err := k.set.client(k.set.URL, k.set.CAFile)
	if err != nil {
		return err
	}
	defer api.http.CloseIdleConnections()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	clear(k.owners)
	var looker sync.WaitGroup
	looker.Go(func() { k.look(ctx, api) })
	defer looker.Wait()
	defer cancel()
	for {
		version, err := k.list(ctx, api)
		if err != nil {
			return err
		}
		up()
		if err := k.watch(ctx, api, version); !errors.Is(err, errExpired) {
			return err
		}
		k.reconnects.Inc() // what happened since is not told any more: all anew
	}
}

// query selects the pods of this node.
func (k *kubeSource) query() url.Values {
	return url.Values{"fieldSelector": {"spec.nodeName=" + k.set.Node}}
}

// list tells of all pods of this node, and returns the version to watch from.
func (k *kubeSource) list(ctx context.Context, api *kubeAPI) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	q, seen := k.query(), map[string]bool{}
	q.Set("limit", "250")
	q.Set("resourceVersion", "0") // as good as what the server has at hand
	for {
		res, err := api.get(ctx, "/api/v1/pods?"+q.Encode(), "application/json")
		if err != nil {
			return "", err
		}
		meta, err := eachPod(res.Body, func(p *kubePod) { seen[p.Metadata.UID] = true; k.tell(p) })
		_ = res.Body.Close()
		if err != nil {
			return "", fmt.Errorf("read the pods of %s: %w", k.set.Node, err)
		}
		if meta.Continue == "" {
			k.onlyPods(seen)
			return meta.ResourceVersion, nil
		}
		q.Set("continue", meta.Continue)
		q.Del("resourceVersion")
	}
}

// onlyPods notes that all other pods are gone.
func (k *kubeSource) onlyPods(seen map[string]bool) {
	for uid := range k.ids {
		if !seen[uid] {
			k.lose(uid)
		}
	}
}

// watched is one line of a watch.
type watched struct {
	Type   string
	Object json.RawMessage
}

// watch tells what changes, from version on. errExpired says that the server
// does not know what happened since.
func (k *kubeSource) watch(ctx context.Context, api *kubeAPI, version string) error {
	for ctx.Err() == nil {
		told, err := k.watchOnce(ctx, api, &version)
		if err != nil {
			return err
		}
		if !told {
			return errEnded
		}
	}
	return ctx.Err()
}

// watchOnce watches until the server ends it, as it does every some minutes. It
// reports whether anything was told.
func (k *kubeSource) watchOnce(ctx context.Context, api *kubeAPI, version *string) (bool, error) {
	limit := 5*time.Minute + rand.N(5*time.Minute)
	ctx, cancel := context.WithTimeout(ctx, limit+time.Minute)
	defer cancel()
	q := k.query()
	q.Set("watch", "true")
	q.Set("allowWatchBookmarks", "true")
	q.Set("resourceVersion", *version)
	q.Set("timeoutSeconds", strconv.Itoa(int(limit/time.Second)))
	res, err := api.get(ctx, "/api/v1/pods?"+q.Encode(), "application/json")
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	in := &limited{from: res.Body}
	dec := json.NewDecoder(in)
	for told := false; ; told = true {
		var w watched
		in.left = maxValue
		if err := dec.Decode(&w); err != nil {
			if ctx.Err() == nil && isEnd(err) {
				return told, nil
			}
			return told, fmt.Errorf("watch the pods of %s: %w", k.set.Node, err)
		}
		if err := k.take(&w, version); err != nil {
			return told, err
		}
	}
}

// take tells what one line of the watch says.
func (k *kubeSource) take(w *watched, version *string) error {
	if w.Type == "ERROR" {
		var s struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal(w.Object, &s); err != nil {
			return fmt.Errorf("decode an error of the watch: %w", err)
		}
		return fmt.Errorf("watch the pods of %s: %w", k.set.Node, kubeStatus(s.Code, []byte(s.Message)))
	}
	var p kubePod
	if err := json.Unmarshal(w.Object, &p); err != nil {
		k.failures.Inc() // one pod that is not understood; the others go on
		return nil
	}
	if p.Metadata.ResourceVersion != "" {
		*version = p.Metadata.ResourceVersion
	}
	switch w.Type {
	case "ADDED", "MODIFIED":
		k.events.Inc()
		k.tell(&p)
	case "DELETED":
		k.events.Inc()
		k.lose(p.Metadata.UID)
	}
	return nil
}

// tell tells of a pod and its containers.
func (k *kubeSource) tell(p *kubePod) {
	pod := p.pod(k.keepNotes)
	ref := p.Metadata.controller()
	if old := k.store.pod(pod.UID); old != nil && old.Owner.Kind != "" && ref != nil {
		pod.Owner = old.Owner // who made a pod does not change
	}
	k.store.putPod(pod, p.Metadata.Annotations[staticHash])
	var ids []string
	for _, c := range p.containers(pod) {
		ids = append(ids, c.ID)
		k.put(c)
	}
	now := k.now()
	for _, id := range k.ids[pod.UID] {
		if !slices.Contains(ids, id) {
			k.gone(id, now)
		}
	}
	k.ids[pod.UID] = ids
	if ref != nil && ref.above() != "" && (pod.Owner.Kind == "" || pod.Owner.Kind == ref.Kind) {
		k.want(orphan{pod.UID, pod.Namespace, *ref})
	}
}

// lose tells that a pod is gone.
func (k *kubeSource) lose(uid string) {
	now := k.now()
	for _, id := range k.ids[uid] {
		k.gone(id, now)
	}
	delete(k.ids, uid)
	k.store.podGone(uid, now)
}

// errExpired is a version that the server has forgotten: 410 Gone.
var errExpired = errors.New("too old a resource version")

// kubeStatus returns what a status of the API server stands for.
func kubeStatus(code int, text []byte) error {
	if code == http.StatusGone {
		return fmt.Errorf("%w: %s", errExpired, text)
	}
	return statusError(code, text)
}
