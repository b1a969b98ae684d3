//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inJournal returns the events that the journal in a folder holds.
func inJournal(t *testing.T, dir string) []map[string]any {
	t.Helper()
	b, err := exec.Command(program(t), "query", "true", "--format", "json", "--journal-dir", filepath.Join(dir, "journal")).Output()
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	return eventsIn(t, write(t, filepath.Join(dir, "journalled.json"), string(b)))
}

// dockerSink starts the program on an engine's events; it returns what was
// delivered and a way to kill the program.
func dockerSink(t *testing.T, dir, host string) (out string, run func() (kill func())) {
	t.Helper()
	out = filepath.Join(dir, "events.json")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), `journal: {dir: journal, max_size: 64MiB}
admin: {listen: off}
inputs:
  engine: {type: docker, host: "unix://`+host+`"}
outputs:
  out: {type: file, path: events.json, format: json}
`)
	return out, func() func() {
		cmd := exec.Command(program(t), "run", "--config", conf)
		said := start(t, cmd)
		return func() {
			if err := cmd.Process.Kill(); err != nil {
				t.Errorf("kill: %v; it said:\n%s", err, tail(said.Bytes()))
			}
			eventually(t, "the program is gone", 10*time.Second, func() bool { return cmd.Process.Signal(syscall.Signal(0)) != nil })
		}
	}
}

// TestDockerEvents lets the real engine start, enter, kill and remove containers
// while the program is killed with -9 and the engine started anew. Each event of the
// engine is in the journal once, and delivered under one id; what the engine
// may have forgotten at its restart is said.
func TestDockerEvents(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, stop := dockerd(t, dir)
	docker("load", "-i", imageTar(t))
	out, run := dockerSink(t, dir, filepath.Join(dir, "d.sock"))
	ended := func(id string) func() bool {
		return func() bool {
			if _, err := os.Stat(out); err != nil {
				return false
			}
			return slices.ContainsFunc(eventsIn(t, out), func(e map[string]any) bool {
				return get(e, "event", "action") == "destroy" && get(e, "container", "id") == id
			})
		}
	}
	work := func(name string) string {
		id := docker("run", "-d", "--network=none", "--name", name, "--label", "team=blue", labImage)
		docker("exec", name, "/bin/true")
		docker("kill", name)
		docker("rm", "-f", name)
		return id
	}
	kill := run()
	var made []string
	for n := range 3 {
		id := work(fmt.Sprintf("round-%d-a", n))
		eventually(t, "the container's end is delivered", 20*time.Second, ended(id))
		kill()
		made = append(made, id, work(fmt.Sprintf("round-%d-b", n))) // nobody listens; the engine remembers
		kill = run()
	}
	eventually(t, "the last one's end is delivered", 20*time.Second, ended(made[len(made)-1]))
	stop()
	docker, _ = dockerd(t, dir)
	made = append(made, work("late"))
	eventually(t, "what comes after the engine's restart is delivered", 40*time.Second, ended(made[len(made)-1]))
	kill()
	judgeEngine(t, inJournal(t, dir), eventsIn(t, out), made)
}

// judgeEngine checks what became of the events of containers.
func judgeEngine(t *testing.T, kept, delivered []map[string]any, made []string) {
	t.Helper()
	actions := map[string]int{} // of a container, in the journal
	ids := map[any]int{}
	said := 0
	for _, e := range kept {
		ids[get(e, "event", "id")]++
		if get(e, "event", "dataset") == "docker.events" {
			actions[fmt.Sprint(get(e, "event", "action"), " ", get(e, "container", "id"))]++
			if get(e, "event", "action") == "create" && get(e, "container", "id") == made[0] && get(e, "docker", "container", "network_mode") != "none" {
				t.Errorf("what the container may do is not said: %v", e)
			}
		}
		if strings.Contains(fmt.Sprint(get(e, "message")), "does not remember the last event") {
			said++
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("the event %v is in the journal %d times", id, n)
		}
	}
	for _, id := range made {
		for _, action := range []string{"create", "start", "exec_create", "exec_start", "kill", "die", "destroy"} {
			if n := actions[action+" "+id]; n != 1 {
				t.Errorf("%s of %s is in the journal %d times", action, id[:12], n)
			}
		}
	}
	if said != 1 {
		t.Errorf("that the engine was started anew is said %d times", said)
	}
	for _, e := range delivered {
		delete(ids, get(e, "event", "id"))
	}
	if len(ids) > 0 {
		t.Errorf("%d events of the journal were not delivered", len(ids))
	}
	t.Logf("%d events in the journal, %d lines delivered", len(kept), len(delivered))
}
