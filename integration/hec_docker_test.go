//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

const hecDockerTallyman = `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  collector: {type: hec, listen: "127.0.0.1:%d", token: {file: token}, decode: docker_splunk}
outputs:
  file: {type: file, path: out.json, format: json}
`

// TestDockerSplunkDriver lets a real engine's log driver `splunk` send the lines of
// containers, in each of its formats: every line is there once, and its container is
// known.
func TestDockerSplunkDriver(t *testing.T) {
	engines(t)
	const lines = 1000
	dir, port := short(t), freePort(t)
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	docker, _ := dockerd(t, dir)
	docker("load", "-i", imageTar(t))
	launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(hecDockerTallyman, port)))
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	eventually(t, "tallyman listens", 20*time.Second, func() bool { return answers(url + "/services/collector/health") })
	out := filepath.Join(dir, "out.json")

	run := func(name string, more ...string) string {
		args := append([]string{"run", "-d", "--network=none", "--name", name, "--log-driver", "splunk", "--log-opt", "splunk-url=" + url,
			"--log-opt", "splunk-token=s3cret"}, more...)
		script := fmt.Sprintf(`i=0; while [ $i -lt %d ]; do echo "{\"line\":\"%s-$i\"}"; i=$((i+1)); done; echo %s-plain >&2`, lines-1, name, name)
		id := docker(append(args, labImage, "/bin/sh", "-c", script)...)
		docker("wait", name)
		return id
	}
	for _, c := range []struct {
		name string
		args []string
		text string // of line %d
	}{
		{name: "inline", text: `{"line":"inline-%d"}`},
		{name: "json", args: []string{"--log-opt", "splunk-format=json", "--log-opt", "splunk-gzip=true", "--log-opt", "labels=team", "--label", "team=blue"}, text: `{"line":"json-%d"}`},
		{name: "raw", args: []string{"--log-opt", "splunk-format=raw"}, text: `{"line":"raw-%d"}`},
	} {
		for _, tag := range []string{"", "{{.FullID}}"} {
			name, args := c.name, c.args
			if tag != "" {
				args = append(args[:len(args):len(args)], "--log-opt", "tag="+tag)
			}
			t.Run(name+tag, func(t *testing.T) {
				id := run(name, args...)
				docker("rm", name)
				if tag == "" {
					id = id[:12]
				}
				judgeDriver(t, out, id, name, c.text, lines)
			})
		}
	}
	if got := eventsWith(t, out, "event.kind", "pipeline_error"); len(got) > 0 {
		t.Errorf("%d are not understood, the first: %v", len(got), got[0])
	}
}

// judgeDriver checks that each line of a container is there once.
func judgeDriver(t *testing.T, out, id, name, text string, lines int) {
	t.Helper()
	soon(20*time.Second, func() bool { return len(eventsWith(t, out, "container.id", id)) >= lines })
	seen := map[any]int{}
	ids := map[any]bool{}
	for _, e := range eventsWith(t, out, "container.id", id) {
		seen[get(e, "message")]++
		ids[get(e, "event", "id")] = true
		stream := get(e, "labels", "stream")
		if want := map[bool]string{true: "stderr", false: "stdout"}[get(e, "message") == name+"-plain"]; name != "raw" && stream != want {
			t.Errorf("the stream of %v is %v", get(e, "message"), stream)
		}
		if name == "json" && get(e, "labels", "team") != "blue" {
			t.Errorf("the container's label is not there: %v", e)
		}
	}
	for i := range lines - 1 {
		if n := seen[fmt.Sprintf(text, i)]; n != 1 {
			t.Fatalf("line %d is there %d times", i, n)
		}
	}
	if seen[name+"-plain"] != 1 || len(seen) != lines || len(ids) != lines {
		t.Errorf("%d messages under %d ids, want %d of each", len(seen), len(ids), lines)
	}
}
