package registry

import (
	"strings"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// quayActions are kinds of Quay's action log; what else there is has a kind of its
// own (docs/reference/input-registry.md).
var quayActions = map[string]string{
	"push_repo": actionPush, "pull_repo": actionPull, "repo_verb": actionPull, "delete_tag": actionDelete, "create_tag": "tag", "move_tag": "tag", "revert_tag": "tag",
	"permanently_delete_tag": actionDelete, "autoprune_tag_delete": "retention", "create_repo": "repository-created", "delete_repo": "repository-deleted",
	"change_repo_visibility": "repository-changed", "change_repo_trust": "repository-changed", "change_repo_state": "repository-changed", "set_repo_description": "repository-changed",
	"change_repo_permission": "access-changed", "delete_repo_permission": "access-changed", "create_robot": "credential-changed", "delete_robot": "credential-changed",
	"regenerate_robot_token": "credential-changed", "add_repo_accesstoken": "credential-changed", "delete_repo_accesstoken": "credential-changed",
	"create_app_specific_token": "credential-changed", "revoke_app_specific_token": "credential-changed", "account_change_password": "credential-changed",
	"org_add_team_member": "access-changed", "org_remove_team_member": "access-changed", "org_set_team_role": "access-changed", "org_create_team": "access-changed", "org_delete_team": "access-changed",
	"create_prototype_permission": "access-changed", "modify_prototype_permission": "access-changed", "delete_prototype_permission": "access-changed",
	"user_create": "user-changed", "user_delete": "user-changed", "user_enable": "user-changed", "user_disable": "user-changed", "user_change_email": "user-changed",
	"login_success": actionLogin, "login_failure": actionLogin, "logout_success": "logged-out", "repo_mirror_sync_success": "replicate", "repo_mirror_sync_failed": "replicate", "repo_mirror_sync_started": "replicate",
	"build_dockerfile": "build", "org_create": "repository-created", "org_delete": "repository-deleted", "org_change_email": "user-changed",
}

// quay reads an entry of Quay's action log: of its API, of an export, or as its
// log producers write it.
func (s *said) quay(n jsontree.Node) {
	s.provider = "quay"
	kind := n.Any("kind", "kind_id").Text()
	s.label("kind", kind)
	if s.action = quayActions[kind]; s.action == "" {
		s.action = record.Slug(kind)
	}
	if strings.HasSuffix(kind, "_failure") || strings.HasSuffix(kind, "_failed") {
		s.outcome = "failure"
	}
	s.name = n.Any("random_id", "id", "log_id").Text()
	if s.reference = s.name; s.name == "" {
		s.name = kind
	}
	s.at(n.Get("datetime").Text())
	s.source = n.Get("ip").Str()
	s.user = n.Any("performer_name", "performer_username").Str()
	if p := n.Get("performer"); p.IsObject() {
		s.user = p.Any("name", "username").Str()
		if robot, ok := p.Get("is_robot").Bool(); ok && robot {
			s.label("robot", "true")
		}
		p.Get("avatar").Skip() // a picture
		p.Get("kind").Skip()
	} else if s.user == "" {
		s.user = p.Text()
	}
	meta := n.Get("metadata")
	if text := n.Any("metadata_json", "metadata"); text.IsString() {
		var doc jsontree.Doc // metadata that was written as text
		if inner, ok := doc.Parse(text.JSON()); ok {
			text.Skip()
			meta = inner
		}
	}
	namespace := n.Get("namespace").Any("name", "username").Str()
	if namespace == "" {
		namespace = n.Any("namespace", "account", "namespace_name").Str()
	}
	n.Get("namespace").Skip()
	s.quayMeta(meta, namespace, n.Any("repository", "repository_name").Str())
}

// quayMeta reads what an entry says of its object.
func (s *said) quayMeta(m jsontree.Node, namespace, repository string) {
	if in := m.Get("namespace").Str(); in != "" {
		namespace = in
	}
	if in := m.Get("repo").Str(); in != "" {
		repository = in
	}
	s.repository = repository
	if namespace != "" && repository != "" && !strings.Contains(repository, "/") {
		s.repository = namespace + "/" + repository
	} else if repository == "" {
		s.label("namespace", namespace)
	}
	s.tag, s.digest = m.Get("tag").Str(), m.Any("manifest_digest", "digest").Str()
	s.previous = m.Get("original_manifest_digest").Str()
	s.overwritten = s.previous != "" && s.previous != s.digest
	s.agent = m.Any("user-agent", "useragent").Str()
	if s.user == "" { // nobody, so far: who tried to log in
		s.user = m.Get("username").Str()
	}
	if target := m.Any("member", "robot", "username", "delegate_user").Str(); target != s.user {
		s.target = target
	}
	s.reason = m.Get("message").Str()
	m.Rest(func(path string, n jsontree.Node) { s.label("metadata."+path, n.Text()) })
}

// quayNotification reads what Quay posts when a repository was pushed to.
func (s *said) quayNotification(n jsontree.Node) {
	s.provider, s.action = "quay", actionPush
	s.repository = n.Get("repository").Str()
	s.name = s.repository
	s.url = n.Get("homepage").Str()
	image := record.ParseImage(n.Get("docker_url").Str())
	s.host = image.Registry
	n.Get("name").Skip() // said by the repository
	n.Get("namespace").Skip()
	tags := n.Get("updated_tags")
	var names []string
	tags.Each(func(name string, t jsontree.Node) {
		if v := t.Text(); name == "" {
			name = v
		}
		names = append(names, name)
	})
	if len(names) == 1 {
		s.tag = names[0]
	} else {
		s.label("updated_tags", strings.Join(names, ","))
	}
}
