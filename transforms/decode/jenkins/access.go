package jenkins

import (
	"errors"
	"strings"

	"tallyman/pipeline/accesslog"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// DatasetAccess is that of the access log's events.
const DatasetAccess = "jenkins.access"

var errAccess = errors.New("no line of an access log")

type accessDecoder struct {
	env  plugin.Env
	seed []byte
}

func newAccess(env plugin.Env) plugin.Decoder { return &accessDecoder{env: env} }

// Decode implements plugin.Decoder.
func (d *accessDecoder) Decode(e event.Event, out *event.Batch) error {
	l, ok := accesslog.Parse(strings.TrimRight(e.Raw, "\r"))
	if !ok {
		return errAccess
	}
	f := facts{dataset: DatasetAccess, kind: "http_request", user: l.User, origin: l.Addr, message: l.Method + " " + l.Target, keep: l.More != ""}
	path, _, _ := strings.Cut(l.Target, "?")
	r := judge(path, "")
	f.uri, f.job, f.node, f.action = path, r.job, r.node, "http-request"
	switch {
	case l.Status >= 400:
		f.outcome = "failure"
		if l.Status == 401 || l.Status == 403 {
			f.severity = 4
		}
	default:
		f.outcome = "success"
	}
	// Only what is posted changes anything.
	if l.Method == "POST" {
		f.action = r.action
	}
	f.http = &l
	d.seed = emit(&d.env, d.seed, e, &f, l.Time, out)
	return nil
}
