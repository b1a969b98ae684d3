package git

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"tallyman/pipeline/accesslog"
	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
)

var errAccess = errors.New("no line of an access log")

type accessDecoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

func newAccess(env plugin.Env) plugin.Decoder { return &accessDecoder{env: env} }

// Decode implements plugin.Decoder.
func (d *accessDecoder) Decode(e event.Event, out *event.Batch) error {
	f := facts{dataset: DatasetAccess, server: "http-backend", commits: -1, bytes: -1}
	line := strings.TrimRight(e.Raw, "\r")
	var at time.Time
	if strings.HasPrefix(line, "{") {
		var ok bool
		if at, ok = d.object(line, &f); !ok {
			return errAccess
		}
	} else {
		l, ok := accesslog.Parse(line)
		if !ok {
			return errAccess
		}
		at = l.Time
		f.user, f.origin, f.agent, f.method, f.path, f.status, f.bytes = l.User, l.Addr, l.Agent, l.Method, l.Target, l.Status, l.Bytes
		f.label("referer", l.Referer)
		f.label("protocol", l.Protocol)
		f.label("virtual_host", l.VHost)
		f.label("more", l.More)
	}
	f.request(f.path)
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

// object reads a line of nginx's escape=json, whose names its administrator
// chose: those of nginx's variables, and what is often made of them.
func (d *accessDecoder) object(line string, f *facts) (at time.Time, ok bool) {
	root, ok := d.doc.Parse(line)
	if !ok {
		return at, false
	}
	f.origin = root.Any("remote_addr", "client", "client_ip", "remote_ip", "addr").Str()
	f.user = root.Any("remote_user", "user", "username").Str()
	f.agent = root.Any("http_user_agent", "user_agent", "ua", "agent").Str()
	f.status, _ = root.Any("status", "status_code").Int()
	if n, ok := root.Any("body_bytes_sent", "bytes_sent", "bytes", "size").Int(); ok {
		f.bytes = n
	}
	if request := root.Get("request").Str(); request != "" {
		method, rest, _ := strings.Cut(request, " ")
		if at := strings.LastIndex(rest, " HTTP/"); at >= 0 {
			f.label("protocol", rest[at+1:])
			rest = rest[:at]
		}
		f.method, f.path = method, rest
	} else {
		f.method = root.Any("request_method", "method").Str()
		f.path = root.Any("request_uri", "uri", "path", "url").Str()
	}
	if s, ok := root.Any("request_time", "rt", "duration").Float(); ok && s >= 0 && s < 1e6 {
		f.took = time.Duration(s * float64(time.Second))
	}
	when := root.Any("time_iso8601", "@timestamp", "timestamp", "time", "time_local")
	if at, ok = record.Time(when.Str()); !ok {
		if v, isNumber := root.Any("msec", "time", "@timestamp").Float(); isNumber {
			at, _ = record.Epoch(v)
		}
	}
	f.rest("", root)
	f.keep = f.keep || root.Left()
	return at, f.path != "" && (f.status > 0 || f.origin != "")
}

// request judges a path of the smart HTTP protocol (gitprotocol-http(5)).
func (f *facts) request(target string) {
	f.transport = "http"
	path, query, _ := strings.Cut(target, "?")
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	service := ""
	switch {
	case strings.HasSuffix(path, "/git-upload-pack"):
		path, service, f.action = strings.TrimSuffix(path, "/git-upload-pack"), "git-upload-pack", "fetch"
	case strings.HasSuffix(path, "/git-receive-pack"):
		path, service, f.action = strings.TrimSuffix(path, "/git-receive-pack"), "git-receive-pack", "push"
	case strings.HasSuffix(path, "/info/refs"):
		path, f.action = strings.TrimSuffix(path, "/info/refs"), "list-refs"
		if q, err := url.ParseQuery(query); err == nil {
			service = q.Get("service")
		}
	default:
		f.action, f.transport, path = "http-request", "", ""
	}
	f.code = service
	f.repository = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if f.action == "http-request" {
		f.giteaCall(target)
	}
	switch {
	case f.status == 0:
		f.outcome = "unknown"
	case f.status >= 400:
		f.outcome = "failure"
	}
	// A client asks without a name first, and is asked for one.
	if f.status == 401 && f.user == "" {
		f.reason = "authentication required"
	}
}
