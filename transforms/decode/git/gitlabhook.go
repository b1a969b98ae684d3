package git

import (
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// gitlabSystem are the events of GitLab's system hooks with a name of ours.
var gitlabSystem = map[string]string{
	"push": "push", "tag_push": "push", "repository_update": "push",
	"project_create": "repository-created", "project_destroy": "repository-deleted", "project_rename": "repository-changed", "project_transfer": "repository-changed", "project_update": "repository-changed",
	"user_add_to_team": "member-added", "user_remove_from_team": "member-removed", "user_update_for_team": "member-changed",
	"user_add_to_group": "member-added", "user_remove_from_group": "member-removed", "user_update_for_group": "member-changed",
	"user_access_request_to_group": "member-requested", "user_access_request_to_project": "member-requested",
	"user_create": "user-created", "user_destroy": "user-deleted", "user_rename": "user-changed", "user_failed_login": "logged-in",
	"key_create": "key-added", "key_destroy": "key-removed",
	"group_create": "group-created", "group_destroy": "group-deleted", "group_rename": "group-changed",
	"expiring_access_token": "access-token-expiring",
}

// gitlabHook reads a webhook or a system hook of GitLab.
func (f *facts) gitlabHook(name string, root jsontree.Node) (at time.Time) {
	project := root.Get("project")
	f.repository = first(project.Get("path_with_namespace").Str(), root.Any("project_path_with_namespace", "path_with_namespace").Str())
	if f.repository == "" {
		f.repository = repositoryOf(root.Get("repository").Any("homepage", "url", "git_http_url").Str())
	}
	f.group = root.Any("group_path", "full_path").Str()
	f.action = gitlabSystem[name]
	for _, when := range [...]string{"updated_at", "created_at"} {
		if t, ok := timeOf(root.Get(when).Str()); ok && at.IsZero() {
			at = t
		}
	}
	switch {
	case f.action == "push":
		at = time.Time{}
		f.gitlabPush(root)
	case strings.HasPrefix(name, "user_") && strings.Contains(name, "_t"), strings.HasPrefix(name, "user_"):
		f.target = root.Any("user_username", "username", "user_name").Str()
		f.label("email", root.Any("user_email", "email").Str())
		f.label("access_level", root.Any("access_level", "group_access", "project_access").Str())
		root.Get("user_name").Skip()
	case strings.HasPrefix(name, "key_"):
		f.target = root.Get("username").Str()
	case f.action == "":
		at = f.gitlabThing(name, root)
	}
	if name == "user_failed_login" {
		f.user, f.target, f.outcome = f.target, "", "failure"
	}
	for _, whole := range [...]string{"project", "repository", "object_kind", "event_name", "event_type"} {
		root.Get(whole).Skip()
	}
	f.small(root)
	return at
}

// small makes labels of what stands directly in the payload: numbers, names, what
// a name was before.
func (f *facts) small(root jsontree.Node) {
	root.Each(func(name string, n jsontree.Node) {
		if !n.IsObject() && !n.IsArray() && n.Left() {
			f.label(name, n.Text())
		}
	})
	f.rest("owners", root.Get("owners"))
}

func (f *facts) gitlabPush(root jsontree.Node) {
	f.user = root.Any("user_username", "user_name").Str()
	root.Get("user_name").Skip()
	f.userID, f.email = root.Get("user_id").Text(), root.Get("user_email").Str()
	f.ref, f.before, f.after = root.Get("ref").Str(), root.Get("before").Str(), root.Get("after").Str()
	f.moved()
	if v, ok := root.Get("ref_protected").Bool(); ok {
		f.protected = event.Bool(v)
	}
	if n, ok := root.Get("total_commits_count").Int(); ok {
		f.commits = n
	} else {
		f.commits = int64(root.Get("commits").Len())
	}
	root.Get("commits").Each(func(_ string, c jsontree.Node) { f.shas = append(f.shas, c.Get("id").Str()) })
	for _, whole := range [...]string{"commits", "user_avatar", "checkout_sha", "push_options"} {
		root.Get(whole).Skip()
	}
	// A repository_update has a list of what moved; the first is told.
	if change := root.Get("changes"); change.IsArray() && f.ref == "" {
		n := 0
		change.Each(func(_ string, c jsontree.Node) {
			if n++; n == 1 {
				f.ref, f.before, f.after = c.Get("ref").Str(), c.Get("before").Str(), c.Get("after").Str()
				f.moved()
			}
		})
		root.Get("refs").Skip()
		f.keep = n > 1
	}
}

// gitlabThing reads the webhooks about one thing: a merge request, a pipeline, a
// job, a deployment, an access token.
func (f *facts) gitlabThing(name string, root jsontree.Node) (at time.Time) {
	thing := root.Get("object_attributes")
	f.user = first(root.Get("user").Any("username", "name").Str(), root.Any("user_username", "user_name").Str())
	f.userID, f.email = root.Get("user", "id").Text(), root.Get("user", "email").Str()
	root.Get("user").Skip()
	verb := thing.Get("action").Str()
	f.action = record.Slug(strings.Trim(name+"-"+verb, "-"))
	f.after = first(thing.Any("sha", "id").Str(), root.Any("sha", "checkout_sha", "commit_sha").Str(), thing.Get("last_commit", "id").Str(), root.Get("commit", "sha").Str())
	f.ref = root.Get("ref").Str()
	if f.ref == "" {
		f.ref = thing.Any("ref", "source_branch").Str()
	}
	ofJob, _ := root.Get("tag").Bool()
	ofPipeline, _ := thing.Get("tag").Bool()
	switch {
	case name == "deployment":
		f.ref = deployed(f.ref)
	case (ofJob || ofPipeline) && f.ref != "" && !strings.HasPrefix(f.ref, "refs/"):
		f.ref = "refs/tags/" + f.ref
	default:
		f.ref = branchRef(f.ref)
	}
	f.reason = first(thing.Any("status", "state").Str(), root.Any("status", "build_status").Str())
	switch f.reason {
	case "success", "passed":
		f.outcome = "success"
	case "failed", "canceled", "failure":
		f.outcome = "failure"
	default:
		f.outcome = "unknown"
	}
	f.url = first(thing.Get("url").Str(), root.Any("deployable_url", "commit_url").Str())
	f.label("number", thing.Any("iid", "id").Text())
	f.label("title", thing.Get("title").Str())
	f.began, _ = timeOf(first(thing.Get("created_at").Str(), root.Get("build_started_at").Str()))
	at, _ = timeOf(first(thing.Any("finished_at", "updated_at").Str(), root.Any("status_changed_at", "build_finished_at").Str()))
	return at
}
