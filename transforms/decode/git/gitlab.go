package git

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
)

var errGitLab = errors.New("no JSON of a log of GitLab")

type gitlabDecoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

func newGitLab(env plugin.Env) plugin.Decoder { return &gitlabDecoder{env: env} }

// Decode implements plugin.Decoder. GitLab does not name its logs in their lines:
// what a line has tells which it is.
func (d *gitlabDecoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(e.Raw)
	if !ok || !root.IsObject() {
		return errGitLab
	}
	f := facts{dataset: DatasetLog, server: "gitlab", commits: -1, bytes: -1}
	at, _ := record.Time(root.Any("time", "created_at", "timestamp").Str())
	switch {
	case root.Get("entity_type").Is() || root.Get("author_id").Is():
		f.dataset = DatasetAudit
		f.audited(root)
	case root.Get("method").Is() && root.Get("path").Is():
		f.webRequest(root)
	case root.Get("gl_project_path").Is() || root.Get("gl_key_id").Is() || root.Get("command").Is():
		f.shell(root)
	case root.Any("message", "msg").Is():
		f.action, f.message = "server-log", root.Any("message", "msg").Str()
		f.keep = len(f.message) > mostMessage
	default:
		return errGitLab
	}
	if f.level == "" {
		f.level = strings.ToLower(root.Any("severity", "level").Str())
	}
	f.user = first(f.user, root.Any("username", "meta.user").Str())
	f.repository = first(f.repository, root.Any("meta.project", "gl_project_path").Str())
	f.origin = first(f.origin, root.Any("remote_ip", "ip_address", "meta.remote_ip").Str())
	f.agent = first(f.agent, root.Any("ua", "user_agent").Str())
	f.userID = first(f.userID, root.Any("user_id", "author_id").Text())
	for _, again := range [...]string{"meta.remote_ip", "meta.client_id"} {
		root.Get(again).Skip()
	}
	if root.Get("meta.user").Str() == f.user {
		root.Get("meta.user").Skip()
	}
	f.measures(root)
	f.keep = f.keep || root.Left()
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// measures lets go of what GitLab counts of itself in each request (durations,
// calls and bytes of its stores), and makes labels of everything else.
func (f *facts) measures(root jsontree.Node) {
	root.Each(func(name string, n jsontree.Node) {
		switch {
		case strings.HasSuffix(name, "_count"), strings.HasSuffix(name, "_calls"), strings.HasSuffix(name, "_bytes"), strings.HasSuffix(name, "_s"),
			strings.HasPrefix(name, "mem_"), name == "pid", name == "request_urgency":
			n.Skip()
		case name == "params":
			f.params(n)
		default:
			f.rest(name, n)
		}
	})
}

// params reads what was asked with; GitLab masks secrets itself.
func (f *facts) params(n jsontree.Node) {
	n.Each(func(_ string, p jsontree.Node) {
		name := p.Get("key").Str()
		if v := p.Get("value"); v.IsObject() || v.IsArray() {
			f.rest("params."+name, v)
		} else if v.Text() != "[FILTERED]" {
			f.label("params."+name, v.Text())
		}
	})
}

// shell reads gitlab-shell's line on a session.
func (f *facts) shell(root jsontree.Node) {
	f.transport = "ssh"
	f.code = root.Get("command").Str()
	f.message = root.Any("msg", "message").Str()
	f.repository = root.Get("gl_project_path").Str()
	switch {
	case strings.HasSuffix(f.code, "upload-pack"), strings.HasSuffix(f.code, "upload-archive"):
		f.action = "fetch"
	case strings.HasSuffix(f.code, "receive-pack"):
		f.action = "push"
	default:
		f.action = "server-log"
	}
	if !strings.Contains(f.message, "executing git command") && f.action != "server-log" {
		f.action = "server-log" // a step on the way
	}
	if level := root.Get("level").Str(); level == "error" || strings.Contains(strings.ToLower(f.message), "denied") {
		f.outcome = "failure"
		if strings.Contains(strings.ToLower(f.message), "denied") {
			f.action = "access-denied"
		}
	}
}

// webRequest reads a line of production_json.log or api_json.log.
func (f *facts) webRequest(root jsontree.Node) {
	f.method, f.path = root.Get("method").Str(), root.Get("path").Str()
	f.status, _ = root.Get("status").Int()
	if s, ok := root.Get("duration_s").Float(); ok && s > 0 && s < 1e6 {
		f.took = time.Duration(s * float64(time.Second))
	}
	controller, action := root.Get("controller").Str(), root.Get("action").Str()
	f.action = "http-request"
	switch f.code = root.Get("route").Str(); {
	case controller != "":
		f.code = controller + "#" + action
		f.page(controller, action, root)
	default:
		f.called()
	}
	switch {
	case f.outcome != "":
	case f.status == 0:
		f.outcome = "unknown"
	case f.status >= 400:
		f.outcome = "failure"
	}
}

// page judges a request to a page by the controller of Rails that served it.
func (f *facts) page(controller, action string, root jsontree.Node) {
	switch {
	case strings.Contains(controller, "GitHttpController"):
		f.request(f.path)
		f.code = controller + "#" + action
	case controller == "SessionsController" && action == "create":
		f.action, f.outcome = "logged-in", map[int64]string{302: "success", 303: "success", 401: "failure", 422: "failure"}[f.status]
		f.user = first(asked(root, "user", "login"), asked(root, "username"))
		if f.outcome == "" {
			f.outcome = "unknown" // a second step follows, or the page comes again
		}
	case controller == "OmniauthCallbacksController":
		f.action, f.user = "logged-in", asked(root, "username")
		f.outcome = "success"
		if action == "failure" || f.status >= 400 {
			f.outcome = "failure"
		}
	case f.status < 400 && f.method != "GET" && strings.Contains(controller, "ProtectedBranches"):
		f.action = "protection-changed"
		if action == "destroy" {
			f.action = "protection-removed"
		}
	case f.status < 400 && f.method == "POST" && strings.Contains(controller, "DeployKeys"):
		f.action = "deploy-key-added"
	case f.status < 400 && f.method == "POST" && strings.Contains(controller, "AccessTokens"):
		f.action = "access-token-created"
	case f.status < 400 && f.method != "GET" && strings.Contains(controller, "HooksController"):
		f.action = "webhook-changed"
	}
}

// asked returns what a request's parameters say.
func asked(root jsontree.Node, names ...string) (text string) {
	root.Get("params").Each(func(_ string, p jsontree.Node) {
		if p.Get("key").Str() == names[0] && text == "" {
			text = p.Get("value").Get(names[1:]...).Str()
		}
	})
	return text
}

// called judges a call of the API: /api/v4/projects/ID/protected_branches.
func (f *facts) called() {
	_, rest, ok := strings.Cut(f.path, "/api/v")
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	if !ok || len(parts) < 2 || f.status >= 400 || f.method == "GET" || f.method == "HEAD" {
		return
	}
	of, what := parts[1], ""
	if len(parts) > 3 {
		what = parts[3]
	}
	if of == "projects" && len(parts) > 2 {
		if name, err := url.PathUnescape(parts[2]); err == nil && strings.Contains(name, "/") {
			f.repository = name
		} else {
			f.label("project_id", parts[2])
		}
	}
	post, gone := f.method == "POST", f.method == "DELETE"
	pick := func(added, removed string) {
		switch {
		case gone:
			f.action = removed
		default:
			f.action = added
		}
	}
	switch {
	case of == "projects" && len(parts) == 2 && post:
		f.action = "repository-created"
	case of == "projects" && len(parts) == 3:
		pick("repository-changed", "repository-deleted")
	case what == "protected_branches" || what == "protected_tags":
		pick("protection-changed", "protection-removed")
	case what == "deploy_keys":
		pick("deploy-key-added", "deploy-key-removed")
	case what == "members" || what == "invitations":
		pick("member-added", "member-removed")
	case what == "hooks":
		f.action = "webhook-changed"
	case what == "access_tokens" || of == "personal_access_tokens" || what == "personal_access_tokens" || what == "deploy_tokens":
		pick("access-token-created", "access-token-removed")
	}
}
