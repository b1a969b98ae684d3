package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	chainCommit = "0123456789abcdef0123456789abcdef01234567"
	chainOther  = "2222222222222222222222222222222222222222"
	chainDigest = "sha256:2735e258324dea5a858a69a984a82dfa1a79dea4e15ffb8e125e01d2c035d6b8"
	chainBox    = "9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724"
)

const chainConf = `journal: {dir: journal}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  hooks: {type: git, path: [hooks.log], decode: git_webhook}
  ci: {type: jenkins, home: jenkins}
  images: {type: registry, path: [registry.log]}
  engine: {type: file, path: [engine.log], decode: docker_event}
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container, offline: {inspect: [inspect.json], timeline: timeline.jsonl}}
outputs:
  out: {type: file, path: out.json, format: json}
`

// chainFiles are what the tools of a build chain say of one commit, and of another.
// The image has the label that names its commit where revision is set.
func chainFiles(revision string) map[string]string {
	image := "r.example/shop/api@" + chainDigest
	label, engine := "", ""
	if revision != "" {
		label = fmt.Sprintf(`"org.opencontainers.image.revision":%q`, revision)
		engine = "," + label
	}
	push := func(before, after string) string {
		return fmt.Sprintf(`{"ref":"refs/heads/main","before":%q,"after":%q,"repository":{"full_name":"shop/api"},"pusher":{"name":"ana"},"sender":{"login":"ana"}}`+"\n", before, after)
	}
	buildXML := func(sha string) string {
		return `<flow-build><actions><hudson.model.CauseAction><causeBag><entry><hudson.model.Cause_-UserIdCause><userId>ana</userId></hudson.model.Cause_-UserIdCause></entry></causeBag></hudson.model.CauseAction>` +
			`<hudson.plugins.git.util.BuildData><lastBuild><marked><sha1>` + sha + `</sha1></marked></lastBuild></hudson.plugins.git.util.BuildData></actions><result>SUCCESS</result></flow-build>`
	}
	const builds = "jenkins/jobs/shop/jobs/api/builds/"
	return map[string]string{
		"hooks.log":             push("1111111111111111111111111111111111111111", chainCommit) + push(chainCommit, chainOther),
		builds + "41/log":       "Started by user Ana\nChecking out Revision " + chainCommit + " (refs/remotes/origin/main)\n+ docker push r.example/shop/api:41\n41: digest: " + chainDigest + " size: 528\nFinished: SUCCESS\n",
		builds + "41/build.xml": buildXML(chainCommit),
		builds + "42/log":       "Started by user Ana\nChecking out Revision " + chainOther + " (refs/remotes/origin/main)\n42: digest: sha256:" + strings.Repeat("b", 64) + " size: 528\nFinished: SUCCESS\n",
		builds + "42/build.xml": buildXML(chainOther),
		"registry.log":          fmt.Sprintf(`{"id":"1","timestamp":"2026-11-21T03:20:00Z","action":"push","target":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":528,"digest":%q,"repository":"shop/api","tag":"41"},"request":{"id":"a","addr":"192.0.2.7:1","host":"r.example","method":"PUT","useragent":"docker"},"actor":{"name":"ci"}}`+"\n", chainDigest),
		"engine.log":            fmt.Sprintf(`{"Type":"container","Action":"start","Actor":{"ID":%q,"Attributes":{"image":%q,"name":"api"%s}},"time":1795231800,"timeNano":1795231800000000000}`+"\n", chainBox, image, engine),
		"inspect.json": fmt.Sprintf(`[{"Id":%q,"Name":"/api","State":{"Status":"running","Running":true,"Pid":100,"StartedAt":"2026-11-21T03:30:00Z"},"Image":"sha256:%s","Config":{"Image":%q,"Labels":{%s}},"HostConfig":{},"Mounts":[]}]`,
			chainBox, strings.Repeat("a", 64), image, label),
		"timeline.jsonl": fmt.Sprintf(`{"t":1795231990000000000,"k":"scan","pid":100,"ppid":1,"cg":"/system.slice/docker-%s.scope"}`+"\n", chainBox),
		"audit.log":      chainExec(1, 100, "/bin/sh") + chainExec(2, 7, "/usr/bin/id"),
	}
}

// chainExec is a program that a process runs.
func chainExec(n, pid int, exe string) string {
	head := fmt.Sprintf("msg=audit(%d.000:%d): ", 1795232000+n, n)
	return fmt.Sprintf("type=SYSCALL %sarch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=%d auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 "+
		"tty=(none) ses=4294967295 comm=\"x\" exe=%q key=(null)\ntype=PROCTITLE %sproctitle=\"x\"\n", head, pid, exe, head)
}

// chainRan runs what the tools say through one pipeline and returns its configuration.
func chainRan(t *testing.T, revision string) string {
	t.Helper()
	dir := t.TempDir()
	path := conf(t, dir, chainConf)
	for name, text := range chainFiles(revision) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	return path
}

// link is what a step of the way finds, and what leads on from it.
type link struct {
	Event   struct{ Action, Dataset string }
	Jenkins struct {
		Job   struct{ Name string }
		Build struct{ Number int }
	}
	OCI       struct{ Digest string }
	Container struct{ ID string }
	Process   struct{ Executable string }
}

// chainQuery returns what a query finds, and it in words.
func chainQuery(t *testing.T, path, query string) (links []link, words []string) {
	t.Helper()
	out, _ := expect(t, exitOK, "query", "--config", path, "--format", "json", query)
	for line := range strings.Lines(out) {
		var l link
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
		words = append(words, strings.TrimSpace(l.Event.Dataset+" "+l.Event.Action+" "+l.Process.Executable))
	}
	slices.Sort(words)
	return links, words
}

// TestFromCommitToProcess follows a commit by what each event says of the next: the
// push, the build that was made of it, the image that the build pushed, the container
// that runs it and the programs that run in that. No label of the image is needed.
func TestFromCommitToProcess(t *testing.T) {
	path := chainRan(t, "")
	step := func(query string, want ...string) (found link) {
		t.Helper()
		links, words := chainQuery(t, path, query)
		if !slices.Equal(words, want) {
			t.Fatalf("%s finds %q, want %q", query, words, want)
		}
		for _, l := range links {
			found.Jenkins.Job.Name = max(found.Jenkins.Job.Name, l.Jenkins.Job.Name)
			found.Jenkins.Build.Number = max(found.Jenkins.Build.Number, l.Jenkins.Build.Number)
			found.OCI.Digest, found.Container.ID = max(found.OCI.Digest, l.OCI.Digest), max(found.Container.ID, l.Container.ID)
		}
		return found
	}
	build := step(`"`+chainCommit+`" in related.hash`, "git.webhook push", "jenkins.build build-completed", "jenkins.build build-output").Jenkins
	image := step(fmt.Sprintf(`jenkins.job.name == %q && jenkins.build.number == %d && oci.digest != ""`, build.Job.Name, build.Build.Number), "jenkins.build build-output").OCI.Digest
	box := step(fmt.Sprintf(`oci.digest == %[1]q || %[1]q in container.image.hash.all`, image),
		"auditd.log executed /bin/sh", "docker.events start", "jenkins.build build-output", "registry.events push").Container.ID
	step(fmt.Sprintf(`container.id == %q && process.executable != ""`, box), "auditd.log executed /bin/sh")
}

// TestOneQueryToTheProcesses: where the image has the label of its commit, or is told
// by the digest that the build pushed, one query finds all of the way.
func TestOneQueryToTheProcesses(t *testing.T) {
	path := chainRan(t, chainCommit)
	_, words := chainQuery(t, path, fmt.Sprintf(`%[1]q in related.hash || container.labels["org.opencontainers.image.revision"] == %[1]q || %[2]q in related.hash`, chainCommit, chainDigest))
	want := []string{"auditd.log executed /bin/sh", "docker.events start", "git.webhook push", "jenkins.build build-completed", "jenkins.build build-output", "jenkins.build build-output", "registry.events push"}
	if !slices.Equal(words, want) {
		t.Errorf("found %q, want %q", words, want)
	}
}
