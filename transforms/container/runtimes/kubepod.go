package runtimes

// What a pod of the API says, and who made it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// staticHash is the annotation that names the uid by which the kubelet runs a
// pod of its own files; the API server gives its copy another.
const staticHash = "kubernetes.io/config.hash"

// objectMeta is the metadata of an object.
type objectMeta struct {
	Name, Namespace, UID, ResourceVersion string
	Labels, Annotations                   map[string]string
	OwnerReferences                       []ownerRef
}

// ownerRef names what controls an object.
type ownerRef struct {
	APIVersion, Kind, Name, UID string
	Controller                  bool
}

// controller returns what controls an object, nil for nothing.
func (m *objectMeta) controller() *ownerRef {
	for i := range m.OwnerReferences {
		if r := &m.OwnerReferences[i]; r.Controller {
			return r
		}
	}
	return nil
}

// above returns where objects of a kind are that others make: a Deployment its
// ReplicaSets, a CronJob its Jobs; "" for what is made by people.
func (r *ownerRef) above() string {
	group, _, _ := strings.Cut(r.APIVersion, "/")
	switch {
	case r.Kind == "ReplicaSet" && group == "apps":
		return "/apis/apps/v1/namespaces/%s/replicasets/%s"
	case r.Kind == "Job" && group == "batch":
		return "/apis/batch/v1/namespaces/%s/jobs/%s"
	}
	return ""
}

// kubePod is the part of a pod that is used.
type kubePod struct {
	Metadata objectMeta
	Spec     struct {
		NodeName, ServiceAccountName                    string
		Containers, InitContainers, EphemeralContainers []kubeContainer
	}
	Status struct {
		PodIPs                                                               []struct{ IP string }
		ContainerStatuses, InitContainerStatuses, EphemeralContainerStatuses []kubeStatusOf
	}
}

type kubeContainer struct {
	Name, Image     string
	SecurityContext struct{ Privileged *bool }
}

type kubeStatusOf struct {
	Name, Image, ImageID, ContainerID string
	RestartCount                      int
	State                             struct {
		Running *struct{ StartedAt time.Time }
	}
}

// pod returns what is kept of a pod.
func (p *kubePod) pod(notes []string) *Pod {
	m := &p.Metadata
	out := &Pod{Namespace: m.Namespace, Name: m.Name, UID: m.UID, Node: p.Spec.NodeName, ServiceAccount: p.Spec.ServiceAccountName,
		Labels: m.Labels, Annotations: keepNotes(m.Annotations, notes)}
	for _, ip := range p.Status.PodIPs {
		out.IPs = append(out.IPs, ip.IP)
	}
	if r := m.controller(); r != nil {
		out.Owner = Owner{Kind: r.Kind, Name: r.Name, UID: r.UID}
	}
	return out
}

// runtimeNames are the schemes of containerID.
var runtimeNames = map[string]string{"docker": Docker, "containerd": Containerd, "cri-o": CRIO, "podman": Podman}

// containers returns the containers of a pod that its runtime has.
func (p *kubePod) containers(pod *Pod) []*Container {
	specs := map[string]*kubeContainer{}
	for _, list := range [][]kubeContainer{p.Spec.Containers, p.Spec.InitContainers, p.Spec.EphemeralContainers} {
		for i := range list {
			specs[list[i].Name] = &list[i]
		}
	}
	var out []*Container
	for _, list := range [][]kubeStatusOf{p.Status.ContainerStatuses, p.Status.InitContainerStatuses, p.Status.EphemeralContainerStatuses} {
		for _, s := range list {
			scheme, id, ok := strings.Cut(s.ContainerID, "://")
			if !ok || !isID(id) {
				continue
			}
			c := &Container{ID: id, Name: s.Name, Runtime: runtimeNames[scheme], Pod: pod, Start: s.RestartCount + 1}
			if spec := specs[s.Name]; spec != nil {
				c.setImage(spec.Image)
				if c.Privileged = spec.SecurityContext.Privileged; c.Privileged == nil {
					c.Privileged = new(bool)
				}
			}
			if c.Image == "" {
				c.setImage(s.Image)
			}
			if at := strings.LastIndexByte(s.ImageID, '@'); at >= 0 && c.ImageDigest == "" {
				c.ImageDigest = s.ImageID[at+1:]
			} else {
				c.setImageID(s.ImageID)
			}
			if s.State.Running != nil {
				c.Started = s.State.Running.StartedAt
			}
			out = append(out, c)
		}
	}
	return out
}

// orphan is a pod of which only what controls it is known.
type orphan struct {
	uid, namespace string
	by             ownerRef
}

// want notes that who made a pod is to be looked up.
func (k *kubeSource) want(p orphan) {
	k.mu.Lock()
	if len(k.pending) < k.store.max {
		k.pending = append(k.pending, p)
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// look looks up who made each pod that waits for it, until ctx is done.
func (k *kubeSource) look(ctx context.Context, api *kubeAPI) {
	for {
		k.mu.Lock()
		list := k.pending
		k.pending = nil
		k.mu.Unlock()
		for _, p := range list {
			if ctx.Err() != nil {
				return
			}
			k.own(ctx, api, p)
		}
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		}
	}
}

// maxOwners is how many are remembered.
const maxOwners = 4096

// own looks up who made a pod, and tells.
func (k *kubeSource) own(ctx context.Context, api *kubeAPI, p orphan) {
	owner, known := k.owners[p.by.UID]
	if !known {
		var err error
		owner, err = top(ctx, api, p.namespace, p.by)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errDenied):
			k.denied.Do(func() {
				k.log.Warn("who made the pods may not be asked; a pod's owner is its ReplicaSet or Job", "source", k.path, "error", err, "help", k.help())
			})
		case err != nil && !errors.Is(err, errNoSuch):
			k.failures.Inc()
			return // it is asked again when the pod changes
		}
		if len(k.owners) >= maxOwners {
			clear(k.owners)
		}
		k.owners[p.by.UID] = owner
	}
	k.store.ownPod(p.uid, owner)
}

// top goes up from what controls a pod to what nothing controls.
func top(ctx context.Context, api *kubeAPI, namespace string, at ownerRef) (Owner, error) {
	for range 4 {
		where := at.above()
		if where == "" {
			break
		}
		m, err := meta(ctx, api, fmt.Sprintf(where, url.PathEscape(namespace), url.PathEscape(at.Name)))
		if err != nil {
			return owner(&at), err
		}
		next := m.controller()
		if m.UID != at.UID || next == nil {
			break
		}
		at = *next
	}
	return owner(&at), nil
}

func owner(r *ownerRef) Owner {
	o := Owner{Kind: r.Kind, Name: r.Name, UID: r.UID}
	shorten(&o.Name, maxName)
	return o
}

// meta asks for an object's metadata, without the rest of it.
func meta(ctx context.Context, api *kubeAPI, path string) (*objectMeta, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	res, err := api.get(ctx, path, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json")
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var o struct{ Metadata objectMeta }
	if err := json.NewDecoder(io.LimitReader(res.Body, maxValue)).Decode(&o); err != nil {
		return nil, fmt.Errorf("decode the answer to %s: %w", path, err)
	}
	return &o.Metadata, nil
}
