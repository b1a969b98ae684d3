//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nlUID is the user whose doings the audit rules of these tests are about, and
// nlKey the key that all of them have: nothing else is removed.
const (
	nlUID = 20961
	nlKey = "tallyman_nl"
)

// kernelHost is a folder with a kernel's audit that nobody reads.
type kernelHost struct{ dir, auditctl string }

func newKernelHost(t *testing.T) *kernelHost {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: the kernel's audit takes root")
	}
	h := &kernelHost{dir: t.TempDir(), auditctl: need(t, "auditctl", "auditd")}
	out, err := exec.Command(h.auditctl, "-s").CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^pid 0$`).Match(out) {
		t.Skipf("NOT RUN: the kernel's audit is not free: %v\n%s", err, out)
	}
	limit, wait := h.status(t, "backlog_limit"), h.status(t, "backlog_wait_time")
	t.Cleanup(func() {
		h.run(t, "-D", "-k", nlKey)
		h.run(t, "-b", strconv.Itoa(limit))
		h.run(t, "--backlog_wait_time", strconv.Itoa(wait))
	})
	return h
}

func (h *kernelHost) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(h.auditctl, args...).CombinedOutput()
	if err != nil {
		t.Errorf("auditctl %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// status is one number of auditctl -s.
func (h *kernelHost) status(t *testing.T, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindStringSubmatch(h.run(t, "-s"))
	if m == nil {
		t.Fatalf("auditctl -s does not say %s", name)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func (h *kernelHost) rule(t *testing.T, call string) []string {
	t.Helper()
	return []string{"-a", "always,exit", "-F", "arch=b64", "-S", call, "-F", fmt.Sprintf("uid=%d", nlUID), "-k", nlKey}
}

// tallyman starts the program with an input and no decoder: every record is an
// event with the record's text, and only what tallyman says itself is judged.
func (h *kernelHost) tallyman(t *testing.T, input string, transforms ...string) *exec.Cmd {
	t.Helper()
	conf := write(t, filepath.Join(h.dir, "tallyman.yaml"), `
journal: {dir: journal, max_size: 512MiB, segment_size: 4MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, status_interval: 1s, `+input+`}}
transforms: [`+strings.Join(transforms, ", ")+`]
outputs: {out: {type: file, path: out.json, format: json}}
`)
	cmd := exec.Command(program(t), "run", "--config", conf)
	start(t, cmd)
	return cmd
}

// lines are the records that tallyman delivered, as they were read, and own what
// it says itself.
func (h *kernelHost) lines(t *testing.T) (lines map[string]int, own []map[string]any) {
	t.Helper()
	lines = map[string]int{}
	b, err := os.ReadFile(filepath.Join(h.dir, "out.json"))
	if err != nil {
		return lines, nil
	}
	// What is being written ends in the midst of a line.
	for line := range bytes.Lines(b[:bytes.LastIndexByte(b, '\n')+1]) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if get(e, "event", "dataset") == "tallyman.internal" {
			own = append(own, e)
		} else if line, ok := get(e, "event", "original").(string); ok {
			lines[line]++
		}
	}
	return lines, own
}

// own is what tallyman says of itself under an action.
func (h *kernelHost) own(t *testing.T, action, reason string) []map[string]any {
	t.Helper()
	var list []map[string]any
	_, own := h.lines(t)
	for _, e := range own {
		if get(e, "event", "action") == action && (reason == "" || get(e, "event", "reason") == reason) {
			list = append(list, e)
		}
	}
	return list
}

// subscribed waits until a process is a member of the group of those who read the
// kernel's audit beside auditd.
func subscribed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	eventually(t, "tallyman reads the kernel's audit", 20*time.Second, func() bool {
		b, err := os.ReadFile("/proc/net/netlink")
		if err != nil {
			t.Fatal(err)
		}
		own := sockets(cmd.Process.Pid)
		for _, line := range strings.Split(string(b), "\n") {
			f := strings.Fields(line) // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
			if len(f) > 9 && f[1] == "9" && f[3] == "00000001" && own["socket:["+f[9]+"]"] {
				return true
			}
		}
		return false
	})
}

// sockets are the open files of a process, as the links in /proc name them.
func sockets(pid int) map[string]bool {
	got := map[string]bool{}
	list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, name := range list {
		if to, err := os.Readlink(name); err == nil {
			got[to] = true
		}
	}
	return got
}

// execs executes a program n times as the audited user; its first argument tells
// which it was.
func execs(t *testing.T, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		cmd := exec.Command("/bin/true", "nl-"+strconv.Itoa(i), "a b\n c ", "", strings.Repeat("y", 300))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nlUID, Gid: nlUID}}
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
}

// calls makes n audited system calls in one process and waits for its end: where
// the kernel lets processes wait for a reader that is stopped, it has none.
func calls(t *testing.T, n int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "i=0; while [ $i -lt "+strconv.Itoa(n)+" ]; do umask 022; i=$((i+1)); done")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nlUID, Gid: nlUID}}
	done := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(2 * time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("the audited process is held up by a reader that is stopped")
	}
}

// seen counts the execs whose argument came.
func seen(lines map[string]int, from, n int) int {
	got := map[string]bool{}
	arg := regexp.MustCompile(`^type=EXECVE .* a1="(nl-\d+)"`)
	for line := range lines {
		if m := arg.FindStringSubmatch(line); m != nil {
			got[m[1]] = true
		}
	}
	have := 0
	for i := from; i < from+n; i++ {
		if got["nl-"+strconv.Itoa(i)] {
			have++
		}
	}
	return have
}

// serial is the number of the event that a line is of.
func serial(line string) int {
	m := regexp.MustCompile(`msg=audit\(\d+\.\d+:(\d+)\)`).FindStringSubmatch(line)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// TestNetlinkMulticast reads beside the real auditd: what auditd writes, in its
// format RAW, is among what tallyman delivers, byte for byte.
func TestNetlinkMulticast(t *testing.T) {
	h := newKernelHost(t)
	rules, err := filepath.Abs("../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	read := h.tallyman(t, "netlink: multicast", `{type: rules, files: ["`+rules+`/*.yaml"]}`)
	subscribed(t, read)
	a := newHost(t, "RAW", 100)
	daemon := exec.Command(a.auditd, "-n", "-c", filepath.Join(a.dir, "etc"))
	start(t, daemon)
	logged := func() []string {
		b, err := os.ReadFile(a.log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	}
	eventually(t, "auditd writes", 10*time.Second, func() bool { return logged()[0] != "" })
	h.run(t, h.rule(t, "execve")...)
	execs(t, 0, 300)
	h.run(t, "-m", "a message with a space at its end ")
	missing := func() []string {
		lines, _ := h.lines(t)
		var list []string
		for _, line := range logged() {
			if lines[line] == 0 && !strings.HasPrefix(line, "type=DAEMON_") {
				list = append(list, line)
			}
		}
		return list
	}
	eventually(t, "auditd writes every exec", 20*time.Second, func() bool {
		all := map[string]int{}
		for _, line := range logged() {
			all[line]++
		}
		return seen(all, 0, 300) == 300
	})
	for end := time.Now().Add(20 * time.Second); len(missing()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("auditd has lines that tallyman has not, %d of %d, the first:\n%s", len(missing()), len(logged()), missing()[0])
		}
	}
	all, first := map[string]bool{}, 0
	for _, line := range logged() {
		all[line] = true
		if n := serial(line); first == 0 && !strings.HasPrefix(line, "type=DAEMON_") {
			first = n
		}
	}
	lines, own := h.lines(t)
	for line, n := range lines {
		if n != 1 {
			t.Errorf("delivered %d times: %s", n, line)
		}
		// auditd leaves out the records that only end an event.
		if !all[line] && !strings.HasPrefix(line, "type=EOE ") && serial(line) > first {
			t.Errorf("tallyman has a line that auditd has not: %s", line)
		}
	}
	for _, e := range own {
		t.Errorf("tallyman says: %v", get(e, "message"))
	}
	t.Logf("%d lines of auditd, %d of tallyman", len(all), len(lines))
	// The kernel is asked every second: it has to say once that auditd is there.
	time.Sleep(2 * time.Second)
	signal(t, daemon, syscall.SIGTERM)
	eventually(t, "that auditd stopped is raised", 20*time.Second, func() bool { return len(h.own(t, "shutdown-audit", "")) >= 1 })
	eventually(t, "and an alert", 20*time.Second, func() bool {
		b, err := os.ReadFile(filepath.Join(h.dir, "out.json"))
		return err == nil && bytes.Contains(b, []byte(`"TM-AUD-003"`))
	})
}

// TestNetlinkMulticastOverrun stops the reader beside auditd: what the socket has
// no room for is counted, record by record.
func TestNetlinkMulticastOverrun(t *testing.T) {
	h := newKernelHost(t)
	read := h.tallyman(t, "netlink: multicast")
	subscribed(t, read)
	h.run(t, h.rule(t, "umask")...)
	h.run(t, "-b", "100000") // the kernel's own queue is not what is tested
	const n = 5_000
	calls(t, 100)
	had := func() int { lines, _ := h.lines(t); return len(lines) }
	// A shell makes some calls for one umask, and a call gives some records.
	each := 0
	eventually(t, "the first calls come, and all of them", 20*time.Second, func() bool {
		before := each
		each = had() / 100
		return each > 0 && each == before
	})
	signal(t, read, syscall.SIGSTOP)
	calls(t, n)
	eventually(t, "the kernel is rid of its records", 3*time.Minute, func() bool { return h.status(t, "backlog") == 0 })
	signal(t, read, syscall.SIGCONT)
	lost := func() int {
		sum := 0
		for _, e := range h.own(t, "buffer-dropped", "udp_rx_drop") {
			n, err := strconv.Atoi(fmt.Sprint(get(e, "labels", "lost")))
			if err != nil || n == 0 {
				t.Errorf("a loss without a number: %v", e)
			}
			sum += n
		}
		return sum
	}
	eventually(t, "the loss is raised", 30*time.Second, func() bool { return lost() > 0 })
	rest := func() int { return had() + lost() - each*(n+100) }
	eventually(t, "every record came or is counted as lost", 30*time.Second, func() bool { return rest() >= 0 })
	if rest() > 20 { // the rule's own record, and what the host does besides
		t.Errorf("%d records came and %d are counted as lost: more than there were, %d", had(), lost(), each*(n+100))
	}
	t.Logf("%d records came, %d were counted as lost", had(), lost())
}

func signal(t *testing.T, cmd *exec.Cmd, s syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// unicastRules writes a file of rules for the input.
func (h *kernelHost) unicastRules(t *testing.T, call string) {
	t.Helper()
	write(t, filepath.Join(h.dir, "audit.rules"), "# the rules of the test\n-b 16384\n"+strings.Join(h.rule(t, call), " ")+"\n")
}

// TestNetlinkUnicast takes the place of auditd: every exec comes, nothing is
// lost, and the kernel is left as it was.
func TestNetlinkUnicast(t *testing.T) {
	h := newKernelHost(t)
	h.unicastRules(t, "execve")
	before := h.status(t, "lost")
	read := h.tallyman(t, "netlink: unicast, rules: audit.rules")
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return strings.Contains(h.run(t, "-l"), nlKey) })
	execs(t, 0, 500)
	eventually(t, "every exec comes", 30*time.Second, func() bool { lines, _ := h.lines(t); return seen(lines, 0, 500) == 500 })
	if after := h.status(t, "lost"); after != before {
		t.Errorf("the kernel lost %d records", after-before)
	}
	if h.status(t, "backlog_wait_time") != 0 || h.status(t, "backlog_limit") != 8192 {
		t.Errorf("the kernel's settings: %s", h.run(t, "-s"))
	}
	second := exec.Command(program(t), "run", "--config", write(t, filepath.Join(h.dir, "second.yaml"), `
journal: {dir: second, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs: {audit: {type: auditd, netlink: unicast}}
outputs: {out: {type: file, path: second.json, format: json}}
`))
	said := start(t, second)
	eventually(t, "a second one says who has the records", 10*time.Second, func() bool {
		return strings.Contains(said.String(), fmt.Sprintf("process %d", read.Process.Pid))
	})
	signal(t, read, syscall.SIGTERM)
	eventually(t, "the records are given back, or the second takes them", 10*time.Second, func() bool { return h.status(t, "pid") != read.Process.Pid })
	eventually(t, "the rule is removed", 10*time.Second, func() bool { return !strings.Contains(h.run(t, "-l"), nlKey) })
	eventually(t, "the second takes the records", 40*time.Second, func() bool { return h.status(t, "pid") == second.Process.Pid })
	if own := h.own(t, "shutdown-audit", ""); len(own) > 0 {
		t.Errorf("its own stop is an event: %v", own)
	}
}

// TestNetlinkUnicastStopped stops the process that has the records: the host
// goes on, the kernel counts what it loses, and that is raised.
func TestNetlinkUnicastStopped(t *testing.T) {
	h := newKernelHost(t)
	h.unicastRules(t, "umask")
	read := h.tallyman(t, "netlink: unicast, rules: audit.rules, backlog_limit: 256")
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return strings.Contains(h.run(t, "-l"), nlKey) })
	before := h.status(t, "lost")
	signal(t, read, syscall.SIGSTOP)
	calls(t, 10_000)
	lost := h.status(t, "lost") - before
	signal(t, read, syscall.SIGCONT)
	if lost <= 0 {
		t.Fatal("the kernel lost nothing: the test shows nothing")
	}
	raised := func() int {
		sum := 0
		for _, e := range h.own(t, "lost-audit-records", "kernel_audit_lost") {
			n, _ := strconv.Atoi(fmt.Sprint(get(e, "labels", "lost")))
			sum += n
		}
		return sum
	}
	eventually(t, "the loss is raised", 30*time.Second, func() bool { return raised() >= lost })
	eventually(t, "as much is raised as the kernel says", 20*time.Second, func() bool { return raised() == h.status(t, "lost")-before })
	h.run(t, "-D", "-k", nlKey)
	eventually(t, "that the rules are gone is raised", 10*time.Second, func() bool { return len(h.own(t, "changed-audit-configuration", "")) > 0 })
	lines, _ := h.lines(t)
	t.Logf("%d records came, the kernel lost %d", len(lines), h.status(t, "lost")-before)
}

// TestNetlinkUnicastKilled kills the process that has the records: the next one
// takes them, knows the rules that were left behind for its own, and removes them
// at its end.
func TestNetlinkUnicastKilled(t *testing.T) {
	h := newKernelHost(t)
	h.unicastRules(t, "execve")
	const input = "netlink: unicast, rules: audit.rules"
	read := h.tallyman(t, input)
	has := func(cmd *exec.Cmd) {
		t.Helper()
		eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == cmd.Process.Pid })
	}
	has(read)
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return strings.Contains(h.run(t, "-l"), nlKey) })
	// What it knows of the kernel is in the journal with what comes after it knew.
	for i, began := 0, time.Now(); time.Since(began) < 3*time.Second; i += 10 {
		execs(t, i, 10)
		eventually(t, "every exec comes", 30*time.Second, func() bool { lines, _ := h.lines(t); return seen(lines, i, 10) == 10 })
	}
	signal(t, read, syscall.SIGKILL)
	again := h.tallyman(t, input)
	has(again)
	execs(t, 5000, 50)
	eventually(t, "every exec comes", 30*time.Second, func() bool { lines, _ := h.lines(t); return seen(lines, 5000, 50) == 50 })
	signal(t, again, syscall.SIGTERM)
	eventually(t, "the rule is removed", 10*time.Second, func() bool { return !strings.Contains(h.run(t, "-l"), nlKey) })
	for _, action := range []string{"shutdown-audit", "changed-audit-configuration"} {
		if own := h.own(t, action, ""); len(own) > 0 {
			t.Errorf("our own stop and start are an event: %v", own)
		}
	}
}

// TestNetlinkRulesAsAuditctl loads rules of many forms, and the kernel lists them
// as it does after auditctl loaded the same file.
func TestNetlinkRulesAsAuditctl(t *testing.T) {
	h := newKernelHost(t)
	uid := fmt.Sprintf(" -F uid=%d -k %s\n", nlUID, nlKey)
	text := "-a always,exit -F arch=b64 -S execve,execveat" + uid +
		"-a exit,always -F arch=b64 -S openat,open -F exit=-EACCES -F success=0" + uid +
		"-a always,exit -F arch=b64 -S openat -F a2&0100 -F auid!=unset -F euid>=1000" + uid +
		"-a always,exit -F dir=/etc -F perm=wa" + uid +
		"-a always,exit -F path=/etc/passwd -F perm=r -F auid>=1000" + uid +
		"-a always,exit -F arch=b64 -S connect -F saddr_fam=2 -F exe=/bin/true" + uid +
		"-a always,exit -F arch=b64 -S kill -C uid!=euid" + uid +
		"-A never,exit -F arch=b32 -S umask" + uid
	file := write(t, filepath.Join(h.dir, "audit.rules"), text)
	h.run(t, "-R", file)
	want := h.run(t, "-l", "-k", nlKey)
	h.run(t, "-D", "-k", nlKey)
	read := h.tallyman(t, "netlink: unicast, rules: audit.rules")
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rules are loaded", 10*time.Second, func() bool { return strings.Count(h.run(t, "-l", "-k", nlKey), "\n") >= 8 })
	if got := h.run(t, "-l", "-k", nlKey); got != want {
		t.Errorf("after tallyman:\n%safter auditctl:\n%s", got, want)
	}
}

// TestAudispAsShipped lets the real auditd start tallyman with the configuration
// that is shipped, its places changed.
func TestAudispAsShipped(t *testing.T) {
	h := newKernelHost(t)
	a := newHost(t, "ENRICHED", 100)
	shipped := func(name string) string {
		b, err := os.ReadFile("../configs/audisp/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	binary, err := os.ReadFile(program(t))
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(h.dir, "tallyman")
	write(t, place, string(binary))
	if err := os.Chmod(place, 0o750); err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs("../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(h.dir, "audisp.yaml"), strings.NewReplacer("/var/lib/tallyman-audisp", h.dir+"/journal",
		"/etc/tallyman/rules", rules, "/var/log/tallyman/events.json", h.dir+"/out.json").Replace(shipped("audisp.yaml")))
	write(t, filepath.Join(a.dir, "etc", "plugins.d", "tallyman.conf"),
		strings.NewReplacer("/usr/bin/tallyman", place, "/etc/tallyman", h.dir).Replace(shipped("tallyman.conf")))
	start(t, exec.Command(a.auditd, "-n", "-c", filepath.Join(a.dir, "etc")))
	out := filepath.Join(h.dir, "out.json")
	eventually(t, "auditd starts the plugin", 10*time.Second, func() bool { _, err := os.Stat(out); return err == nil })
	h.run(t, h.rule(t, "execve")...)
	execs(t, 0, 100)
	eventually(t, "every exec comes", 30*time.Second, func() bool {
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, m := range regexp.MustCompile(`"args":\["/bin/true","(nl-\d+)"`).FindAllSubmatch(b, -1) {
			got[string(m[1])] = true
		}
		return len(got) == 100
	})
}

// TestManyRulesAreListed has the kernel list more rules than one answer to
// go-libaudit has room for.
func TestManyRulesAreListed(t *testing.T) {
	h := newKernelHost(t)
	const many = 400
	var want strings.Builder
	for n := range many {
		args := []string{"-a", "always,exit", "-F", "arch=b64", "-S", "chroot", "-F", fmt.Sprintf("uid=%d", nlUID), "-F", fmt.Sprintf("exit=-%d", n+1), "-k", nlKey}
		h.run(t, args...)
		fmt.Fprintln(&want, strings.Join(args, " "))
	}
	rules := write(t, filepath.Join(h.dir, "none.yaml"), "rules: [{id: T-NL-001, title: a, severity: low, condition: 'event.action == \"a\"', audit_keys: ["+nlKey+"]}]\n")
	out, err := exec.Command(program(t), "audit-rules", "check", "--file", rules, "--want", write(t, filepath.Join(h.dir, "want.rules"), want.String()), "--json").CombinedOutput()
	var list []struct {
		Key    string
		Loaded int
	}
	if err != nil || json.Unmarshal(out, &list) != nil || len(list) != 1 || list[0].Key != nlKey || list[0].Loaded != many {
		t.Errorf("%v\n%.2000s", err, out)
	}
}
