package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestExamine gives hosts that lack one thing each, and wants that and what to do.
func TestExamine(t *testing.T) {
	const rules = "-a always,exit -F arch=b64 -S execve,execveat -F exe=/usr/bin/runc -F key=tm_lineage\n"
	for name, c := range map[string]struct {
		conf, rules, engine string
		outside             bool
		err                 error
		want                map[string]string // what is not good, and a word of the hint
	}{
		"all there": {conf: "log_format = RAW\nflush = INCREMENTAL_ASYNC\n", rules: rules, engine: "run/docker.sock"},
		"enriched":  {conf: "log_format = enriched\n", rules: rules, engine: "run/docker.sock", want: map[string]string{"log_format": "RAW"}},
		"data":      {conf: "flush = DATA\n", rules: rules, engine: "run/docker.sock", want: map[string]string{"flush": "INCREMENTAL_ASYNC"}},
		"sync":      {conf: "flush=SYNC\n", rules: rules, engine: "run/docker.sock", want: map[string]string{"flush": "INCREMENTAL_ASYNC"}},
		"a sidecar": {conf: "flush=NONE\n", outside: true, err: fmt.Errorf("subscribe: %w", unix.ECONNREFUSED), rules: rules, engine: "run/docker.sock",
			want: map[string]string{"pid namespace": "hostPID", "process connector": "hostNetwork"}},
		"not allowed": {err: unix.EPERM, rules: rules, engine: "run/docker.sock", want: map[string]string{"process connector": "CAP_NET_ADMIN"}},
		"rules that are comments": {rules: "#" + rules, engine: "run/containerd/containerd.sock",
			want: map[string]string{"runtime rules": "tallyman audit-rules print"}},
		"no engine": {rules: rules, want: map[string]string{"runtimes": "socket"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range map[string]string{"etc/audit/auditd.conf": c.conf, "etc/audit/rules.d/60-tallyman.rules": c.rules, c.engine: ""} {
				if path == "" {
					continue
				}
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found := Examine(Host{Root: root, Namespace: func() bool { return !c.outside }, Connector: func() error { return c.err }})
			if len(found) != 6 {
				t.Errorf("%d findings", len(found))
			}
			for _, f := range found {
				word, bad := c.want[f.Name]
				if f.Good == bad || !strings.Contains(f.Hint, word) || f.Text == "" {
					t.Errorf("%+v, want it bad: %v, with %q", f, bad, word)
				}
			}
		})
	}
}
