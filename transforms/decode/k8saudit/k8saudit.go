// Package k8saudit understands what the Kubernetes API server writes of each
// request to its audit log: objects of audit.k8s.io/v1 and its betas, one a line
// (the log backend) or the items of an EventList (the webhook), and the lines of
// the legacy format, and what the clouds wrap them into. It knows no transport, and
// asks nobody.
package k8saudit

import (
	"errors"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `kubernetes_audit`.
var Plugin = plugin.NewDecoder("kubernetes_audit", "Audit events of the Kubernetes API server (audit.k8s.io), as its log backend and its webhook write them.", build)

// Dataset is that of the events.
const Dataset = "kubernetes.audit"

var (
	errSyntax = errors.New("no JSON object")
	errEvent  = errors.New("no audit event: it has no verb, or nothing that says of what request")
)

// decoder belongs to one lane. What stands in rec lives from one record to the
// next only for its memory.
type decoder struct {
	env plugin.Env
	rec record
	buf []byte
}

func build(env plugin.Env) plugin.Decoder { return &decoder{env: env} }

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	r := &d.rec
	r.reset()
	if !r.legacy(e.Raw) {
		r.parse(e.Raw)
	}
	switch {
	case !r.ok:
		return d.broken(e, out, errSyntax)
	case strings.HasSuffix(r.kind, "List") && r.items != "":
		list(&e, r.items, out)
		return nil
	case r.verb == "" && d.cloud(&e, out):
		return nil
	case r.verb == "" || r.stage == "" && r.auditID == "" && r.ref.resource == "" && r.uri == "" && r.user.name == "" || r.kind != "" && r.kind != "Event":
		return d.broken(e, out, errEvent)
	}
	if !r.shipped() {
		out.Filtered += e.Records
		return nil
	}
	d.emit(&e, r, out)
	return nil
}

// shipped says which stages are events (SCHEMA 4.8): a request is told once, when
// it is over, and what lasts also when it begins.
func (r *record) shipped() bool {
	switch r.stage {
	case "RequestReceived":
		return false
	case "ResponseStarted":
		return r.verb == "watch" || r.session()
	}
	return true
}

// session reports whether the request opens one: into a container, or through
// the API server to a kubelet, which runs commands as well.
func (r *record) session() bool {
	switch r.ref.subresource {
	case "exec", "attach", "portforward":
		return r.ref.resource == "pods"
	case "proxy":
		return r.ref.resource == "nodes"
	}
	return false
}

// list takes a list apart whose items came as one record. The first stands for
// that.
func list(e *event.Event, items string, out *event.Batch) {
	s := jsonscan.New(items)
	records := e.Records
	s.Items(func() {
		item := *e
		item.Raw, item.Records = s.Raw(), records
		item.Fields = out.Take(e.Fields, 0)
		records = 0
		out.Events = append(out.Events, item)
	})
	if records > 0 {
		out.Filtered += records // a list of nothing says nothing
	}
}

// broken is the error of a text that is no audit event. Where it may hold a
// secret it is kept without what a secret can stand in, which the lane could not
// know.
func (d *decoder) broken(e event.Event, out *event.Batch, why error) error {
	at := objectAt(e.Raw)
	if at < 0 || !mentionsSecret(e.Raw) {
		return why
	}
	e.Fields = out.Take(e.Fields, 5)
	e.Fields.AddString(schema.EventKind, "pipeline_error")
	e.Fields.AddString(schema.EventModule, "kubernetes")
	e.Fields.AddString(schema.ErrorMessage, "not understood as kubernetes_audit: "+why.Error()+"; what follows the first object of the request or response was left out, since it may hold a secret")
	e.Fields.AddString(schema.Tags, "tallyman_undecoded")
	e.Decode, e.Dataset, e.Time, e.Raw = "", Dataset, e.Seen, e.Raw[:at]
	out.Events = append(out.Events, e)
	return nil
}
