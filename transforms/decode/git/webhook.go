package git

import (
	"errors"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

var errWebhook = errors.New("no webhook of a git server")

type webhookDecoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

func newWebhook(env plugin.Env) plugin.Decoder { return &webhookDecoder{env: env} }

// Decode implements plugin.Decoder. The name of the event stands in a header of
// the request; whoever took it says it in event.code, and the server in
// git.server. Where nobody did, the members of the payload tell.
func (d *webhookDecoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(e.Raw)
	if !ok || !root.IsObject() {
		return errWebhook
	}
	f := facts{dataset: DatasetWebhook, server: e.Fields.Get(schema.GitServer).Str(), commits: -1, bytes: -1}
	name := e.Fields.Get(schema.EventCode).Str()
	var at time.Time
	switch {
	case root.Get("object_kind").IsString() || root.Get("event_name").IsString():
		f.server = first(f.server, "gitlab")
		f.code = root.Any("event_name", "object_kind").Str()
		at = f.gitlabHook(f.code, root)
	case root.Get("type").IsString() && root.Get("change").IsObject():
		f.server = first(f.server, "gerrit")
		f.code = root.Get("type").Str()
		at = f.gerrit(root)
	default:
		if name == "" {
			name = guess(root)
		}
		if name == "" {
			return errWebhook
		}
		f.code = name
		f.server = first(f.server, server(root))
		at = f.githubHook(name, root)
	}
	f.keep = f.keep || root.Left()
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

// server tells GitHub from the servers that speak like it.
func server(root jsontree.Node) string {
	repository := root.Get("repository")
	switch {
	case root.Get("sender", "node_id").Is() || repository.Get("node_id").Is() || repository.Get("forks_url").Is():
		return "github"
	case repository.Get("original_url").Is() || repository.Get("has_pull_requests").Is() || root.Get("total_commits").Is() || root.Get("sender", "full_name").Is():
		return "gitea"
	}
	return ""
}

// telling are members that only one event of GitHub has, and its name.
var telling = []struct{ member, name string }{
	{"rule", "branch_protection_rule"}, {"ruleset", "repository_ruleset"}, {"repository_ruleset", "repository_ruleset"}, {"key", "deploy_key"}, {"membership", "organization"},
	{"hook", "meta"}, {"forkee", "fork"}, {"release", "release"}, {"review", "pull_request_review"}, {"comment", "issue_comment"},
	{"pull_request", "pull_request"}, {"issue", "issues"}, {"workflow_run", "workflow_run"}, {"workflow_job", "workflow_job"},
	{"check_run", "check_run"}, {"check_suite", "check_suite"}, {"deployment_status", "deployment_status"}, {"deployment", "deployment"},
	{"package", "package"}, {"registry_package", "registry_package"}, {"blocked_user", "org_block"}, {"security_advisory", "security_advisory"},
	{"alert", "alert"}, {"personal_access_token_request", "personal_access_token_request"}, {"invitation", "organization"},
	{"merge_group", "merge_group"}, {"discussion", "discussion"}, {"milestone", "milestone"}, {"label", "label"}, {"starred_at", "star"},
	{"build", "page_build"}, {"definition", "custom_property"}, {"exemption_request", "exemption_request"},
}

// ofRepository reports whether an action is what can happen to a repository. Another
// is that of an event which is not known by its members.
func ofRepository(action string) bool {
	switch action {
	case "created", "deleted", "archived", "unarchived", "edited", "renamed", "transferred", "publicized", "privatized":
		return true
	}
	return false
}

// guess names an event of GitHub's kind by the members of its payload.
func guess(root jsontree.Node) string {
	has := func(names ...string) bool {
		for _, n := range names {
			if !root.Get(n).Is() {
				return false
			}
		}
		return true
	}
	switch {
	case has("ref", "after"), has("ref", "before"), has("ref", "commits"):
		return "push"
	case has("ref", "ref_type") && (root.Get("master_branch").Is() || root.Get("sha").Is() || root.Get("description").Is()):
		return "create"
	case has("ref", "ref_type", "pusher_type"):
		return "delete"
	case has("ref", "ref_type"):
		return "create_or_delete"
	case has("member", "team"):
		return "membership"
	case has("member"):
		return "member"
	case has("team", "repository") && !has("action"):
		return "team_add"
	case has("team"):
		return "team"
	case has("sha", "state"):
		return "status"
	}
	for _, t := range telling {
		if has(t.member) {
			return t.name
		}
	}
	switch {
	case has("installation", "action") && !has("repository"):
		return "installation"
	case has("repository", "action") && ofRepository(root.Get("action").Str()):
		return "repository"
	case has("repository", "action") && root.Get("action").Str() == "started":
		return "watch"
	case has("repository", "action"): // of what, its header would say
		return "webhook"
	case has("organization", "action"):
		return "organization"
	case has("repository", "sender"):
		return "public"
	case has("sender", "action"):
		return "github_app_authorization"
	}
	return ""
}

// parties reads who did it and to which repository, and lets go of what is
// written of both beside their names: addresses of pages, numbers and settings.
func (f *facts) parties(root jsontree.Node) {
	repository := root.Get("repository")
	f.repository = repository.Any("full_name", "name").Str()
	f.user = first(root.Get("sender").Any("login", "username").Str(), root.Get("pusher").Any("login", "username", "name").Str())
	f.userID = root.Get("sender", "id").Text()
	f.email = root.Get("pusher", "email").Str()
	f.label("organization", root.Get("organization").Any("login", "username").Str())
	f.label("enterprise", root.Get("enterprise", "slug").Str())
	f.label("installation", root.Get("installation", "id").Text())
	for _, whole := range [...]string{"repository", "sender", "pusher", "organization", "enterprise"} {
		root.Get(whole).Skip()
	}
}

// pushed reads a push of GitHub's kind. The time of a commit is its author's
// claim: the push was when it came.
func (f *facts) pushed(root jsontree.Node) {
	f.action = "push"
	f.ref, f.before, f.after = root.Get("ref").Str(), root.Get("before").Str(), root.Get("after").Str()
	f.moved()
	if v, ok := root.Get("forced").Bool(); ok {
		f.forced = event.Bool(v)
	}
	root.Get("created").Skip()
	root.Get("deleted").Skip()
	root.Get("base_ref").Skip()
	f.url = root.Any("compare", "compare_url").Str()
	commits := root.Get("commits")
	f.commits = int64(commits.Len())
	if n, ok := root.Get("total_commits").Int(); ok {
		f.commits = n
	}
	commits.Each(func(_ string, c jsontree.Node) { f.shas = append(f.shas, c.Any("id", "sha").Str()) })
	commits.Skip()
	root.Get("head_commit").Skip()
	f.branches(root)
}

// branches lets go of members that say again what is said.
func (f *facts) branches(root jsontree.Node) {
	for _, again := range [...]string{"ref_name", "pusher_type", "secret"} {
		root.Get(again).Skip()
	}
}

// gerrit reads a record of stream-events.
func (f *facts) gerrit(root jsontree.Node) (at time.Time) {
	f.action = record.Slug(f.code)
	change := root.Get("change")
	f.repository = first(change.Get("project").Str(), root.Get("project").Str())
	f.ref = branchRef(first(root.Get("refName").Str(), change.Get("branch").Str()))
	f.after = root.Get("patchSet", "revision").Str()
	for _, who := range [...]string{"submitter", "uploader", "deleter", "remover", "author", "restorer", "abandoner", "reviewer"} {
		if p := root.Get(who); p.IsObject() && f.user == "" {
			f.user, f.email = p.Any("username", "name").Str(), p.Get("email").Str()
		}
		root.Get(who).Skip()
	}
	f.url = change.Get("url").Str()
	f.label("change", change.Get("number").Text())
	if v, ok := root.Get("eventCreatedOn").Float(); ok {
		at, _ = record.Epoch(v)
	}
	for _, whole := range [...]string{"change", "patchSet", "project", "changeKey"} {
		root.Get(whole).Skip()
	}
	return at
}
