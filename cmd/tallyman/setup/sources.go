package setup

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// plain are texts that YAML takes as they stand.
var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.-]*$`)

// Quote writes a text as YAML in flow style has it, so that the configuration reads
// the same text again: a dollar sign is doubled.
func Quote(s string) string {
	s = strings.ReplaceAll(s, "$", "$$")
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return `"` + s + `"`
	}
	if plain.MatchString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

func quoteAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Quote(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// auditLog is the file that auditd writes, by its configuration where that may be
// read.
func (l Look) auditLog() string {
	text, err := os.ReadFile(l.Root + "/etc/audit/auditd.conf")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, "=")
			if path := strings.TrimSpace(value); strings.EqualFold(strings.TrimSpace(key), "log_file") && strings.HasPrefix(path, "/") {
				return l.Root + path
			}
		}
	}
	return l.Root + "/var/log/audit/audit.log"
}

func (l Look) audit() Source {
	s := Source{Name: "audit", What: "the audit log", Path: l.auditLog(),
		Why: "What processes do on the host and in containers. `tallyman audit-rules print` has the\naudit rules that make it tell enough.",
		Hint: "let the user that runs tallyman read it: set log_group = adm in /etc/audit/auditd.conf and run `usermod -aG adm USER`, or give the service CAP_DAC_READ_SEARCH " +
			"(the shipped unit does)"}
	s.Entry = "{type: auditd, path: " + Quote(s.Path) + "}"
	s = s.try(l.Open(s.Path))
	if s.State != Absent {
		return s
	}
	s.Hint = "install auditd (it writes this file), or give tallyman CAP_AUDIT_READ to hear the kernel itself"
	if l.Root == "" && l.Multicast() == nil {
		s.State, s.What, s.Path = Ready, "the kernel's audit records, through netlink", ""
		s.Entry = "{type: auditd, netlink: multicast}"
		s.Why = "What processes do on the host and in containers, from the kernel itself: there is no\nlog of auditd. `tallyman audit-rules print` has the audit rules that make it tell enough."
	}
	return s
}

// engines looks for the sockets of container engines.
func (l Look) engines(h *Host) []Source {
	var list []Source
	for _, e := range []struct {
		name, what, why, hint string
		runtime, entry        string
		at                    []string
	}{
		{"docker", "Docker's socket", "Who started, entered, changed or removed a container, through Docker's API.",
			"add the user that runs tallyman to the group docker (who may talk to this socket may become root), or run tallyman as root", "docker", "{type: docker}",
			[]string{"/run/docker.sock", "/var/run/docker.sock"}},
		{"podman", "podman's socket", "Who started, entered, changed or removed a container, through podman's API.",
			"let the user that runs tallyman use it, or run tallyman as root; `systemctl enable --now podman.socket` starts it", "podman", "", []string{"/run/podman/podman.sock"}},
		{"", "containerd's socket", "", "", "containerd", "", []string{"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"}},
		{"", "CRI-O's socket", "", "", "crio", "", []string{"/run/crio/crio.sock", "/var/run/crio/crio.sock"}},
	} {
		path, found := l.first(e.at...)
		if found {
			h.Runtimes[e.runtime] = path
		}
		if e.name == "" {
			continue
		}
		s := Source{Name: e.name, What: e.what, Path: path, Why: e.why, Hint: e.hint, Entry: e.entry}
		if e.entry == "" || l.Root != "" {
			s.Entry = "{type: docker, host: " + Quote("unix://"+path) + "}"
		}
		if found {
			s = s.try(l.Dial(path))
		}
		list = append(list, s)
	}
	return list
}

// containers looks for what containers print.
func (l Look) containers() Source {
	s := Source{Name: "containers", What: "what containers print", Entry: "{type: containers}",
		Why:  "What containers print, each line with its container. If tallyman itself runs in a\ncontainer and prints events, leave its own file out with `exclude`.",
		Hint: "let the user that runs tallyman read the folder, or give the service CAP_DAC_READ_SEARCH (the shipped unit does)"}
	var paths, roots []string
	var err error
	for _, at := range [][2]string{{"/var/log/pods", "/*/*/*.log"}, {"/var/lib/docker/containers", "/*/*-json.log"}} {
		dir, found := l.first(at[0])
		if !found {
			continue
		}
		s.Path = dir
		if err = l.Open(dir); err == nil {
			paths, roots = append(paths, dir+at[1]), append(roots, dir)
		}
	}
	if s.Path == "" {
		s.Path = l.Root + "/var/log/pods"
		return s
	}
	if s = s.try(err); len(paths) > 0 {
		s.State, s.Err = Ready, nil
		if l.Root != "" {
			s.Entry = "{type: containers, path: " + quoteAll(paths) + ", roots: " + quoteAll(roots) + "}"
		}
	}
	return s
}

// apiServer looks for the audit log of Kubernetes.
func (l Look) apiServer() Source {
	path, found := l.first("/var/log/kubernetes/audit/audit.log", "/var/log/kubernetes/audit.log", "/var/log/kube-apiserver/audit.log", "/var/lib/rancher/k3s/server/logs/audit.log",
		"/var/lib/rancher/rke2/server/logs/audit.log")
	s := Source{Name: "apiserver", What: "the audit log of Kubernetes' API server", Path: path, Entry: "{type: file, path: [" + Quote(path) + "], decode: kubernetes_audit}",
		Why:  "Who asked the API server for what.",
		Hint: "let the user that runs tallyman read it; the API server writes it with --audit-log-path and --audit-policy-file"}
	if !found {
		return s
	}
	return s.try(l.Open(path))
}

func (l Look) journald() Source {
	path, found := l.first("/var/log/journal/*/system.journal", "/run/log/journal/*/system.journal", "/var/log/journal", "/run/log/journal")
	s := Source{Name: "host", What: "systemd's journal", Path: path,
		Why:  "What the host's programs say: sshd, sudo, cron, the kernel. The audit records that are\nin the journal as well are left out, since audit reads them.",
		Hint: "add the user that runs tallyman to the group systemd-journal"}
	if !found {
		return s
	}
	const matches = "matches: [_TRANSPORT=syslog, _TRANSPORT=journal, _TRANSPORT=stdout, _TRANSPORT=kernel]"
	s.Entry = "{type: journald, " + matches + "}"
	if l.Root != "" {
		dir := filepath.Dir(path)
		if strings.HasSuffix(path, ".journal") {
			dir = filepath.Dir(dir)
		}
		s.Entry = "{type: journald, directory: " + Quote(dir) + ", " + matches + "}"
	}
	if s = s.try(l.Open(path)); s.State == Ready && !l.Program("journalctl") {
		s.State, s.Hint = Absent, "journalctl, which reads it, is not in PATH"
	}
	return s
}

// syslogFiles looks for what a syslog daemon writes, where the journal cannot be read.
func (l Look) syslogFiles() Source {
	s := Source{Name: "host", What: "the files of the host's syslog daemon", Path: l.Root + "/var/log/syslog",
		Why:  "What the host's programs say: sshd, sudo, cron, the kernel.",
		Hint: "add the user that runs tallyman to the group adm"}
	var paths []string
	var err error
	for _, p := range []string{"/var/log/syslog", "/var/log/auth.log", "/var/log/messages", "/var/log/secure"} {
		path, found := l.first(p)
		if !found {
			continue
		}
		if e := l.Open(path); e != nil {
			s.Path, err = path, e
			continue
		}
		paths = append(paths, path)
	}
	s.Entry = "{type: file, path: " + quoteAll(append([]string{}, paths...)) + ", decode: syslog}"
	if len(paths) > 0 {
		s.Path, s.State = paths[0], Ready
		return s
	}
	if err != nil {
		s.Entry = "{type: file, path: [" + Quote(s.Path) + "], decode: syslog}"
		return s.try(err)
	}
	return s
}

func (l Look) jenkins() Source {
	home, found := l.first("/var/lib/jenkins", "/var/jenkins_home")
	s := Source{Name: "jenkins", What: "Jenkins' home", Path: home, Entry: "{type: jenkins, home: " + Quote(home) + "}",
		Why: "What Jenkins built, for whom, and how it ended.", Hint: "add the user that runs tallyman to the group jenkins"}
	if !found {
		return s
	}
	return s.try(l.Open(home))
}

// notes are things that no input reads, and that matter all the same.
func (l Look) notes() []Note {
	var list []Note
	add := func(path, name, text string) {
		if _, found := l.first(path); found {
			list = append(list, Note{name, text})
		}
	}
	add("/var/lib/kubelet", "kubelet", "this host is a node of Kubernetes: configs/deploy/kubernetes has a DaemonSet; pods get their names from the API server in a pod with a service account, or by kubernetes_api of the transform container")
	add("/etc/rsyslog.conf", "rsyslog", "rsyslog is installed: `tallyman init --from /etc/rsyslog.conf` translates what it receives and sends")
	add("/etc/laurel/config.toml", "LAUREL", "LAUREL is installed: `tallyman init --from /etc/laurel/config.toml` translates it")
	add("/etc/fluent-bit/fluent-bit.conf", "Fluent Bit", "Fluent Bit is installed: `tallyman init --from /etc/fluent-bit/fluent-bit.conf` translates it")
	slices.SortStableFunc(list, func(a, b Note) int { return strings.Compare(a.Name, b.Name) })
	return list
}
