package setup

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostOf is a host with these files, of which some may not be read.
func hostOf(t *testing.T, files map[string]string, denied ...string) Look {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	allowed := func(path string) error {
		for _, d := range denied {
			if strings.HasPrefix(path, root+d) {
				return fmt.Errorf("open %s: %w", path, fs.ErrPermission)
			}
		}
		return open(path)
	}
	return Look{Root: root, UID: 1000, Open: allowed, Dial: func(path string) error {
		if err := allowed(path); err != nil {
			return err
		}
		if text, _ := os.ReadFile(path); string(text) == "dead" { //nolint:errcheck // then it is not dead
			return unix.ECONNREFUSED
		}
		return nil
	}, Multicast: func() error { return unix.EPERM }, Program: func(string) bool { return true }, Taken: func(string) bool { return false }}
}

// TestHost: what is there, what may not be read and what is missing are told apart,
// and each input is written so that it reads what was found.
func TestHost(t *testing.T) {
	const log = "/var/log/audit/audit.log"
	for _, c := range []struct {
		name, source string
		files        map[string]string
		denied       []string
		state        State
		entry        string // ROOT stands for the root
	}{
		{"an audit log", "audit", map[string]string{log: "x\n"}, nil, Ready, "{type: auditd, path: ROOT/var/log/audit/audit.log}"},
		{"an audit log that is empty", "audit", map[string]string{log: ""}, nil, Ready, "{type: auditd, path: ROOT/var/log/audit/audit.log}"},
		{"an audit log elsewhere", "audit", map[string]string{"/etc/audit/auditd.conf": "# x\nlog_file = /data/a.log\n", "/data/a.log": ""}, nil, Ready, "path: ROOT/data/a.log"},
		{"an audit log that is denied", "audit", map[string]string{log: "x\n"}, []string{"/var/log/audit"}, Denied, "audit.log"},
		{"no audit log", "audit", nil, nil, Absent, "audit.log"},
		{"docker", "docker", map[string]string{"/run/docker.sock": ""}, nil, Ready, `{type: docker, host: "unix://ROOT/run/docker.sock"}`},
		{"docker that is denied", "docker", map[string]string{"/run/docker.sock": ""}, []string{"/run/docker.sock"}, Denied, "docker.sock"},
		{"a socket that nobody serves", "docker", map[string]string{"/run/docker.sock": "dead"}, nil, Absent, "docker.sock"},
		{"podman", "podman", map[string]string{"/run/podman/podman.sock": ""}, nil, Ready, `{type: docker, host: "unix://ROOT/run/podman/podman.sock"}`},
		{"pods", "containers", map[string]string{"/var/log/pods/ns_p_u/c/0.log": ""}, nil, Ready, `path: ["ROOT/var/log/pods/*/*/*.log"]`},
		{"pods denied, docker's files not", "containers", map[string]string{"/var/log/pods/ns_p_u/c/0.log": "", "/var/lib/docker/containers/a/a-json.log": ""}, []string{"/var/log/pods"}, Ready,
			`path: ["ROOT/var/lib/docker/containers/*/*-json.log"]`},
		{"pods denied", "containers", map[string]string{"/var/log/pods/ns_p_u/c/0.log": ""}, []string{"/var/log/pods"}, Denied, "containers"},
		{"k3s", "apiserver", map[string]string{"/var/lib/rancher/k3s/server/logs/audit.log": ""}, nil, Ready, "path: [ROOT/var/lib/rancher/k3s/server/logs/audit.log], decode: kubernetes_audit"},
		{"a journal", "host", map[string]string{"/var/log/journal/0123/system.journal": "x"}, nil, Ready, "directory: ROOT/var/log/journal, matches: [_TRANSPORT=syslog"},
		{"a journal that is denied, and files", "host", map[string]string{"/var/log/journal/0123/system.journal": "x", "/var/log/auth.log": ""}, []string{"/var/log/journal"}, Denied, "journald"},
		{"files of syslog", "host", map[string]string{"/var/log/auth.log": "", "/var/log/syslog": ""}, nil, Absent, ""},
		{"jenkins", "jenkins", map[string]string{"/var/lib/jenkins/config.xml": ""}, nil, Ready, "{type: jenkins, home: ROOT/var/lib/jenkins}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := hostOf(t, c.files, c.denied...)
			s := l.Host().Find(c.source)
			if s == nil {
				t.Fatal("it is not listed")
			}
			if entry := strings.ReplaceAll(s.Entry, l.Root, "ROOT"); s.State != c.state || !strings.Contains(entry, c.entry) || (s.Err != nil) != (c.state == Denied) {
				t.Errorf("state %d, %s, %v", s.State, entry, s.Err)
			}
		})
	}
}

// TestSyslogWithoutJournal: the files of syslog stand in for a journal that cannot be
// read, and not beside one that can.
func TestSyslogWithoutJournal(t *testing.T) {
	files := map[string]string{"/var/log/auth.log": "", "/var/log/syslog": "", "/var/log/journal/0123/system.journal": "x"}
	for _, c := range []struct {
		name    string
		program bool
		denied  []string
		want    string
	}{
		{"both", true, nil, "type: journald"},
		{"journal denied", true, []string{"/var/log/journal"}, "ROOT/var/log/auth.log], decode: syslog"},
		{"no journalctl", false, nil, "ROOT/var/log/auth.log], decode: syslog"},
		{"one file denied", true, []string{"/var/log/journal", "/var/log/syslog"}, "path: [ROOT/var/log/auth.log]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := hostOf(t, files, c.denied...)
			l.Program = func(string) bool { return c.program }
			text, err := Configuration(l.Host(), Plan{})
			text = strings.ReplaceAll(text, l.Root, "ROOT")
			active := 0
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "  host: ") {
					active++
					if !strings.Contains(line, c.want) {
						t.Errorf("%s", line)
					}
				}
			}
			if err != nil || active != 1 {
				t.Errorf("%v, %d inputs:\n%s", err, active, text)
			}
		})
	}
}

// TestNothing: a host where nothing is to be read says so, and how to change it.
func TestNothing(t *testing.T) {
	h := hostOf(t, map[string]string{"/var/log/audit/audit.log": "x", "/var/lib/kubelet/x": "", "/etc/rsyslog.conf": ""}, "/var/log/audit").Host()
	if h.Readable() {
		t.Error("something is readable")
	}
	text := Report(h)
	for _, want := range []string{"DENIED   the audit log", "log_group = adm", "absent   Docker's socket", "seen     kubelet", "--from /etc/rsyslog.conf"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

// TestKernel: without a log the kernel is heard, where it lets this user.
func TestKernel(t *testing.T) {
	l := hostOf(t, nil)
	if l.Multicast = func() error { return nil }; l.audit().State != Absent {
		t.Error("the kernel of this host was asked for another root")
	}
	l.Root, l.Open = "", func(string) error { return fs.ErrNotExist }
	if s := l.audit(); s.State != Ready || s.Entry != "{type: auditd, netlink: multicast}" {
		t.Errorf("%+v", s)
	}
}

// TestQuote: a path comes back from YAML and from the expansion of variables as it was.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/a/b.log": "/a/b.log", "a b": `"a b"`, "/a/$b": `"/a/$$b"`, "on": `"on"`, "12": `"12"`, "*": `"*"`, "": `""`, "a: b": `"a: b"`, "é": `"é"`} {
		if got := Quote(in); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
}

func TestUnknownPreset(t *testing.T) {
	if _, err := Configuration(hostOf(t, nil).Host(), Plan{Preset: "dokcer"}); err == nil || !strings.Contains(err.Error(), "docker-splunk") {
		t.Error(err)
	}
}
