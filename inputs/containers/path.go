package containers

import (
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
// With the container's id the container transform fills in the rest.
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
			return p.fields()
		}
	}
	if p, ok := parseFolder(filepath.Base(filepath.Dir(filepath.Clean(dir)))); ok {
		p.container = folder
		return p.fields()
	}
	return nil
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
