//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/transforms/container/runtimes"
)

// cluster is a real API server over a real etcd, without nodes.
type cluster struct {
	t         *testing.T
	dir       string
	apiserver string
	kubectl   string
}

// newCluster skips, loudly, where the programs are not there: they are not
// packaged, and take minutes to build.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir()}
	etcd := os.Getenv("TALLYMAN_ETCD")
	if c.apiserver = os.Getenv("TALLYMAN_KUBE_APISERVER"); c.apiserver == "" || etcd == "" {
		t.Skip("NOT RUN: TALLYMAN_KUBE_APISERVER and TALLYMAN_ETCD do not name a kube-apiserver and an etcd")
	}
	var err error
	if c.kubectl, err = exec.LookPath("kubectl"); err != nil {
		t.Skip("NOT RUN: kubectl is missing")
	}
	start(t, exec.Command(etcd, "--data-dir", filepath.Join(c.dir, "etcd"), "--listen-client-urls", "http://127.0.0.1:23790", "--advertise-client-urls", "http://127.0.0.1:23790",
		"--listen-peer-urls", "http://127.0.0.1:23800"))
	write(t, filepath.Join(c.dir, "tokens.csv"), "admintoken,admin,1,\"system:masters\"\n")
	say(t, "openssl", "genrsa", "-out", filepath.Join(c.dir, "sa.key"), "2048")
	return c
}

// serve starts the API server, with more arguments; the function returned ends it.
func (c *cluster) serve(more ...string) func() {
	cmd := exec.Command(c.apiserver, append([]string{"--etcd-servers=http://127.0.0.1:23790", "--bind-address=127.0.0.1", "--secure-port=16443", "--advertise-address=127.0.0.1",
		"--cert-dir=" + filepath.Join(c.dir, "certs"), "--service-account-key-file=" + filepath.Join(c.dir, "sa.key"), "--service-account-signing-key-file=" + filepath.Join(c.dir, "sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC",
		"--token-auth-file=" + filepath.Join(c.dir, "tokens.csv"), "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount"}, more...)...)
	start(c.t, cmd)
	ready := func() bool { return exec.Command(c.kubectl, c.args("get", "--raw", "/readyz")...).Run() == nil }
	eventually(c.t, "the API server is ready", 120*time.Second, ready)
	return func() {
		_ = cmd.Process.Kill()
		eventually(c.t, "the API server ends", 30*time.Second, func() bool { return !ready() })
	}
}

func (c *cluster) args(more ...string) []string {
	return append([]string{"--server=https://127.0.0.1:16443", "--certificate-authority=" + c.ca(), "--token=admintoken", "--kubeconfig=/dev/null"}, more...)
}

// ca is the server's own certificate, which it signed itself.
func (c *cluster) ca() string { return filepath.Join(c.dir, "certs", "apiserver.crt") }

func (c *cluster) do(args ...string) string { return say(c.t, c.kubectl, c.args(args...)...) }

// apply makes the objects of a manifest.
func (c *cluster) apply(yaml string) {
	c.do("apply", "--validate=false", "-f", write(c.t, filepath.Join(c.dir, "apply.yaml"), yaml))
}

// pod makes a pod on a node with a container that runs.
func (c *cluster) pod(name, node, owner, id string) {
	c.apply(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: shop
  labels: {app: api}
  annotations: {team: blue, other: x}
%s
spec:
  nodeName: %s
  containers: [{name: api, image: "reg.example/shop/api:2"}]
`, name, owner, node))
	c.do("-n", "shop", "patch", "pod", name, "--subresource=status", "--type=merge", "-p", fmt.Sprintf(
		`{"status":{"podIPs":[{"ip":"10.0.0.7"}],"containerStatuses":[{"name":"api","image":"reg.example/shop/api:2","imageID":"reg.example/shop/api@sha256:dd","containerID":"containerd://%s","ready":true,"restartCount":0,"state":{"running":{"startedAt":"2023-11-14T22:13:21Z"}}}]}}`, id))
}

// TestKubernetesRuntime follows the real API server with the rights that the
// manifest gives, over its restart.
func TestKubernetesRuntime(t *testing.T) {
	c := newCluster(t)
	stop := c.serve()
	c.apply(mustRead(t, "../configs/deploy/kubernetes/rbac.yaml"))
	c.do("create", "namespace", "shop")
	c.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: api, image: x}]}}}
`)
	c.apply(fmt.Sprintf(`
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: api-7d9f, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: %q, controller: true}]}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: api, image: x}]}}}
`, c.do("-n", "shop", "get", "deployment", "api", "-o", "jsonpath={.metadata.uid}")))
	owner := fmt.Sprintf("  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-7d9f, uid: %q, controller: true}]",
		c.do("-n", "shop", "get", "rs", "api-7d9f", "-o", "jsonpath={.metadata.uid}"))
	ids := []string{strings.Repeat("a1", 32), strings.Repeat("b2", 32), strings.Repeat("c3", 32), strings.Repeat("d4", 32)}
	c.pod("early", "n1", owner, ids[0])
	c.pod("elsewhere", "n2", owner, ids[1])
	token := write(t, filepath.Join(c.dir, "token"), c.do("-n", "tallyman", "create", "token", "tallyman"))
	w, err := runtimes.Start(runtimes.Options{Annotations: []string{"team"}, Kube: &runtimes.Kube{Node: "n1", URL: "https://127.0.0.1:16443", TokenFile: token, CAFile: c.ca()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	s := w.Store()
	deployed := func(c *runtimes.Container) bool { return c.Pod.Owner.Kind == "Deployment" && c.Pod.Owner.Name == "api" }
	got := known(t, s, "a pod that was there", ids[0], deployed)
	if p := got.Pod; got.Name != "api" || got.Runtime != runtimes.Containerd || got.ImageDigest != "sha256:dd" || p.Namespace != "shop" || p.Name != "early" || p.Node != "n1" ||
		p.Labels["app"] != "api" || len(p.Annotations) != 1 || p.Annotations["team"] != "blue" || len(p.IPs) != 1 {
		t.Errorf("%+v of %+v", got, got.Pod)
	}
	c.pod("next", "n1", owner, ids[2])
	known(t, s, "a pod that comes", ids[2], deployed)
	if s.Lookup(ids[1]) != nil {
		t.Error("a pod of another node is known")
	}
	c.do("-n", "shop", "delete", "pod", "early", "--force", "--grace-period=0")
	known(t, s, "a pod that goes", ids[0], went)
	stop()
	c.serve()
	c.do("-n", "shop", "delete", "pod", "next", "--force", "--grace-period=0")
	c.pod("late", "n1", owner, ids[3])
	known(t, s, "what came over a restart of the server", ids[3], deployed)
	known(t, s, "what went over it", ids[2], went)
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
