//go:build peers

package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPeersHEC prints what a line of Docker's json-file driver costs in processor time from
// the file on disk to a receiver of Splunk's HEC, packed and not, beside the bare limit: the
// prototype among the yardsticks, which packs at the same level and keeps nothing. It asserts
// that the receiver, which is one of the yardsticks too, has counted each line once.
func TestPeersHEC(t *testing.T) {
	dir := t.TempDir()
	gen, sink, bare := yardstick(t, dir, "gen"), yardstick(t, dir, "sink"), filepath.Join(dir, "ship")
	build := exec.Command("go", "build", "-o", bare, "./ship")
	build.Dir = filepath.Join(yardsticks, "pipe")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("ship does not build: %v\n%s", err, text)
	}
	id := strings.Repeat("5e", 32)
	path := filepath.Join(dir, id, id+"-json.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	log, lines := generated(t, gen, path, "-kind", "docker")
	url := receive(t, sink)
	conf := func(packed string) string {
		return fmt.Sprintf("journal: {dir: journal, max_size: 2GiB}\nredact: off\nadmin: {listen: off}\nlog: {level: error}\n"+
			"inputs: {logs: {type: containers, path: [\"%s\"]}}\noutputs: {hec: {type: splunk, url: [%q], token: {env: HEC_TOKEN}, compression: %s}}\n", path, url, packed)
	}
	t.Setenv("HEC_TOKEN", "00000000-0000-0000-0000-000000000000")
	once := func(program, text string) func(string) []string {
		return func(dir string) []string {
			return []string{program, "run", "--once", "--config", write(t, filepath.Join(dir, "conf.yaml"), text)}
		}
	}
	ship := func(level string) func(string) []string {
		return func(string) []string {
			return []string{bare, "-url", url + "/services/collector/event", "-gzip", level, path}
		}
	}
	u := newUsed()
	names := []string{"tallyman, gzip", "tallyman, plain", "bare prototype, gzip 1", "bare prototype, plain"}
	runs := []func(string) []string{once(program(t), conf("gzip")), once(program(t), conf("none")), ship("1"), ship("0")}
	if b := before(); b != "" {
		names, runs = []string{names[0], "tallyman before, gzip"}, []func(string) []string{runs[0], once(b, conf("gzip"))}
	}
	for range rounds(t) {
		for i, name := range names {
			before, dir := received(t, url), t.TempDir()
			u.process(t, name, dir, runs[i](dir))
			if n := received(t, url) - before; n != lines {
				t.Errorf("%s: the receiver counted %d events of %d lines", name, n, lines)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	u.print("docker json-file to HEC", len(log), lines, names)
}

// receive starts the receiver, which is not measured, on the other processor and returns
// where it is.
func receive(t *testing.T, sink string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("taskset", "-c", "0", sink, "-addr", addr, "-pat", `"sourcetype":`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return "http://" + addr
		}
		time.Sleep(50 * time.Millisecond) // a measurement, not a test
	}
	t.Fatal("the receiver does not listen")
	return ""
}

// received is how many events the receiver has counted.
func received(t *testing.T, url string) int {
	t.Helper()
	res, err := http.Get(url + "/count")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	n, err2 := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || err2 != nil {
		t.Fatalf("the receiver says %q: %v, %v", b, err, err2)
	}
	return n
}
