package registry

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// spare is the room of an event's fields without its labels.
const spare = 48

// The actions that have a place in SCHEMA.md, and those that registries add.
const (
	actionPush    = "push"
	actionPull    = "pull"
	actionMount   = "mount"
	actionDelete  = "delete"
	actionLogin   = "logged-in"
	actionRequest = "http-request"
	actionLog     = "log"
)

// meaning is what an action stands for (SCHEMA, section 3.2; the page of the
// input registry has those that stand not there).
type meaning struct {
	category, kind string
	severity       int64
}

var meanings = map[string]meaning{
	actionPush: {"package", "change", 3}, actionPull: {"package", "access", 2}, actionMount: {"package", "change", 1}, actionDelete: {"package", "deletion", 5},
	"tag": {"package", "change", 3}, "promote": {"package", "change", 3}, "replicate": {"package", "access", 3}, "retention": {"package", "deletion", 3},
	"move": {"package", "change", 4}, "copy": {"package", "creation", 3}, "deploy": {"package", "change", 3}, "download": {"package", "access", 2},
	"build": {"package", "creation", 3}, "property-changed": {"package", "change", 3}, "sign": {"package", "change", 3},
	"scan-completed": {"vulnerability", "info", 2}, "scan-failed": {"vulnerability", "info", 3}, "scan-stopped": {"vulnerability", "info", 3}, "scanner-updated": {"vulnerability", "info", 2},
	"quota-exceeded": {"configuration", "info", 5}, "quota-warning": {"configuration", "info", 4},
	"repository-created": {"configuration", "creation", 3}, "repository-changed": {"configuration", "change", 3}, "repository-deleted": {"configuration", "deletion", 5},
	"access-changed": {"iam", "change", 6}, "credential-changed": {"iam", "change", 6}, "user-changed": {"iam", "change", 5},
	actionLogin: {"authentication", "start", 3}, "logged-out": {"authentication", "end", 2},
	actionRequest: {"web", "access", 1}, actionLog: {"web", "info", 1},
}

// label is what the schema has no field for.
type label struct{ name, value string }

// said is what a record says, whatever form it has.
type said struct {
	provider, action, outcome string
	name, stamp               string // what the source calls the event, and its time as it writes that
	time                      time.Time
	clock                     bool // a time belongs to the form

	repository, tag, digest, previous, media, url, host string
	size                                                int64
	sized, layer, overwritten                           bool

	user, target, source, agent, method, path, requestID, instance, reference string
	status                                                                    int64

	message, level, logger, reason, app, procID, hostName string
	severity                                              int64 // 0: as the action has it
	took                                                  int64 // nanoseconds
	labels                                                []label

	one     jsontree.Node // what stays of it is said to be unknown
	secret  string        // the name, in quotes, of a member whose value not even a text that is kept may show
	doubt   string
	unknown bool
}

// say keeps the first thing that is in doubt.
func (s *said) say(doubt string) {
	if s.doubt == "" {
		s.doubt = doubt
	}
}

// label keeps what the schema has no field for.
func (s *said) label(name, value string) {
	if value = strings.TrimSpace(value); value != "" && value != "-" {
		s.labels = append(s.labels[:len(s.labels):len(s.labels)], label{name, value})
	}
}

// at reads the time of the record.
func (s *said) at(stamp string) {
	s.clock = true
	if stamp = strings.TrimSpace(stamp); stamp == "" {
		return
	}
	t, ok := record.Time(stamp)
	if !ok {
		s.label("time", stamp)
		return
	}
	s.time, s.stamp = t, stamp
}

// object takes a reference into tag or digest.
func (s *said) object(ref string) {
	switch {
	case strings.Contains(ref, ":"):
		s.digest = ref
	default:
		s.tag = ref
	}
}

// fields adds everything in the order of the schema.
func (s *said) fields(f *event.Fields) {
	m, ok := meanings[s.action]
	if !ok {
		m = meaning{"package", "info", 3}
		if s.action == "" {
			s.outcome = "unknown"
			s.say("the event names no action")
		}
		s.say("the action " + s.action + " is not known")
	}
	if s.outcome == "" {
		s.outcome = "success"
	}
	if s.severity == 0 {
		s.severity = m.severity
		if s.outcome == "failure" {
			s.severity = max(s.severity, min(s.severity+1, 4))
			if m.category == "authentication" || s.status == 401 && s.user != "" || s.status == 403 {
				s.severity = 5
			}
		}
	}
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "registry")
	f.AddString(schema.EventProvider, s.provider)
	f.AddString(schema.EventCategory, m.category)
	f.AddString(schema.EventType, m.kind)
	f.AddString(schema.EventAction, s.action)
	f.AddString(schema.EventOutcome, s.outcome)
	f.Add(schema.EventSeverity, event.Int(s.severity))
	f.AddString(schema.EventReason, s.reason)
	f.AddString(schema.EventReference, s.reference)
	if s.took > 0 {
		f.Add(schema.EventDuration, event.Int(s.took))
	}
	f.AddString(schema.ServiceName, "registry")
	s.what(f)
	s.who(f)
	f.AddString(schema.HostName, s.hostName)
	f.AddString(schema.LogLevel, s.level)
	f.AddString(schema.LogLogger, s.logger)
	s.appName(f)
	for _, l := range s.labels {
		if !record.Label(f, l.name, l.value) {
			s.unknown = true
		}
	}
	if len(s.message) > record.MaxText {
		s.unknown, s.message = true, s.message[:record.MaxText]
	}
	f.AddString(schema.Message, s.message)
}

// what adds the object.
func (s *said) what(f *event.Fields) {
	f.AddString(schema.OCIRepository, s.repository)
	f.AddString(schema.OCITag, s.tag)
	f.AddString(schema.OCIDigest, s.digest)
	f.AddString(schema.OCIPreviousDigest, s.previous)
	if s.overwritten {
		f.Add(schema.OCITagOverwritten, event.Bool(true))
	}
	f.AddString(schema.OCIMediaType, s.media)
	if s.sized {
		f.Add(schema.OCISize, event.Int(s.size))
	}
	f.AddString(schema.OCIInstance, s.instance)
	f.AddString(schema.RelatedHash, s.digest)
	f.AddString(schema.RelatedHash, s.previous)
}

// who adds the actor and the request.
func (s *said) who(f *event.Fields) {
	f.AddString(schema.UserName, s.user)
	f.AddString(schema.UserTargetName, s.target)
	f.AddString(schema.RelatedUser, s.user)
	if s.target != s.user {
		f.AddString(schema.RelatedUser, s.target)
	}
	record.Source(f, s.source)
	f.AddString(schema.HTTPRequestMethod, s.method)
	f.AddString(schema.HTTPRequestID, s.requestID)
	if s.status > 0 {
		f.Add(schema.HTTPResponseStatusCode, event.Int(s.status))
	}
	f.AddString(schema.URLOriginal, s.url)
	f.AddString(schema.URLPath, s.path)
	f.AddString(schema.URLDomain, s.host)
	f.AddString(schema.UserAgentOriginal, s.agent)
}
