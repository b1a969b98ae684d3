//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

const respondConf = `journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs:
  engine: {type: docker, host: "unix://%[1]s"}
transforms:
  - {type: rules, files: [rule.yaml]}
outputs:
  out: {type: file, path: events.json, format: json}
  dry: {type: respond, socket: "%[1]s", action: pause, when: 'event.kind == "alert" && container.name == "spared"'}
  act: {type: respond, socket: "%[1]s", action: pause, mode: act, when: 'event.kind == "alert" && container.name == "victim"'}
`

const respondRule = `pack: mine
version: 1
rules:
- id: CORP-ACT-001
  title: A container was started
  severity: high
  sources: [docker]
  condition: >-
    docker.event.type == "container" && event.action == "start"
`

// TestRespond has an alert pause a container of the real engine, and another one
// under a dry run not.
func TestRespond(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, _ := dockerd(t, dir)
	docker("import", liveImage(t), liveLab)
	work := t.TempDir()
	out := filepath.Join(work, "events.json")
	write(t, filepath.Join(work, "rule.yaml"), respondRule)
	start(t, exec.Command(program(t), "run", "--config", write(t, filepath.Join(work, "tallyman.yaml"), fmt.Sprintf(respondConf, filepath.Join(dir, "d.sock")))))
	for _, c := range []struct{ name, outcome, reason, paused string }{
		{"spared", "unknown", "dry_run", "false"},
		{"victim", "success", "acted", "true"},
	} {
		id := docker("run", "-d", "--network=none", "--name", c.name, liveLab, "/bin/sleep", "600")
		t.Cleanup(func() { docker("rm", "-f", c.name) })
		happened(t, out, c.name+" is dealt with", is("event.dataset", "tallyman.internal", "event.action", "respond-pause", "event.outcome", c.outcome,
			"event.reason", c.reason, "rule.id", "CORP-ACT-001", "container.id", id))
		if got := docker("inspect", "-f", "{{.State.Paused}}", c.name); got != c.paused {
			t.Errorf("%s: paused is %s, want %s", c.name, got, c.paused)
		}
	}
}
