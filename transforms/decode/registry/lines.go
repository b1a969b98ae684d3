package registry

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
)

// prefix takes what rsyslog writes before a line of Harbor's containers:
// "May 16 12:11:39 172.25.0.1 core[1160]: ".
func (s *said) prefix(text string, seen time.Time) string {
	if len(text) < 16 || text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':' {
		return text
	}
	t, err := time.Parse(time.Stamp, text[:15])
	host, rest, ok := strings.Cut(strings.TrimPrefix(text[15:], " "), " ")
	tag, rest, found := strings.Cut(rest, ": ")
	if err != nil || !ok || !found || strings.ContainsAny(tag, " \"") {
		return text
	}
	name, pid, _ := strings.Cut(strings.TrimSuffix(tag, "]"), "[")
	s.app, s.procID = name, pid
	s.label("sender", host)
	// The year that puts the time nearest to when it was read.
	s.time = t.AddDate(seen.Year(), 0, 0)
	if s.time.Sub(seen) > 180*24*time.Hour {
		s.time = s.time.AddDate(-1, 0, 0)
	}
	return rest
}

// line reads a line of text, whichever it is.
func (s *said) line(text string) bool {
	switch {
	case strings.HasPrefix(text, "time=") || strings.Contains(text, " level=") && strings.Contains(text, "msg="):
		return s.logfmt(text)
	case strings.Count(text, "|") >= 8 && s.columns(text):
		return true
	case strings.Contains(text, `] "`) && s.combined(text):
		return true
	case s.coreLine(text):
		return true
	case s.access(text):
		return true
	}
	return s.service(text)
}

// logfmt reads a line of Distribution's application log.
func (s *said) logfmt(text string) bool {
	found := false
	whole := record.Pairs(text, ' ', func(name, value string) {
		found = s.pair(name, value) || found
	})
	if !found {
		return false
	}
	if !whole {
		s.say("a part of the line is not name=value")
	}
	s.applied()
	return true
}

// application reads the same as a JSON object.
func (s *said) application(n jsontree.Node) {
	n.Rest(func(path string, v jsontree.Node) { s.pair(path, v.Text()) })
	s.applied()
}

// pair takes one pair of the application log, and reports whether it is one that
// each line has.
func (s *said) pair(name, value string) bool {
	switch name {
	case "time":
		s.at(value)
		return true
	case "level":
		s.level = value
		return true
	case "msg":
		s.message = value
		return true
	case "http.request.id":
		s.requestID = value
	case "http.request.method":
		s.method = value
	case "http.request.uri":
		s.url = value
	case "http.request.host":
		s.host = value
	case "http.request.remoteaddr":
		s.source = value
	case "http.request.useragent":
		s.agent = value
	case "http.response.status":
		s.status, _ = strconv.ParseInt(value, 10, 64)
	case "http.response.duration":
		if d, err := time.ParseDuration(value); err == nil {
			s.took = d.Nanoseconds()
		} else {
			s.label(name, value)
		}
	case "auth.user.name":
		s.user = value
	case "instance.id":
		s.instance = value
	case "vars.name":
		s.repository = value
	case "vars.reference":
		s.object(value)
	case "vars.digest":
		s.digest = value
	case "err.message":
		s.reason = value
		s.label(name, value)
	default:
		s.label(name, value)
	}
	return false
}

// applied says what a line of the application log stands for.
func (s *said) applied() {
	if s.provider == "" {
		s.provider = "distribution"
	}
	s.name = "" // lines have none
	user, why, ok := strings.Cut(strings.TrimPrefix(s.message, "error authenticating user "), ": ")
	switch {
	case ok && strings.HasPrefix(s.message, "error authenticating user "):
		if name, _, sound := record.Unquote(user); sound {
			user = name
		}
		s.user, s.reason, s.action, s.outcome = user, why, actionLogin, "failure"
	case strings.HasPrefix(s.message, "error authorizing context"):
		_, s.reason, _ = strings.Cut(s.message, ": ")
		s.action, s.outcome = actionRequest, "failure"
	case s.status > 0:
		status := strconv.FormatInt(s.status, 10)
		s.request(status)
	case s.method != "":
		s.action, s.outcome = actionRequest, "unknown"
		s.judged()
	default:
		s.action = actionLog
		s.judged()
	}
}

// request says what a request to the registry was, by its method and path (OCI
// distribution specification, section "endpoints").
func (s *said) request(status string) {
	if n, err := strconv.ParseInt(strings.TrimSpace(status), 10, 64); err == nil && n >= 100 && n < 1000 {
		s.status = n
	} else {
		s.say("the request has no status")
	}
	switch {
	case s.status >= 400:
		s.outcome = "failure"
	case s.status > 0:
		s.outcome = "success"
	default:
		s.outcome = "unknown"
	}
	s.action = actionRequest
	path, query, _ := strings.Cut(s.url, "?")
	s.path = path
	_, rest, ok := strings.Cut(path, "/v2/")
	if !ok {
		return
	}
	for _, kind := range [...]string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		name, ref, found := strings.Cut(rest, kind)
		if !found {
			continue
		}
		s.repository = name
		switch kind {
		case "/manifests/":
			s.object(ref)
			s.verb(false)
		case "/blobs/":
			s.layer = true
			if strings.HasPrefix(ref, "uploads/") {
				s.upload(query)
			} else {
				s.digest = ref
				s.verb(true)
			}
		}
		return
	}
}

// verb is what a method does to a manifest or a blob. A push by nobody is told as
// a request: this log does not say who pushed, and who reads it must not think
// that nobody did.
func (s *said) verb(blob bool) {
	switch s.method {
	case "GET", "HEAD":
		s.action = actionPull
	case "DELETE":
		s.action = actionDelete
	case "PUT":
		if s.user != "" && !blob {
			s.action = actionPush
		}
	}
}

// upload is a request about a blob that comes, or is mounted from elsewhere.
func (s *said) upload(query string) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return
	}
	if digest := q.Get("digest"); digest != "" {
		s.digest = digest
	}
	if from := q.Get("from"); from != "" && s.method == "POST" && s.status == 201 {
		s.digest, s.action = q.Get("mount"), actionMount
		s.label("from_repository", from)
	}
}

// combined reads a line of an access log: the combined form of Distribution and
// nginx, with what Harbor and Quay add to it.
func (s *said) combined(text string) bool {
	open := strings.IndexByte(text, '[')
	end := strings.Index(text, `] "`)
	if open < 0 || end < open {
		return false
	}
	t, ok := record.Time(text[open+1 : end])
	if !ok {
		return false
	}
	head := strings.Fields(text[:open])
	if len(head) < 3 {
		return false
	}
	s.provider, s.time, s.clock, s.source = "distribution", t, true, head[0]
	s.user = clean(strings.Join(head[len(head)-1:], ""))
	if len(head) > 3 {
		s.provider = "quay"
		s.label("proxy", strings.Trim(strings.Join(head[1:len(head)-2], " "), "()"))
	}
	request, n, ok := quoted(text[end+2:])
	rest := strings.TrimLeft(text[end+2+n:], " ")
	status, rest, _ := strings.Cut(rest, " ")
	bytes, rest, _ := strings.Cut(rest, " ")
	if !ok || len(status) != 3 {
		return false
	}
	method, target, _ := strings.Cut(request, " ")
	if at := strings.LastIndex(target, " HTTP/"); at >= 0 {
		s.label("http_version", target[at+6:])
		target = target[:at]
	}
	s.method, s.url = method, target
	s.request(status)
	s.sizes("", clean(bytes))
	s.trailer(rest)
	return true
}

// trailer reads what follows the length: referrer, client, and what a proxy adds.
func (s *said) trailer(rest string) {
	if !strings.HasPrefix(rest, `"`) {
		s.label("trailer", rest)
		return
	}
	referrer, n, _ := quoted(rest)
	s.label("referrer", referrer)
	rest = strings.TrimLeft(rest[n:], " ")
	if strings.HasPrefix(rest, `"`) {
		agent, n, ok := quoted(rest)
		if !ok {
			s.say("a quote does not end")
		}
		s.agent = clean(agent)
		rest = strings.TrimLeft(rest[n:], " ")
	}
	s.label("trailer", strings.Trim(rest, "()"))
}

// quoted reads a string in quotes as access logs write it: Go doubles a
// backslash, nginx writes bytes as \xHH.
func quoted(text string) (string, int, bool) { return record.Unquote(text) }
