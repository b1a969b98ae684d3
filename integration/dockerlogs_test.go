//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDockerLogs lets containers of a real engine print, under the drivers local
// and json-file and on a terminal, while tallyman is killed again and again, and
// starts one of them a second time: through the API every line is delivered,
// whole, and once by its id, with its container and its stream.
func TestDockerLogs(t *testing.T) {
	engines(t)
	dir := short(t)
	docker, _ := dockerd(t, dir)
	docker("load", "-i", imageTar(t))
	out := filepath.Join(dir, "out.json")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 256MiB, segment_size: 4MiB}
admin: {listen: off}
inputs: {logs: {type: docker_logs, host: "unix://%s", logs: all}}
outputs: {out: {type: file, path: %s, format: json}}
`, filepath.Join(dir, "d.sock"), out))
	cmd := launch(t, conf)
	ids := map[string]string{}
	names := []string{"web", "api", "tty"}
	for i, how := range [][]string{{"--log-driver", "local"}, {"--log-driver", "json-file"}, {"--log-driver", "local", "-t"}} {
		args := append([]string{"run", "-d", "--network=none", "--name", names[i], "-e", "NAME=" + names[i], "-e", "PAD=" + strings.Repeat("x", 100)}, how...)
		ids[names[i]] = docker(append(args, labImage, "/bin/sh", "-c", printer)...)
		t.Cleanup(func() { docker("rm", "-f", names[i]) })
	}
	running := func() bool { return docker("ps", "-q") != "" }
	kills := 0
	for end := time.Now().Add(90 * time.Second); running(); kills++ {
		if time.Now().After(end) {
			t.Fatal("the containers do not end")
		}
		before := size(out)
		eventually(t, "something is delivered, or all is", 30*time.Second, func() bool { return size(out) > before || !running() })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = launch(t, conf)
	}
	docker("start", "web") // it prints all of it a second time
	eventually(t, "the containers end", 60*time.Second, func() bool { return !running() })
	const each = 400*2 + 20 + 1
	want := (len(names) + 1) * each
	for end := time.Now().Add(20 * time.Second); len(byID(t, out)) < want && time.Now().Before(end); { // what is missing is told below
		time.Sleep(200 * time.Millisecond)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	got := byID(t, out)
	if len(got) != want || kills < 3 {
		t.Errorf("%d lines were delivered, want %d; %d kills", len(got), want, kills)
	}
	seen := map[string]int{}
	for _, e := range got {
		m, _ := get(e, "message").(string)
		name, _, _ := strings.Cut(m, " ")
		if get(e, "container", "id") != ids[name] || get(e, "container", "name") != name {
			t.Errorf("%.80q is of container %v, named %v", m, get(e, "container", "id"), get(e, "container", "name"))
		}
		if stream := get(e, "labels", "stream"); name != "tty" && (stream == "stderr") != strings.HasPrefix(m, name+" err ") {
			t.Errorf("%.80q came from %v", m, stream)
		}
		seen[m]++
	}
	for _, name := range names {
		times := map[bool]int{true: 2, false: 1}[name == "web"]
		lines := []string{name + " last word"}
		for i := range 400 {
			lines = append(lines, fmt.Sprintf("%s out %d %s", name, i, strings.Repeat("x", 100)), fmt.Sprintf("%s err %d", name, i))
			if i%20 == 0 {
				lines = append(lines, fmt.Sprintf("%s long %d %040000d", name, i, 0))
			}
		}
		for _, line := range lines {
			if seen[line] != times {
				t.Errorf("%.80q was delivered %d times, want %d", line, seen[line], times)
			}
		}
	}
	t.Logf("%d kills, %d lines", kills, len(got))
}
