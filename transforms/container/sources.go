package container

// What of a host decides how many events find their container, before one came.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tallyman/transforms/container/runtimes"
)

// Finding is what Examine found of one thing.
type Finding struct {
	Name string `json:"name"`
	Good bool   `json:"ok"`
	Text string `json:"text"`           // what is so
	Hint string `json:"hint,omitempty"` // what to do, where it is not good
}

// Host is where Examine looks.
type Host struct {
	Root      string       // where the host's root is, "" for /
	Namespace func() bool  // whether this is the host's pid namespace
	Connector func() error // whether the process connector can be opened
	Moves     func() error // whether moves between control groups can be traced; nil: not looked at
}

// ThisHost is the one that the process runs on.
func ThisHost() Host {
	p := newProcfs("/proc", nil)
	return Host{Namespace: p.ours, Connector: func() error {
		c, err := openNetlink()
		if err != nil {
			return err
		}
		return c.close()
	}, Moves: func() error { return probeMoves(tracingRoots()) }}
}

// movesFinding is the name of what is found of the kernel's trace of moves.
const movesFinding = "moves between control groups"

// movesHint is what to do where there is none.
const movesHint = "run as root with a /sys/kernel/tracing that can be written (in a unit: ReadWritePaths=/sys/kernel/tracing), or set tracefs: off"

// Examine returns what is there for attribution and what is missing.
func Examine(h Host) []Finding {
	list := []Finding{{Name: "pid namespace", Good: true, Text: "of the host"}, {Name: "process connector", Good: true, Text: "can be opened"}}
	if !h.Namespace() {
		list[0] = Finding{Name: "pid namespace", Text: "not of the host: neither /proc nor the process connector tells of its processes, only the log's own lineage does",
			Hint: "run in the host's pid namespace: hostPID: true for a pod, --pid=host for a container"}
	}
	if err := h.Connector(); err != nil {
		list[1] = Finding{Name: "process connector", Text: fmt.Sprintf("cannot be opened (%v): what is gone before it is read is found by lineage and /proc only", err),
			Hint: "grant CAP_NET_ADMIN"}
		if errors.Is(err, unix.ECONNREFUSED) {
			list[1].Hint = "run in the host's network namespace: hostNetwork: true for a pod, --network=host for a container"
		}
	}
	if h.Moves != nil {
		f := Finding{Name: movesFinding, Good: true, Text: "can be traced"}
		if err := h.Moves(); err != nil {
			f = Finding{Name: f.Name, Text: fmt.Sprintf("cannot be traced (%v): of what ends before its first exec in a container, some is not found", err),
				Hint: movesHint}
		}
		list = append(list, f)
	}
	return append(append(list, auditdSettings(h.Root)...), rulesOf(h.Root), enginesOf(h.Root))
}

// auditdSettings judges what of auditd.conf costs attribution.
func auditdSettings(root string) []Finding {
	format, flush := Finding{Name: "log_format", Good: true, Text: "RAW"}, Finding{Name: "flush", Good: true, Text: "does not delay records"}
	text, err := os.ReadFile(root + "/etc/audit/auditd.conf")
	if err != nil {
		format.Text = "not known: /etc/audit/auditd.conf cannot be read"
		flush.Text = format.Text
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, "=")
		value = strings.ToUpper(strings.TrimSpace(value))
		switch strings.TrimSpace(key) {
		case "log_format":
			if format.Text = value; value == "ENRICHED" {
				format.Good, format.Text = false, "ENRICHED: auditd works 13 to 15 times as much for users that the host does not know, and is some 160 to 370 ms late"
				format.Hint = "set log_format = RAW in /etc/audit/auditd.conf; tallyman translates ids itself"
			}
		case "flush":
			if value == "DATA" || value == "SYNC" {
				flush.Good, flush.Text = false, value+": records come 1.4 to 2.1 s late, when short processes are gone"
				flush.Hint = "set flush = INCREMENTAL_ASYNC and freq = 50 in /etc/audit/auditd.conf"
			}
		}
	}
	return []Finding{format, flush}
}

// rulesOf looks for the rules that lineage needs in the files that augenrules
// loads.
func rulesOf(root string) Finding {
	files, err := filepath.Glob(root + "/etc/audit/rules.d/*.rules")
	if err != nil {
		files = nil // the pattern is ours
	}
	for _, f := range append(files, root+"/etc/audit/audit.rules") {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "-a ") && strings.Contains(line, "execve") && strings.Contains(line, "exe=") && (strings.Contains(line, "/runc") || strings.Contains(line, "/crun")) {
				return Finding{Name: "runtime rules", Good: true, Text: "in " + strings.TrimPrefix(f, root)}
			}
		}
	}
	return Finding{Name: "runtime rules", Text: "no file of /etc/audit has them: without the connector the log does not tell where containers begin",
		Hint: "`tallyman audit-rules print > /etc/audit/rules.d/60-tallyman.rules && augenrules --load` loads them"}
}

// enginesOf lists the engines that can be asked.
func enginesOf(root string) Finding {
	var names []string
	for _, s := range runtimes.Find(root, []string{runtimes.Docker, runtimes.Containerd, runtimes.CRIO, runtimes.Podman}) {
		names = append(names, s.Runtime+" at "+strings.TrimPrefix(s.Path, root))
	}
	if len(names) == 0 {
		return Finding{Name: "runtimes", Text: "no engine was found: containers have ids and no names", Hint: "mount the engine's socket, or name it with sockets"}
	}
	return Finding{Name: "runtimes", Good: true, Text: strings.Join(names, ", ")}
}
