// Package git takes what servers of git repositories say: their logs, followed
// through rotation and restart, or their webhooks, over HTTP or HTTPS, each
// verified by its signature or token. What a record means is its decoder's.
package git

import (
	"net/http"
	"net/url"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
	"tallyman/pipeline/weblisten"
)

// Plugin is the input `git`.
var Plugin = plugin.NewInput("git", "What git servers say: log files (GitLab, Gitea, gitolite, access logs before git-http-backend, exports of GitHub's audit log), or webhooks (GitHub, Gitea, Forgejo, Gogs, GitLab) and GitLab's audit event streams.", defaults, build)

// The decoders that records wait for.
const (
	decodeWebhook = "git_webhook"
	decodeGitLab  = "gitlab"
)

// mostName bounds what is taken from a header, in bytes.
const mostName = 128

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	if s.Listen.Value == "" {
		return tail.NewSet(tail.SetOptions{
			Patterns: s.patterns(env.Dir), FromEnd: s.StartAt == "end", MaxLine: int(s.MaxLine), Decode: s.Decode, Once: env.Once,
			Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
		}), nil
	}
	// Gitea and Forgejo sign as GitHub does, too: the first header that is there counts.
	return weblisten.New(&s.Settings, env, &handler{guard: weblisten.Guard{Secret: s.Secret, Ways: []weblisten.Proof{
		weblisten.GitHub, weblisten.Forgejo, weblisten.Gitea, weblisten.Gogs, weblisten.GitLab,
		{Name: "X-Gitlab-Event-Streaming-Token", Header: "X-Gitlab-Event-Streaming-Token"}, weblisten.Bearer,
	}}})
}

// handler implements weblisten.Handler.
type handler struct{ guard weblisten.Guard }

// Admit implements weblisten.Handler.
func (h *handler) Admit(r *http.Request) error {
	if err := h.guard.Admit(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		return weblisten.Refuse(http.StatusMethodNotAllowed, "webhooks are posted")
	}
	return nil
}

// Take implements weblisten.Handler. A webhook is one record, whole.
func (h *handler) Take(r *http.Request, body string) ([]weblisten.Group, error) {
	if err := h.guard.Verify(r, body); err != nil {
		return nil, err
	}
	text := strings.TrimSpace(body)
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(text)
		if err != nil {
			return nil, weblisten.Refuse(http.StatusBadRequest, "the form cannot be read")
		}
		text = strings.TrimSpace(form.Get("payload"))
	}
	if !strings.HasPrefix(text, "{") {
		return nil, weblisten.Refuse(http.StatusBadRequest, "the body is no webhook: a JSON object is wanted, or a form whose payload is one")
	}
	decode, fields := said(r.Header)
	return []weblisten.Group{{Decode: decode, Fields: fields, Texts: []string{text}}}, nil
}

// said reads what headers say of a webhook: the server, the event and the name of
// the delivery. Gitea and Forgejo send the headers of GitHub beside their own.
func said(h http.Header) (decode string, f event.Fields) {
	get := func(names ...string) string {
		for _, n := range names {
			if v := h.Get(n); v != "" && len(v) <= mostName {
				return v
			}
		}
		return ""
	}
	if h.Get("X-Gitlab-Audit-Event-Type") != "" {
		return decodeGitLab, nil
	}
	for _, s := range [...]struct{ name, header string }{{"forgejo", "X-Forgejo-Event"}, {"gitea", "X-Gitea-Event"}, {"gogs", "X-Gogs-Event"}, {"gitlab", "X-Gitlab-Event"}, {"github", "X-Github-Event"}} {
		v := get(s.header)
		if v == "" {
			continue
		}
		f.AddString(schema.GitServer, s.name)
		if s.name != "gitlab" { // whose header is for people, and whose body has the name
			f.AddString(schema.EventCode, v)
		}
		break
	}
	f.AddString(schema.EventReference, get("X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-Gitlab-Event-Uuid", "X-Github-Delivery"))
	return decodeWebhook, f
}
