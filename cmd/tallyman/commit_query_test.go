package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOneQueryFollowsACommit: the push of a commit, the build that was made of it
// and the container that runs its image are found by one query. The label is on
// everything that happens in the container.
func TestOneQueryFollowsACommit(t *testing.T) {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	dir := t.TempDir()
	path := conf(t, dir, `journal: {dir: journal}
admin: {listen: off}
inputs:
  hooks: {type: git, path: [hooks.log], decode: git_webhook}
  ci: {type: jenkins, home: jenkins}
  engine: {type: file, path: [engine.log], decode: docker_event}
outputs:
  out: {type: file, path: out.json, format: json}
`)
	build := filepath.Join(dir, "jenkins", "jobs", "shop", "jobs", "api", "builds", "41")
	if err := os.MkdirAll(build, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		filepath.Join(dir, "hooks.log"): `{"ref":"refs/heads/main","before":"1111111111111111111111111111111111111111","after":"` + sha + `","repository":{"full_name":"shop/api"},"pusher":{"name":"ana"}}` + "\n" +
			`{"ref":"refs/heads/main","before":"` + sha + `","after":"2222222222222222222222222222222222222222","repository":{"full_name":"shop/api"},"pusher":{"name":"ana"}}` + "\n",
		filepath.Join(build, "log"): "Started by user Ana\nChecking out Revision " + sha + " (refs/remotes/origin/main)\nFinished: SUCCESS\n",
		filepath.Join(build, "build.xml"): `<flow-build><actions><hudson.model.CauseAction><causeBag><entry><hudson.model.Cause_-UserIdCause><userId>ana</userId></hudson.model.Cause_-UserIdCause></entry></causeBag></hudson.model.CauseAction>` +
			`<hudson.plugins.git.util.BuildData><lastBuild><marked><sha1>` + sha + `</sha1></marked></lastBuild></hudson.plugins.git.util.BuildData></actions><result>SUCCESS</result></flow-build>`,
		filepath.Join(dir, "engine.log"): `{"Type":"container","Action":"start","Actor":{"ID":"9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724","Attributes":{"image":"r.example/shop/api:41","name":"api","org.opencontainers.image.revision":"` + sha + `"}},"time":1795511800,"timeNano":1795511800000000000}` + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	out, _ := expect(t, exitOK, "query", "--config", path, "--format", "json", `"`+sha+`" in related.hash || `+
		`git.after == "`+sha+`" || container.labels["org.opencontainers.image.revision"] == "`+sha+`"`)
	var found []string
	for line := range strings.Lines(out) {
		var e struct {
			Event   struct{ Action, Dataset string }
			Jenkins struct {
				Job   struct{ Name string }
				Build struct{ Number int }
			}
			Container struct{ Name string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		found = append(found, strings.TrimSpace(e.Event.Dataset+" "+e.Event.Action+" "+e.Jenkins.Job.Name+e.Container.Name))
	}
	slices.Sort(found)
	want := []string{"docker.events start api", "git.webhook push", "jenkins.build build-completed shop/api", "jenkins.build build-output shop/api"}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
