package git

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// githubHook reads a webhook of GitHub, or of a server that speaks like it
// (Gitea, Forgejo, Gogs).
func (f *facts) githubHook(name string, root jsontree.Node) (at time.Time) {
	f.parties(root)
	action := root.Get("action").Str()
	switch name {
	case "push":
		f.pushed(root)
	case "create", "delete", "create_or_delete":
		f.referred(name, root)
	case "fork":
		f.action = "repository-forked"
		f.label("fork", root.Get("forkee").Any("full_name", "name").Str())
		root.Get("forkee").Skip()
	case "public":
		f.action = "visibility-changed"
		f.label("visibility", "public")
	case "repository":
		f.repositoryHook(action)
	case "branch_protection_rule", "repository_ruleset", "branch_protection_configuration":
		f.rule(action, root)
	case "deploy_key":
		f.pick(action, "deploy-key-added", "deploy-key-removed", "deploy-key-added")
		f.rest("key", root.Get("key"))
	case "member", "membership", "organization", "team_add", "team", "org_block":
		f.memberHook(name, action, root)
	case "meta", "ping":
		f.action = "webhook-changed"
		if name == "ping" {
			f.action = "webhook-ping"
		}
		f.rest("hook", root.Get("hook"))
		root.Get("zen").Skip()
		root.Get("hook_id").Skip()
	case "personal_access_token_request":
		f.pick(action, "access-token-created", "access-token-removed", "access-token-requested")
		f.rest("token", root.Get("personal_access_token_request"))
	case "workflow_run", "workflow_job", "check_run", "check_suite", "status", "deployment", "deployment_status":
		at = f.run(name, root)
	default:
		f.subject(name, root)
	}
	if f.action == "" {
		f.action = record.Slug(strings.Trim(name+"-"+action, "-"))
	}
	f.rest("changes", root.Get("changes"))
	return at
}

// pick names an action of GitHub's by what it does.
func (f *facts) pick(action, added, removed, other string) {
	switch action {
	case "created", "added", "approved", "member_added", "member_invited", "added_to_repository":
		f.action = added
	case "deleted", "removed", "denied", "cancelled", "member_removed", "removed_from_repository":
		f.action = removed
	default:
		f.action = other
	}
}

// referred reads the making and the removal of a branch or a tag.
func (f *facts) referred(name string, root jsontree.Node) {
	f.action = "push"
	f.ref = root.Get("ref").Str()
	kind := root.Get("ref_type").Str()
	if !strings.HasPrefix(f.ref, "refs/") {
		if f.ref = "refs/heads/" + f.ref; kind == "tag" {
			f.ref = "refs/tags/" + strings.TrimPrefix(f.ref, "refs/heads/")
		}
	}
	f.after = root.Get("sha").Str()
	switch name {
	case "create":
		f.created, f.deleted = event.Bool(true), event.Bool(false)
	case "delete":
		f.created, f.deleted = event.Bool(false), event.Bool(true)
	default:
		f.doubt = "the payload does not say whether the ref was made or removed: its header X-GitHub-Event would"
	}
	for _, again := range [...]string{"master_branch", "description", "pusher_type"} {
		root.Get(again).Skip()
	}
}

func (f *facts) repositoryHook(action string) {
	switch action {
	case "created":
		f.action = "repository-created"
	case "deleted":
		f.action = "repository-deleted"
	case "publicized", "privatized":
		f.action = "visibility-changed"
		f.label("visibility", map[string]string{"publicized": "public", "privatized": "private"}[action])
	default:
		f.action = "repository-changed"
		f.label("change", action)
	}
}

// rule reads a change of the protection of branches.
func (f *facts) rule(action string, root jsontree.Node) {
	f.pick(action, "protection-changed", "protection-removed", "protection-changed")
	rule := root.Any("rule", "repository_ruleset", "ruleset")
	f.protected = event.Bool(f.action != "protection-removed")
	if root.Get("rule").Is() {
		f.ref = branchRef(rule.Get("name").Str())
	}
	f.rest("rule", rule)
}

// memberHook reads what changes who may do what.
func (f *facts) memberHook(name, action string, root jsontree.Node) {
	member := root.Any("member", "membership", "blocked_user", "invitation")
	f.target = first(member.Any("login", "username").Str(), root.Get("membership", "user", "login").Str(), root.Get("user", "login").Str())
	f.group = root.Get("team").Any("slug", "name").Str()
	f.label("role", root.Get("membership", "role").Str())
	f.label("permission", root.Get("team", "permission").Str())
	f.label("scope", root.Get("scope").Str())
	switch {
	case name == "organization" && f.target == "":
		f.action = "group-changed"
		f.label("change", action)
	case name == "team_add":
		f.action = "member-added"
	case name == "team":
		f.pick(action, "group-created", "group-deleted", "group-changed")
		if action == "added_to_repository" {
			f.action = "member-added"
		}
	case name == "org_block":
		f.action = "user-changed"
		f.label("change", action)
	default:
		f.pick(action, "member-added", "member-removed", "member-changed")
	}
	for _, whole := range [...]string{"member", "membership", "team", "blocked_user", "user"} {
		root.Get(whole).Skip()
	}
}

// run reads what is told of a run of a workflow, a check or a deployment: the
// commit that it is of, and how it went.
func (f *facts) run(name string, root jsontree.Node) (at time.Time) {
	what := root.Get(name)
	if name == "status" {
		what = root
	}
	f.after = what.Any("head_sha", "sha").Str()
	if f.after == "" {
		f.after = root.Get("deployment", "sha").Str()
	}
	if f.ref = branchRef(what.Get("head_branch").Str()); f.ref == "" {
		f.ref = deployed(first(what.Get("ref").Str(), root.Get("deployment", "ref").Str()))
	}
	f.reason = what.Any("conclusion", "state", "status").Str()
	switch f.reason {
	case "success", "neutral", "skipped":
		f.outcome = "success"
	case "failure", "error", "cancelled", "timed_out", "action_required":
		f.outcome = "failure"
	default:
		f.outcome = "unknown"
	}
	f.url = what.Any("html_url", "target_url").Str()
	f.label("run", what.Any("run_id", "id").Text())
	f.label("name", what.Any("name", "context", "task").Str())
	f.label("attempt", what.Get("run_attempt").Text())
	f.label("event", what.Get("event").Str())
	f.label("runner", what.Get("runner_name").Str())
	f.label("environment", first(what.Get("environment").Str(), root.Get("deployment", "environment").Str()))
	f.began, _ = record.Time(what.Any("started_at", "run_started_at", "created_at").Str())
	at, _ = record.Time(what.Any("completed_at", "updated_at").Str())
	for _, whole := range [...]string{name, "workflow", "workflow_run", "check_run", "deployment", "commit", "branches"} {
		root.Get(whole).Skip()
	}
	if name == "status" {
		for _, again := range [...]string{"id", "description", "avatar_url"} {
			root.Get(again).Skip()
		}
	}
	return at
}

// subject reads the events that are about one thing: an alert, a release, a pull
// request. The thing is told by its number and its page; the text is kept.
func (f *facts) subject(name string, root jsontree.Node) {
	thing := root.Get(name)
	if !thing.IsObject() {
		thing = root.Any("alert", "pull_request", "issue", "release", "package", "registry_package", "security_advisory", "installation")
	}
	f.url = thing.Any("html_url", "url").Str()
	f.label("number", thing.Any("number", "id").Text())
	f.label("title", thing.Any("title", "name", "tag_name").Str())
	f.label("state", thing.Get("state").Text())
	if sha := thing.Get("head", "sha").Str(); sha != "" {
		f.after, f.ref = sha, branchRef(thing.Get("head", "ref").Str())
		f.label("base", thing.Get("base", "ref").Str())
		f.label("merge_commit", thing.Get("merge_commit_sha").Str())
	}
	if name == "merge_group" {
		f.after, f.ref = thing.Get("head_sha").Str(), branchRef(thing.Get("head_ref").Str())
		f.label("base", thing.Get("base_ref").Str())
	}
	if name == "installation" {
		f.label("app", thing.Get("app_slug").Str())
	}
}
