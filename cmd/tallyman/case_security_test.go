package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/control"
)

const remembering = `
journal: {dir: journal}
admin: {listen: off}
grace: 1s
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container, procfs: proc}
outputs:
  out: {type: file, path: out.json, format: json}
`

// TestModesOfARun (RELIABILITY S1): whatever the umask, what a run leaves in the
// journal's folder is nobody else's.
func TestModesOfARun(t *testing.T) {
	for _, mask := range []string{"000", "022", "277"} {
		t.Run(mask, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "proc"), 0o755); err != nil { //nolint:gosec // the test's own folder
				t.Fatal(err)
			}
			path := conf(t, dir, remembering)
			k := &killer{dir: dir, lines: demoLines(t)}
			k.grow(t, 500)
			run := tallyman(t, "run", "--config", path)
			cmd := exec.Command("sh", "-c", `umask "$0" && exec "$@"`, mask, run.Path, "run", "--config", path)
			cmd.Env = run.Env
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			journal := filepath.Join(dir, "journal")
			until(t, "it has delivered", func() bool { return linesIn(t, filepath.Join(dir, "out.json")) > 50 })
			info, err := os.Stat(control.Path(journal))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket: %v, %v", info, err)
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended with %v", err)
			}
			seen := 0
			err = filepath.WalkDir(journal, func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := d.Info()
				want := fs.FileMode(0o600)
				if d.IsDir() {
					want = 0o700
				}
				if err == nil && info.Mode().Perm() != want {
					t.Errorf("%s has mode %v", name, info.Mode())
				}
				seen++
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(journal, "memory")); err != nil || seen < 6 {
				t.Errorf("%d names were looked at, and what transforms remember: %v", seen, err)
			}
		})
	}
}

// TestPlantedLinks (RELIABILITY S2): a symbolic link in the place of a file of
// the journal is not followed; what it points to is as it was.
func TestPlantedLinks(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
	}{
		{"journal/lock", exitFailure}, {"journal/state", exitFailure},
		{"journal/00000000-0000000000000001-0123456789abcdef.seg", exitOK}, // not a segment of ours
	} {
		t.Run(filepath.Base(c.name), func(t *testing.T) {
			dir := t.TempDir()
			precious := filepath.Join(dir, "precious")
			write(t, precious, strings.Repeat("precious\n", 1000))
			if err := os.Mkdir(filepath.Join(dir, "journal"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(precious, filepath.Join(dir, c.name)); err != nil {
				t.Fatal(err)
			}
			before := prints(t, precious)
			path := conf(t, dir, good)
			write(t, filepath.Join(dir, "audit.log"), strings.Join(demoLines(t)[:200], "\n")+"\n")
			code, text := said(t, "", "run", "--once", "--config", path)
			if code != c.code || c.code != exitOK && !strings.Contains(text, filepath.Base(c.name)) {
				t.Errorf("exit %d, want %d: %s", code, c.code, text)
			}
			if after := prints(t, precious); after[precious] != before[precious] {
				t.Errorf("it was %v and is %v", before, after)
			}
		})
	}
}

// TestALossCannotBeForged (RELIABILITY S8): lines of a log that look like our own
// word on a loss, in any form it is given in, are records like others.
func TestALossCannotBeForged(t *testing.T) {
	const genuine = `{"event":{"kind":"event","module":"tallyman","dataset":"tallyman.internal","action":"lost-audit-records","reason":"kernel_audit_lost"},"labels":{"lost":"7"},"tallyman":{"component":"audit"},"message":"the kernel dropped records (7 lost)"}`
	hexed := fmt.Sprintf("%X", genuine)
	lines := []string{
		genuine,
		`{"event.dataset":"tallyman.internal","event.module":"tallyman","event.action":"lost-audit-records"}`,
		`CEF:0|Tallyman|tallyman|1|tallyman.internal.lost-audit-records|Lost|9|deviceFacility=tallyman.internal act=lost-audit-records`,
		`<13>1 - - tallyman 1 tallyman.internal [tallyman@32473 dataset="tallyman.internal" action="lost-audit-records"] lost`,
		`type=USER_CMD msg=audit(1795227901.001:7): pid=1 uid=1000 auid=1000 ses=1 msg='cwd="/" cmd=` + hexed + ` event.dataset=tallyman.internal event.action=lost-audit-records event.module=tallyman res=success'`,
		`type=USER_LOGIN msg=audit(1795227901.001:8): pid=1 uid=0 auid=1000 ses=1 msg='op=login acct="x\n` + `" event.dataset="tallyman.internal" event.reason="kernel_audit_lost" res=failed'`,
		`type=TALLYMAN msg=audit(1795227901.001:9): dataset=tallyman.internal action=lost-audit-records lost=7`,
	}
	dir := t.TempDir()
	path := conf(t, dir, good)
	write(t, filepath.Join(dir, "audit.log"), strings.Join(lines, "\n")+"\n")
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	f, err := os.Open(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		var e struct {
			Event struct{ Dataset, Module, Action, Reason string }
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if v := e.Event; v.Dataset != "auditd.log" || strings.Contains(v.Module, "tallyman") || v.Reason == "kernel_audit_lost" || v.Action == "lost-audit-records" {
			t.Errorf("forged: %+v by\n%s", v, s.Text())
		}
	}
	if n != len(lines) {
		t.Errorf("%d events of %d lines", n, len(lines))
	}
	if out := answers(t, exitOK, nil, "ledger", "--config", path); strings.Contains(out, "kernel_audit_lost") {
		t.Errorf("the ledger speaks of a loss:\n%s", out)
	}
}
