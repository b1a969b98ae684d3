package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const baselineImage = "registry.corp.example/shop/api"

// imageHost is a host on which one container of an image runs, its audit log
// written by a test.
type imageHost struct {
	t    *testing.T
	dir  string
	conf string
	n    int // records so far
}

func newImageHost(t *testing.T) *imageHost {
	t.Helper()
	h := &imageHost{t: t, dir: t.TempDir()}
	packs, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("c", 63) + "1"
	write(t, filepath.Join(h.dir, "inspect.json"), fmt.Sprintf(`[{"Id": %q, "Name": "/api-1", "State": {"Status": "running", "Running": true, "Pid": 100, `+
		`"StartedAt": "2026-11-21T03:30:00Z"}, "Image": "sha256:%s", "Config": {"Image": "%s:1.4"}, "HostConfig": {}, "Mounts": []}]`, id, strings.Repeat("a", 64), baselineImage))
	write(t, filepath.Join(h.dir, "timeline.jsonl"), fmt.Sprintf(`{"t": 1795231990000000000, "k": "scan", "pid": 100, "ppid": 1, "cg": "/system.slice/docker-%s.scope"}`+"\n", id))
	write(t, filepath.Join(h.dir, "audit.log"), "")
	h.conf = conf(t, h.dir, `journal: {dir: journal}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container, offline: {inspect: [inspect.json], timeline: timeline.jsonl}}
  - {type: rules, files: ["`+packs+`/*.yaml"]}
outputs:
  all: {type: file, path: all.json, format: json}
`)
	return h
}

// does logs what the container does: the number of a system call, the program and
// the user, and the records that belong to it, with @ for their heads.
func (h *imageHost) does(call int, exe, key string, uid int, more ...string) {
	h.t.Helper()
	h.n++
	head := fmt.Sprintf("msg=audit(%d.000:%d): ", 1795232000+h.n, h.n)
	text := fmt.Sprintf("type=SYSCALL %sarch=c000003e syscall=%d success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=%d ppid=1 pid=100 auid=4294967295 uid=%d gid=0 euid=%d "+
		"suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"x\" exe=%q key=%q\n", head, call, len(more), uid, uid, exe, key)
	for _, m := range more {
		text += strings.Replace(m, "@", head, 1) + "\n"
	}
	text += "type=PROCTITLE " + head + "proctitle=\"x\"\n"
	f, err := os.OpenFile(filepath.Join(h.dir, "audit.log"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(text); err != nil {
		h.t.Fatal(err)
	}
}

// behaves is one thing of each kind of baseline.
func (h *imageHost) behaves(exe string, listen int, peer string, uid int, mount string) {
	h.t.Helper()
	socket := func(port int, ip string) string {
		return fmt.Sprintf("type=SOCKADDR @saddr=0200%04X%s0000000000000000", port, ip)
	}
	h.does(59, exe, "tm_exec", 1000)
	h.does(59, "/usr/bin/api", "tm_exec", uid)
	h.does(49, "/usr/bin/api", "tm_bind", 1000, socket(listen, "00000000"))
	h.does(42, "/usr/bin/api", "tm_connect", 1000, socket(5432, peer))
	h.does(165, "/usr/bin/api", "tm_mount", 1000, `type=PATH @item=0 name="`+mount+`" inode=2 dev=00:1 mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL`)
}

func (h *imageHost) usual()   { h.behaves("/usr/bin/api", 8080, "0A000007", 1000, "/data") }
func (h *imageHost) strange() { h.behaves("/usr/bin/ncat", 4444, "CB007109", 0, "/host") }

// started runs the program until kill -9.
func (h *imageHost) started() *exec.Cmd {
	h.t.Helper()
	cmd := tallyman(h.t, "run", "--config", h.conf)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); h.t.Log(talk.String()) })
	return cmd
}

func (h *imageHost) killed(cmd *exec.Cmd) {
	h.t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// judged waits until every record is in the file, and returns how many alerts each
// rule that keeps a baseline has made so far.
func (h *imageHost) judged() map[string]int {
	h.t.Helper()
	var alerts map[string]int
	until(h.t, "every event is delivered", func() bool {
		b, err := os.ReadFile(filepath.Join(h.dir, "all.json"))
		if err != nil {
			return false
		}
		ids := map[string]string{} // what is delivered again after a kill has the same id
		for line := range strings.Lines(string(b)) {
			var e struct {
				Event struct{ ID, Kind string }
				Rule  struct{ ID string }
			}
			if json.Unmarshal([]byte(line), &e) != nil {
				return false // it is being written
			}
			ids[e.Event.ID] = e.Event.Kind + " " + e.Rule.ID
		}
		alerts = map[string]int{}
		events := 0
		for _, what := range ids {
			kind, rule, _ := strings.Cut(what, " ")
			switch {
			case kind != "alert":
				events++
			case slices.Contains(baselineRules, rule):
				alerts[rule]++
			}
		}
		return events == h.n
	})
	return alerts
}

var baselineRules = []string{"TM-BH-001", "TM-BH-002", "TM-BH-003", "TM-CT-002", "TM-NET-001"}

func (h *imageHost) want(when string, n int) {
	h.t.Helper()
	want := map[string]int{}
	for _, id := range baselineRules {
		if n > 0 {
			want[id] = n
		}
	}
	if got := h.judged(); !maps.Equal(got, want) {
		h.t.Errorf("%s: alerts %v, want %v", when, got, want)
	}
}

func (h *imageHost) asked(args ...string) string {
	h.t.Helper()
	code, text := said(h.t, "", append([]string{"baseline"}, append(args, "--config", h.conf)...)...)
	if code != exitOK {
		h.t.Fatalf("baseline %q: exit %d: %s", args, code, text)
	}
	return text
}

// TestABaselineLive: each kind is learned in silence, approved in the running
// process, and told from then on, over a kill and on another host; what is usual
// stays silent; a stopped process's baselines can be reviewed as well.
func TestABaselineLive(t *testing.T) {
	h := newImageHost(t)
	h.usual()
	cmd := h.started()
	h.want("while it learns", 0)
	text := h.asked("list", "--image", baselineImage)
	for _, want := range []string{"exe of " + baselineImage + "  timed", "? /usr/bin/api", "? 8080", "? 10.0.0.7 port 5432", "? 1000", "? /data",
		"exec-rate of " + baselineImage + ", 1.4  timed", "nothing learned yet", "6 baselines"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not among:\n%s", want, text)
		}
	}
	if text := h.asked("approve", "--image", baselineImage); !strings.Contains(text, "approved: 5 baselines, 5 values") {
		t.Errorf("approve says %s", text)
	}
	h.killed(cmd) // at once: what was approved is not lost
	cmd = h.started()
	h.usual()
	h.want("what is usual, after a kill", 0)
	h.strange()
	h.want("what is strange", 1)
	h.killed(cmd)
	cmd = h.started()
	h.usual()
	h.strange()
	h.want("the same again, after a second kill: it was told", 1)
	h.killed(cmd)
	file := filepath.Join(h.dir, "exported.yaml")
	write(t, file, h.asked("export"))
	if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("/usr/bin/ncat")) {
		t.Errorf("what was seen is not there for a review (%v):\n%s", err, b)
	}
	h.asked("forget", "--all")
	if text := h.asked("list"); !strings.Contains(text, "0 baselines") {
		t.Errorf("what was forgotten: %s", text)
	}

	other := newImageHost(t)
	other.usual()
	cmd = other.started()
	other.want("another host", 0)
	other.asked("import", file)
	other.usual()
	other.strange()
	other.want("another host, with what was imported", 1)
	other.asked("approve", "--image", baselineImage, "--kind", "exe", "/usr/bin/ncat")
	if text := other.asked("list", "--kind", "exe"); !strings.Contains(text, "+ /usr/bin/ncat") {
		t.Errorf("one that was approved: %s", text)
	}
	other.killed(cmd)
}

// TestBaselineRefuses: what is wrong changes nothing and is said.
func TestBaselineRefuses(t *testing.T) {
	h := newImageHost(t)
	h.usual()
	if code, text := said(t, "", "baseline", "list", "--config", h.conf); code != exitFailure || !strings.Contains(text, "never ran") {
		t.Errorf("before the first run: exit %d: %s", code, text)
	}
	if code, text := said(t, "", "run", "--once", "--config", h.conf); code != exitOK {
		t.Fatal(text)
	}
	before := h.asked("export")
	bad := filepath.Join(h.dir, "bad.yaml")
	for _, c := range []struct {
		name, file, want string
		args             []string
		code             int
	}{
		{"nothing is named", "", "--all", []string{"approve"}, exitUsage},
		{"all and one", "", "--all", []string{"forget", "--all", "--kind", "exe"}, exitUsage},
		{"no such image", "", "no such baseline", []string{"approve", "--image", "shop/none"}, exitFailure},
		{"another version", "version: 9\nbaselines: []\n", "version 9", []string{"import", bad}, exitFailure},
		{"no YAML", "version: [\n", "bad.yaml", []string{"import", bad}, exitFailure},
		{"an unknown key", "version: 1\nbaselines: [{rule: TM-CT-002, colour: red}]\n", "colour", []string{"import", bad}, exitFailure},
		{"no mode", "version: 1\nbaselines: [{rule: TM-CT-002, kind: exe, by: [a]}]\n", "no mode", []string{"import", bad}, exitFailure},
		{"an unknown rule", "version: 1\nbaselines: [{rule: X-001, kind: exe, by: [a], mode: timed}]\n", "X-001", []string{"import", bad}, exitFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, bad, c.file)
			code, text := said(t, "", append(append([]string{"baseline"}, c.args...), "--config", h.conf)...)
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d: %s", code, text)
			}
		})
	}
	if after := h.asked("export"); after != before {
		t.Errorf("something changed:\n%s\nwas\n%s", after, before)
	}
}
