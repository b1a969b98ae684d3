package session

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// place is one boot of one host; either may be unknown.
type place struct{ host, boot string }

func (p place) clone() place { return place{strings.Clone(p.host), strings.Clone(p.boot)} }

// box is what is known of a container.
type box struct{ id, name, cluster, namespace, pod, container string }

func (b box) clone() box {
	return box{strings.Clone(b.id), strings.Clone(b.name), strings.Clone(b.cluster), strings.Clone(b.namespace), strings.Clone(b.pod), strings.Clone(b.container)}
}

// seen is what of an event matters here. Its texts are views of the event's:
// what is kept is cloned.
type seen struct {
	e                                      *event.Event
	at                                     time.Time
	place                                  place
	box                                    box
	kind, module, action, code, outcome    string
	provider, ses                          string
	auditName, effectiveName               string
	pid, ppid                              int64
	name, parentName, entity, parentEntity string
	execID, command                        string
	healthcheck                            bool
	from                                   string
	auditID, subresource, kubeUser         string
	hostName                               string
}

// read fills s with the first value of each field, of the event's own before
// those that it shares.
func (s *seen) read(e *event.Event) {
	s.e, s.at = e, e.Time
	s.take(e.Fields)
	s.take(e.Shared)
	if s.place.host == "" {
		s.place.host = s.hostName
	}
	if s.module != "kubernetes" {
		return
	}
	// A session that ends is told of then: it began when it was asked for.
	if start := e.Fields.Get(schema.EventStart).Instant(); !start.IsZero() {
		s.at = start
	}
}

func (s *seen) take(list event.Fields) {
	for i := range list {
		f := &list[i]
		if int(f.Key) >= len(slots) || slots[f.Key] == 0 {
			continue // most fields
		}
		switch f.Key {
		case schema.ProcessPID:
			s.pid, _ = f.Value().Int64()
		case schema.ProcessParentPID:
			s.ppid, _ = f.Value().Int64()
		case schema.DockerExecHealthcheck:
			s.healthcheck = f.Value().True()
		default:
			if to := s.text(slots[f.Key]); *to == "" {
				*to = f.Str()
			}
		}
	}
}

// args returns the command line, in views that last as long as the batch.
func (s *seen) args() (list []string) {
	for v := range s.e.Fields.All(schema.ProcessArgs) {
		list = append(list, v.Str())
	}
	return list
}

// executed reports whether a program was started.
func (s *seen) executed() bool { return s.action == "executed" && s.outcome == "success" }

// peer returns a copy of the address that the event came from, "" where it says
// none. A program writes "?" for what it does not know.
func (s *seen) peer() string {
	if s.from == "?" {
		return ""
	}
	return strings.Clone(s.from)
}

// byRuntime reports whether the parent is what an engine starts processes of
// containers with, and runs on the host as far as is known; sure is false where
// nothing is known of the parent. The kernel cuts names after 15 bytes, and runc
// names its steps ("runc:[2:INIT]").
func (k *knowledge) byRuntime(s *seen) (is, sure bool) {
	if r := k.runOf(s); r != nil {
		return r.container == "", true
	}
	for _, name := range [...]string{"containerd-shim", "docker-containe", "conmon"} {
		if strings.HasPrefix(s.parentName, name) {
			return true, true
		}
	}
	return isRuntime(s.parentName) || s.parentName == "" && s.parentEntity == "", s.parentName != ""
}

// isRuntime reports whether a name is that of a runtime that execs into
// containers.
func isRuntime(name string) bool {
	return strings.HasPrefix(name, "runc") || strings.HasPrefix(name, "crun")
}
