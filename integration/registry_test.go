//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// distribution is the registry that most others are made of.
const distribution = "github.com/distribution/distribution/v3/cmd/registry@v3.1.2"

const distributionConf = `version: 0.1
log: {accesslog: {disabled: false}, level: info, formatter: json, fields: {service: registry}}
storage: {filesystem: {rootdirectory: %[1]s/registry}, delete: {enabled: true}}
auth: {htpasswd: {realm: lab, path: %[1]s/htpasswd}}
http: {addr: "127.0.0.1:%[2]d"}
notifications:
  endpoints:
    - {name: tallyman, url: "http://127.0.0.1:%[3]d/", headers: {Authorization: [Bearer s3cret]}, timeout: 5s, threshold: 5, backoff: 1s}
    - {name: stranger, url: "http://127.0.0.1:%[3]d/", headers: {Authorization: [Bearer another]}, timeout: 5s, threshold: 1, backoff: 60s}
`

const distributionTallyman = `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  notes: {type: registry, listen: "127.0.0.1:%d", token: {file: token}}
  log: {type: registry, path: [app.log]}
  access: {type: registry, path: [access.log]}
  engine: {type: docker, host: "unix://%s"}
transforms:
  - {type: container, docker_root: "", sockets: {docker: %[2]s}}
outputs:
  file: {type: file, path: out.json, format: json}
`

// TestDistribution pushes to a real registry, pulls from it and runs a container of
// what was pulled: each is told by notifications, by both logs of the registry and by
// the engine, and one digest stands on the push and on the container.
func TestDistribution(t *testing.T) {
	engines(t)
	server := goProgram(t, "registry", distribution)
	htpasswd := need(t, "htpasswd", "apache2-utils")
	dir, ports := short(t), freePorts(t, 2)
	port, hook := ports[0], ports[1]
	write(t, filepath.Join(dir, "htpasswd"), say(t, htpasswd, "-Bbn", "alice", "s3cret")+"\n")
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	conf := write(t, filepath.Join(dir, "registry.yml"), fmt.Sprintf(distributionConf, dir, port, hook))
	cmd := exec.Command("sh", "-c", `exec "$0" serve "$1" >access.log 2>app.log`, server, conf)
	cmd.Dir, cmd.Env = dir, append(cmd.Environ(), "OTEL_TRACES_EXPORTER=none")
	start(t, cmd)
	docker, _ := dockerd(t, dir)
	launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(distributionTallyman, hook, filepath.Join(dir, "d.sock"))))
	for _, p := range []int{port, hook} {
		eventually(t, "it listens", 20*time.Second, func() bool { return answers(fmt.Sprintf("http://127.0.0.1:%d/", p)) })
	}

	host := fmt.Sprintf("127.0.0.1:%d", port)
	image := host + "/shop/api:1.4"
	as := func(args ...string) string {
		return docker(append([]string{"--config", filepath.Join(dir, "client")}, args...)...)
	}
	docker("load", "-i", imageTar(t))
	docker("tag", labImage, image)
	if out, err := exec.Command("docker", "-H", "unix://"+filepath.Join(dir, "d.sock"), "push", image).CombinedOutput(); err == nil {
		t.Fatalf("a push of nobody was taken: %s", out)
	}
	as("login", "-u", "alice", "-p", "s3cret", host)
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(as("push", image))
	if digest == "" {
		t.Fatal("docker push names no digest")
	}
	docker("rmi", image, labImage)
	as("pull", image)
	id := docker("run", "-d", "--network=none", "--name", "api", image)
	docker("exec", "api", "/bin/true")
	docker("rm", "-f", "api")
	pinned := docker("run", "-d", "--network=none", "--name", "pinned", host+"/shop/api@"+digest)
	docker("rm", "-f", "pinned")

	out := filepath.Join(dir, "out.json")
	for name, pairs := range map[string][]string{
		"the push":           {"event.action", "push", "user.name", "alice", "oci.digest", digest, "oci.tag", "1.4", "oci.repository", "shop/api", "event.provider", "distribution", "url.domain", host, "tallyman.input", "notes"},
		"the pull":           {"event.action", "pull", "user.name", "alice", "oci.digest", digest, "oci.repository", "shop/api", "tallyman.input", "notes"},
		"the push, log":      {"event.action", "push", "user.name", "alice", "oci.tag", "1.4", "oci.repository", "shop/api", "http.response.status_code", "201", "tallyman.input", "log"},
		"the pull, log":      {"event.action", "pull", "user.name", "alice", "oci.repository", "shop/api", "http.response.status_code", "200", "tallyman.input", "log"},
		"the push, access":   {"event.action", "http-request", "http.request.method", "PUT", "oci.tag", "1.4", "oci.repository", "shop/api", "http.response.status_code", "201", "tallyman.input", "access"},
		"the pull, access":   {"event.action", "pull", "oci.digest", digest, "oci.repository", "shop/api", "http.response.status_code", "200", "tallyman.input", "access"},
		"refused, access":    {"event.outcome", "failure", "http.response.status_code", "401", "tallyman.input", "access"},
		"the container":      {"event.action", "start", "container.id", id, "container.image.name", host + "/shop/api", "tallyman.input", "engine"},
		"what is run in it":  {"event.action", "exec_start", "container.id", id, "docker.exec.command", "/bin/true ", "tallyman.input", "engine"},
		"one that is pinned": {"event.action", "destroy", "container.id", pinned, "tallyman.input", "engine"},
		"the engine's pull":  {"event.action", "pull", "container.image.tag", "[1.4]", "container.image.name", host + "/shop/api", "tallyman.input", "engine"},
	} {
		if !soon(20*time.Second, func() bool { return len(eventsWith(t, out, pairs...)) >= 1 }) {
			t.Errorf("%s: no event has %q", name, pairs)
		}
	}
	joined := map[string]int{}
	for _, e := range eventsIn(t, out) {
		for _, d := range listed(get(e, "container", "image", "hash", "all")) {
			if d == digest {
				joined[fmt.Sprint(get(e, "container", "id"), " ", get(e, "event", "action"))]++
			}
		}
		if get(e, "event", "kind") == "pipeline_error" {
			t.Errorf("not understood: %v", e)
		}
	}
	// Of a container that was started by a tag the engine says the digest when asked.
	for _, what := range []string{id + " create", id + " start", id + " exec_start", id + " die", pinned + " create", pinned + " start", pinned + " die"} {
		if joined[what] != 1 {
			t.Errorf("%s: the digest of the push %s is on %v", what, digest, joined)
		}
	}
	if n := len(eventsWith(t, out, "event.action", "push", "oci.digest", digest, "tallyman.input", "notes")); n != 1 {
		t.Errorf("the push was told %d times; one of the two who told shows another token", n)
	}
}

// listed returns a field that may have several values.
func listed(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}
