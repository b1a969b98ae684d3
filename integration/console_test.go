//go:build integration

package integration

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// playwright is the library that drives the browser. It brings none of its own.
const playwright = "playwright-core@1.65.1"

// browser returns a folder in which node finds the library, and the browser; it
// skips, loudly, where they cannot be had.
func browser(t *testing.T) (dir, node, chromium string) {
	t.Helper()
	chromium, node = need(t, "chromium", "chromium"), need(t, "node", "nodejs")
	npm := need(t, "npm", "npm")
	dir = t.TempDir()
	write(t, filepath.Join(dir, "package.json"), `{"private": true}`)
	cmd := exec.Command(npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", playwright)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: %s could not be installed: %v\n%s", playwright, err, tail(out))
	}
	return dir, node, chromium
}

// hostileLine is what a stranger could have a program log.
const hostileLine = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> \u202egpj.exe \x1b[2J \"><svg onload=alert(1)>\n"

// TestConsoleInABrowser: the pages of a process that works, in a real browser, with
// screenshots in build/console.
func TestConsoleInABrowser(t *testing.T) {
	lib, node, chromium := browser(t)
	dir, address := t.TempDir(), freeAddress(t)
	repo, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	shots := filepath.Join(repo, "build", "console")
	if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	audit := demoLog(t, filepath.Join(repo, "configs/demo/audit.log.gz"))
	write(t, filepath.Join(dir, "audit.log"), "")
	write(t, filepath.Join(dir, "app.log"), "")
	write(t, filepath.Join(dir, "token"), "a token of a test\n")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), strings.NewReplacer("DIR", dir, "DEMO", filepath.Join(repo, "configs/demo"), "RULES", filepath.Join(repo, "configs/rules"),
		"ADDRESS", address, "DEAD", freeAddress(t)).Replace(`
journal: { dir: DIR/journal, max_size: 64MiB, segment_size: 1MiB }
admin: { listen: off }
host: { name: demo-host, id: 5f0c3c1e9d5b4f0f8f7a4a1f6b7c8d9e }
console: { listen: "ADDRESS", token: { file: DIR/token } }
inputs:
  audit: { type: auditd, path: DIR/audit.log }
  app: { type: file, path: [DIR/app.log], decode: plain }
transforms:
  - { type: audit, keep_original: always }
  - type: container
    offline: { inspect: [DEMO/inspect.json], events: [DEMO/docker-events.jsonl, DEMO/podman-events.jsonl], timeline: DEMO/timeline.jsonl.gz }
  - { type: rules, files: ["RULES/*.yaml"] }
outputs:
  archive: { type: file, path: DIR/events.json, format: json }
  siem: { type: syslog, address: "tcp://DEAD", format: cef }
`))
	start(t, exec.Command(program(t), "run", "--config", conf))
	eventually(t, "the console answers", 30*time.Second, func() bool {
		r, err := http.Get("http://" + address + "/login")
		if err != nil {
			return false
		}
		return r.Body.Close() == nil && r.StatusCode == http.StatusOK
	})
	feed(t, dir, audit)
	script, err := os.ReadFile("testdata/console.mjs")
	if err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(map[string]string{"address": "http://" + address, "token": "a token of a test", "chromium": chromium, "shots": shots,
		"line": slices.Collect(strings.Lines(audit))[0], "app": filepath.Join(dir, "app.log")})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, write(t, filepath.Join(lib, "console.mjs"), string(script)), string(job))
	cmd.Dir = lib
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the browser: %v", err)
	}
	if !strings.Contains(string(out), "all pages: done") {
		t.Fatal("the browser did not come to the end")
	}
}

// feed gives the process its sources, and waits until the archive has them; the
// hostile line comes last, as the console remembers what came last.
func feed(t *testing.T, dir, audit string) {
	t.Helper()
	for _, source := range []struct{ name, text, last string }{
		{"audit.log", audit, "TM-AUD-003"}, // the alert of the last event but few
		{"app.log", "an ordinary line\n" + hostileLine, "gpj.exe"},
	} {
		f, err := os.OpenFile(filepath.Join(dir, source.name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(source.text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the archive has the last line of "+source.name, 60*time.Second, func() bool {
			b, err := os.ReadFile(filepath.Join(dir, "events.json"))
			return err == nil && strings.Contains(string(b), source.last) && strings.Count(string(b), "\n") > 1000
		})
	}
}

func demoLog(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// freeAddress is one of loopback where nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
