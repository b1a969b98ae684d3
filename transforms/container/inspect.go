package container

// The outputs of the engines' inspect: names, images, labels, and the processes
// that they state.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// inspected is one container as docker, podman or nerdctl inspect prints it,
// or crictl inspect, which has the members in lower case.
type inspected struct {
	ID    string `json:"Id"`
	Name  string
	Image string // the id of the image
	State struct {
		Pid, ConmonPid        int32
		StartedAt, FinishedAt time.Time
	}
	ImageName   string // podman
	ImageDigest string // podman
	OCIRuntime  string // podman
	IsInfra     bool   // podman: of a pod
	HostConfig  struct {
		Privileged   *bool
		CgroupParent string
		PidMode      string
	}
	Config struct {
		Image  string
		Labels map[string]string
	}

	Status *criStatus
	Info   struct {
		Pid int32
	}
}

// criStatus is the status of crictl inspect.
type criStatus struct {
	ID        string
	Metadata  struct{ Name string }
	StartedAt time.Time
	Image     struct{ Image string }
	ImageRef  string
	Labels    map[string]string
}

// inspect reads a file of inspect output: an array, or objects one after the
// other.
func (l *loader) inspect(f plugin.Text) {
	in, closer, path, err := l.open(f)
	if err != nil {
		l.problem(f, plugin.Pos{}, err)
		return
	}
	text, err := io.ReadAll(in)
	if err == nil {
		err = closer.Close()
	}
	if err != nil {
		l.problem(f, plugin.Pos{}, fmt.Errorf("read %s: %w", path, err))
		return
	}
	for dec, at := json.NewDecoder(bytes.NewReader(text)), int64(0); ; at = dec.InputOffset() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err == io.EOF {
			return
		} else if err != nil {
			l.problem(f, position(path, text, max(offset(err), at)), err)
			return
		}
		begin := dec.InputOffset() - int64(len(raw))
		var list []inspected
		if raw[0] != '[' {
			raw = append(append([]byte{'['}, raw...), ']')
			begin--
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			l.problem(f, position(path, text, begin+offset(err)), err)
			return
		}
		for i := range list {
			if err := l.take(&list[i]); err != nil {
				l.problem(f, position(path, text, begin), err)
			}
		}
	}
}

// position is the line and column of an offset in a file.
func position(path string, text []byte, at int64) plugin.Pos {
	before := text[:min(max(at-1, 0), int64(len(text)))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	return plugin.Pos{File: path, Line: line, Col: len(before) - bytes.LastIndexByte(before, '\n')}
}

// take learns one inspected container and the processes that it names.
func (l *loader) take(i *inspected) error {
	if i.Status != nil {
		i.ID, i.Name, i.State.Pid, i.State.StartedAt = i.Status.ID, i.Status.Metadata.Name, i.Info.Pid, i.Status.StartedAt
		i.Config.Image, i.Image, i.Config.Labels = i.Status.Image.Image, i.Status.ImageRef, i.Status.Labels
	}
	if !validID(i.ID) {
		return fmt.Errorf("an inspected container has no id")
	}
	c := l.reg.get(i.ID)
	c.learn(i.facts(), l.reg.kubernetes)
	c.lends = c.lends || i.IsInfra
	if id, ok := strings.CutPrefix(i.HostConfig.PidMode, "container:"); ok && isID(id) {
		l.reg.get(id).lends = true
	}
	if i.State.Pid <= 0 || i.State.StartedAt.Year() < 1970 {
		return nil
	}
	s := seed{in: c, pid: i.State.Pid, from: i.State.StartedAt.UnixNano(), to: never}
	if end := i.State.FinishedAt; end.After(i.State.StartedAt) {
		s.to = end.UnixNano()
	}
	l.seeds = append(l.seeds, s)
	if i.State.ConmonPid > 0 {
		s.pid, s.monitor = i.State.ConmonPid, true
		l.seeds = append(l.seeds, s)
	}
	return nil
}

// facts returns what an inspect says besides the id.
func (i *inspected) facts() facts {
	f := facts{name: strings.TrimPrefix(i.Name, "/"), image: i.Config.Image, imageID: i.Image, digest: i.ImageDigest,
		privileged: i.HostConfig.Privileged, labels: i.Config.Labels, parent: i.HostConfig.CgroupParent, kube: i.Status != nil}
	if i.OCIRuntime != "" {
		f.runtime = runtimePodman
	} else if i.Status == nil && strings.HasPrefix(i.Name, "/") {
		f.runtime = runtimeDocker
	}
	if i.ImageName != "" {
		f.image = i.ImageName
	}
	if isID(f.imageID) {
		f.imageID = "sha256:" + f.imageID
	}
	if !strings.HasPrefix(f.imageID, "sha256:") {
		f.imageID = ""
	}
	return f
}

// seed puts a process that an inspect names into the table. Its pid is the
// container's from the start that the inspect states until the container
// stopped; before and after, the pid may be anyone's.
func (t *table) seed(s seed, died []int64) {
	for _, d := range died {
		if d >= s.from {
			s.to = min(s.to, d)
		}
	}
	if s.in.known.runtime != "" && !t.reg.runtimes[s.in.known.runtime] {
		return
	}
	l := t.add(&seen{t: s.from, pid: s.pid})
	l.mark(markBorn)
	l.end = min(l.end, s.to)
	if s.monitor {
		t.part(l).watches = s.in
		return
	}
	l.entered = true
	t.give(l, answer{in: s.in, method: methodInspect, conf: confExact})
}
