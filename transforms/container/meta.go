package container

// What is known of each container, and the fields that it becomes.

import (
	"maps"
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
	"tallyman/transforms/container/runtimes"
)

// The runtimes as container.runtime has them.
const (
	runtimeDocker     = "docker"
	runtimeContainerd = "containerd"
	runtimeCRIO       = "cri-o"
	runtimePodman     = "podman"
)

// facts are what is known of a container besides its id.
type facts struct {
	name       string
	runtime    string // as container.runtime
	image      string // as it was asked for: registry/name:tag@digest
	imageID    string // sha256:…, the id of the image on this host
	digest     string // sha256:…, the digest in the registry
	pod        string // uid of the pod
	privileged *bool
	kube       bool   // a kubelet made it
	parent     string // the control group that the engine was told to put it below
	labels     map[string]string
	told       *runtimes.Container // what an engine said last, nil for nothing
}

// container is one container that was seen or read of. Its fields are built
// when something is learnt and appended to events as they are; the slice is
// replaced, never changed.
type container struct {
	id     string
	known  facts
	fields event.Fields
	used   int64  // event time of the last use, ns; guarded as the table
	asked  uint8  // how often the engine's files were asked
	rooted bool   // root runs it: a user's word on it is not believed
	lends  bool   // an inspect says that another one is in its pid namespace
	named  bool   // an engine told of it, so that its id may be any
	heard  uint64 // the state of the runtimes' word that was taken over
	met    int64  // when it was waited for an engine to tell of it; 0: never
	bound  bool   // an answer that outlives eviction: read from an offline file

	lives  int     // how many of the table are in it
	number ordinal // what these name it by, while there are any
}

// learn fills what is not known yet and rebuilds the fields. What is known
// stays: the first source is the one nearest to the container.
func (c *container) learn(f facts, kubernetes bool) {
	k := &c.known
	fill(&k.name, f.name)
	fill(&k.runtime, f.runtime)
	fill(&k.image, f.image)
	fill(&k.imageID, f.imageID)
	fill(&k.digest, f.digest)
	fill(&k.pod, f.pod)
	fill(&k.parent, f.parent)
	k.kube = k.kube || f.kube
	if k.privileged == nil {
		k.privileged = f.privileged
	}
	if k.labels == nil && len(f.labels) > 0 {
		k.labels = f.labels
	}
	c.fields = k.build(c.id, kubernetes)
}

func fill(at *string, s string) {
	if *at == "" {
		*at = s
	}
}

// build returns the fields of container, orchestrator and kubernetes.
func (k *facts) build(id string, kubernetes bool) event.Fields {
	var f event.Fields
	f.AddString(schema.ContainerID, id)
	f.AddString(schema.ContainerName, k.name)
	f.AddString(schema.ContainerRuntime, k.runtime)
	ref := parseImage(k.image)
	f.AddString(schema.ContainerImageName, ref.name)
	f.AddString(schema.ContainerImageTag, ref.tag)
	digest := k.digest
	fill(&digest, ref.digest)
	f.AddString(schema.ContainerImageHashAll, digest)
	if k.imageID != digest {
		f.AddString(schema.ContainerImageHashAll, k.imageID)
	}
	f.AddString(schema.ContainerImageRegistry, ref.registry)
	for _, name := range slices.Sorted(maps.Keys(k.labels)) {
		f.AddNamed(schema.ContainerLabels, name, event.String(k.labels[name]))
	}
	if k.privileged != nil {
		f.Add(schema.ContainerSecurityContextPrivileged, event.Bool(*k.privileged))
	}
	k.orchestrator(&f, kubernetes)
	return f
}

// The labels that engines and orchestrators set.
const (
	labelPodName   = "io.kubernetes.pod.name"
	labelPodNS     = "io.kubernetes.pod.namespace"
	labelPodUID    = "io.kubernetes.pod.uid"
	labelContainer = "io.kubernetes.container.name"
	labelProject   = "com.docker.compose.project"
	labelService   = "com.docker.compose.service"
	labelStack     = "com.docker.stack.namespace"
	labelSwarm     = "com.docker.swarm.service.name"
)

// orchestrator adds who runs the container: a pod, a compose project or a
// swarm service, each by its labels, a pod also by its control group. An image
// may bear any label, so a pod's count only where the kubelet made the container.
func (k *facts) orchestrator(f *event.Fields, kubernetes bool) {
	l := k.labels
	pod := k.pod
	fill(&pod, l[labelPodUID])
	made := k.kube || k.pod != "" || k.runtime == runtimeCRIO
	if k.context(f, kubernetes) {
		return
	}
	switch {
	case kubernetes && made && (pod != "" || l[labelPodName] != ""):
		f.AddString(schema.OrchestratorType, "kubernetes")
		f.AddString(schema.OrchestratorNamespace, l[labelPodNS])
		f.AddString(schema.OrchestratorResourceType, "pod")
		f.AddString(schema.OrchestratorResourceName, l[labelPodName])
		f.AddString(schema.OrchestratorResourceID, pod)
		f.AddString(schema.KubernetesNamespace, l[labelPodNS])
		f.AddString(schema.KubernetesPodName, l[labelPodName])
		f.AddString(schema.KubernetesPodUID, pod)
		f.AddString(schema.KubernetesContainerName, l[labelContainer])
	case l[labelProject] != "":
		f.AddString(schema.OrchestratorType, "compose")
		f.AddString(schema.OrchestratorNamespace, l[labelProject])
		f.AddString(schema.OrchestratorResourceName, l[labelService])
	case l[labelSwarm] != "":
		f.AddString(schema.OrchestratorType, "swarm")
		f.AddString(schema.OrchestratorNamespace, l[labelStack])
		f.AddString(schema.OrchestratorResourceName, l[labelSwarm])
	}
}

// image is an image reference in its parts.
type image struct{ registry, name, tag, digest string }

// parseImage splits registry/name:tag@digest. The registry is the part before
// the first slash where it has a dot, a colon or is localhost, as the
// distribution reference grammar has it; a bare image id is a digest alone.
func parseImage(ref string) image {
	var i image
	if strings.HasPrefix(ref, "sha256:") {
		return image{digest: ref}
	}
	if isID(ref) {
		return image{digest: "sha256:" + ref}
	}
	i.name, i.digest, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(i.name, ':'); colon > strings.LastIndexByte(i.name, '/') {
		i.name, i.tag = i.name[:colon], i.name[colon+1:]
	}
	if first, _, ok := strings.Cut(i.name, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		i.registry = first
	}
	return i
}

// registry holds the containers by id, at most max of those that no offline
// file names.
type registry struct {
	byID       map[string]*container
	any        bool // there was one, so a process may have it from an ancestor
	max        int
	kubernetes bool
	ask        func(id string) (facts, bool) // Docker's own files; nil: they are not read
	runtimes   map[string]bool               // those that are looked for, as container.runtime
}

// get returns the container of id, made at first use; the id is copied.
func (r *registry) get(id string) *container {
	c := r.byID[id]
	if c == nil {
		if len(r.byID) >= r.max {
			r.evict()
		}
		c = &container{id: strings.Clone(id)}
		c.learn(facts{}, r.kubernetes)
		r.byID[c.id], r.any = c, true
	}
	return c
}

// at returns the container of a control group, nil where it is none, of a
// runtime that is not looked for, or where the path proves nothing.
func (r *registry) at(p place) *container {
	if p.id == "" || p.runtime != "" && !r.runtimes[p.runtime] || p.parent != "" && !r.put(p) || p.weak && r.rooted(p.id) {
		return nil
	}
	c := r.get(p.id)
	if c.known.runtime != "" && !r.runtimes[c.known.runtime] {
		return nil
	}
	if !p.weak && !c.rooted {
		if c.rooted = true; p.runtime != "" && !c.bound && c.known.runtime != p.runtime {
			c.known.runtime = "" // only a user said it until now
		}
	}
	if p.runtime != "" && c.known.runtime == "" || p.pod != "" && c.known.pod == "" || p.kube && !c.known.kube {
		c.learn(facts{runtime: p.runtime, pod: strings.Clone(p.pod), kube: p.kube}, r.kubernetes)
	}
	return c
}

// put reports whether the engine was told to put a container where p is.
func (r *registry) put(p place) bool {
	c := r.byID[p.id]
	if c == nil || c.known.parent == "" {
		if r.rooted(p.id) {
			c = r.byID[p.id]
		}
	}
	return c != nil && c.known.parent != "" && slicePath(strings.Trim(c.known.parent, "/")) == p.parent
}

// rooted reports whether a container is known to be one that root runs.
func (r *registry) rooted(id string) bool {
	c := r.byID[id]
	if c != nil && c.rooted {
		return true
	}
	if r.ask == nil {
		return false
	}
	f, ok := r.ask(id)
	if ok {
		r.own(r.get(id), f)
	}
	return ok
}

// own takes what the engine's own files say of a container.
func (r *registry) own(c *container, f facts) {
	c.known.runtime, c.rooted, c.named = f.runtime, true, true
	c.learn(f, r.kubernetes)
}

// slicePath returns the control group of a parent: a slice a-b.slice stands
// below a.slice.
func slicePath(parent string) string {
	name, ok := strings.CutSuffix(parent, ".slice")
	if !ok || strings.Contains(name, "/") {
		return parent
	}
	path := ""
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '-' {
			path += name[:i] + ".slice/"
		}
	}
	return strings.TrimSuffix(path, "/")
}

// told learns the name, image and labels that an engine's event states of its
// container.
func (r *registry) told(e *event.Event) {
	id := e.Fields.Get(schema.ContainerID).Str()
	name := e.Fields.Get(schema.ContainerName).Str()
	if c := r.byID[id]; !isID(id) || name == "" || c != nil && c.known.name != "" {
		return
	}
	f := facts{name: strings.Clone(name), image: strings.Clone(e.Fields.Get(schema.ContainerImageName).Str()), runtime: runtimeDocker,
		labels: map[string]string{}}
	if tag := e.Fields.Get(schema.ContainerImageTag).Str(); tag != "" && f.image != "" {
		f.image += ":" + tag
	}
	for i := range e.Fields {
		if at := &e.Fields[i]; at.Key == schema.ContainerLabels {
			f.labels[strings.Clone(at.Name())] = strings.Clone(at.Str())
		}
	}
	c := r.get(id)
	c.named = true
	c.learn(f, r.kubernetes)
}

// evict forgets the eighth that was used longest ago. Processes keep the
// container that they hold.
func (r *registry) evict() {
	var list []*container
	for _, c := range r.byID {
		if !c.bound {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *container) int { return int(min(max(a.used-b.used, -1), 1)) })
	for _, c := range list[:(len(list)+7)/8] {
		delete(r.byID, c.id)
	}
}
