package registry

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// jfrogActions are the events of Artifactory's webhooks by domain and type.
var jfrogActions = map[string]string{
	"docker pushed": actionPush, "docker deleted": actionDelete, "docker promoted": "promote",
	"artifact deployed": "deploy", "artifact deleted": actionDelete, "artifact moved": "move", "artifact copied": "copy", "artifact cached": "deploy",
	"artifact_property added": "property-changed", "artifact_property deleted": "property-changed",
	"build uploaded": "build", "build deleted": actionDelete, "build promoted": "promote", "user locked": "user-changed",
	"release_bundle created": "build", "release_bundle signed": "sign", "release_bundle deleted": actionDelete, "distribution distribute_completed": "replicate",
}

// jfrogHook reads a webhook of Artifactory.
func (s *said) jfrogHook(n jsontree.Node) {
	s.provider = "artifactory"
	d := n
	if n.Get("data").IsObject() {
		d = n.Get("data")
	}
	domain, kind := n.Get("domain").Str(), n.Get("event_type").Str()
	if d.Get("event_type").Is() {
		d.Get("event_type").Skip()
	}
	if domain == "" && d.Get("image_name").Is() {
		domain = "docker"
	}
	if s.action = jfrogActions[domain+" "+kind]; s.action == "" {
		s.action = record.Slug(domain + " " + kind)
	}
	s.label("domain", domain)
	s.label("event_type", kind)
	s.at(n.Any("timestamp", "occurred_at").Text())
	s.clock = false // webhooks of most versions have none
	s.repository = strings.Trim(d.Get("repo_key").Str()+"/"+d.Get("image_name").Str(), "/")
	d.Get("name").Skip() // said by the path
	s.tag = d.Any("tag", "image_tag").Str()
	if sum := d.Get("sha256").Str(); sum != "" {
		s.digest = "sha256:" + sum
	}
	s.size, s.sized = d.Get("size").Int()
	s.path = d.Get("path").Str()
	s.user = n.Any("user_name", "user", "triggered_by").Str()
	if s.user == "" {
		s.user = d.Any("user_name", "user", "triggered_by").Str()
	}
	var platforms []string
	d.Get("platforms").Each(func(_ string, p jsontree.Node) {
		platforms = append(platforms, p.Get("os").Str()+"/"+p.Get("architecture").Str())
	})
	s.label("platforms", strings.Join(platforms, ","))
	s.host = record.ParseImage(n.Get("jpd_origin").Str() + "/").Registry
	s.label("subscription", n.Get("subscription_key").Str())
	if origin := n.Get("source").Str(); s.user == "" && strings.HasPrefix(origin, "jfrog/") {
		s.user = strings.TrimPrefix(origin, "jfrog/")
	} else {
		s.label("source", origin)
	}
}

// jfrogLog reads a line of the JFrog platform's logs that a shipper made an object
// of, and the router's own.
func (s *said) jfrogLog(n jsontree.Node) {
	s.provider = "artifactory"
	s.logger = clean(n.Get("log_source").Str())
	s.hostName = clean(n.Get("hostname").Str())
	text := func(names ...string) string { return clean(n.Any(names...).Text()) }
	s.at(text("log_timestamp", "StartUTC", "time"))
	if s.time.IsZero() && s.stamp == "" {
		s.clock = false // not every shipper hands it on
	}
	s.label("trace_id", text("trace_id", "request_Uber-Trace-Id"))
	s.level = strings.ToLower(text("log_level", "level"))
	s.user, s.source = text("username"), text("remote_address", "remote_address ", "ClientAddr", "ip", "user_ip")
	s.nobody()
	if strings.Contains(s.source, "UNK") {
		s.source = ""
	}
	s.message = text("message", "msg")
	switch method, action := text("request_method", "RequestMethod"), text("action_response"); {
	case method != "":
		s.method, s.agent = method, text("request_user_agent", "request_User-Agent")
		s.url = text("request_url", "RequestPath", "remote_url")
		s.request(text("return_status", "DownstreamStatus"))
		s.sizes(text("request_content_length"), text("response_content_length", "DownstreamContentSize"))
		s.label("duration", text("request_duration", "Duration"))
		s.label("backend", text("ServiceAddr"))
		s.label("repository_key", text("remote_repo_name", "repo"))
		s.label("image", text("image"))
	case action != "":
		s.accessed(action, text("repo_path"))
		if s.message == "[token]" {
			s.label("by", "token")
			s.message = ""
		}
	case n.Get("logged_principal").Is():
		s.audited(text("event_type"), text("event"), text("entity_name"), text("logged_principal"))
		s.label("token_id", text("token_id"))
		s.label("data_changed", text("data_changed"))
	default:
		s.action = actionLog
		s.label("service", text("service_type"))
		s.label("place", text("class_line_number"))
		s.label("thread", text("thread"))
		s.judged()
	}
}

// judged says how a line of an application's log ended: only its level is known.
func (s *said) judged() {
	switch s.outcome = "unknown"; s.level {
	case "error", "fatal", "panic", "critical":
		s.outcome = "failure"
	}
}

func clean(v string) string {
	if v = strings.TrimSpace(v); v == "-" || v == "null" {
		return ""
	}
	return v
}

// sizes keeps how long request and response were.
func (s *said) sizes(request, response string) {
	for _, l := range [...]label{{"request_bytes", request}, {"response_bytes", response}} {
		if v := strings.TrimSuffix(l.value, ".0"); v != "" && !strings.HasPrefix(v, "-") {
			s.label(l.name, v)
		}
	}
}

// columns reads the lines of Artifactory that bars part: request.log with eleven
// columns, request-out.log with ten, access-security-audit.log with nine.
func (s *said) columns(text string) bool {
	c := strings.SplitN(text, "|", 11)
	if len(c) < 9 {
		return false
	}
	if len(c) == 10 && c[2] == "REQUEST" {
		return s.sixth(c)
	}
	t, ok := record.Time(c[0])
	if !ok {
		return false
	}
	s.provider, s.time, s.clock = "artifactory", t, true
	s.label("trace_id", c[1])
	if len(c) == 9 && !isMethod(c[4]) {
		s.source, s.user = clean(c[2]), clean(c[3])
		s.audited(clean(c[6]), clean(c[7]), clean(c[5]), clean(c[4]))
		s.label("data_changed", c[8])
		return true
	}
	if len(c) < 10 || !isMethod(c[4]) {
		return false
	}
	s.user, s.method, s.url = clean(c[3]), c[4], clean(c[5])
	s.nobody()
	if len(c) == 10 {
		s.label("repository_key", c[2])
	} else {
		s.source, s.agent = clean(c[2]), clean(c[10])
	}
	s.request(c[6])
	s.sizes(clean(c[7]), clean(c[8]))
	if ms, err := strconv.ParseInt(strings.TrimSpace(c[9]), 10, 64); err == nil && ms >= 0 && ms < 1<<40 {
		s.took = ms * 1e6
	} else {
		s.label("duration", c[9])
	}
	return true
}

// sixth reads the request.log of Artifactory 6: time, ms, REQUEST, address, user,
// method, path, protocol, status, length.
func (s *said) sixth(c []string) bool {
	t, err := time.Parse("20060102150405", c[0])
	if err != nil || !record.Sane(t) || !isMethod(c[5]) {
		return false
	}
	s.provider, s.time, s.clock = "artifactory", t, true
	s.source, s.user, s.method, s.url = clean(c[3]), clean(c[4]), c[5], clean(c[6])
	s.nobody()
	s.request(c[8])
	s.sizes("", clean(c[9]))
	if ms, err := strconv.ParseInt(c[1], 10, 64); err == nil && ms >= 0 && ms < 1<<40 {
		s.took = ms * 1e6
	}
	return true
}

// nobody takes the names of those who did not say who they are for no user.
func (s *said) nobody() {
	if s.user == "anonymous" || s.user == "non_authenticated_user" {
		s.label("user", s.user)
		s.user = ""
	}
}

func isMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "MKCOL", "MOVE", "COPY":
		return true
	}
	return false
}

// audited maps a line of the security audit: who changed what of whom.
func (s *said) audited(kind, what, entity, principal string) {
	if s.user == "" {
		s.user = principal
	} else if principal != s.user {
		s.label("logged_principal", principal)
	}
	s.target, s.action = entity, "access-changed"
	if strings.Contains(strings.ToLower(what), "token") || what == "" {
		s.action = "credential-changed"
	}
	if strings.EqualFold(what, "user") || strings.EqualFold(what, "users") {
		s.action = "user-changed"
	}
	s.label("event_type", kind)
	s.label("event", what)
}

// accessed maps what access.log says: ACCEPTED or DENIED, what, and where.
func (s *said) accessed(verdict, place string) {
	answer, what, _ := strings.Cut(verdict, " ")
	if answer != "ACCEPTED" && answer != "DENIED" {
		answer, what = what, answer
	}
	if s.outcome = "success"; answer != "ACCEPTED" {
		s.outcome = "failure"
	}
	s.action = map[string]string{"DEPLOY": "deploy", "DOWNLOAD": "download", "DELETE": actionDelete, "LOGIN": actionLogin, "MOVE": "move", "COPY": "copy",
		"CONFIGURATION CHANGE": "access-changed", "ANNOTATE": "property-changed", "ANNOTATE DELETE": "property-changed"}[what]
	if s.action == "" {
		s.action = record.Slug(what)
	}
	key, path, ok := strings.Cut(strings.TrimSpace(place), ":")
	if !ok {
		s.label("object", place)
		return
	}
	s.docker(key, path)
}

// docker finds the image in a place of a repository: image/tag/manifest.json, or
// image/tag/sha256__… for a layer.
func (s *said) docker(key, path string) {
	s.path = path
	parts := strings.Split(path, "/")
	file := parts[len(parts)-1]
	if len(parts) < 3 || file != "manifest.json" && file != "list.manifest.json" && !strings.HasPrefix(file, "sha256__") {
		s.repository = key
		return
	}
	s.repository = key + "/" + strings.Join(parts[:len(parts)-2], "/")
	s.tag = parts[len(parts)-2]
	if sum, ok := strings.CutPrefix(s.tag, "sha256__"); ok {
		s.tag, s.digest = "", "sha256:"+sum
	}
	if sum, ok := strings.CutPrefix(file, "sha256__"); ok {
		s.tag, s.digest, s.layer = "", "sha256:"+sum, true
	}
	switch s.action {
	case "deploy":
		s.action = actionPush
	case "download":
		s.action = actionPull
	}
}
