//go:build integration

package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// versityGW is a store that speaks S3 and keeps objects as plain files.
const versityGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// TestS3 sends 100,000 events through the real program into a real store that is
// killed and started again twice while the program itself is killed once, reads
// the store's files and compares: nothing is missing, nothing is there twice. Then
// tallyman verify says so, and names what was removed or changed.
func TestS3(t *testing.T) {
	server := goProgram(t, "versitygw", versityGW)
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "tls"}[secure], func(t *testing.T) {
			newGateway(t, server, secure).archive(t)
		})
	}
}

// goProgram returns a program that the Go module proxy has, built once into the
// user's cache.
func goProgram(t *testing.T, name, pkg string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "tallyman-integration", strings.NewReplacer("/", "_", "@", "_").Replace(pkg))
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	cmd := exec.Command("go", "install", pkg)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: %s cannot be built: %v\n%s", pkg, err, tail(out))
	}
	return path
}

// gateway is the store and its files.
type gateway struct {
	program, dir, address, url, ca string
	args                           []string
	cmd                            *exec.Cmd
}

func newGateway(t *testing.T, program string, secure bool) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{program: program, dir: t.TempDir(), address: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(g.dir, "data", "audit"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.url, g.args = "http://"+g.address, []string{"--port", g.address, "--health", "/health", "--quiet"}
	if secure {
		ca, cert, certKey := s3Certificates(t, g.dir)
		g.url, g.ca = "https://"+g.address, ca
		g.args = append(g.args, "--cert", cert, "--key", certKey)
	}
	g.args = append(g.args, "posix", filepath.Join(g.dir, "data"))
	g.start(t)
	t.Cleanup(func() { g.kill(t) })
	return g
}

// s3Certificates makes an authority and a certificate for 127.0.0.1.
func s3Certificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	script := `set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=labca -keyout ca.key -out ca.crt -addext basicConstraints=critical,CA:TRUE
openssl req -newkey rsa:2048 -nodes -subj /CN=store.example -keyout store.key -out store.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > ext
openssl x509 -req -in store.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out store.crt`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: openssl makes no certificates: %v\n%s", err, tail(out))
	}
	return filepath.Join(dir, "ca.crt"), filepath.Join(dir, "store.crt"), filepath.Join(dir, "store.key")
}

func (g *gateway) start(t *testing.T) {
	t.Helper()
	g.cmd = exec.Command(g.program, g.args...)
	g.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=tallyman", "ROOT_SECRET_KEY=tallymansecret")
	g.cmd.Dir = g.dir
	said := &bytes.Buffer{}
	g.cmd.Stdout, g.cmd.Stderr = said, said
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store listens", 20*time.Second, func() bool {
		c, err := net.Dial("tcp", g.address)
		return err == nil && c.Close() == nil
	})
}

func (g *gateway) kill(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Kill(); err != nil {
		t.Logf("kill the store: %v", err)
	}
	_ = g.cmd.Wait() // it was killed
}

// files are the objects by their keys.
func (g *gateway) files(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join(g.dir, "data", "audit")
	m := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir // what the store keeps for itself
		}
		if err == nil && d.Type().IsRegular() {
			rel, rerr := filepath.Rel(root, path)
			m[rel], err = path, rerr
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return m
}

// numbers counts the event numbers in all objects.
func (g *gateway) numbers(t *testing.T) (map[string]int, int) {
	t.Helper()
	seen, objects := map[string]int{}, 0
	for key, path := range g.files(t) {
		if !strings.HasSuffix(key, ".json.gz") {
			continue
		}
		objects++
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		d := json.NewDecoder(z)
		for {
			var e struct{ Message string }
			if err := d.Decode(&e); err == io.EOF { //nolint:errorlint // as the decoder says
				break
			} else if err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			seen[e.Message]++
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return seen, objects
}

const s3Events = 100_000

func (g *gateway) archive(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "app.log")
	tls := ""
	if g.ca != "" {
		tls = ", tls: {ca: " + g.ca + "}"
	}
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`journal: {dir: %[1]s/journal}
admin: {listen: off}
inputs:
  app: {type: file, path: [%[2]s], start_at: beginning}
outputs:
  archive: {type: s3, bucket: audit, prefix: 'logs/{{ event.dataset }}/{{ time "2006" }}', endpoint: %[3]s, access_key_id: tallyman,
    secret_access_key: {env: S3_SECRET}, max_size: 100KiB, max_age: 2s, manifest_every: 5s, timeout: 5s%[4]s}
`, dir, log, g.url, tls))
	t.Setenv("S3_SECRET", "tallymansecret")
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	line := 0
	more := func(n int) {
		var b bytes.Buffer
		for range n {
			fmt.Fprintf(&b, "event %07d of a log that grows\n", line)
			line++
		}
		if _, err := f.Write(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	run := g.run(t, conf)
	const step = s3Events / 20
	for i := range 20 {
		more(step)
		switch i {
		case 5, 13:
			g.kill(t)
			more(step / 2)
			time.Sleep(time.Second) // the outage
			g.start(t)
		case 9:
			_ = run.Process.Signal(syscall.SIGKILL)
			_ = run.Wait() // it was killed
			run = g.run(t, conf)
		}
		time.Sleep(200 * time.Millisecond) // so that objects end by age, too
	}
	total := line
	eventually(t, "every event is in an object", 90*time.Second, func() bool { seen, _ := g.numbers(t); return len(seen) == total })
	_ = run.Process.Signal(syscall.SIGTERM)
	_ = run.Wait() // what counts is in the store
	// The end of the sources writes the last manifest.
	if out, err := exec.Command(program(t), "run", "--once", "-c", conf).CombinedOutput(); err != nil {
		t.Fatalf("run --once: %v\n%s", err, tail(out))
	}
	g.judge(t, conf, total)
}

func (g *gateway) run(t *testing.T, conf string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t), "run", "-c", conf)
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		if t.Failed() {
			t.Logf("tallyman said:\n%s", tail(said.Bytes()))
		}
	})
	return cmd
}

// judge compares the sets, and has verify look at the archive whole, by its address and
// as the output of a configuration, with a byte changed and with an object removed.
func (g *gateway) judge(t *testing.T, conf string, total int) {
	t.Helper()
	seen, objects := g.numbers(t)
	for i := range total {
		if n := seen[fmt.Sprintf("event %07d of a log that grows", i)]; n != 1 {
			t.Fatalf("event %d is there %d times", i, n)
		}
	}
	if len(seen) != total {
		t.Fatalf("%d different events are there, %d were written", len(seen), total)
	}
	t.Logf("%d events, each once, in %d objects", total, objects)
	if out, code := g.verify(t); code != 0 || !strings.Contains(out, "whole: ") {
		t.Fatalf("verify of a whole archive: exit %d\n%s", code, out)
	}
	if out, code := g.verify(t, "--deep"); code != 0 || !strings.Contains(out, fmt.Sprintf("%d events", total)) {
		t.Fatalf("verify --deep of a whole archive: exit %d\n%s", code, out)
	}
	out, err := exec.Command(program(t), "verify", "--deep", "--output", "archive", "-c", conf).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("%d events", total)) {
		t.Fatalf("verify --output of a whole archive: %v\n%s", err, tail(out))
	}
	key, path := "", ""
	for k, p := range g.files(t) {
		if strings.HasSuffix(k, ".gz") && (key == "" || k < key) {
			key, path = k, p
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := g.verify(t, "--deep"); code != 4 || !strings.Contains(out, key+": it was changed") {
		t.Errorf("a byte of %s was changed; verify --deep: exit %d\n%s", key, code, out)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if out, code := g.verify(t); code != 4 || !strings.Contains(out, key+": it is missing") {
		t.Errorf("%s was removed; verify: exit %d\n%s", key, code, out)
	}
}

func (g *gateway) verify(t *testing.T, more ...string) (string, int) {
	t.Helper()
	args := append([]string{"verify", "--endpoint", g.url}, more...)
	if g.ca != "" {
		args = append(args, "--ca", g.ca)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), append(args, "s3://audit/logs")...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=tallyman", "AWS_SECRET_ACCESS_KEY=tallymansecret")
	out, _ := cmd.CombinedOutput() // its code is looked at
	return string(out), cmd.ProcessState.ExitCode()
}
