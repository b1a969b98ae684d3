// Package container says which container an event happened in. It follows the
// processes that events name, over their whole lives, and knows the command
// lines of container engines, the shapes of control group paths, /proc, and the
// files that were recorded beside a capture. It does not know how an audit
// record is decoded, and it never takes a user id, a file name or a program's
// own words for proof: what is not found is method "none", never a guess.
package container

import (
	"path/filepath"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the transform `type: container`.
var Plugin = plugin.NewTransform("container", "Stamps events with the container that they happened in.", Default, New)

// Settings are the keys of the transform.
type Settings struct {
	Runtimes     []string          `yaml:"runtimes" doc:"The container engines to look for; a container of another one is left unresolved." enum:"docker,containerd,crio,podman" example:"[docker, containerd]"`
	Ask          string            `yaml:"ask" doc:"Names, images, labels and pods are asked of the engines and of Kubernetes: auto where procfs is this host's, on always, off never (then docker_root and the log are all there is). They are not asked under --once or offline." enum:"auto,on,off"`
	Sockets      map[string]string `yaml:"sockets" doc:"The socket of each runtime (docker, containerd, crio, podman), instead of the usual places; of podman also the folder of its storage. What is not named is not asked." example:"{docker: /run/docker.sock}"`
	Kubernetes   string            `yaml:"kubernetes" doc:"With auto, pods are taken from the API server (in a pod with a service account, or where kubernetes_api says), from what the runtime keeps and from the control group; with off they are not set." enum:"auto,off"`
	API          *KubernetesAPI    `yaml:"kubernetes_api" doc:"Where Kubernetes is asked outside of a pod."`
	Annotations  []string          `yaml:"annotations" doc:"Annotations of pods that become labels of the event." example:"[team]"`
	Procfs       plugin.Text       `yaml:"procfs" doc:"Where the host's /proc is mounted; it must be of the host's pid namespace."`
	DockerRoot   plugin.Text       `yaml:"docker_root" doc:"Docker's data folder; names, images and labels are read from containers/ID/config.v2.json there when it is readable. Empty: not read."`
	Engines      []string          `yaml:"engines" doc:"Folders (or programs) that only root can write, where engines are installed; the command line of a program elsewhere is not believed, whatever its name."`
	Node         string            `yaml:"node" doc:"The name that this host's auditd writes as node=, where it is not the host's name; in offline use, that of the host which the files are of (default: the first that the log names). Processes of other nodes are kept apart."`
	Connector    string            `yaml:"connector" doc:"The kernel's process connector, which tells of every process as it begins and ends: auto uses it where it can be had (the host's network and pid namespaces), on refuses to start without it, off does without. It is not used under --once, offline, or where procfs is empty." enum:"auto,on,off"`
	Tracefs      string            `yaml:"tracefs" doc:"The kernel's own record of moves between control groups (tracefs, cgroup_attach_task), which is read beside the process connector: what lives only between the moment that an engine moves it and its first exec is found as well. It takes root, and makes an instance of its own under /sys/kernel/tracing. auto uses it where it can be had, on refuses to start without it, off does without." enum:"auto,on,off"`
	Wait         time.Duration     `yaml:"wait" doc:"How long an event that the connector may still tell of is held, and the first one of a container that its engine may still tell of, and its lane with it; without the connector, how long one whose parent is in no record yet is kept back once its source is silent. 0 holds none. Old events are never held by the clock."`
	MaxProcesses int               `yaml:"max_processes" doc:"How many processes are remembered; those that ended first are forgotten first."`
	Offline      *Offline          `yaml:"offline" doc:"Files that were recorded beside a capture; when set, neither /proc nor docker_root is read."`
}

// Offline names what was recorded beside a capture; every file may be gzip.
type Offline struct {
	Inspect  []plugin.Text `yaml:"inspect" doc:"Outputs of docker, podman or nerdctl inspect, or of crictl inspect."`
	Events   []plugin.Text `yaml:"events" doc:"Outputs of docker events or podman events, one JSON object a line."`
	Timeline plugin.Text   `yaml:"timeline" doc:"What the kernel did with every process, one JSON object a line: t (ns), k (scan, fork, exec, exit, attach), pid, ppid, cg."`
}

// Default returns the settings that hold where a configuration says nothing.
func Default() Settings {
	return Settings{
		Runtimes:   []string{"docker", "containerd", "crio", "podman"},
		Ask:        askAuto,
		Kubernetes: "auto",
		Procfs:     plugin.Text{Value: "/proc"},
		DockerRoot: plugin.Text{Value: "/var/lib/docker"},
		Engines: []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec", "/usr/lib", "/bin", "/sbin", "/snap",
			"/opt/containerd", "/var/lib/rancher/k3s/data", "/var/lib/rancher/rke2/data", "/home/kubernetes/bin"},
		Connector:    connectorAuto,
		Tracefs:      connectorAuto,
		Wait:         250 * time.Millisecond,
		MaxProcesses: 65536,
	}
}

// The words of the setting connector.
const (
	connectorAuto = "auto"
	connectorOn   = "on"
	connectorOff  = "off"
)

// maxWait bounds how long a lane may stand still for one batch.
const maxWait = 10 * time.Second

// runtimeOf maps the words of the setting to those of container.runtime.
var runtimeOf = map[string]string{"docker": runtimeDocker, "containerd": runtimeContainerd, "crio": runtimeCRIO, "podman": runtimePodman}

// Check refuses what the types allow and the transform cannot do.
func (s *Settings) Check() plugin.Problems {
	var out plugin.Problems
	if len(s.Runtimes) == 0 {
		out = append(out, plugin.Problem{Key: "runtimes", Text: "runtimes is empty", Hint: "leave it out to look for all"})
	}
	for _, r := range s.Runtimes {
		if runtimeOf[r] == "" {
			out = append(out, plugin.Problem{Key: "runtimes", Text: "unknown runtime " + `"` + r + `"`, Hint: "docker, containerd, crio or podman"})
		}
	}
	if s.Kubernetes != "auto" && s.Kubernetes != "off" {
		out = append(out, plugin.Problem{Key: "kubernetes", Text: `kubernetes is "` + s.Kubernetes + `"`, Hint: "auto or off"})
	}
	for _, e := range s.Engines {
		if !filepath.IsAbs(e) || filepath.Clean(e) != e || e == "/" {
			out = append(out, plugin.Problem{Key: "engines", Text: "engines: " + `"` + e + `"` + " is no folder", Hint: "an absolute path without a slash at its end"})
		}
	}
	switch s.Connector {
	case connectorAuto, connectorOn, connectorOff, "":
	default:
		out = append(out, plugin.Problem{Key: "connector", Text: `connector is "` + s.Connector + `"`, Hint: "auto, on or off"})
	}
	switch s.Tracefs {
	case connectorAuto, connectorOn, connectorOff, "":
	default:
		out = append(out, plugin.Problem{Key: "tracefs", Text: `tracefs is "` + s.Tracefs + `"`, Hint: "auto, on or off"})
	}
	if s.Tracefs == connectorOn && s.Connector == connectorOff {
		out = append(out, plugin.Problem{Key: "tracefs", Text: "tracefs is on and connector is off", Hint: "set connector: on; moves alone do not say which process is meant"})
	}
	if s.Wait < 0 || s.Wait > maxWait {
		out = append(out, plugin.Problem{Key: "wait", Text: "wait is " + s.Wait.String(), Hint: "0 to 10s"})
	}
	out = append(out, s.checkContext()...)
	if s.MaxProcesses < 64 {
		out = append(out, plugin.Problem{Key: "max_processes", Text: "max_processes is less than 64"})
	}
	return out
}

// maxContainers bounds the containers that are remembered, besides those of
// offline files.
const maxContainers = 16384

// Transform is shared by all lanes.
type Transform struct {
	env     plugin.Env
	history *history // of the timeline; never changed once built; nil without one

	// With the process connector; nil without it.
	kernel *kernel
	follow *follower
	traced *traced // where it tells of moves between control groups as well
	wait   time.Duration
	pause  func(done <-chan struct{}, turned <-chan struct{}, d time.Duration) // until one of them

	mu      sync.Mutex // guards what follows
	reg     *registry
	table   *table
	proc    *procfs // nil: /proc is not read
	docker  *dockerRoot
	set     Settings
	lore    lore
	nodes   nodes
	serials []int64 // of each node: the highest of the kernel's records; it starts again with a boot
	live    bool    // /proc is there to be asked; without it nothing proves the host

	stocked bool   // /proc was read as a whole; not used with the connector
	gapped  bool   // records were missing in the log
	seed    []byte // what the last id was made of: all begin with the same

	seeds   []sown // processes that offline files name
	unnamed nodes  // as nodes was at the first start
	since   int64  // events of this host before are of an earlier boot, for Learn
	learner *stage // nil until something is learned

	learnt   map[event.ID]struct{} // events that were learnt from and are kept
	resumed  map[event.ID]struct{} // those of before a restart that did not come again yet
	restores int                   // how often the table was put in place of another

	events    [methods][confidences]*meter.Counter
	tally     tally // of the last hour, of events
	held      *meter.Counter
	rescans   *meter.Counter
	looks     [2]*meter.Counter // of /proc: in vain, with an answer
	vain      counted           // looks that were in vain, of the batch at hand
	processes *meter.Gauge
	known     *meter.Gauge
}

// New builds the transform and reads the offline files; what is wrong in them
// is returned as Problems.
func New(s *Settings, env plugin.Env) (plugin.Transform, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	reg := &registry{byID: map[string]*container{}, max: maxContainers, kubernetes: s.Kubernetes == "auto", runtimes: map[string]bool{}}
	for _, r := range s.Runtimes {
		reg.runtimes[runtimeOf[r]] = true
	}
	t := &Transform{env: env, reg: reg, table: newTable(s.MaxProcesses, reg), nodes: newNodes(s, env), set: *s, learnt: map[event.ID]struct{}{}}
	if t.table.engines = s.Engines; len(s.Engines) == 0 {
		t.table.engines = Default().Engines
	}
	if s.Offline != nil {
		if p := t.load(s.Offline); p.Bad() {
			return nil, p
		}
	} else {
		if s.Procfs.Value != "" {
			t.proc, t.live = newProcfs(under(env.Dir, s.Procfs.Value), env.Now), true
		}
		if s.DockerRoot.Value != "" {
			t.docker = &dockerRoot{dir: under(env.Dir, s.DockerRoot.Value)}
		}
		reg.ask = t.asked
	}
	t.unnamed = t.nodes
	t.sow()
	t.table.vouch, t.table.check, t.table.began = t.vouch, t.check, t.began
	t.count(env.Meter)
	if err := t.connect(s); err != nil {
		return nil, err
	}
	if s.Procfs.Value == Default().Procfs.Value {
		t.announce(ThisHost())
	}
	return t, nil
}

// under returns path, relative to the configuration's folder.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func (t *Transform) count(m *meter.Registry) {
	for i := range t.events {
		for j := range t.events[i] {
			t.events[i][j] = m.Counter("tallyman_container_events_total", "Events by how their container, or that they are the host's, was found; none is not found.",
				meter.Label{Name: "method", Value: methodNames[i]}, meter.Label{Name: "confidence", Value: confidenceNames[j]})
		}
	}
	t.held = m.Counter("tallyman_container_held_total", "Events that were held until the kernel's word on their process came.")
	for i, result := range [...]string{"gone", "found"} {
		t.looks[i] = m.Counter("tallyman_container_lookups_total", "Readings of a process in /proc; gone is too late, or no answer.",
			meter.Label{Name: "result", Value: result})
	}
	t.rescans = m.Counter("tallyman_container_rescans_total", "Times that all of /proc was read: at the start, after an overrun, after a gap in the log.")
	t.processes = m.Gauge("tallyman_container_processes", "Processes that are remembered.")
	t.known = m.Gauge("tallyman_container_containers", "Containers that are remembered.")
	t.processes.Set(int64(t.table.count))
	t.known.Set(int64(len(t.reg.byID)))
}

// Lane returns the stage of one lane.
func (t *Transform) Lane(string) plugin.Stage {
	if t.set.Wait > 0 {
		return &patient{stage: stage{t: t}}
	}
	return &stage{t: t}
}

// Close ends the transform.
func (t *Transform) Close() error {
	t.hush()
	if t.follow == nil || t.follow.done == nil {
		return nil
	}
	err := t.follow.from.close()
	<-t.follow.done
	return err
}
