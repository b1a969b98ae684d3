package container

// What control group paths say: the shapes that engines give them, and which
// paths are proof of the host.

import "strings"

// place is what a control group path says about where its processes run.
type place struct {
	id      string // the container, "" for none; a view of the path
	runtime string // as container.runtime, "" where the shape fits several
	pod     string // the uid of the Kubernetes pod, "" for none
	parent  string // the path before the id, where no engine puts containers by itself
	host    bool   // the path is one that no container has
	kube    bool   // the path is one that the kubelet makes
	weak    bool   // an unprivileged user may have made the path
	nested  bool   // another container's id stands below
}

// idLen is the length of a full container id.
const idLen = 64

// scopes are the names that engines put before a container's id: as a systemd
// scope ("docker-<id>.scope") or a folder ("libpod-<id>"). A monitor (conmon)
// has a scope of its own and runs on the host.
var scopes = [...]struct {
	prefix, runtime string
	monitor         bool
}{
	{"docker-", runtimeDocker, false},
	{"cri-containerd-", runtimeContainerd, false},
	{"nerdctl-", runtimeContainerd, false},
	{"crio-conmon-", runtimeCRIO, true},
	{"crio-", runtimeCRIO, false},
	{"libpod-conmon-", runtimePodman, true},
	{"libpod-payload-", runtimePodman, false},
	{"libpod-", runtimePodman, false},
}

// parseCgroup reads one control group path, of v1 or v2, as /proc/PID/cgroup
// and the engines write it. A container's shape counts only where an engine
// puts it and only root can: whoever is given a control group of his own may
// make any name below it. So the outermost container is meant, and what stands
// below it says nothing. It understands
//
//	/docker/<id>                                     cgroupfs driver; also /system.slice/docker/<id>
//	/system.slice/docker-<id>.scope                  systemd driver; crio-, cri-containerd-, nerdctl- alike
//	/kubepods/burstable/pod<uid>/<id>                Kubernetes, cgroupfs driver
//	/kubepods.slice/…-pod<uid>.slice/crio-<id>.scope Kubernetes, systemd driver
//	/system.slice/containerd.service/kubepods-…-pod<uid>.slice:cri-containerd:<id>
//	/machine.slice/libpod-<id>.scope, /libpod_parent/libpod-<id>
//	/user.slice/…/libpod-<id>.scope                  rootless Podman: weak
//
// and, with a control group namespace of the reader's own, the same behind
// "/..". An id in another place is that of a container whose engine was told to
// put it there (parent says where); the registry knows which were. Everything
// else is neither container nor host.
func parseCgroup(path string) place {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return place{}
	}
	sibling := false
	for strings.HasPrefix(rest, "../") {
		rest, sibling = rest[len("../"):], true
	}
	for at := 0; at < len(rest); {
		name := rest[at:]
		if i := strings.IndexByte(name, '/'); i >= 0 {
			name = name[:i]
		}
		p, monitor := component(name)
		if p.id == "" {
			at += len(name) + 1
			continue
		}
		parents := strings.TrimSuffix(rest[:at], "/")
		if monitor {
			// The monitor stands outside the container that it watches.
			return place{host: hostParents(parents)}
		}
		p.settle(name, parents, sibling)
		for below := range strings.SplitSeq(rest[min(at+len(name)+1, len(rest)):], "/") {
			inner, _ := component(below)
			p.nested = p.nested || inner.id != "" && inner.id != p.id
		}
		return p
	}
	return place{host: hostPath(path)}
}

// services are the units of systemd below which containerd and CRI-O keep
// containers where the kubelet's driver is systemd and theirs is not.
const services = " containerd.service crio.service docker.service k3s.service k3s-agent.service rke2-server.service rke2-agent.service " +
	"snap.microk8s.daemon-containerd.service "

// settle says of a container's folder name below parents whether an engine puts
// it there, and which.
func (p *place) settle(name, parents string, sibling bool) {
	first, below, _ := strings.Cut(parents, "/")
	scope := name != p.id // it has a prefix, which names the engine
	switch slice, _, colons := strings.Cut(name, ":"); {
	case colons:
		service, ok := strings.CutPrefix(parents, "system.slice/")
		if parents == "" || ok && strings.Contains(services, " "+service+" ") {
			p.pod = podOf(slice)
			p.kube = strings.HasPrefix(slice, "kubepods")
			return
		}
	case first == "kubepods", first == "kubepods.slice":
		if p.kube = kubeFolders(below); p.kube {
			p.pod = podOf(parents)
			return
		}
	case parents == "docker" && !scope, parents == "system.slice/docker" && !scope:
		p.runtime = runtimeDocker
		return
	case (parents == "k8s.io" || parents == "default") && !scope:
		p.runtime, p.kube = runtimeContainerd, parents == "k8s.io"
		return
	case parents == "" && sibling:
		return // beside the reader, which is in a container itself
	case p.runtime == runtimePodman:
		switch {
		case parents == "libpod_parent", parents == "machine.slice", parents == "system.slice",
			first == "machine.slice" && strings.HasPrefix(below, "machine-libpod_pod_") && !strings.Contains(below, "/"):
			return
		case first == "user.slice", first == "system.slice": // the latter: in a service, which may be a user's
			p.weak = true
			return
		}
	case parents == "system.slice" && scope:
		return
	}
	p.parent = parents
	if parents == "" {
		p.parent = "/"
	}
}

// kubeFolders reports whether path, below kubepods, is made of the folders of
// the classes of service and of pods.
func kubeFolders(path string) bool {
	if path == "" {
		return false
	}
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "besteffort", name == "burstable", name == "guaranteed", strings.HasPrefix(name, "pod"),
			strings.HasPrefix(name, "kubepods-") && strings.HasSuffix(name, ".slice"):
		default:
			return false
		}
	}
	return true
}

// component reads one folder of a path.
func component(name string) (p place, monitor bool) {
	if isID(name) {
		return place{id: name}, false
	}
	// slice:prefix:id, what a systemd path becomes where the driver is cgroupfs.
	if i := strings.LastIndexByte(name, ':'); i >= 0 && isID(name[i+1:]) {
		prefix := name[:i]
		if j := strings.LastIndexByte(prefix, ':'); j >= 0 {
			prefix = prefix[j+1:]
		}
		for _, s := range scopes {
			if !s.monitor && s.prefix[:len(s.prefix)-1] == prefix {
				return place{id: name[i+1:], runtime: s.runtime}, false
			}
		}
		return place{}, false
	}
	name = strings.TrimSuffix(name, ".scope")
	for _, s := range scopes {
		if id, ok := strings.CutPrefix(name, s.prefix); ok && isID(id) {
			return place{id: id, runtime: s.runtime}, s.monitor
		}
	}
	return place{}, false
}

// podOf returns the uid of the pod that path runs in: the folder pod<uid>, or
// the slice kubepods[-qos]-pod<uid>.slice, whose uid has _ for -.
func podOf(path string) string {
	for path != "" {
		cut := strings.LastIndexByte(path, '/')
		name := path[cut+1:]
		path = path[:max(cut, 0)]
		if uid, ok := strings.CutPrefix(name, "pod"); ok && isUID(uid) {
			return uid
		}
		name, ok := strings.CutSuffix(name, ".slice")
		if i := strings.LastIndex(name, "-pod"); ok && i >= 0 && strings.HasPrefix(name, "kubepods") {
			if uid := strings.ReplaceAll(name[i+len("-pod"):], "_", "-"); isUID(uid) {
				return uid
			}
		}
	}
	return ""
}

// hostParents reports whether a monitor's scope below parents is the host's.
func hostParents(parents string) bool {
	first, _, _ := strings.Cut(parents, "/")
	return first == "machine.slice" || first == "libpod_parent" || first == "kubepods" || first == "kubepods.slice" || hostPath("/"+parents)
}

// hostPath reports whether a path is proof that its processes are outside
// every container: the root, or units of systemd all the way down. Any other
// folder may belong to an engine that we do not know. It is half of a proof: a
// privileged container may move itself there.
func hostPath(path string) bool {
	if path == "/" {
		return true
	}
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return false
	}
	switch first, _, _ := strings.Cut(path, "/"); first {
	case "system.slice", "user.slice", "init.scope":
	default:
		return false
	}
	for name := range strings.SplitSeq(path, "/") {
		dot := max(strings.LastIndexByte(name, '.'), 0)
		switch name[dot:] {
		case ".slice", ".service", ".scope", ".mount", ".socket", ".swap":
		default:
			return false
		}
		// A unit named by an id is the container of an engine that we do not know.
		if dot >= idLen && isID(name[dot-idLen:dot]) {
			return false
		}
	}
	return true
}

// isID reports whether s is a full container id: 64 lower-case hex digits.
func isID(s string) bool {
	if len(s) != idLen {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isUID reports whether s may be a pod's uid: a UUID, or the 32 hex digits of a
// static pod.
func isUID(s string) bool {
	if len(s) != 32 && len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return false
		}
	}
	return true
}
