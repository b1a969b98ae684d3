// Package git understands what servers of git repositories say: the webhooks of
// GitHub, Gitea, Forgejo, Gogs, GitLab (its system hooks too) and Gerrit, the
// audit log of GitHub, the logs of GitLab and of Gitea, the access logs of a web
// server before git-http-backend, and the log of gitolite. Each is a decoder of
// its own. The package knows no transport, and asks no server.
package git

import (
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// The decoders.
var (
	Webhook     = plugin.NewDecoder("git_webhook", "Webhooks of GitHub, Gitea, Forgejo, Gogs, GitLab (its system hooks too) and Gerrit: JSON.", newWebhook)
	GitHubAudit = plugin.NewDecoder("github_audit", "Entries of GitHub's audit log: exports and streams, JSON.", newGitHubAudit)
	GitLab      = plugin.NewDecoder("gitlab", "JSON logs of GitLab: audit_json, production_json, api_json, gitlab-shell and streamed audit events.", newGitLab)
	Gitea       = plugin.NewDecoder("gitea", "Lines of the log of Gitea and Forgejo.", newGitea)
	Access      = plugin.NewDecoder("git_access", "Access logs of a web server before git-http-backend, in the combined format or as JSON.", newAccess)
	Gitolite    = plugin.NewDecoder("gitolite", "Lines of the log of gitolite 3.", newGitolite)
)

// The datasets of the events.
const (
	DatasetWebhook = "git.webhook"
	DatasetAudit   = "git.audit"
	DatasetAccess  = "git.access"
	DatasetLog     = "git.log"
)

const (
	// room is the place for the fields that most records need.
	room = 44
	// mostMessage bounds the line for people, in bytes.
	mostMessage = 1024
	// mostLabels is how many members without a field of their own become labels.
	mostLabels = 64
	// mostCommits is how many commits of a push are named.
	mostCommits = 64
)

// meaning is what an action is in the terms of ECS (SCHEMA 3.2).
type meaning struct {
	category []string
	kind     string
	severity int64
}

var (
	api    = []string{"api"}
	access = []string{"api", "iam"}
	iam    = []string{"iam"}
	auth   = []string{"authentication"}
)

// actions are those with a name of ours; any other is named by its server.
var actions = map[string]meaning{
	"push":                 {api, "change", 3},
	"fetch":                {api, "access", 2},
	"clone":                {api, "access", 2},
	"list-refs":            {api, "access", 1},
	"http-request":         {api, "access", 1},
	"server-log":           {api, "info", 2},
	"repository-created":   {api, "creation", 5},
	"repository-deleted":   {api, "deletion", 5},
	"repository-changed":   {api, "change", 4},
	"repository-forked":    {api, "creation", 3},
	"visibility-changed":   {api, "change", 5},
	"protection-changed":   {access, "change", 6},
	"protection-removed":   {access, "deletion", 6},
	"deploy-key-added":     {access, "creation", 6},
	"deploy-key-removed":   {access, "deletion", 4},
	"key-added":            {iam, "creation", 4},
	"key-removed":          {iam, "deletion", 3},
	"access-token-created": {access, "creation", 6},
	"access-token-removed": {access, "deletion", 3},
	"member-added":         {access, "change", 6},
	"member-removed":       {access, "change", 4},
	"member-changed":       {access, "change", 5},
	"webhook-changed":      {access, "change", 6},
	"user-created":         {iam, "creation", 4},
	"user-deleted":         {iam, "deletion", 4},
	"user-changed":         {iam, "change", 4},
	"group-created":        {iam, "creation", 4},
	"group-deleted":        {iam, "deletion", 4},
	"group-changed":        {iam, "change", 4},
	"logged-in":            {auth, "start", 3},
	"access-denied":        {access, "denied", 5},
}

// facts are what one record says. What it does not say is empty.
type facts struct {
	dataset, server, action, outcome, code string
	severity                               int64 // 0: that of the action
	user, userID, email                    string
	target, group                          string // the account, the team or group acted on
	origin, agent                          string
	repository, ref, before, after         string
	forced, created, deleted, protected    event.Value
	commits                                int64 // -1 where it is not said
	shas                                   []string
	transport, reason, url, reference      string
	method, path                           string
	status, bytes                          int64 // 0 and -1 where it is not said
	pid                                    int64
	began                                  time.Time
	took                                   time.Duration
	level, logger                          string
	labels                                 []label
	message, doubt                         string
	keep                                   bool // the text is kept without a doubt
}

// label is what the schema has no field for.
type label struct{ name, value string }

func (f *facts) label(name, value string) {
	if value == "" {
		return
	}
	if len(f.labels) >= mostLabels {
		f.keep = true
		return
	}
	f.labels = append(f.labels, label{name, value})
}

// rest makes labels of what nobody took below a value.
func (f *facts) rest(prefix string, n jsontree.Node) {
	n.Rest(func(path string, m jsontree.Node) {
		v := m.Text()
		switch {
		case v == "[FILTERED]": // GitLab's word for what it does not tell
		case prefix == "":
			f.label(path, v)
		case path == "":
			f.label(prefix, v)
		default:
			f.label(prefix+"."+path, v)
		}
	})
}

func isZero(sha string) bool { return sha != "" && strings.Trim(sha, "0") == "" }

// moved settles what a ref's move says.
func (f *facts) moved() {
	if f.before != "" || f.after != "" {
		f.created, f.deleted = event.Bool(isZero(f.before)), event.Bool(isZero(f.after))
	}
}

// settle fills what follows from the rest.
func (f *facts) settle() meaning {
	m, known := actions[f.action]
	if !known {
		m = meaning{api, "info", 2}
	}
	if f.severity == 0 {
		f.severity = m.severity
	}
	if f.outcome == "" {
		if f.outcome = "success"; f.action == "server-log" {
			f.outcome = "unknown"
		}
	}
	if f.target == f.user && f.action == "logged-in" {
		f.target = ""
	}
	if f.action == "push" {
		switch {
		case f.created.True():
			m.kind = "creation"
		case f.deleted.True():
			m.kind = "deletion"
		case f.forced.True():
			f.severity = 7
		}
	}
	if f.outcome == "failure" && (f.action == "logged-in" || f.status == 403) {
		f.severity = max(f.severity, 5)
	}
	if f.message == "" {
		f.message = f.sentence()
	}
	if len(f.message) > mostMessage {
		f.message = strings.ToValidUTF8(f.message[:mostMessage], "")
	}
	return m
}

// sentence says for people what happened.
func (f *facts) sentence() string {
	var b strings.Builder
	if f.user != "" {
		b.WriteString(f.user + ": ")
	}
	b.WriteString(f.action)
	for _, part := range [...]struct{ lead, text string }{{" of ", f.target}, {" in ", f.repository}, {" ", f.ref}} {
		if part.text != "" {
			b.WriteString(part.lead + part.text)
		}
	}
	if f.outcome == "failure" {
		b.WriteString(" failed")
	}
	return b.String()
}

// emit makes the event of a record. Its Raw is kept where something in it is in
// doubt, or no field holds it.
func emit(env *plugin.Env, seed []byte, e event.Event, f *facts, at time.Time, out *event.Batch) []byte {
	raw := e.Raw
	e.Decode, e.Dataset = "", f.dataset
	if !at.IsZero() && record.Sane(at) {
		e.Time = at
	} else if e.Time.IsZero() {
		e.Time = e.Seen
	}
	// What a server sends again has its own name for it.
	if sent := e.Fields.Get(schema.EventReference).Str(); sent != "" {
		e.ID, seed = record.ID(seed, env.HostID, &e, f.server, sent, raw)
	} else {
		e.ID, seed = record.LineID(seed, env.HostID, &e, raw, 0)
	}
	m := f.settle()
	code := e.Fields.Get(schema.EventCode)
	e.Fields = out.Take(e.Fields, room+len(f.labels)+min(len(f.shas), mostCommits))
	to := &e.Fields
	to.AddString(schema.EventKind, "event")
	to.AddString(schema.EventModule, "git")
	for _, c := range m.category {
		to.AddString(schema.EventCategory, c)
	}
	to.AddString(schema.EventType, m.kind)
	to.AddString(schema.EventAction, f.action)
	to.AddString(schema.EventOutcome, f.outcome)
	if code.IsZero() {
		to.AddString(schema.EventCode, f.code)
	}
	to.Add(schema.EventSeverity, event.Int(f.severity))
	to.AddString(schema.EventReason, f.reason)
	to.AddString(schema.EventReference, f.reference)
	to.AddString(schema.EventURL, f.url)
	if !f.began.IsZero() && record.Sane(f.began) {
		to.Add(schema.EventStart, event.Time(f.began))
	}
	if f.took > 0 {
		to.Add(schema.EventDuration, event.Int(f.took.Nanoseconds()))
	}
	f.who(to)
	f.what(to)
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
