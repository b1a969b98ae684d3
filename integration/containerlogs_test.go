//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// printer is what each container runs: numbered lines on both streams, now and
// then one of 40,000 bytes, which the engine writes in pieces, and at the end a
// word without a line end.
const printer = `i=0; while [ $i -lt 400 ]; do echo "$NAME out $i $PAD"; echo "$NAME err $i" >&2; if [ $((i % 4)) = 0 ]; then sleep 0.05; fi; if [ $((i % 20)) = 0 ]; then printf "$NAME long $i %040000d\n" 0; fi; i=$((i+1)); done; printf "$NAME last word"`

// TestContainerLogs lets containers of a real engine print while their logs are
// rotated and tallyman is killed again and again: every line is delivered, whole,
// in order, and once by its id, with its container and its stream.
func TestContainerLogs(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, _ := dockerd(t, dir)
	docker("load", "-i", imageTar(t))
	out := filepath.Join(dir, "out.json")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 256MiB, segment_size: 4MiB}
admin: {listen: off}
inputs: {logs: {type: containers, path: ["%s/data/containers/*/*-json.log"]}}
transforms: [{type: container, docker_root: "", sockets: {docker: %s}}]
outputs: {out: {type: file, path: %s, format: json}}
`, dir, filepath.Join(dir, "d.sock"), out))
	ids := map[string]string{}
	kills := 0
	cmd := launch(t, conf)
	names := []string{"web", "api", "db"}
	for _, name := range names {
		ids[name] = docker("run", "-d", "--network=none", "--name", name, "--log-opt", "max-size=100k", "--log-opt", "max-file=50",
			"-e", "NAME="+name, "-e", "PAD="+strings.Repeat("x", 100), labImage, "/bin/sh", "-c", printer)
		t.Cleanup(func() { docker("rm", "-f", name) })
	}
	running := func() bool { return docker("ps", "-q") != "" }
	for end := time.Now().Add(120 * time.Second); running(); kills++ {
		if time.Now().After(end) {
			t.Fatal("the containers do not end")
		}
		before := size(out)
		eventually(t, "something is delivered, or all is", 30*time.Second, func() bool { return size(out) > before || !running() })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = launch(t, conf)
	}
	if kills < 3 {
		t.Errorf("there were %d kills only", kills)
	}
	t.Logf("%d kills", kills)
	want := len(names) * (400*2 + 20 + 1)
	var got map[string]map[string]any
	eventually(t, "every line is delivered", 60*time.Second, func() bool {
		got = byID(t, out)
		return len(got) >= want
	})
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	got = byID(t, out)
	if len(got) != want {
		t.Errorf("%d lines were delivered, want %d", len(got), want)
	}
	seen := map[string]int{}
	for _, e := range got {
		m, _ := get(e, "message").(string)
		name, _, _ := strings.Cut(m, " ")
		if get(e, "container", "id") != ids[name] || get(e, "container", "name") != name {
			t.Errorf("%.80q is of container %v, named %v", m, get(e, "container", "id"), get(e, "container", "name"))
		}
		if stream := get(e, "labels", "stream"); (stream == "stderr") != strings.HasPrefix(m, name+" err ") {
			t.Errorf("%.80q came from %v", m, stream)
		}
		seen[m]++
	}
	for _, name := range names {
		for i := range 400 {
			lines := []string{fmt.Sprintf("%s out %d %s", name, i, strings.Repeat("x", 100)), fmt.Sprintf("%s err %d", name, i)}
			if i%20 == 0 {
				lines = append(lines, fmt.Sprintf("%s long %d %040000d", name, i, 0))
			}
			for _, line := range lines {
				if seen[line] != 1 {
					t.Errorf("%.80q was delivered %d times", line, seen[line])
				}
			}
		}
		if seen[name+" last word"] != 1 {
			t.Errorf("the last word of %s was delivered %d times", name, seen[name+" last word"])
		}
		rotated, err := filepath.Glob(filepath.Join(dir, "data/containers", ids[name], "*-json.log.*"))
		if err != nil || len(rotated) == 0 {
			t.Errorf("the log of %s was not rotated: %v", name, err)
		}
	}
}

// launch starts the program, which the caller ends.
func launch(t *testing.T, conf string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t), "run", "--config", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// byID returns the lines of containers that a file holds, each once: after a kill
// the last events may be delivered again.
func byID(t *testing.T, path string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	if _, err := os.Stat(path); err != nil {
		return all
	}
	for _, e := range eventsIn(t, path) {
		if d := get(e, "event", "dataset"); d == "docker.container_logs" || d == "kubernetes.container_logs" {
			id, _ := get(e, "event", "id").(string)
			all[id] = e
		}
	}
	return all
}
