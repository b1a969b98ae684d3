// Package jenkins understands what a Jenkins controller writes: the audit-trail
// plugin's records (its file, console, syslog and Elasticsearch forms), the
// system log, the access log, the console logs of builds and their build.xml, and
// what the logstash plugin posts. Each is a decoder of its own. The package knows
// no transport, and asks no controller.
package jenkins

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/accesslog"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// The decoders.
var (
	Audit    = plugin.NewDecoder("jenkins_audit", "Records of Jenkins' audit-trail plugin, as its file, console, syslog and Elasticsearch loggers write them.", newAudit)
	Log      = plugin.NewDecoder("jenkins_log", "The system log of Jenkins: one-line records, and the two-line ones of java.util.logging.", newLog)
	Access   = plugin.NewDecoder("jenkins_access", "The access log of Jenkins, in the common or the combined format.", newAccess)
	Build    = plugin.NewDecoder("jenkins_build", "Console logs of builds (jobs/*/builds/*/log), a line at a time.", newBuild)
	BuildXML = plugin.NewDecoder("jenkins_build_xml", "The build.xml of a build that is over: its number, cause, user, parameters, commit and result.", newBuildXML)
	Logstash = plugin.NewDecoder("jenkins_logstash", "What the logstash plugin of Jenkins posts: lines of a build with what is known of it.", newLogstash)
)

const (
	// room is the place for fields that a record mostly needs.
	room = 40
	// tagUnread is the tag of what is not understood, as the stage of decoders has it.
	tagUnread = "tallyman_undecoded"
	// mostMessage bounds the line for people, in bytes.
	mostMessage = 1024
	// mostScript is how much of a script is kept, in bytes (SCHEMA 2).
	mostScript = 8 << 10
	// mostParams is how many parameters of a build become fields.
	mostParams = 64
)

// meaning is what an action is in the terms of ECS (SCHEMA 3.2).
type meaning struct {
	category, kind string
	severity       int64
}

// actions are those that SCHEMA 3.2 names for Jenkins.
var actions = map[string]meaning{
	"job-config-changed":      {"configuration", "change", 5},
	"job-created":             {"configuration", "creation", 5},
	"job-deleted":             {"configuration", "deletion", 5},
	"job-enabled":             {"configuration", "change", 5},
	"job-disabled":            {"configuration", "change", 5},
	"node-config-changed":     {"configuration", "change", 5},
	"node-created":            {"configuration", "creation", 5},
	"node-deleted":            {"configuration", "deletion", 5},
	"security-config-changed": {"configuration", "change", 8},
	"plugin-changed":          {"package", "change", 7},
	"credential-changed":      {"iam", "change", 7},
	"access-token-created":    {"iam", "creation", 6},
	"script-executed":         {"process", "start", 8},
	"controller-restarted":    {"process", "end", 5},
	"controller-quieted":      {"process", "change", 5},
	"build-started":           {"process", "start", 2},
	"build-completed":         {"process", "end", 2},
	"build-output":            {"process", "info", 1},
	"credential-used":         {"iam", "info", 3},
	"http-request":            {"configuration", "access", 2},
	"controller-log":          {"host", "info", 2},
}

// pair is a parameter of a build.
type pair struct{ name, value string }

// facts are what one record says. What it does not say is empty.
type facts struct {
	dataset, kind, action, outcome string
	code                           string
	severity                       int64 // 0: that of the action
	user, origin                   string
	uri, job, jobURL               string
	number                         int64 // of the build, 0 for none
	result, cause, node            string
	params                         []pair
	credential, credentialType     string
	script                         string
	repository, ref, commit        string
	image                          record.Image // that a build has pushed
	began                          time.Time
	took                           time.Duration // of a build, 0 where it is not known
	message                        string
	logger, level                  string
	labels                         []pair // what the schema has no field for
	http                           *accesslog.Line
	url                            string
	doubt                          string // why the text is kept
	keep                           bool   // it is kept without a doubt
}

// emit makes the event of a record. Raw is the source text, kept where something
// in it is in doubt.
func emit(env *plugin.Env, seed []byte, e event.Event, f *facts, at time.Time, out *event.Batch) []byte {
	raw := e.Raw
	e.Decode, e.Dataset = "", f.dataset
	if e.Time = at; at.IsZero() || !record.Sane(at) {
		e.Time = e.Seen
	}
	e.ID, seed = record.LineID(seed, env.HostID, &e, raw, 0)
	e.Fields = out.Take(e.Fields, room+len(f.params))
	to := &e.Fields
	m := actions[f.action]
	to.AddString(schema.EventKind, "event")
	to.AddString(schema.EventModule, "jenkins")
	to.AddString(schema.EventCategory, m.category)
	to.AddString(schema.EventType, m.kind)
	to.AddString(schema.EventAction, f.action)
	if f.outcome == "" {
		f.outcome = "unknown"
	}
	to.AddString(schema.EventOutcome, f.outcome)
	to.AddString(schema.EventCode, f.code)
	if f.severity == 0 {
		f.severity = m.severity
	}
	to.Add(schema.EventSeverity, event.Int(f.severity))
	f.add(to)
	if len(f.message) > mostMessage {
		f.message = strings.ToValidUTF8(f.message[:mostMessage], "")
	}
	to.AddString(schema.Message, f.message)
	if f.doubt == "" && !utf8.ValidString(raw) {
		f.doubt = "the record is no valid UTF-8"
	}
	switch {
	case f.doubt != "":
		record.Doubt(to, f.doubt)
	case !f.keep:
		e.Raw = ""
	}
	out.Events = append(out.Events, e)
	return seed
}

// unread keeps a record whole that waited for its lines and is none: the stage of
// decoders can only be told of the line that it gives.
func unread(env *plugin.Env, decoder string, e event.Event, why error, out *event.Batch) {
	env.Meter.Counter("tallyman_decode_errors_total", "Records that their decoder did not understand; they are kept whole.",
		meter.Label{Name: "input", Value: env.Name}, meter.Label{Name: "decoder", Value: decoder}).Inc()
	e.Fields = out.Take(e.Fields, 3)
	e.Fields.AddString(schema.EventKind, "pipeline_error")
	e.Fields.AddString(schema.ErrorMessage, "not understood as "+decoder+": "+why.Error())
	e.Fields.AddString(schema.Tags, tagUnread)
	if e.Dataset = "tallyman.undecoded"; e.Time.IsZero() {
		e.Time = e.Seen
	}
	e.Decode = ""
	out.Events = append(out.Events, e)
}

// add adds who, what and where.
func (f *facts) add(to *event.Fields) {
	if f.user != "" {
		to.AddString(schema.UserName, f.user)
		to.AddString(schema.RelatedUser, f.user)
	}
	record.Source(to, f.origin)
	to.AddString(schema.JenkinsKind, f.kind)
	to.AddString(schema.JenkinsRequestURI, f.uri)
	to.AddString(schema.JenkinsJobName, f.job)
	to.AddString(schema.JenkinsJobURL, f.jobURL)
	if f.number > 0 {
		to.Add(schema.JenkinsBuildNumber, event.Int(f.number))
	}
	to.AddString(schema.JenkinsBuildResult, f.result)
	to.AddString(schema.JenkinsBuildCause, f.cause)
	to.AddString(schema.JenkinsBuildNode, f.node)
	if !f.began.IsZero() && record.Sane(f.began) {
		to.Add(schema.EventStart, event.Time(f.began))
		if f.took > 0 {
			to.Add(schema.EventEnd, event.Time(f.began.Add(f.took)))
		}
	}
	if f.took > 0 {
		to.Add(schema.EventDuration, event.Int(f.took.Nanoseconds()))
	}
	for i, p := range f.params {
		if i == mostParams {
			f.doubt = "the build has more parameters than are told"
			break
		}
		to.AddNamed(schema.JenkinsBuildParameters, p.name, event.String(p.value))
	}
	to.AddString(schema.JenkinsCredentialID, f.credential)
	to.AddString(schema.JenkinsCredentialType, f.credentialType)
	if len(f.script) > mostScript {
		f.script, f.doubt = strings.ToValidUTF8(f.script[:mostScript], ""), "the script is longer than is told"
	}
	to.AddString(schema.JenkinsScript, f.script)
	to.AddString(schema.LogLogger, f.logger)
	to.AddString(schema.LogLevel, f.level)
	to.AddString(schema.EventURL, f.url)
	for _, p := range f.labels {
		f.keep = !record.Label(to, p.name, p.value) || f.keep
	}
	if l := f.http; l != nil {
		to.AddString(schema.HTTPRequestMethod, l.Method)
		to.Add(schema.HTTPResponseStatusCode, event.Int(l.Status))
		to.AddString(schema.URLOriginal, l.Target)
		to.AddString(schema.UserAgentOriginal, l.Agent)
		record.Label(to, "referer", l.Referer)
		record.Label(to, "protocol", l.Protocol)
		if l.Bytes >= 0 {
			to.Add(schema.DestinationBytes, event.Int(l.Bytes))
		}
	}
	to.AddString(schema.GitRepository, f.repository)
	to.AddString(schema.GitRef, f.ref)
	to.AddString(schema.GitAfter, f.commit)
	f.image.OCI(to)
	to.AddString(schema.RelatedHash, f.commit)
	to.AddString(schema.RelatedHash, f.image.Digest)
}

// finished tells the outcome and the severity of a build's result.
func (f *facts) finished(result string) {
	f.result = result
	switch result {
	case "SUCCESS":
		f.outcome = "success"
	case "FAILURE":
		f.outcome, f.severity = "failure", 3
	case "UNSTABLE", "ABORTED":
		f.outcome = "failure"
	case "NOT_BUILT":
		f.outcome = "unknown"
	default:
		f.outcome, f.doubt = "unknown", "the result is not known"
	}
}

// started tells who started a build, where its cause says so.
func (f *facts) started(cause string) {
	f.cause = cause
	for _, lead := range [...]string{"Started by user ", "Started by GitHub push by ", "Replayed #"} {
		rest, ok := strings.CutPrefix(cause, lead)
		if !ok || lead == "Replayed #" {
			continue
		}
		if at := strings.Index(rest, ", Started by "); at >= 0 {
			rest = rest[:at]
		}
		if f.user = rest; rest == "unknown or anonymous" || rest == "anonymous" {
			f.user = ""
		}
	}
}

// hash reads "#12", the number of a build.
func hash(s string) (int64, bool) {
	if !strings.HasPrefix(s, "#") {
		return 0, false
	}
	n, err := strconv.ParseInt(s[1:], 10, 64)
	return n, err == nil && n > 0
}
