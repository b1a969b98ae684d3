package runtimes

// What the answers of CRI say of a container and its pod.

import (
	"encoding/json"
	"strings"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pod returns what a sandbox says of its pod. The kubelet wrote all of it.
func (c *criSource) pod(m *cri.PodSandboxMetadata, labels, notes map[string]string) *Pod {
	p := &Pod{Namespace: m.GetNamespace(), Name: m.GetName(), UID: m.GetUid()}
	for k, v := range labels {
		switch k {
		case podName, podNamespace, podUID:
			continue
		}
		if p.Labels == nil {
			p.Labels = map[string]string{}
		}
		p.Labels[k] = v
	}
	p.Annotations = keepNotes(notes, c.keepNotes)
	if p.bound() {
		c.store.truncated.Inc()
	}
	return p
}

// keepNotes returns those annotations that are asked for.
func keepNotes(notes map[string]string, asked []string) map[string]string {
	var out map[string]string
	for _, k := range asked {
		if v, ok := notes[k]; ok {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// sandbox tells of the container that holds a pod's namespaces.
func (c *criSource) sandbox(id string, pod *Pod, name string, labels map[string]string, created int64) {
	c.put(&Container{ID: id, Name: name, Runtime: c.runtime, Sandbox: true, Labels: labels, Pod: pod, Created: unix(created)})
}

// listed returns what an entry of the list says.
func (c *criSource) listed(l *cri.Container) *Container {
	out := &Container{ID: l.GetId(), Name: l.GetMetadata().GetName(), Runtime: c.runtime, Labels: l.GetLabels(), Pod: c.pods[l.GetPodSandboxId()],
		Created: unix(l.GetCreatedAt()), Start: startOf(l.GetMetadata())}
	out.image(l.GetImage(), l.GetImageRef(), l.GetImageId())
	return out
}

// startOf returns which start of its container one is; CRI counts from 0.
func startOf(m *cri.ContainerMetadata) int {
	if m == nil {
		return 0
	}
	return int(m.GetAttempt()) + 1
}

// info is the part of a verbose answer that containerd and CRI-O agree on.
type info struct {
	Pid        int   `json:"pid"`
	Privileged *bool `json:"privileged"` // CRI-O
	Config     struct {
		Linux struct {
			Security struct {
				Privileged *bool `json:"privileged"`
			} `json:"security_context"`
		} `json:"linux"`
	} `json:"config"` // containerd
	Spec struct {
		Linux struct {
			CgroupsPath string `json:"cgroupsPath"`
		} `json:"linux"`
	} `json:"runtimeSpec"`
}

// told returns what an answer says of a container.
func (c *criSource) told(res *cri.ContainerStatusResponse, sandbox string) *Container {
	s := res.GetStatus()
	out := &Container{ID: s.GetId(), Name: s.GetMetadata().GetName(), Runtime: c.runtime, Labels: s.GetLabels(), Pod: c.pods[sandbox],
		Created: unix(s.GetCreatedAt()), Started: unix(s.GetStartedAt()), Start: startOf(s.GetMetadata())}
	out.image(s.GetImage(), s.GetImageRef(), s.GetImageId())
	var i info
	if err := json.Unmarshal([]byte(res.GetInfo()["info"]), &i); err == nil {
		if s.GetState() == cri.ContainerState_CONTAINER_RUNNING {
			out.InitPID = i.Pid
		}
		out.CgroupParent = parentOf(i.Spec.Linux.CgroupsPath)
		if out.Privileged = i.Privileged; out.Privileged == nil {
			out.Privileged = i.Config.Linux.Security.Privileged
		}
	}
	return out
}

// parentOf returns the folder of a control group that the runtime was told:
// a path, or slice:prefix:name.
func parentOf(path string) string {
	if slice, _, ok := strings.Cut(path, ":"); ok {
		return slice
	}
	if at := strings.LastIndexByte(path, '/'); at > 0 {
		return path[:at]
	}
	return ""
}

// image takes what CRI says of an image: what it was asked for as, and a
// reference that is a digest of the registry or the id on this host.
func (c *Container) image(spec *cri.ImageSpec, ref, id string) {
	asked := spec.GetUserSpecifiedImage()
	if asked == "" {
		asked = spec.GetImage()
	}
	c.setImage(asked)
	if c.Image == "" { // an id: the other may be a name
		c.setImage(spec.GetImage())
	}
	if repo, digest, ok := strings.Cut(ref, "@"); ok {
		if c.Image == "" {
			c.Image = repo
		}
		if c.ImageDigest == "" {
			c.ImageDigest = digest
		}
	} else {
		c.setImageID(ref)
	}
	c.setImageID(id)
}

// unix returns a time of CRI, which has 0 for none.
func unix(ns int64) time.Time {
	if ns <= 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
