package registry

import (
	"net/url"
	"strings"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// notification reads one event of an envelope of Distribution
// (application/vnd.docker.distribution.events.v1+json and .v2+json).
func (s *said) notification(n jsontree.Node) {
	s.provider = "distribution"
	s.action = n.Get("action").Str()
	s.name = n.Get("id").Str()
	s.reference = s.name
	s.at(n.Get("timestamp").Str())
	t := n.Get("target")
	s.repository, s.tag, s.digest = t.Get("repository").Str(), t.Get("tag").Str(), t.Get("digest").Str()
	s.media, s.url = t.Get("mediaType").Str(), t.Get("url").Str()
	if s.size, s.sized = t.Get("size").Int(); !s.sized {
		s.size, s.sized = t.Get("length").Int()
	}
	if length, ok := t.Get("length").Int(); ok && length != s.size {
		s.label("length", t.Get("length").Text())
	}
	s.layer = layer(s.media, s.url)
	if from := t.Get("fromRepository").Str(); from != "" {
		s.label("from_repository", from)
	}
	r := n.Get("request")
	s.requestID, s.source, s.host = r.Get("id").Str(), r.Get("addr").Str(), r.Get("host").Str()
	s.method, s.agent = r.Get("method").Str(), r.Get("useragent").Str()
	s.user = n.Get("actor", "name").Str()
	s.label("node", n.Get("source", "addr").Str())
	s.instance = n.Get("source", "instanceID").Str()
	if s.repository == "" {
		s.say("the event names no repository")
	}
}

// layer reports whether a blob is no manifest and no index.
func layer(media, url string) bool {
	switch {
	case strings.Contains(url, "/manifests/"), strings.Contains(media, ".manifest."), strings.Contains(media, ".index."), strings.Contains(media, "manifest.list"):
		return false
	}
	return strings.Contains(url, "/blobs/") || strings.Contains(media, ".layer.") || strings.Contains(media, ".rootfs.") || media == "application/octet-stream" ||
		strings.Contains(media, ".config.") || strings.Contains(media, "container.image.v1")
}

// dockerHub reads what Docker Hub sends when an image was pushed.
func (s *said) dockerHub(n jsontree.Node) {
	s.provider, s.action = "dockerhub", actionPush
	p, r := n.Get("push_data"), n.Get("repository")
	s.user, s.tag, s.media = p.Get("pusher").Str(), p.Get("tag").Str(), p.Get("media_type").Str()
	if at, ok := p.Get("pushed_at").Float(); ok {
		s.time, _ = record.Epoch(at)
		s.stamp = p.Get("pushed_at").Text()
	}
	s.clock = true
	if s.repository = r.Get("repo_name").Str(); s.repository == "" {
		s.repository = r.Get("namespace").Str() + "/" + r.Get("name").Str()
	}
	s.url, s.host = r.Get("repo_url").Str(), "registry.hub.docker.com"
	s.callback(n.Get("callback_url"))
	r.Get("name").Skip() // said by repo_name
	r.Get("namespace").Skip()
	if private, ok := r.Get("is_private").Bool(); ok && private {
		s.label("private", "true")
	}
	s.label("owner", r.Get("owner").Str())
}

// callback takes where Docker Hub waits for an answer. Whoever has the whole
// address may give it, and so say whether the image is good: only its host is told.
// It still tells one push from another, as a part of the event's id.
func (s *said) callback(n jsontree.Node) {
	if s.name = n.Str(); s.name == "" {
		return
	}
	s.secret = `"callback_url"`
	if at, err := url.Parse(s.name); err == nil {
		s.label("callback_host", at.Host)
	}
}

// without returns a JSON text without the strings that a member of this name holds,
// however they are spelled there (\/ for a slash).
func without(text, member string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, member)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteString(member)
		value := strings.TrimLeft(after, ": \t\r\n")
		b.WriteString(after[:len(after)-len(value)])
		if text = value; !strings.HasPrefix(value, `"`) {
			continue
		}
		end := 1
		for end < len(value) && value[end] != '"' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		b.WriteString(`"[left out]"`)
		text = value[min(end+1, len(value)):]
	}
}

// trusted reads the webhooks of Docker Trusted Registry and Mirantis Secure
// Registry.
func (s *said) trusted(n jsontree.Node) {
	s.provider = "dtr"
	kind, c := n.Get("type").Str(), n.Get("contents")
	s.action = trustedActions[kind]
	if s.action == "" {
		s.action = record.Slug(kind)
	}
	if kind == "SCAN_FAILED" {
		s.outcome = "failure"
	}
	s.label("type", kind)
	stamp := c.Any("pushedAt", "pulledAt", "deletedAt", "promotedAt", "scannedAt", "timestamp").Str()
	created := n.Get("createdAt").Str()
	if stamp == "" {
		stamp = created
	}
	s.at(stamp)
	if created != stamp {
		s.label("created_at", created)
	}
	s.name = kind + " " + stamp + " " + created
	namespace, repository := c.Get("namespace").Str(), c.Any("repository", "name").Str()
	if s.repository = repository; namespace != "" {
		s.repository = namespace + "/" + repository
	}
	s.tag, s.digest = c.Get("tag").Str(), c.Get("digest").Str()
	s.user = c.Any("initiatedBy", "author").Str()
	s.label("architecture", c.Get("architecture").Str())
	s.label("os", c.Get("os").Str())
	image := record.ParseImage(c.Get("imageName").Str())
	s.host = image.Registry
	s.path = n.Get("location").Str()
	switch c.Get("event").Str() { // of REPO_EVENT
	case "REPO_CREATED":
		s.action = "repository-created"
	case "REPO_DELETED":
		s.action = "repository-deleted"
	}
}

var trustedActions = map[string]string{
	"TAG_PUSH": actionPush, "TAG_PULL": actionPull, "TAG_DELETE": actionDelete, "MANIFEST_PUSH": actionPush, "MANIFEST_DELETE": actionDelete,
	"SCAN_COMPLETED": "scan-completed", "SCAN_FAILED": "scan-failed", "SCANNER_UPDATE_COMPLETED": "scanner-updated",
	"PROMOTION": "promote", "PUSH_MIRRORING": "replicate", "POLL_MIRRORING": "replicate", "REPO_EVENT": "repository-changed",
	"REPO_CREATED": "repository-created", "REPO_UPDATED": "repository-changed", "REPO_DELETED": "repository-deleted", "HELM_CHART_PUSH": actionPush, "HELM_CHART_PULL": actionPull, "HELM_CHART_DELETE": actionDelete,
}
