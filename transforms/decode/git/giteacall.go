package git

import (
	"net/url"
	"strings"
)

// giteaCalls are what calls of Gitea's API change below a repository, and what the
// forms of its pages change below a repository's settings: the action, and that of
// the removal.
var giteaCalls = map[string][2]string{
	"branch_protections":     {"protection-changed", "protection-removed"},
	"tag_protections":        {"protection-changed", "protection-removed"},
	"collaborators":          {"member-added", "member-removed"},
	"teams":                  {"member-added", "member-removed"},
	"keys":                   {"deploy-key-added", "deploy-key-removed"},
	"hooks":                  {"webhook-changed", "webhook-changed"},
	"transfer":               {"repository-changed", "repository-changed"},
	"settings/branches":      {"protection-changed", "protection-removed"},
	"settings/tags":          {"protection-changed", "protection-removed"},
	"settings/collaboration": {"member-added", "member-removed"},
	"settings/keys":          {"deploy-key-added", "deploy-key-removed"},
	"settings/hooks":         {"webhook-changed", "webhook-changed"},
}

// giteaCall judges a request that changes something at Gitea or Forgejo: neither has
// a webhook for who may do what. It leaves alone what it does not know, and what
// only asks.
func (f *facts) giteaCall(target string) {
	switch f.method {
	case "POST", "PUT", "PATCH", "DELETE":
	default:
		return
	}
	path, _, _ := strings.Cut(target, "?")
	gone := f.method == "DELETE"
	pick := func(names [2]string) {
		if f.action = names[0]; gone {
			f.action = names[1]
		}
	}
	if _, call, ok := strings.Cut(path, "/api/v1/"); ok {
		f.giteaAPI(segments(call), pick)
		return
	}
	parts := segments(path)
	if len(parts) == 3 && parts[0] == "user" && parts[1] == "settings" && parts[2] == "keys" {
		f.action, f.server = "key-added", "gitea"
		return
	}
	if len(parts) < 4 || parts[2] != "settings" {
		return
	}
	gone = gone || parts[len(parts)-1] == "delete"
	if names, ok := giteaCalls["settings/"+parts[3]]; ok {
		pick(names)
		f.repository, f.server = parts[0]+"/"+parts[1], "gitea"
	}
}

// giteaAPI judges a call of the API below /api/v1.
func (f *facts) giteaAPI(parts []string, pick func([2]string)) {
	last := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch {
	case len(parts) >= 4 && parts[0] == "repos":
		names, ok := giteaCalls[parts[3]]
		if !ok {
			return
		}
		pick(names)
		switch parts[3] {
		case "branch_protections":
			f.ref = branchRef(last(4))
		case "collaborators":
			f.target = last(4)
		case "teams":
			f.group = last(4)
		}
	case len(parts) == 3 && parts[0] == "repos":
		pick([2]string{"repository-changed", "repository-deleted"})
	case len(parts) == 2 && parts[0] == "user" && parts[1] == "repos", len(parts) == 3 && parts[0] == "orgs" && parts[2] == "repos":
		f.action, f.server = "repository-created", "gitea"
		return
	case len(parts) >= 2 && parts[0] == "user" && parts[1] == "keys":
		pick([2]string{"key-added", "key-removed"})
	case len(parts) >= 3 && parts[0] == "users" && parts[2] == "tokens":
		f.target = parts[1]
		pick([2]string{"access-token-created", "access-token-removed"})
	case len(parts) == 4 && parts[0] == "teams" && parts[2] == "members":
		f.target = parts[3]
		f.label("team_id", parts[1])
		pick([2]string{"member-added", "member-removed"})
	case len(parts) >= 2 && parts[0] == "admin" && parts[1] == "users":
		f.target = last(2)
		if pick([2]string{"user-changed", "user-deleted"}); len(parts) == 2 {
			f.action = "user-created"
		}
	default:
		return
	}
	if f.server = "gitea"; parts[0] == "repos" {
		f.repository = parts[1] + "/" + parts[2]
	}
}

// segments parts a path, each part without its escapes.
func segments(path string) []string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		if v, err := url.PathUnescape(p); err == nil {
			parts[i] = v
		}
	}
	return parts
}
