package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tallyman/cmd/tallyman/setup"
)

// jsonContainer is the id of a container of newHost.
const jsonContainer = "1f0c6a7be2d94c0fa2d5f4b7c5d1e8a90b3c6d7e8f9a0b1c2d3e4f5a6b7c8d9e"

// newHost is the root of a host with an audit log and what its programs say.
func newHost(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"var/log/audit/audit.log": started(1, 1, 100, "parent", "/usr/bin/parent") + started(2, 100, 101, "child", "/usr/bin/child"),
		"var/lib/docker/containers/" + jsonContainer + "/" + jsonContainer + "-json.log": `{"log":"order 17 paid\n","stream":"stdout","time":"2026-11-25T10:00:01Z"}` + "\n",
		"var/log/auth.log": "Nov 25 10:00:00 host sshd[1]: Accepted publickey for root from 10.0.0.1 port 22 ssh2\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, text)
	}
	return root
}

// TestInitAsANewUser does what the program says to do next: what init writes is valid,
// runs, and shows the host's events; a container's line with the container.
func TestInitAsANewUser(t *testing.T) {
	root, dir := newHost(t), t.TempDir()
	file := filepath.Join(dir, "tallyman.yaml")
	code, text := said(t, "", "init", "--root", root, "--output", file, "--state-dir", filepath.Join(dir, "state"))
	if code != exitOK || !strings.Contains(text, "tallyman run --config "+file) || !strings.Contains(text, "absent   Docker's socket") {
		t.Fatalf("exit %d: %s", code, text)
	}
	if code, text := said(t, "", "validate", file); code != exitOK || !strings.Contains(text, "is valid: 3 inputs, 5 transforms, 1 outputs") {
		t.Errorf("exit %d: %s", code, text)
	}
	cmd := tallyman(t, "run", "--once", "--config", file, "--admin-listen", "off")
	out, err := cmd.Output()
	for _, want := range []string{"as root ran x", "publickey for root", jsonContainer[:12] + "  ", "order 17 paid"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, no %q: %s", err, want, out)
		}
	}
	if code, text := said(t, "", "init", "--root", root, "--output", file); code != exitFailure || !strings.Contains(text, "stays as it is") {
		t.Errorf("it was overwritten: exit %d: %s", code, text)
	}
}

// TestInitPresets: each preset is valid as it is written, and one that is unknown is refused.
func TestInitPresets(t *testing.T) {
	root, dir := newHost(t), t.TempDir()
	for _, name := range setup.Presets() {
		file := filepath.Join(dir, name+".yaml")
		if code, text := said(t, "", "init", "--root", root, "--output", file, "--preset", name, "--state-dir", dir); code != exitOK {
			t.Fatalf("%s: exit %d: %s", name, code, text)
		}
		if code, text := said(t, "", "validate", file); code != exitOK {
			t.Errorf("%s: exit %d: %s", name, code, text)
		}
		written, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(written), "CHANGE") {
			t.Errorf("%s does not say what to change: %v", name, err)
		}
	}
	if code, text := said(t, "", "init", "--root", root, "--output", "-", "--preset", "x"); code != exitUsage || !strings.Contains(text, "docker-splunk, k8s-s3, siem-cef, pci") {
		t.Errorf("exit %d: %s", code, text)
	}
}

// TestInitLeavesWhatIsThere: rules that somebody changed stay; nothing is written
// where nothing can be read; - writes no file.
func TestInitLeavesWhatIsThere(t *testing.T) {
	root, dir := newHost(t), t.TempDir()
	mine := filepath.Join(dir, "rules", "self.yaml")
	if err := os.Mkdir(filepath.Dir(mine), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, mine, "pack: mine\nversion: 1\nrules: []\n")
	if code, text := said(t, "", "init", "--root", root, "--output", filepath.Join(dir, "t.yaml"), "--state-dir", dir); code != exitOK || !strings.Contains(text, "kept     "+mine) {
		t.Errorf("exit %d: %s", code, text)
	}
	if text, err := os.ReadFile(mine); err != nil || !strings.Contains(string(text), "pack: mine") {
		t.Errorf("%v: %s", err, text)
	}
	empty := t.TempDir()
	if code, text := said(t, "", "init", "--root", empty, "--output", filepath.Join(empty, "t.yaml")); code != exitPermission || !strings.Contains(text, "nothing was written") {
		t.Errorf("exit %d: %s", code, text)
	}
	if code, text := said(t, "", "init", "--root", root, "--output", "-"); code != exitOK || !strings.Contains(text, "\n  screen: {type: stdout") {
		t.Errorf("exit %d: %s", code, text)
	}
	if list, err := os.ReadDir(empty); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestInitFrom translates each sample, compares what is said and written with what
// was read and found right, and has the result validated where its secrets and
// certificates are no part of it.
func TestInitFrom(t *testing.T) {
	files, err := filepath.Glob("testdata/from/*.*")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, ".golden") {
			continue
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "t.yaml")
			code, text := said(t, "", "init", "--from", f, "--output", out, "--state-dir", dir)
			written, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "from/"+filepath.Base(f)+".golden", strings.ReplaceAll(text+"exit "+strconv.Itoa(code)+"\n\n"+string(written), dir, "DIR"))
			want := exitOK
			if strings.Contains(text, "put the certificate and key") {
				want = exitConfig
			}
			if code != want {
				t.Errorf("exit %d, want %d: %s", code, want, text)
			}
		})
	}
}

func TestInitFromNothing(t *testing.T) {
	dir := t.TempDir()
	letter := filepath.Join(dir, "letter")
	write(t, letter, "Dear reader\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--from", letter}, exitUsage, "say it with --from-format, one of rsyslog"},
		{[]string{"--from", letter, "--from-format", "syslog-ng"}, exitUsage, `no translation of "syslog-ng"`},
		{[]string{"--from", dir}, exitUsage, "no configuration file"},
		{[]string{"--from", letter + "x"}, exitFailure, "no such file"},
		{[]string{"--from", letter, "--preset", "pci"}, exitUsage, "preset"},
	} {
		if code, text := said(t, "", append([]string{"init", "--output", filepath.Join(dir, "t.yaml")}, c.args...)...); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%v: exit %d: %s", c.args, code, text)
		}
	}
}
