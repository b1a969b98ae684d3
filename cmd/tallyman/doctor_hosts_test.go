package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	libaudit "github.com/elastic/go-libaudit/v2"

	"tallyman/transforms/container"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		write(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: %v; -update writes it anew.\ngot:\n%s\nwant:\n%s", path, err, got, want)
	}
}

// auditRate is the end of a log that grows by so many bytes a second, for a minute.
func auditRate(perSecond int) []byte {
	var b bytes.Buffer
	for at := range 61 {
		line := fmt.Sprintf("type=X msg=audit(%d.000:%d): ", 1795232000+at, at)
		b.WriteString(line + strings.Repeat("x", perSecond-len(line)-1) + "\n")
	}
	return b.Bytes()
}

// TestDoctorOfHosts: what doctor says of hosts with a fault each, and of one without.
func TestDoctorOfHosts(t *testing.T) {
	conf := func(text string, rate int) []container.Finding {
		return judgeAuditd(auditdConf(text), "/var/log/audit/audit.log", auditRate(rate), nil)
	}
	key := func(name string, blind bool, missing ...string) auditKey {
		return auditKey{Key: name, Blind: blind, Missing: missing}
	}
	hosts := []struct {
		name  string
		found []container.Finding
	}{
		{"audit: well", judgeAudit(&libaudit.AuditStatus{Enabled: 1, PID: 700, BacklogLimit: 8192, Backlog: 3})},
		{"audit: locked", judgeAudit(&libaudit.AuditStatus{Enabled: 2, PID: 700, BacklogLimit: 8192})},
		{"audit: off, nobody listens, records lost, a small backlog, a rate limit", judgeAudit(&libaudit.AuditStatus{Lost: 1, BacklogLimit: 64, RateLimit: 100})},
		{"audit: the backlog fills", judgeAudit(&libaudit.AuditStatus{Enabled: 1, PID: 700, Lost: 9, BacklogLimit: 8192, Backlog: 8000})},
		{"audit: not root", []container.Finding{auditRefused(syscall.EPERM)}},
		{"audit: in a container", []container.Finding{auditRefused(fmt.Errorf("receive: %w", syscall.ECONNREFUSED))}},
		{"audit: no audit in the kernel", []container.Finding{auditRefused(syscall.EPROTONOSUPPORT)}},
		{"rules: all", []container.Finding{judgeAuditRules([]auditKey{key("tm_exec", false)}, 184)}},
		{"rules: none", []container.Finding{judgeAuditRules([]auditKey{key("a", true, "-w 1"), key("b", true, "-w 2"), key("c", true), key("d", true), key("e", true)}, 0)}},
		{"rules: a part", []container.Finding{judgeAuditRules([]auditKey{key("tm_exec", false, "-a 1"), key("tm_bind", true, "-a 2")}, 7)}},
		{"auditd.conf: as Debian has it, a quiet host", conf("max_log_file = 8\nnum_logs = 5\nmax_log_file_action = ROTATE\nspace_left_action = SYSLOG\nadmin_space_left_action = SUSPEND\ndisk_full_action = SUSPEND\ndisk_error_action = SUSPEND\n", 100)},
		{"auditd.conf: a busy host, gone in minutes", conf("max_log_file=8\nnum_logs=5\nadmin_space_left_action=rotate\ndisk_full_action=rotate\ndisk_error_action=halt\n", 50_000)},
		{"auditd.conf: nothing rotates", conf("max_log_file_action = keep_logs\nwrite_logs = no\n", 100)},
		{"auditd.conf: one file", conf("num_logs = 0\n", 100)},
		{"auditd.conf: no log", judgeAuditd(auditdConf("num_logs=5"), "/x", nil, fs.ErrNotExist)},
		{"auditd.conf: an empty log", judgeAuditd(auditdConf("num_logs=5"), "/x", nil, nil)},
		{"journal: room", []container.Finding{judgeRoom("/var/lib/tallyman", 8<<30, 1<<30, 2<<30, 256<<20)}},
		{"journal: too little room", []container.Finding{judgeRoom("/var/lib/tallyman", 1<<30, 0, 2<<30, 256<<20)}},
		{"journal: a fast disk", []container.Finding{judgeSyncs([]time.Duration{3e6, 1e6, 2e6})}},
		{"journal: a slow disk", []container.Finding{judgeSyncs([]time.Duration{90e6, 80e6, 400e6})}},
		{"clock: well", []container.Finding{judgeClock(0, 0, 12*time.Millisecond)}},
		{"clock: alone", []container.Finding{judgeClock(5, 0x40, time.Second)}},
		{"clock: far from its servers", []container.Finding{judgeClock(0, 0, 3*time.Second)}},
		{"outputs: one answers, one does not", outputsIn("output a: nothing to try\noutput b: reachable\noutput c: dial tcp 10.0.0.1:6514: connection refused\n  twice\n")},
		{"inputs: a log that is not there", []container.Finding{readable("input app", "/nowhere/app.log")}},
		{"inputs: a pattern in a folder that is not there", []container.Finding{readable("input app", "/nowhere/*.log")}},
		{"inputs: an engine that is not there", []container.Finding{engineAnswers(context.Background(), "input docker", "/nowhere/docker.sock")}},
	}
	var b bytes.Buffer
	for _, h := range hosts {
		fmt.Fprintf(&b, "── %s\n", h.name)
		err := showFindings(&b, "x", h.found, false)
		fmt.Fprintf(&b, "exit %d\n\n", codeOf(err))
	}
	golden(t, "doctor/hosts.golden", b.String())
}

// TestDoctorOfInputs tries files and an engine that are there.
func TestDoctorOfInputs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), "x\n")
	write(t, filepath.Join(dir, "empty.log"), "")
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	status := http.StatusOK
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.47")
		w.WriteHeader(status)
	}))
	server.Listener = l
	server.Start()
	defer server.Close()
	for _, c := range []struct {
		name string
		f    container.Finding
		good bool
		want string
	}{
		{"a file", readable("i", filepath.Join(dir, "a.log")), true, "a.log can be read"},
		{"an empty file", readable("i", filepath.Join(dir, "empty.log")), true, "can be read"},
		{"a pattern", readable("i", filepath.Join(dir, "*.log")), true, "2 files can be read"},
		{"a pattern of nothing yet", readable("i", filepath.Join(dir, "*.txt")), true, "no file yet"},
		{"a socket", readable("i", socket), true, "can be read"},
		{"an engine", engineAnswers(t.Context(), "i", socket), true, "answers, API 1.47"},
		{"a bad pattern", readable("i", filepath.Join(dir, "[")), false, "syntax error"},
	} {
		if c.f.Good != c.good || !strings.Contains(c.f.Text, c.want) || c.good != (c.f.Hint == "") {
			t.Errorf("%s: %+v", c.name, c.f)
		}
	}
	status = http.StatusInternalServerError
	if f := engineAnswers(t.Context(), "i", socket); f.Good || !strings.Contains(f.Text, "500") {
		t.Errorf("%+v", f)
	}
}

// TestDoctorOfPods asks a server that stands in for Kubernetes'.
func TestDoctorOfPods(t *testing.T) {
	allowed := map[string]bool{"get": true, "list": true, "watch": true}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil || r.Header.Get("Authorization") != "Bearer t0ken" || !strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		for verb, ok := range allowed {
			if strings.Contains(body.String(), `"verb":"`+verb+`"`) {
				fmt.Fprintf(w, `{"status":{"allowed":%v}}`, ok) //nolint:errcheck // the client sees it
			}
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	env := func(name string) string {
		return map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}[name]
	}
	if _, err := inCluster(func(string) string { return "" }, dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside of a pod: %v", err)
	}
	if _, err := inCluster(env, dir); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no token in a pod: %v", err)
	}
	write(t, filepath.Join(dir, "token"), "t0ken\n")
	write(t, filepath.Join(dir, "ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	api, err := inCluster(env, dir)
	if err != nil {
		t.Fatal(err)
	}
	if f := api.rights(t.Context()); !f[0].Good {
		t.Errorf("%+v", f)
	}
	allowed["list"], allowed["watch"] = false, false
	if f := api.rights(t.Context()); f[0].Good || !strings.Contains(f[0].Text, "may not list, watch pods") || !strings.Contains(f[0].Hint, "rbac.yaml") {
		t.Errorf("%+v", f)
	}
	api.token = "x"
	if f := api.rights(t.Context()); f[0].Good || !strings.Contains(f[0].Text, "401") {
		t.Errorf("%+v", f)
	}
}

// TestDoctorWhole runs the verb: all areas, one object a line, and what is wrong with
// a configuration.
func TestDoctorWhole(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, good)
	write(t, filepath.Join(dir, "audit.log"), "")
	code, text := said(t, "", "doctor", "inputs", "journal", "outputs", "--config", path)
	if code != exitOK || !strings.Contains(text, "audit.log can be read") || !strings.Contains(text, "a write is durable after") || !strings.Contains(text, "\noutputs\nok       output out: ") {
		t.Errorf("exit %d: %s", code, text)
	}
	if list, err := filepath.Glob(filepath.Join(dir, ".tallyman-doctor*")); err != nil || len(list) > 0 {
		t.Errorf("it left %v, %v", list, err)
	}
	_, text = said(t, "", "doctor", "--json", "--config", path)
	if n := strings.Count(text, "\n"); n != len(areas()) || strings.Count(text, `{"area":"`) != n {
		t.Errorf("%d lines: %s", n, text)
	}
	code, text = said(t, "", "doctor", "outputs", "--config", conf(t, dir, strings.Replace(good, "type: file", "type: fil", 1)))
	if code != exitCheck || !strings.Contains(text, "is not valid") || !strings.Contains(text, "tallyman validate") {
		t.Errorf("exit %d: %s", code, text)
	}
	code, text = said(t, "", "doctor", "journal", "--config", filepath.Join(dir, "none.yaml"))
	if code != exitCheck || !strings.Contains(text, "tallyman init") {
		t.Errorf("exit %d: %s", code, text)
	}
}
