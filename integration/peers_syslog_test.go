//go:build peers

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Secrets are left as they are in the first: rsyslog replaces none.
const (
	syslogPeer = "journal: {dir: journal, max_size: 2GiB}\n%sadmin: {listen: off}\nlog: {level: error}\n" +
		"inputs: {net: {type: syslog, listen: \"tcp://127.0.0.1:%d\"}}\noutputs: {file: {type: file, path: out.json, format: json%s}}\n"

	// syslogFields are those that rsyslog writes below; time and id are always there.
	syslogFields = ", only_fields: [host.name, log.syslog.facility.name, log.syslog.severity.name, log.syslog.appname, log.syslog.procid, " +
		"log.syslog.msgid, log.syslog.structured_data, message]"

	rsyslogPeer = `global(workDirectory="%[1]s" maxMessageSize="64k")
module(load="imptcp")
template(name="json" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf") property(outname="host" name="hostname" format="jsonf")
  property(outname="facility" name="syslogfacility-text" format="jsonf") property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="app" name="app-name" format="jsonf") property(outname="procid" name="procid" format="jsonf") property(outname="msgid" name="msgid" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf") property(outname="message" name="msg" format="jsonf")
}
%[4]s
ruleset(name="in" %[3]s) { action(type="omfile" file="%[1]s/out.json" template="%[5]s") }
input(type="imptcp" address="127.0.0.1" port="%[2]d" ruleset="in")
`

	// rsyslogECS is a template that writes about what tallyman does of each line:
	// what is the same for all is text to rsyslog too. It has no id, reads no structured
	// data, and does not take what is in the text of programs.
	rsyslogECS = `template(name="ecs" type="list") {
  constant(value="{\"@timestamp\":\"") property(name="timereported" dateFormat="rfc3339")
  constant(value="\",\"message\":\"") property(name="msg" format="json")
  constant(value="\",\"ecs\":{\"version\":\"9.4.0\"},\"event\":{\"kind\":\"event\",\"category\":[\"host\"],\"type\":[\"info\"],\"action\":\"syslog\",\"module\":\"syslog\",\"dataset\":\"syslog.log\",\"severity\":5,\"created\":\"")
  property(name="timegenerated" dateFormat="rfc3339")
  constant(value="\"},\"host\":{\"id\":\"0123456789abcdef0123456789abcdef\",\"name\":\"") property(name="hostname" format="json")
  constant(value="\",\"hostname\":\"collector\",\"architecture\":\"x86_64\",\"boot\":{\"id\":\"00000000-0000-4000-8000-000000000000\"},\"os\":{\"type\":\"linux\",\"family\":\"debian\",\"name\":\"Debian GNU/Linux\",\"version\":\"12\",\"kernel\":\"6.1.0-40-amd64\"}},\"agent\":{\"type\":\"rsyslog\",\"version\":\"8.2302\"},\"log\":{\"source\":{\"address\":\"")
  property(name="fromhost-ip")
  constant(value="\"},\"syslog\":{\"appname\":\"") property(name="app-name" format="json")
  constant(value="\",\"facility\":{\"code\":") property(name="syslogfacility") constant(value=",\"name\":\"") property(name="syslogfacility-text")
  constant(value="\"},\"hostname\":\"") property(name="hostname" format="json")
  constant(value="\",\"msgid\":\"") property(name="msgid" format="json")
  constant(value="\",\"priority\":") property(name="pri")
  constant(value=",\"procid\":\"") property(name="procid" format="json")
  constant(value="\",\"severity\":{\"code\":") property(name="syslogseverity") constant(value=",\"name\":\"") property(name="syslogseverity-text")
  constant(value="\"},\"structured_data\":\"") property(name="structured-data" format="json")
  constant(value="\"}},\"process\":{\"pid\":\"") property(name="procid" format="json") constant(value="\",\"name\":\"") property(name="app-name" format="json")
  constant(value="\"},\"tallyman\":{\"schema_version\":\"1\",\"input\":\"net\"}}\n")
}`
)

// daemon is a program that listens, and its configuration.
type daemon struct {
	name string
	conf string // with places for its folder, its port and what else
	more string
	wide bool // rsyslog: the document is the one of tallyman
	few  bool // tallyman: its document has the fields of rsyslog's
	run  func(dir, conf string) []string
}

func syslogDaemons(t *testing.T) []daemon {
	t.Helper()
	ours := func(_, conf string) []string { return []string{program(t), "run", "--config", conf} }
	if b := before(); b != "" {
		return []daemon{{"tallyman", syslogPeer, "redact: off\n", false, false, ours},
			{"tallyman before", syslogPeer, "redact: off\n", false, false, func(_, conf string) []string { return []string{b, "run", "--config", conf} }}}
	}
	list := []daemon{{"tallyman", syslogPeer, "redact: off\n", false, false, ours}, {"tallyman, the fields of rsyslog", syslogPeer, "redact: off\n", false, true, ours},
		{"tallyman, secrets replaced", syslogPeer, "", false, false, ours}}
	rsyslogd := need(t, "rsyslogd", "rsyslog")
	theirs := func(dir, conf string) []string {
		return []string{rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "pid")}
	}
	for _, q := range []struct {
		name, queue string
		wide        bool
	}{
		{"rsyslog, no queue", "", false},
		{"rsyslog, queue in memory", `queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1024"`, false},
		{"rsyslog, queue that goes to disk at need", `queue.type="LinkedList" queue.filename="q" queue.size="100000" queue.saveOnShutdown="on"`, false},
		{"rsyslog, queue on disk", `queue.type="Disk" queue.filename="q" queue.checkpointInterval="1000"`, false},
		{"rsyslog, no queue, the document of tallyman", "", true},
		{"rsyslog, queue on disk, the document of tallyman", `queue.type="Disk" queue.filename="q" queue.checkpointInterval="1000"`, true},
	} {
		list = append(list, daemon{q.name, rsyslogPeer, q.queue, q.wide, false, theirs})
	}
	return list
}

// TestPeersSyslog prints what a line costs in processor time from one TCP
// connection to a file of JSON, beside rsyslog with and without a queue. It asserts
// first that tallyman writes every line, in order, with its text, its host and its priority.
func TestPeersSyslog(t *testing.T) {
	dir := t.TempDir()
	gen := yardstick(t, dir, "gen")
	daemons := syslogDaemons(t)
	for _, form := range []string{"5424", "mix", "3164"} {
		log, lines := generated(t, gen, filepath.Join(dir, form+".log"), "-kind", "syslog", "-syslog", form)
		u := newUsed()
		for round := range rounds(t) {
			for _, d := range daemons {
				dir := t.TempDir()
				u.syslog(t, &d, dir, log, lines)
				switch {
				case round == 0 && d.name == "tallyman":
					inOrder(t, filepath.Join(dir, "out.json"), log, sameSyslog)
				case round == 0 && (d.wide || d.few):
					inOrder(t, filepath.Join(dir, "out.json"), log, isJSON)
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
		var names []string
		for _, d := range daemons {
			names = append(names, d.name)
		}
		u.print("syslog over TCP, "+form, len(log), lines, names)
		if len(daemons) > 2 { // else two builds are compared
			for _, d := range daemons[3:] {
				u.beside(d.name, names[:3]...)
			}
		}
	}
}

// sameSyslog says what is wrong with the event of a line.
func sameSyslog(got, line []byte) error {
	var e struct {
		Message string `json:"message"`
		Log     struct {
			Syslog struct {
				Priority *int `json:"priority"`
			} `json:"syslog"`
		} `json:"log"`
		Host struct{ Name string }
		Tags []string
	}
	if err := json.Unmarshal(got, &e); err != nil {
		return err
	}
	if len(e.Tags) > 0 {
		return fmt.Errorf("it is tagged %q", e.Tags)
	}
	if e.Message == "" || !bytes.HasSuffix(line, []byte(e.Message)) {
		return errors.New("its text is another one")
	}
	if e.Log.Syslog.Priority == nil || !bytes.HasPrefix(line, fmt.Appendf(nil, "<%d>", *e.Log.Syslog.Priority)) {
		return errors.New("its priority is another one")
	}
	if !bytes.Contains(line, []byte(" "+e.Host.Name+" ")) {
		return errors.New("its host is another one")
	}
	return nil
}

// isJSON says that a line is none.
func isJSON(got, _ []byte) error {
	if !json.Valid(got) {
		return errors.New("it is no JSON")
	}
	return nil
}

// syslog sends a log to a program, waits until as many lines are in its file, and
// notes what it took.
func (u *used) syslog(t *testing.T, d *daemon, dir string, log []byte, lines int) {
	t.Helper()
	port := freePort(t)
	var text string
	if d.conf == syslogPeer {
		few := ""
		if d.few {
			few = syslogFields
		}
		text = fmt.Sprintf(d.conf, d.more, port, few)
	} else {
		more, template := "", "json"
		if d.wide {
			more, template = rsyslogECS, "ecs"
		}
		text = fmt.Sprintf(d.conf, dir, port, d.more, more, template)
	}
	cmd := onOneCore(d.run(dir, write(t, filepath.Join(dir, "conf.yaml"), text))...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer end(t, cmd)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, d.name+" listens", 10*time.Second, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	before := processorTime(t, cmd.Process.Pid)
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(log); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	out := &counter{path: filepath.Join(dir, "out.json")}
	eventually(t, fmt.Sprintf("%s writes %d lines", d.name, lines), 2*time.Minute, func() bool { return out.count() >= lines })
	took := (processorTime(t, cmd.Process.Pid) - before).Seconds()
	if out.lines != lines {
		t.Errorf("%s wrote %d lines of %d", d.name, out.lines, lines)
	}
	u.seconds[d.name] = append(u.seconds[d.name], took)
	u.bytes[d.name], u.memory[d.name] = out.at, max(u.memory[d.name], most(t, cmd.Process.Pid))
}

// end ends a program that was started.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Wait() // how it ends is no matter here
}
