package git

import (
	"strings"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// gitlabActions are the names of audit events (event_name, event_type) that have
// a name of ours, by what they contain; the first counts.
var gitlabActions = []struct{ part, action string }{
	{"protected_branch_removed", "protection-removed"}, {"protected_branch_deleted", "protection-removed"}, {"protected_branch_destroyed", "protection-removed"},
	{"unprotected", "protection-removed"}, {"protected_branch", "protection-changed"}, {"branch_protection", "protection-changed"}, {"force_push", "protection-changed"},
	{"access_token_created", "access-token-created"}, {"access_token_revoked", "access-token-removed"}, {"deploy_token_created", "access-token-created"},
	{"deploy_key_added", "deploy-key-added"}, {"deploy_key_created", "deploy-key-added"}, {"deploy_key_removed", "deploy-key-removed"}, {"deploy_key_deleted", "deploy-key-removed"},
	{"member_created", "member-added"}, {"member_added", "member-added"}, {"member_updated", "member-changed"}, {"member_destroyed", "member-removed"}, {"member_removed", "member-removed"},
	{"visibility", "visibility-changed"}, {"project_created", "repository-created"}, {"project_destroyed", "repository-deleted"}, {"project_deleted", "repository-deleted"},
	{"project_archived", "repository-changed"}, {"project_path", "repository-changed"}, {"project_name", "repository-changed"},
	{"webhook", "webhook-changed"}, {"ssh_key_created", "key-added"}, {"gpg_key_created", "key-added"}, {"key_destroyed", "key-removed"},
	{"group_created", "group-created"}, {"group_destroyed", "group-deleted"}, {"user_created", "user-created"}, {"user_destroyed", "user-deleted"},
	{"repository_git_operation", "fetch"}, {"login_failed", "logged-in"}, {"authenticated_with", "logged-in"},
}

// gitlabTexts are the same for custom messages and what changed, in lower case.
var gitlabTexts = []struct{ part, action string }{
	{"unprotected", "protection-removed"}, {"removed protected", "protection-removed"}, {"protected branch", "protection-changed"}, {"force push", "protection-changed"},
	{"allowed to push", "protection-changed"}, {"allowed to merge", "protection-changed"}, {"code owner approval", "protection-changed"},
	{"revoked", "access-token-removed"}, {"access token", "access-token-created"}, {"deploy token", "access-token-created"},
	{"visibility", "visibility-changed"}, {"signed in", "logged-in"}, {"added ssh key", "key-added"}, {"added deploy key", "deploy-key-added"},
	{"webhook", "webhook-changed"}, {"access_level", "member-changed"}, {"repository url", "repository-changed"},
}

// audited reads an entry of audit_json.log, and an audit event as it is streamed
// (details inside, event_type beside it).
func (f *facts) audited(root jsontree.Node) {
	get := func(names ...string) string {
		if v := root.Any(names...).Text(); v != "" {
			return v
		}
		return root.Get("details").Any(names...).Text()
	}
	f.user, f.userID = get("author_name"), get("author_id")
	// The author is told by the name that people see; the request has that of the account.
	if account := root.Get("meta.user").Str(); account != "" && f.userID != "" && root.Get("meta.user_id").Text() == f.userID {
		if f.user != account {
			f.label("author_name", f.user)
		}
		f.user = account
	}
	f.origin = get("ip_address")
	f.reference = root.Get("id").Text()
	kind, name := get("target_type"), get("target_details")
	entity, targetID := get("entity_type"), get("target_id")
	f.label("target_id", targetID)
	f.code = get("event_type", "event_name")
	switch path := get("entity_path"); {
	case entity == "Project" && path != "":
		f.repository = path
	case entity == "Project" && kind == "Project":
		f.repository = name
	case entity == "Group":
		f.group = path
	default:
		f.label("entity_path", path)
	}
	switch {
	case kind == "User" && targetID == f.userID && f.userID != "":
		f.target = f.user
	case kind == "User":
		f.target = name
	case name != f.repository:
		f.label("target", name)
	}
	f.label("target_type", kind)
	f.label("entity_type", entity)
	change, added, removed, said := get("change"), get("add"), get("remove"), get("custom_message")
	f.action = f.audits(entity, change, added, removed, said, get("failed_login"), get("with"))
	for _, l := range [...]label{{"change", change}, {"add", added}, {"remove", removed}, {"from", get("from")}, {"to", get("to")}, {"as", get("as")}} {
		f.label(l.name, l.value)
	}
	root.Get("details").Each(func(name string, n jsontree.Node) {
		if n.Is() && n.JSON() == root.Get(name).JSON() {
			n.Skip() // said twice
		}
	})
	for _, again := range [...]string{"author_name", "target_type", "target_details", "ip_address", "entity_path"} {
		root.Get("details", again).Skip()
	}
	if f.message = said; len(said) > mostMessage {
		f.keep = true
	}
}

// audits names what an entry is about.
func (f *facts) audits(entity, change, added, removed, said, failed, with string) string {
	for _, a := range gitlabActions {
		if f.code != "" && strings.Contains(f.code, a.part) {
			if f.code == "login_failed_with_standard_authentication" || strings.HasPrefix(f.code, "login_failed") {
				f.outcome = "failure"
			}
			return a.action
		}
	}
	switch {
	case failed != "":
		f.outcome = "failure"
		return "logged-in"
	case with != "" && change == "":
		return "logged-in"
	case added == "user_access":
		return "member-added"
	case removed == "user_access":
		return "member-removed"
	case added == "project":
		return "repository-created"
	case removed == "project":
		return "repository-deleted"
	case added == "deploy_key":
		return "deploy-key-added"
	case removed == "deploy_key":
		return "deploy-key-removed"
	case added == "group":
		return "group-created"
	case removed == "group":
		return "group-deleted"
	case added == "key" || added == "ssh_key":
		return "key-added"
	}
	text := strings.ToLower(said + " " + change)
	for _, a := range gitlabTexts {
		if strings.Contains(text, a.part) {
			return a.action
		}
	}
	for _, s := range [...]string{f.code, change, added, removed} {
		if s != "" {
			return "audit-" + record.Slug(s)
		}
	}
	return "audit-" + strings.ToLower(entity)
}
