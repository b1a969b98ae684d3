package container

// What control group paths say: the shapes that engines give them, and which
// paths are proof of the host.

import "strings"

// place is what a control group path says about where its processes run.
type place struct {
	id      string // the container, "" for none; a view of the path
	runtime string // as container.runtime, "" where the shape fits several
	pod     string // the uid of the Kubernetes pod, "" for none
	host    bool   // the path is one that no container has
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
// and the engines write it. Where containers are nested, the innermost is
// meant. It understands
//
//	/docker/<id>                                     cgroupfs driver; also below another folder
//	/system.slice/docker-<id>.scope                  systemd driver; crio-, cri-containerd-, libpod- alike
//	/kubepods/burstable/pod<uid>/<id>                Kubernetes, cgroupfs driver
//	/kubepods.slice/…-pod<uid>.slice/crio-<id>.scope Kubernetes, systemd driver
//	/system.slice/containerd.service/kubepods-…-pod<uid>.slice:cri-containerd:<id>
//	/docker/<id>/docker/<id>                         an engine inside a container
//
// and, with a control group namespace of the reader's own, the same behind
// "/..". What it does not understand is neither container nor host.
func parseCgroup(path string) place {
	for rest := path; rest != ""; {
		cut := strings.LastIndexByte(rest, '/')
		name := rest[cut+1:]
		rest = rest[:max(cut, 0)]
		if name == "" {
			continue
		}
		p, monitor := component(name, rest)
		if monitor {
			// The monitor stands outside the container that it watches, but may
			// itself run inside another one.
			if outer := parseCgroup(rest); outer.id != "" {
				return outer
			}
			return place{host: true}
		}
		if p.id != "" {
			if p.pod == "" {
				p.pod = podOf(rest)
			}
			return p
		}
	}
	return place{host: hostPath(path)}
}

// component reads one folder of a path; parents is what stands before it.
func component(name, parents string) (p place, monitor bool) {
	if isID(name) {
		return place{id: name, runtime: bareRuntime(parents)}, false
	}
	// slice:prefix:id, what a systemd path becomes where the driver is cgroupfs.
	if i := strings.LastIndexByte(name, ':'); i >= 0 && isID(name[i+1:]) {
		slice, prefix := "", name[:i]
		if j := strings.LastIndexByte(prefix, ':'); j >= 0 {
			slice, prefix = prefix[:j], prefix[j+1:]
		}
		for _, s := range scopes {
			if !s.monitor && s.prefix[:len(s.prefix)-1] == prefix {
				return place{id: name[i+1:], runtime: s.runtime, pod: podOf(slice)}, false
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

// bareRuntime names the engine that puts a folder with nothing but an id
// below parents, "" where several do.
func bareRuntime(parents string) string {
	switch parents[strings.LastIndexByte(parents, '/')+1:] {
	case "docker":
		return runtimeDocker
	case "k8s.io", "default":
		return runtimeContainerd
	}
	return ""
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

// hostPath reports whether a path is proof that its processes are outside
// every container: the root, or units of systemd all the way down. Any other
// folder may belong to an engine that we do not know.
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
