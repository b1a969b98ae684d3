package container

// What the engines and Kubernetes say of containers: when they are asked, and
// how their word becomes fields.

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/transforms/container/runtimes"
)

// The words of the setting ask.
const (
	askAuto = "auto"
	askOn   = "on"
	askOff  = "off"
)

// KubernetesAPI says where and as whom Kubernetes is asked.
type KubernetesAPI struct {
	URL       string      `yaml:"url" doc:"The API server; plain http is for loopback only." example:"https://10.96.0.1:443"`
	Node      string      `yaml:"node" doc:"The node whose pods are followed, as spec.nodeName has it; default: the variable NODE_NAME, else the host's name."`
	TokenFile plugin.Text `yaml:"token_file" doc:"The token of a service account; it is read for every request." example:"/var/run/secrets/kubernetes.io/serviceaccount/token"`
	CAFile    plugin.Text `yaml:"ca_file" doc:"Who signed the server's certificate." example:"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"`
	CertFile  plugin.Text `yaml:"cert_file" doc:"The client's certificate, instead of a token."`
	KeyFile   plugin.Text `yaml:"key_file" doc:"The key of cert_file."`
	Kubelet   string      `yaml:"kubelet" doc:"The kubelet, which is asked where the API server is out of reach." example:"https://127.0.0.1:10250"`
	KubeletCA plugin.Text `yaml:"kubelet_ca_file" doc:"Who signed the kubelet's certificate; default: ca_file."`
}

// lore is what the runtimes told.
type lore struct {
	begun   bool
	watcher *runtimes.Watcher // nil: they are not asked
	store   *runtimes.Store   // nil as well
	rest    int64             // until then no engine is waited for, because one was in vain

	logs map[logOf]logged // whose the log files of pods are

	layers *drift // nil until a program was run in a container
}

// firstWord is how long the first batch waits for what is there already.
const firstWord = 2 * time.Second

// listen begins to ask the runtimes, at the first batch: of a /proc that is not
// this host's the engines at the usual places say nothing.
func (t *Transform) listen(ctx context.Context) {
	if t.lore.begun {
		return
	}
	t.lore.begun = true
	t.openTrace()
	s := &t.set
	if t.env.Once || s.Offline != nil || s.Ask == askOff || s.Ask == "" || s.Ask == askAuto && (t.proc == nil || !t.proc.ours()) {
		return
	}
	o := runtimes.Options{Annotations: s.Annotations, Max: maxContainers, Meter: t.env.Meter, Log: t.env.Log, Now: t.env.Now,
		Kube: s.kube(t.env.Dir)}
	if o.Sources = s.sources(); len(o.Sources) == 0 {
		names := s.names()
		o.Find = func() []runtimes.Source { return runtimes.Find("", names) }
	}
	w, err := runtimes.Start(o)
	if err != nil { // Check refuses what settings can be wrong; the surroundings may be as well
		t.say("the runtimes are not asked", "error", err)
		return
	}
	t.lore.watcher, t.lore.store = w, w.Store()
	wait, cancel := context.WithTimeout(ctx, firstWord)
	defer cancel()
	select {
	case <-w.Settled():
	case <-wait.Done():
	}
}

// hush ends what listen began.
func (t *Transform) hush() {
	t.mu.Lock()
	w := t.lore.watcher
	t.mu.Unlock()
	if w != nil {
		_ = w.Close() // it has no error
	}
}

// names returns the engines to look for, as container.runtime has them.
func (s *Settings) names() []string {
	var out []string
	for _, r := range s.Runtimes {
		out = append(out, runtimeOf[r])
	}
	return out
}

// sources returns the engines that are named with their sockets.
func (s *Settings) sources() []runtimes.Source {
	var out []runtimes.Source
	for _, name := range slices.Sorted(maps.Keys(s.Sockets)) {
		out = append(out, runtimes.Source{Runtime: runtimeOf[name], Path: s.Sockets[name]})
	}
	return out
}

// kube returns how Kubernetes is asked; nil where it is not.
func (s *Settings) kube(dir string) *runtimes.Kube {
	if s.Kubernetes != "auto" {
		return nil
	}
	k := runtimes.InCluster(os.Getenv)
	if k != nil {
		k.Quiet = true
	}
	a := s.API
	if a == nil {
		return k
	}
	if k == nil || a.URL != "" {
		k = &runtimes.Kube{URL: a.URL}
	}
	file := func(at *string, p plugin.Text) {
		if p.Value != "" {
			*at = under(dir, p.Value)
		}
	}
	file(&k.TokenFile, a.TokenFile)
	file(&k.CAFile, a.CAFile)
	file(&k.CertFile, a.CertFile)
	file(&k.KeyFile, a.KeyFile)
	file(&k.KubeletCA, a.KubeletCA)
	fill(&k.Kubelet, a.Kubelet)
	k.Node = a.Node
	fill(&k.Node, os.Getenv("NODE_NAME"))
	if k.Node == "" {
		k.Node, _ = os.Hostname()
	}
	return k
}

// checkContext refuses what the types of the settings of this file allow.
func (s *Settings) checkContext() plugin.Problems {
	var out plugin.Problems
	switch s.Ask {
	case askAuto, askOn, askOff, "":
	default:
		out = append(out, plugin.Problem{Key: "ask", Text: `ask is "` + s.Ask + `"`, Hint: "auto, on or off"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Sockets)) {
		switch {
		case runtimeOf[name] == "":
			out = append(out, plugin.Problem{Key: "sockets", Text: "unknown runtime " + `"` + name + `"`, Hint: "docker, containerd, crio or podman"})
		case s.Sockets[name] == "":
			out = append(out, plugin.Problem{Key: "sockets", Text: "sockets: " + name + " has no path"})
		}
	}
	if a := s.API; a != nil {
		if err := (&runtimes.Kube{Node: "any", URL: a.URL, Kubelet: a.Kubelet}).Check(); err != nil && a.URL+a.Kubelet != "" {
			out = append(out, plugin.Problem{Key: "kubernetes_api", Text: "kubernetes_api: " + err.Error()})
		}
	}
	return out
}

// consult takes over what the runtimes have come to say of a container.
func (t *Transform) consult(c *container) {
	if t.lore.store == nil {
		return
	}
	at := t.lore.store.Generation()
	if c.heard == at {
		return
	}
	first := c.heard == 0
	c.heard = at
	x := t.lore.store.Lookup(c.id)
	switch {
	case x == nil && first:
		t.lore.store.Want(c.id)
	case x == nil, x == c.known.told, x.UserUID != 0 && c.rooted:
	default:
		t.reg.hear(c, x)
	}
}

// mentioned returns the container that an event names itself, by its id or the
// first twelve digits of it; nil where nothing is known of it.
func (t *Transform) mentioned(id string) *container {
	c := t.reg.byID[id]
	if c != nil || t.lore.store == nil || id == "" {
		return c
	}
	x := t.lore.store.Lookup(id)
	if x == nil || x.UserUID != 0 {
		return nil
	}
	return t.reg.get(x.ID)
}

// hear takes what an engine says of a container: it knows better than a path
// or an older word.
func (r *registry) hear(c *container, x *runtimes.Container) {
	if x.UserUID == 0 {
		c.rooted, c.named = true, true
	}
	f, k := factsFrom(x), &c.known
	for _, p := range [...]struct {
		at *string
		s  string
	}{{&k.name, f.name}, {&k.runtime, f.runtime}, {&k.image, f.image}, {&k.imageID, f.imageID}, {&k.digest, f.digest}, {&k.parent, f.parent}} {
		if p.s != "" {
			*p.at = p.s
		}
	}
	if f.labels != nil {
		k.labels = f.labels
	}
	k.told = x
	c.learn(f, r.kubernetes)
}

// asked returns what the runtimes, and then Docker's own files, say of an id
// that only root's engine is believed about.
func (t *Transform) asked(id string) (facts, bool) {
	if t.lore.store != nil {
		if x := t.lore.store.Lookup(id); x != nil && x.ID == id && x.UserUID == 0 {
			return factsFrom(x), true
		}
	}
	if t.docker == nil {
		return facts{}, false
	}
	return t.docker.read(id)
}

// factsFrom returns what a container of the runtimes becomes here.
func factsFrom(x *runtimes.Container) facts {
	f := facts{name: x.Name, runtime: x.Runtime, image: x.ImageRef, imageID: x.ImageID, digest: x.ImageDigest, privileged: x.Privileged,
		parent: x.CgroupParent, labels: x.Labels, told: x}
	if parseImage(f.image).name == "" && x.Image != "" {
		f.image = x.Image
		if x.ImageTag != "" {
			f.image += ":" + x.ImageTag
		}
	}
	if x.Pod != nil {
		f.pod, f.kube = x.Pod.UID, true
	}
	return f
}

// context adds the pod or the workload that the runtimes told of. It reports
// whether there is one.
func (k *facts) context(f *event.Fields, kubernetes bool) bool {
	switch {
	case k.told == nil:
		return false
	case k.told.Pod != nil && kubernetes:
		k.pods(f, k.told.Pod)
	case k.told.Workload != nil && k.told.Pod == nil:
		w := k.told.Workload
		f.AddString(schema.OrchestratorType, w.Type)
		f.AddString(schema.OrchestratorClusterName, w.Cluster)
		f.AddString(schema.OrchestratorNamespace, w.Namespace)
		f.AddString(schema.OrchestratorResourceType, w.ResourceType)
		f.AddString(schema.OrchestratorResourceName, w.Name)
		f.AddString(schema.OrchestratorResourceID, w.ID)
	default:
		return false
	}
	return true
}

// pods adds a pod. Of who made it the kind is ECS's; its name has a field only
// where it is a Deployment, and stands in labels.owner else.
func (k *facts) pods(f *event.Fields, p *runtimes.Pod) {
	f.AddString(schema.OrchestratorType, "kubernetes")
	f.AddString(schema.OrchestratorNamespace, p.Namespace)
	f.AddString(schema.OrchestratorResourceType, "pod")
	f.AddString(schema.OrchestratorResourceName, p.Name)
	f.AddString(schema.OrchestratorResourceID, p.UID)
	for _, ip := range p.IPs {
		if v, ok := event.IP(ip); ok {
			f.Add(schema.OrchestratorResourceIP, v)
		}
	}
	f.AddString(schema.OrchestratorResourceParentType, strings.ToLower(p.Owner.Kind))
	f.AddString(schema.KubernetesNamespace, p.Namespace)
	f.AddString(schema.KubernetesPodName, p.Name)
	f.AddString(schema.KubernetesPodUID, p.UID)
	if !k.told.Sandbox {
		name := k.labels[labelContainer]
		fill(&name, k.told.Name)
		f.AddString(schema.KubernetesContainerName, name)
	}
	f.AddString(schema.KubernetesNodeName, p.Node)
	if p.Owner.Kind == "Deployment" {
		f.AddString(schema.KubernetesDeploymentName, p.Owner.Name)
	} else if p.Owner.Name != "" {
		f.AddNamed(schema.Labels, "owner", event.String(p.Owner.Name))
	}
	f.AddString(schema.KubernetesServiceAccount, p.ServiceAccount)
	for _, name := range slices.Sorted(maps.Keys(p.Labels)) {
		f.AddNamed(schema.KubernetesLabels, name, event.String(p.Labels[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Annotations)) {
		f.AddNamed(schema.Labels, name, event.String(p.Annotations[name]))
	}
}
