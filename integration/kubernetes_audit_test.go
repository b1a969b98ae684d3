//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestKubernetesAudit takes what a real API server audits both ways, from its log
// file and by its webhook, with the policy of the documentation: a request is one
// event of each, and a binding to cluster-admin is an alert of each.
func TestKubernetesAudit(t *testing.T) {
	c := newCluster(t)
	dir, port := t.TempDir(), freePort(t)
	log, out := filepath.Join(dir, "audit.log"), filepath.Join(dir, "out.json")
	rules, err := filepath.Abs("../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command(program(t), "run", "--config", write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs:
  log: {type: file, path: [%s], decode: kubernetes_audit}
  hook: {type: http, listen: "127.0.0.1:%d", path: /audit, decode: kubernetes_audit}
transforms: [{type: rules, files: ["%s/*.yaml"]}]
outputs: {out: {type: file, path: %s, format: json}}
`, log, port, rules, out))))
	policy := write(t, filepath.Join(dir, "policy.yaml"), `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, users: ["system:kube-proxy"], verbs: [watch]}
  - {level: Metadata, resources: [{group: "", resources: [secrets, serviceaccounts/token]}, {group: authentication.k8s.io, resources: [tokenreviews]}]}
  - level: Request
    verbs: [create, update, patch]
    resources: [{group: "", resources: [pods, pods/ephemeralcontainers]}, {group: apps}, {group: batch}, {group: rbac.authorization.k8s.io}]
  - {level: Metadata}
`)
	hook := write(t, filepath.Join(dir, "hook.yaml"), fmt.Sprintf(`
apiVersion: v1
kind: Config
clusters: [{name: tallyman, cluster: {server: "http://127.0.0.1:%d/audit"}}]
users: [{name: apiserver, user: {}}]
contexts: [{name: default, context: {cluster: tallyman, user: apiserver}}]
current-context: default
`, port))
	c.serve("--audit-policy-file="+policy, "--audit-log-path="+log, "--audit-webhook-config-file="+hook, "--audit-webhook-mode=batch", "--audit-webhook-batch-max-wait=1s")
	c.do("create", "namespace", "shop")
	c.do("create", "clusterrolebinding", "eve-rules", "--clusterrole=cluster-admin", "--user=eve")
	c.do("--namespace=shop", "create", "secret", "generic", "token", "--from-literal=key=very-secret-word")
	for _, input := range []string{"log", "hook"} {
		mine := func(pairs ...any) func(map[string]any) bool {
			return is(append(pairs, "tallyman.input", input, "user.name", "admin")...)
		}
		happened(t, out, "the namespace, by "+input, mine("event.dataset", "kubernetes.audit", "event.action", "create", "kubernetes.audit.objectRef.resource", "namespaces", "kubernetes.audit.objectRef.name", "shop", "event.outcome", "success"))
		happened(t, out, "the binding, by "+input, mine("event.kind", "event", "kubernetes.audit.objectRef.resource", "clusterrolebindings", "kubernetes.audit.role_ref", "cluster-admin"))
		happened(t, out, "the alert, by "+input, mine("event.kind", "alert", "kubernetes.audit.objectRef.name", "eve-rules"))
		happened(t, out, "the secret, by "+input, mine("event.action", "create", "kubernetes.audit.objectRef.resource", "secrets", "kubernetes.audit.objectRef.name", "token"))
	}
	seen := map[string]int{}
	for _, e := range eventsIn(t, out) {
		if get(e, "event", "kind") == "event" && get(e, "event", "dataset") == "kubernetes.audit" {
			seen[fmt.Sprint(get(e, "tallyman", "input"), " ", get(e, "kubernetes", "audit", "auditID"), " ", get(e, "kubernetes", "audit", "stage"))]++
		}
		if get(e, "event", "dataset") == "tallyman.undecoded" {
			t.Errorf("not decoded: %v", e)
		}
	}
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", what, n)
		}
	}
	t.Logf("%d audit events", len(seen))
}
