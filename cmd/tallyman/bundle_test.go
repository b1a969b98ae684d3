package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plantedConfig has a secret in each place where people put one, right or wrong.
const plantedConfig = `# comment-Zq83 is written above
journal: {dir: journal} # comment-Zq83
admin: {listen: off}
labels: {team: shop, api_key: "label-Zq83"}
inputs:
  audit: {type: auditd, path: audit.log}
  tool: {type: exec, command: [/usr/bin/curl, -H, "X-Key: command-Zq83"]}
transforms:
  - {type: audit}
  - {type: redact, key: {file: redact.secret}}
outputs:
  out: {type: file, path: out.json}
  splunk:
    type: splunk
    url: ["https://user:url-Zq83@hec.example:8088"]
    token: plain-Zq83
    proxy_auth: {file: proxy.secret}
    tls: {ca: /etc/tallyman/ca.crt, key: /etc/tallyman/client.key}
  kafka: {type: kafka, brokers: [k:9092], topic: t, sasl: {mechanism: PLAIN, user: u, password: {env: TALLYMAN_TEST_SECRET}}}
`

const plantedLog = `level=WARN msg="refused" header="Authorization: Splunk header-Zq83"
curl -H "Authorization: Bearer bearer-Zq83-abcdef" https://joe:userinfo-Zq83@host/x
{"token":"json-Zq83","n":1} {\"password\":\"escaped-Zq83\"}
mysql --password option-Zq83 and password=equals-Zq83, api_key: colon-Zq83
the file said file-Zq83 and the variable env-Zq83, the proxy proxypw-Zq83
AKIAZQ83ZQ83ZQ83ZQ83 eyJhbGciOiJub25l.eyJzdWIiOiJacTgzIn0.Zq83
-----BEGIN EC PRIVATE KEY-----
pem-Zq83
-----END EC PRIVATE KEY-----
level=INFO msg=started journal=/var/lib/tallyman
`

// TestSupportBundle: everything that helps is in it, and no secret, wherever it stood.
func TestSupportBundle(t *testing.T) {
	t.Setenv("TALLYMAN_TEST_SECRET", "env-Zq83")
	dir := t.TempDir()
	path := conf(t, dir, plantedConfig)
	for name, text := range map[string]string{"redact.secret": "file-Zq83\n", "proxy.secret": "joe:proxypw-Zq83\n", "audit.log": "", "log": plantedLog} {
		write(t, filepath.Join(dir, name), text)
	}
	file := filepath.Join(dir, "bundle.tar.gz")
	args := []string{"support-bundle", "--config", path, "--log", filepath.Join(dir, "log"), "--output", file}
	if code, text := said(t, "", args...); code != exitOK || !strings.Contains(text, "read it before you give it away") {
		t.Fatalf("exit %d: %s", code, text)
	}
	files := untar(t, file)
	for name, text := range files {
		for line := range strings.Lines(text) {
			if strings.Contains(strings.ToLower(line), "zq83") {
				t.Errorf("%s has a secret: %s", name, line)
			}
		}
	}
	for name, want := range map[string]string{
		"version.json": `"version"`, "validate.txt.stderr": "is given by reference", "doctor.txt": "attribution\n", "doctor.jsonl": `{"area":"clock"`,
		"status.json.stderr": "does not run there", "configuration.yaml": "team: shop", "log.txt": "msg=started journal=/var/lib/tallyman",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s does not say %q: %s", name, want, files[name])
		}
	}
	for _, want := range []string{"key: /etc/tallyman/client.key", "file: redact.secret", "command: [/usr/bin/curl, \"[redacted]\"", "env: TALLYMAN_TEST_SECRET", "path: audit.log"} {
		if !strings.Contains(files["configuration.yaml"], want) {
			t.Errorf("the configuration lost %q: %s", want, files["configuration.yaml"])
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if code, text := said(t, "", args...); code != exitFailure || !strings.Contains(text, "stays as it is") {
		t.Errorf("it was overwritten: exit %d: %s", code, text)
	}
}

// TestSupportBundleOfARun asks a process that runs, with events in its books.
func TestSupportBundleOfARun(t *testing.T) {
	dir := t.TempDir()
	admin := freeAddr(t)
	path := conf(t, dir, strings.Replace(good, "listen: off", `listen: "`+admin+`"`, 1))
	write(t, filepath.Join(dir, "audit.log"), oneByOne(0, 50))
	start(t, path)
	// Read is not yet in the journal, which has its first segment with the first frame.
	until(t, "the events are delivered", func() bool { return linesIn(t, filepath.Join(dir, "out.json")) >= 50 })
	file := filepath.Join(dir, "bundle.tar.gz")
	if code, text := said(t, "", "support-bundle", "--config", path, "--output", file); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	files := untar(t, file)
	for name, want := range map[string]string{"status.json": `"ready": true`, "metrics.txt": "tallyman_input_records_total", "ledger.json": `"output": "out"`, "journal.json": ".seg"} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s does not say %q: %.300s %s", name, want, files[name], files[name+".stderr"])
		}
	}
}

// TestSupportBundleWithoutConfiguration still says what there is.
func TestSupportBundleWithoutConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b")
	if code, text := said(t, "", "support-bundle", "--config", "/nowhere/tallyman.yaml", "--output", file); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	if files := untar(t, file); !strings.Contains(files["validate.txt.stderr"], "/nowhere/tallyman.yaml") || files["version.json"] == "" {
		t.Errorf("%v", files)
	}
}

func untar(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "tallyman-support/")] = string(text)
	}
}
