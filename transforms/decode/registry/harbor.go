package registry

import (
	"strings"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// harborActions are the events of Harbor's webhooks: the default form and that of
// CloudEvents.
var harborActions = map[string]string{
	"PUSH_ARTIFACT": actionPush, "PULL_ARTIFACT": actionPull, "DELETE_ARTIFACT": actionDelete,
	"UPLOAD_CHART": actionPush, "DOWNLOAD_CHART": actionPull, "DELETE_CHART": actionDelete,
	"SCANNING_COMPLETED": "scan-completed", "SCANNING_FAILED": "scan-failed", "SCANNING_STOPPED": "scan-stopped",
	"QUOTA_EXCEED": "quota-exceeded", "QUOTA_WARNING": "quota-warning", "REPLICATION": "replicate", "TAG_RETENTION": "retention",
	"harbor.artifact.pushed": actionPush, "harbor.artifact.pulled": actionPull, "harbor.artifact.deleted": actionDelete,
	"harbor.scan.completed": "scan-completed", "harbor.scan.failed": "scan-failed", "harbor.scan.stopped": "scan-stopped",
	"harbor.quota.exceeded": "quota-exceeded", "harbor.quota.warned": "quota-warning", "harbor.replication.status.changed": "replicate", "harbor.tag_retention.finished": "retention",
}

// harbor reads what a webhook of Harbor says, but for the resources.
func (s *said) harbor(n jsontree.Node) {
	s.provider = "harbor"
	kind := n.Get("type").Str()
	s.label("type", kind)
	if s.action = harborActions[kind]; s.action == "" {
		s.action = record.Slug(kind)
	}
	s.user = n.Get("operator").Str()
	s.clock = true
	if at, ok := n.Get("occur_at").Float(); ok {
		s.time, _ = record.Epoch(at)
		s.stamp = n.Get("occur_at").Text()
	} else {
		s.at(n.Get("time").Str())
	}
	s.name, s.requestID = kind, n.Get("requestid").Str()
	if id := n.Get("id").Str(); id != "" {
		s.name, s.reference = id, id
	}
	for _, name := range [...]string{"specversion", "datacontenttype"} {
		n.Get(name).Skip() // of the envelope
	}
	s.path = n.Get("source").Str()
	data := n.Any("event_data", "data")
	r := data.Get("repository")
	if s.repository = r.Get("repo_full_name").Str(); s.repository == "" && r.Get("name").Is() {
		s.repository = strings.TrimPrefix(r.Get("namespace").Str()+"/"+r.Get("name").Str(), "/")
	}
	r.Get("name").Skip() // said by the full name
	r.Get("namespace").Skip()
	s.label("repository_type", r.Get("repo_type").Str())
	s.label("repository_created", r.Get("date_created").Text())
	s.reason = data.Get("custom_attributes", "Details").Str()
	if strings.HasSuffix(s.action, "-failed") || s.action == "quota-exceeded" {
		s.outcome = "failure"
	}
	if rep := data.Get("replication"); rep.Is() {
		s.label("job_status", rep.Get("job_status").Str())
		if status := rep.Get("job_status").Str(); strings.EqualFold(status, "failed") || strings.EqualFold(status, "error") {
			s.outcome = "failure"
		}
	}
}

// resource reads one of the artifacts.
func (s *said) resource(n jsontree.Node) {
	s.digest = n.Get("digest").Str()
	tag := n.Get("tag").Str()
	if tag != s.digest && !strings.Contains(tag, ":") { // an artifact without a tag has its digest there
		s.tag = tag
	}
	image := record.ParseImage(n.Get("resource_url").Str())
	s.host = image.Registry
	if s.tag == "" {
		s.tag = image.Tag
	}
	n.Get("scan_overview").Each(func(kind string, o jsontree.Node) {
		s.label("scan_report", kind)
		s.label("scan_status", o.Get("scan_status").Str())
		s.label("scan_severity", o.Get("severity").Str())
		s.label("scan_report_id", o.Get("report_id").Str())
		if severity, ok := record.Severity(o.Get("severity").Str()); ok && s.action == "scan-completed" {
			s.severity = severity
		}
		s.label("scanner", strings.TrimSpace(o.Get("scanner", "name").Str()+" "+o.Get("scanner", "version").Str()))
		s.label("scanner_vendor", o.Get("scanner", "vendor").Str())
		s.label("scan_total", o.Get("summary", "total").Text())
		s.label("scan_fixable", o.Get("summary", "fixable").Text())
		s.label("scan_start", o.Get("start_time").Str())
		s.label("scan_end", o.Get("end_time").Str())
		if seconds, ok := o.Get("duration").Int(); ok && seconds < 1<<30 {
			s.took = seconds * 1e9
		}
		o.Get("complete_percent").Skip() // said by the status
		o.Get("summary", "summary").Each(func(severity string, n jsontree.Node) { s.label("scan_"+strings.ToLower(severity), n.Text()) })
	})
}

// harborAudit reads an entry of Harbor's audit log as its API gives it.
func (s *said) harborAudit(n jsontree.Node) {
	s.provider = "harbor"
	s.name = n.Any("id", "log_id").Text()
	s.at(n.Get("op_time").Str())
	s.user = n.Get("username").Str()
	s.operation(n.Get("operation").Str(), n.Get("resource_type").Str(), n.Any("resource", "repo_name").Str())
	if tag := n.Get("repo_tag").Str(); tag != "" {
		s.tag = tag
	}
	s.reason = n.Get("operation_description").Str()
	if ok, is := n.Any("operation_result", "is_successful").Bool(); is && !ok {
		s.outcome = "failure"
	}
}

// operation maps an operation of the audit log on an object.
func (s *said) operation(operation, kind, object string) {
	s.label("operation", operation)
	s.label("resource_type", kind)
	verb := strings.ToLower(operation)
	changed := map[string]string{"create": "-created", "delete": "-deleted", "update": "-changed", "edit": "-changed"}[verb]
	switch kind = strings.ToLower(kind); {
	case kind == "" || kind == "artifact" || kind == "tag":
		image := record.ParseImage(object)
		s.repository, s.tag, s.digest = image.Repository(), image.Tag, image.Digest
		s.action = map[string]string{"create": actionPush, "push": actionPush, "pull": actionPull, "delete": actionDelete, "update": "tag"}[verb]
		if kind == "tag" && verb == "create" {
			s.action = "tag"
		}
	case (kind == "repository" || kind == "project") && changed != "":
		s.repository, s.action = object, "repository"+changed
	case kind == "user" && strings.HasPrefix(verb, "log"):
		s.user, s.action = object, actionLogin
		if verb == "logout" {
			s.action = "logged-out"
		}
	case kind == "user":
		s.target, s.action = object, "user-changed"
	case kind == "robot":
		s.target, s.action = object, "credential-changed"
	case kind == "project-member" || kind == "member":
		s.target, s.action = object, "access-changed"
	default:
		s.label("resource", object)
	}
	if s.action == "" {
		s.action = record.Slug(operation + " " + kind)
	}
}

// coreLine reads a line of Harbor's own programs:
// time [LEVEL] [file:line][name="value" …]: message.
func (s *said) coreLine(text string) bool {
	stamp, rest, ok := strings.Cut(text, " [")
	if !ok {
		return false
	}
	t, sound := record.Time(stamp)
	level, rest, ok := strings.Cut(rest, "]")
	if !sound || !ok || strings.Contains(level, " ") && strings.TrimSpace(level) == "" {
		return false
	}
	rest = strings.TrimPrefix(rest, " ")
	place, rest, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	if !ok || !strings.Contains(place, ":") {
		return false
	}
	s.provider, s.time, s.clock, s.level, s.logger = "harbor", t, true, strings.ToLower(strings.TrimSpace(level)), place
	if strings.HasPrefix(rest, "[") {
		n := s.brackets(rest)
		rest = rest[n:]
	}
	s.message = strings.TrimPrefix(strings.TrimPrefix(rest, ":"), " ")
	if s.action == "" {
		s.action = actionLog
	}
	s.harborMessage()
	return true
}

// brackets reads [name="value" …], whose names may hold blanks, and returns its
// length.
func (s *said) brackets(text string) int {
	at := 1
	for at < len(text) && text[at] != ']' {
		name, _, ok := strings.Cut(text[at:], `="`)
		if !ok {
			s.say("what stands in brackets is not name=\"value\"")
			return len(text)
		}
		value, n, sound := record.Unquote(text[at+len(name)+1:])
		if !sound && n+at+len(name)+1 >= len(text) {
			s.say("a quote does not end")
		}
		at += len(name) + 1 + n
		for at < len(text) && text[at] == ' ' {
			at++
		}
		switch name = strings.TrimSpace(name); name {
		case "client IP":
			s.source = value
		case "requestID":
			s.requestID = value
		case "user agent":
			s.agent = value
		case "operator":
			s.user = value
		default:
			s.label(record.Slug(name), value)
		}
	}
	return min(at+1, len(text))
}

// harborMessage reads what some messages say.
func (s *said) harborMessage() {
	if rest, ok := strings.CutPrefix(s.message, "failed to authenticate user:"); ok {
		user, why, _ := strings.Cut(rest, ", error:")
		s.user, s.reason, s.action, s.outcome = user, why, actionLogin, "failure"
		return
	}
	action, rest, ok := strings.Cut(strings.TrimPrefix(s.message, "action:"), ", resource:")
	if !ok || !strings.HasPrefix(s.message, "action:") {
		if s.level == "error" || s.level == "fatal" {
			s.outcome = "failure"
		} else {
			s.outcome = "unknown"
		}
		return
	}
	object, why, _ := strings.Cut(rest, ", operation_description:")
	kind := ""
	for _, l := range s.labels {
		if l.name == "resourcetype" {
			kind = l.value
		}
	}
	s.reason = strings.TrimSpace(why)
	s.operation(action, kind, object)
}
