package git

import (
	"errors"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
)

var errGitHubAudit = errors.New("no entry of GitHub's audit log: it has no action")

// githubActions are the actions of the audit log that have a name of ours. A "*"
// stands for any end.
var githubActions = []struct{ from, to string }{
	{"git.clone", "clone"}, {"git.fetch", "fetch"}, {"git.push", "push"},
	{"protected_branch.rejected_ref_update", "push"}, {"protected_branch.destroy", "protection-removed"}, {"protected_branch.*", "protection-changed"},
	{"repository_branch_protection_evaluation.disable", "protection-removed"},
	{"repository_ruleset.destroy", "protection-removed"}, {"repository_ruleset.*", "protection-changed"},
	{"organization_ruleset.destroy", "protection-removed"}, {"organization_ruleset.*", "protection-changed"},
	{"repository_secret_scanning_push_protection.disable", "protection-removed"},
	{"repo.create", "repository-created"}, {"repo.destroy", "repository-deleted"}, {"repo.access", "visibility-changed"},
	{"repo.add_member", "member-added"}, {"repo.remove_member", "member-removed"}, {"repo.update_member", "member-changed"},
	{"repo.add_outside_collaborator", "member-added"},
	{"repo.rename", "repository-changed"}, {"repo.transfer", "repository-changed"}, {"repo.archived", "repository-changed"},
	{"repo.unarchived", "repository-changed"}, {"repo.change_merge_setting", "repository-changed"}, {"repo.update*", "repository-changed"},
	{"public_key.create", "key-added"}, {"public_key.delete", "key-removed"},
	{"deploy_key.create", "deploy-key-added"}, {"deploy_key.delete", "deploy-key-removed"},
	{"personal_access_token.request_created", "access-token-created"}, {"personal_access_token.access_granted", "access-token-created"},
	{"personal_access_token.create", "access-token-created"}, {"personal_access_token.access_revoked", "access-token-removed"},
	{"oauth_access.create", "access-token-created"}, {"oauth_access.destroy", "access-token-removed"},
	{"org_credential_authorization.grant", "access-token-created"}, {"org_credential_authorization.revoke", "access-token-removed"},
	{"hook.*", "webhook-changed"},
	{"org.add_member", "member-added"}, {"org.invite_member", "member-added"}, {"org.remove_member", "member-removed"},
	{"org.update_member", "member-changed"}, {"org.remove_outside_collaborator", "member-removed"},
	{"team.add_member", "member-added"}, {"team.remove_member", "member-removed"},
	{"team.create", "group-created"}, {"team.destroy", "group-deleted"}, {"team.*", "group-changed"},
	{"user.login", "logged-in"}, {"user.failed_login", "logged-in"},
}

// githubAction names an action of the audit log: ours, or its own with dashes.
func githubAction(name string) string {
	for _, a := range githubActions {
		if lead, open := strings.CutSuffix(a.from, "*"); name == a.from || open && strings.HasPrefix(name, lead) {
			return a.to
		}
	}
	return record.Slug(name)
}

type githubAuditDecoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

func newGitHubAudit(env plugin.Env) plugin.Decoder { return &githubAuditDecoder{env: env} }

// Decode implements plugin.Decoder. What the entry says beside the actor, the
// object and the action differs with the action: it is told as labels.
func (d *githubAuditDecoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(e.Raw)
	if !ok || !root.IsObject() {
		return errGitHubAudit
	}
	action := root.Get("action").Str()
	if action == "" {
		return errGitHubAudit
	}
	f := facts{dataset: DatasetAudit, server: "github", action: githubAction(action), code: action, commits: -1, bytes: -1}
	at := githubTime(root)
	f.github(root)
	if strings.Contains(action, "failed") || strings.Contains(action, "rejected") || root.Get("conclusion").Str() == "failure" {
		f.outcome = "failure"
	}
	if f.action == "key-added" && f.repository != "" {
		f.action = "deploy-key-added"
	}
	if f.action == "key-removed" && f.repository != "" {
		f.action = "deploy-key-removed"
	}
	f.rest("", root)
	f.keep = f.keep || root.Left()
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

// githubTime reads when it was: milliseconds, or a text where a receiver changed
// them.
func githubTime(root jsontree.Node) (at time.Time) {
	root.Get("created_at").Skip() // the same again
	when := root.Any("@timestamp", "created_at", "at_sign_timestamp")
	if v, ok := when.Float(); ok {
		at, _ = record.Epoch(v)
		return at
	}
	at, _ = record.Time(when.Str())
	return at
}

// github reads what entries of all kinds have.
func (f *facts) github(root jsontree.Node) {
	f.user, f.userID = root.Get("actor").Str(), root.Get("actor_id").Text()
	f.origin, f.agent = root.Get("actor_ip").Str(), root.Get("user_agent").Str()
	f.reference = root.Get("_document_id").Str()
	f.repository = root.Any("repo", "repository").Str()
	if root.Get("repository").JSON() == f.repository {
		root.Get("repository").Skip()
	}
	f.target = root.Any("user", "invitee", "member", "blocked_user").Str()
	if f.target == "" {
		f.target = root.Get("email").Str()
	}
	f.group = root.Get("team").Str()
	f.transport = root.Get("transport_protocol_name").Str()
	f.after = root.Get("head_sha").Str()
	f.ref = branchRef(root.Any("ref", "branch", "head_branch").Str())
	if strings.HasPrefix(f.code, "protected_branch.") {
		f.ref, f.protected = branchRef(root.Any("branch", "name").Str()), event.Bool(f.action != "protection-removed")
	}
	f.url = root.Get("url").Str()
	f.began, _ = record.Time(root.Get("started_at").Str())
}
