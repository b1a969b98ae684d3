package docker

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

const (
	// lookFor is how long the engine may take to say what a container is; events
	// wait for it.
	lookFor = 2 * time.Second

	// restFor is how long an engine is not asked that took longer.
	restFor = 10 * time.Second

	// maxHealth is of how many containers the health check is remembered.
	maxHealth = 4096
)

// inspection is the part that is used of GET /containers/ID/json.
type inspection struct {
	ID     string `json:"Id"`
	Image  string
	Mounts []struct {
		Source, Destination string
		RW                  bool
	}
	HostConfig struct {
		Privileged                                         bool
		CapAdd, SecurityOpt                                []string
		NetworkMode, PidMode, IpcMode, UTSMode, UsernsMode string
	}
	Config struct {
		Healthcheck *struct{ Test []string }
	}
}

// looker asks what a container is that an event is about.
type looker struct {
	api    *api
	health map[string]string // by container: the command of its health check, "" for none
	order  []string
	images images
	rest   time.Time // until when it is not asked, after it took too long
	failed *meter.Counter
}

// look returns what a line's event has to say beside itself, nil for nothing: at
// create and start what the container may do, at exec whether it is the health
// check. A container that is gone already is not asked for long.
func (l *looker) look(ctx context.Context, line string) event.Fields {
	if !strings.Contains(line, `"create"`) && !strings.Contains(line, `"start"`) && !strings.Contains(line, `"exec_`) {
		return nil
	}
	var m struct {
		Type, Action string
		Actor        struct{ ID string }
	}
	if json.Unmarshal([]byte(line), &m) != nil || m.Type != "container" || len(m.Actor.ID) != 64 || strings.Trim(m.Actor.ID, "0123456789abcdef") != "" {
		return nil
	}
	action, command, _ := strings.Cut(m.Action, ": ")
	switch action {
	case "create", "start":
		i := l.inspect(ctx, m.Actor.ID)
		if i == nil {
			return nil
		}
		known := slices.DeleteFunc(slices.Clone(l.digests(ctx, i.Image)), func(d string) bool { return strings.Contains(line, d) }) // the decoder reads it there
		return i.fields(known)
	case "exec_create", "exec_start":
		check, known := l.health[m.Actor.ID]
		if !known {
			if i := l.inspect(ctx, m.Actor.ID); i == nil {
				return nil
			}
			check = l.health[m.Actor.ID]
		}
		var f event.Fields
		f.Add(schema.DockerExecHealthcheck, event.Bool(check != "" && strings.TrimRight(command, " ") == check))
		return f
	}
	return nil
}

func (l *looker) inspect(ctx context.Context, id string) *inspection {
	if time.Now().Before(l.rest) {
		l.failed.Inc()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	var i inspection
	if err := l.api.get(ctx, "/containers/"+id+"/json", &i); err != nil || i.ID != id {
		l.failed.Inc()
		if errors.Is(err, context.DeadlineExceeded) {
			l.rest = time.Now().Add(restFor)
		}
		return nil
	}
	if _, known := l.health[id]; !known {
		if len(l.order) >= maxHealth {
			delete(l.health, l.order[0])
			l.order = l.order[1:]
		}
		l.order = append(l.order, id)
	}
	l.health[id] = i.check()
	return &i
}

// check is the health check as the engine writes it in the event of its exec.
func (i *inspection) check() string {
	if i.Config.Healthcheck == nil || len(i.Config.Healthcheck.Test) < 2 {
		return ""
	}
	switch test := i.Config.Healthcheck.Test; test[0] {
	case "CMD":
		return strings.Join(test[1:], " ")
	case "CMD-SHELL":
		return "/bin/sh -c " + strings.Join(test[1:], " ")
	}
	return ""
}

// fields are what the container may do (SCHEMA.md, section 4.7), and which image it
// is of: digests are those that registries know it by.
func (i *inspection) fields(digests []string) event.Fields {
	h := &i.HostConfig
	var f event.Fields
	f.Add(schema.ContainerSecurityContextPrivileged, event.Bool(h.Privileged))
	for _, d := range digests {
		f.AddString(schema.ContainerImageHashAll, d)
	}
	if strings.HasPrefix(i.Image, "sha256:") && !slices.Contains(digests, i.Image) {
		f.AddString(schema.ContainerImageHashAll, i.Image)
	}
	for n, m := range i.Mounts {
		at := strconv.Itoa(n)
		f.AddNamed(schema.DockerContainerMounts, at+".source", event.String(m.Source))
		f.AddNamed(schema.DockerContainerMounts, at+".destination", event.String(m.Destination))
		f.AddNamed(schema.DockerContainerMounts, at+".rw", event.Bool(m.RW))
	}
	var caps []string
	for _, c := range h.CapAdd {
		if c = strings.ToUpper(c); c != "ALL" && !strings.HasPrefix(c, "CAP_") {
			c = "CAP_" + c
		}
		caps = append(caps, c)
	}
	slices.Sort(caps)
	for _, c := range slices.Compact(caps) {
		f.AddString(schema.DockerContainerCapabilitiesAdded, c)
	}
	for _, o := range h.SecurityOpt {
		f.AddString(schema.DockerContainerSecurityOpt, o)
	}
	f.AddString(schema.DockerContainerNetworkMode, h.NetworkMode)
	f.AddString(schema.DockerContainerPIDMode, h.PidMode)
	f.AddString(schema.DockerContainerIPCMode, h.IpcMode)
	f.AddString(schema.DockerContainerUTSMode, h.UTSMode)
	f.AddString(schema.DockerContainerUsernsMode, h.UsernsMode)
	return f
}
