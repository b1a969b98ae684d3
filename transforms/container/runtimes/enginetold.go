package runtimes

// What the answers of the engine say of a container.

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// container returns what an entry of the list says.
func (l *listed) container(runtime string) *Container {
	c := &Container{ID: l.ID, Runtime: runtime, Labels: l.Labels}
	if len(l.Names) > 0 {
		c.Name = strings.TrimPrefix(l.Names[0], "/")
	}
	c.setImage(l.Image)
	c.setImageID(l.ImageID)
	if sec, err := strconv.ParseInt(strings.Trim(string(l.Created), `"`), 10, 64); err == nil {
		c.Created = time.Unix(sec, 0)
	}
	return c
}

// container returns what an event says of a container that may be gone by now.
// The engine mixes the container's labels with words of its own.
func (m *message) container(runtime string) *Container {
	c := &Container{ID: m.Actor.ID, Runtime: runtime, Name: m.Actor.Attributes["name"]}
	c.setImage(m.Actor.Attributes["image"])
	for k, v := range m.Actor.Attributes {
		switch k {
		case "name", "image", "exitCode", "signal", "execID", "execDuration", "oldName", "containerExitCode", "podId", "PodID":
			continue
		}
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
		c.Labels[k] = v
	}
	return c
}

// container returns what an inspection says.
func (i *inspection) container(runtime string, img *imageFacts) *Container {
	c := &Container{ID: i.ID, Name: strings.TrimPrefix(i.Name, "/"), Runtime: runtime, Labels: i.Config.Labels,
		Privileged: i.HostConfig.Privileged, CgroupParent: i.HostConfig.CgroupParent, Created: i.Created}
	c.setImage(cmp.Or(i.Config.Image, i.ImageName))
	c.setImageID(i.Image)
	if dir := i.GraphDriver.Data["UpperDir"]; filepath.IsAbs(dir) && len(dir) <= maxPath {
		c.UpperDir = dir
	}
	if i.State.Running || i.State.Pid > 0 {
		c.InitPID, c.Started = i.State.Pid, i.State.StartedAt
	}
	var bears map[string]string
	if img != nil {
		bears = img.Config.Labels
		if c.ImageDigest == "" {
			c.ImageDigest = digestOf(img.RepoDigests, c.Image)
		}
	}
	if strings.Contains(c.CgroupParent, "kubepods") {
		c.Pod = podOf(c.Labels)
	}
	if c.Pod != nil {
		c.Sandbox = c.Labels[podKind] == "podsandbox"
		// k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, as the kubelet has Docker name it.
		if n, err := strconv.Atoi(c.Name[strings.LastIndexByte(c.Name, '_')+1:]); err == nil && n >= 0 && strings.HasPrefix(c.Name, "k8s_") {
			c.Start = n + 1
		}
		return c
	}
	if img != nil || !orchestrated(c.Labels) {
		c.Workload = workload(c.Labels, bears, i.Config.variables())
	}
	return c
}
