package session

import (
	"fmt"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
	"tallyman/transforms/decode/k8saudit"
)

// request is what the API server audits of an exec, in one stage.
func request(user, stage, at, query string, code int) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7f3c0000-0000-4000-8000-000000000001","stage":%q,`+
		`"requestURI":"/api/v1/namespaces/shop/pods/web-0/exec?%s","verb":"create","user":{"username":%q,"groups":["ops","system:authenticated"]},`+
		`"sourceIPs":["192.0.2.7","10.0.0.1"],"userAgent":"kubectl/v1.34.1","objectRef":{"resource":"pods","namespace":"shop","name":"web-0","apiVersion":"v1","subresource":"exec"},`+
		`"responseStatus":{"metadata":{},"code":%d},"requestReceivedTimestamp":"2026-11-21T12:00:00.000000Z","stageTimestamp":%q,`+
		`"annotations":{"authorization.k8s.io/decision":%q}}`, stage, query, user, code, at, map[bool]string{true: "allow", false: "forbid"}[code < 300])
}

// TestKubernetesAudit joins the API server's own lines: what is told at the end
// of a long session as well as what is told at its start, and not what was
// refused.
func TestKubernetesAudit(t *testing.T) {
	const query = "command=sh&command=-c&command=id+%3E%2Fdev%2Fnull&container=api&stdin=true&stdout=true&tty=true"
	const ran = "0.4 ran box=c0ffee ns=shop pod=web-0 ctr=api pid=10 pname=runc arg=sh arg=-c arg=id+>/dev/null"
	const did = "30 did box=c0ffee ns=shop pod=web-0 ctr=api pid=11 ppid=10"
	for _, c := range []struct{ name, line, want, from string }{
		{"at the start", request("ana@example", "ResponseStarted", "2026-11-21T12:00:00.2Z", query, 101), "kubectl-exec ana@example high", "192.0.2.7"},
		{"at the end alone", request("ana@example", "ResponseComplete", "2026-11-21T12:09:00.2Z", query, 101), "kubectl-exec ana@example high", "192.0.2.7"},
		{"refused", request("eve", "ResponseComplete", "2026-11-21T12:00:00.2Z", query, 403), "-", ""},
		{"another command", request("eve", "ResponseStarted", "2026-11-21T12:00:00.2Z", "command=sh&container=api", 101), "-", ""},
		{"another container", request("eve", "ResponseStarted", "2026-11-21T12:00:00.2Z", "command=sh&command=-c&command=id+%3E%2Fdev%2Fnull&container=db", 101), "-", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				tr := build(t, nil)
				stage := tr.Lane("a")
				if first {
					hear(t, stage, c.line)
				}
				judge(t, stage, tell(t, ran))
				if !first {
					hear(t, stage, c.line) // a webhook sends batches
				}
				e := tell(t, did)
				if got := judge(t, stage, e); got != c.want {
					t.Errorf("%q, want %q; the API is heard first: %v", got, c.want, first)
				}
				if m, _ := tr.known.see(&e); m.from != c.from {
					t.Errorf("from %q, want %q", m.from, c.from)
				}
			}
		})
	}
}

// hear decodes a line of the API server and sends what comes of it.
func hear(t *testing.T, stage plugin.Stage, line string) {
	t.Helper()
	var in, out event.Batch
	if err := k8saudit.Plugin.Decoder(plugintest.Env("")).Decode(event.Event{Decode: "kubernetes_audit", Raw: line, Records: 1}, &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Events) != 1 || in.Events[0].Get(schema.KubernetesAuditUserUsername).Str() == "" {
		t.Fatalf("%d events came of %s", len(in.Events), line)
	}
	if err := stage.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
}
