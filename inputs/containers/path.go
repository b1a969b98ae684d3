package containers

import (
	"os"
	"path/filepath"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// pod is what a path of Kubernetes tells.
type pod struct{ namespace, name, uid, container, id string }

// fields returns what a path tells of the records of its file:
//
//	…/ID/ID-json.log                          Docker
//	…/NAMESPACE_POD_UID/CONTAINER/N.log       Kubernetes, /var/log/pods
//	…/POD_NAMESPACE_CONTAINER-ID.log          Kubernetes, the links of /var/log/containers
//
// The kubelet's links of /var/log/containers lead to the files of /var/log/pods,
// so that each tells what the name of the other lacks: the container's id, the
// pod's uid. With the id, or with what the path of a pod's log says, the container
// transform fills in the rest.
func fields(path string) event.Fields {
	dir, name := filepath.Split(path)
	folder := filepath.Base(dir)
	if id, ok := strings.CutSuffix(name, "-json.log"); ok && id == folder && isID(id) {
		var f event.Fields
		f.AddString(schema.ContainerID, id)
		f.AddString(schema.ContainerRuntime, "docker")
		return f
	}
	if base, ok := strings.CutSuffix(name, ".log"); ok {
		if p, ok := parseLink(base); ok {
			p.uid = p.uidBehind(path)
			return p.fields()
		}
	}
	if p, ok := parseFolder(filepath.Base(filepath.Dir(filepath.Clean(dir)))); ok {
		p.container = folder
		p.id = p.idOfLink(path)
		return p.fields()
	}
	return nil
}

// uidBehind returns the uid of the pod that a link's file is of, "" where the link
// leads elsewhere.
func (p pod) uidBehind(link string) string {
	to, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	dir := filepath.Dir(to)
	of, ok := parseFolder(filepath.Base(filepath.Dir(dir)))
	if !ok || of.name != p.name || of.namespace != p.namespace || filepath.Base(dir) != p.container {
		return ""
	}
	return of.uid
}

// idOfLink returns the container's id from the link that leads to a pod's log, ""
// where there is none (yet: the kubelet makes it after the file).
func (p pod) idOfLink(path string) string {
	// PODS/NAMESPACE_POD_UID/CONTAINER/N.log, beside PODS the links.
	root := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(path))))
	stem := p.name + "_" + p.namespace + "_" + p.container + "-"
	if strings.ContainsAny(root+stem, `*?[\`) {
		return ""
	}
	links, _ := filepath.Glob(filepath.Join(root, "containers", stem+"*.log")) // the pattern is sound
	for _, link := range links {
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(link), stem), ".log")
		if to, err := os.Readlink(link); err == nil && to == path && isID(id) {
			return id
		}
	}
	return ""
}

// parseFolder reads NAMESPACE_POD_UID. None of them has an underscore in it.
func parseFolder(s string) (pod, bool) {
	part := strings.Split(s, "_")
	if len(part) != 3 || part[0] == "" || part[1] == "" || part[2] == "" {
		return pod{}, false
	}
	return pod{namespace: part[0], name: part[1], uid: part[2]}, true
}

// parseLink reads POD_NAMESPACE_CONTAINER-ID.
func parseLink(s string) (pod, bool) {
	part := strings.Split(s, "_")
	if len(part) != 3 || part[0] == "" || part[1] == "" {
		return pod{}, false
	}
	i := strings.LastIndexByte(part[2], '-')
	if i <= 0 || !isID(part[2][i+1:]) {
		return pod{}, false
	}
	return pod{name: part[0], namespace: part[1], container: part[2][:i], id: part[2][i+1:]}, true
}

// isID reports whether s is a container's full id: 64 hexadecimal digits.
func isID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func (p pod) fields() event.Fields {
	var f event.Fields
	f.AddString(schema.ContainerID, p.id)
	f.AddString(schema.OrchestratorType, "kubernetes")
	f.AddString(schema.OrchestratorNamespace, p.namespace)
	f.AddString(schema.OrchestratorResourceType, "pod")
	f.AddString(schema.OrchestratorResourceName, p.name)
	f.AddString(schema.OrchestratorResourceID, p.uid)
	f.AddString(schema.KubernetesNamespace, p.namespace)
	f.AddString(schema.KubernetesPodName, p.name)
	f.AddString(schema.KubernetesPodUID, p.uid)
	f.AddString(schema.KubernetesContainerName, p.container)
	return f
}
