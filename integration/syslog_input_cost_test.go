//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const syslogCostConf = `
journal: {dir: journal, max_size: 1GiB}
admin: {listen: off}
log: {level: error}
inputs: {net: {type: syslog, listen: "tcp://127.0.0.1:%d"}}
outputs: {file: {type: file, path: out.json, format: json}}
`

const rsyslogCostConf = `global(workDirectory="%[1]s" maxMessageSize="64k")
module(load="imptcp")
template(name="json" type="list" option.jsonf="on") {
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf") property(outname="host" name="hostname" format="jsonf")
  property(outname="facility" name="syslogfacility-text" format="jsonf") property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="app" name="app-name" format="jsonf") property(outname="procid" name="procid" format="jsonf") property(outname="msgid" name="msgid" format="jsonf")
  property(outname="sd" name="structured-data" format="jsonf") property(outname="message" name="msg" format="jsonf")
}
ruleset(name="in") { action(type="omfile" file="%[1]s/out.json" template="json") }
input(type="imptcp" address="127.0.0.1" port="%[2]d" ruleset="in")
`

// TestSyslogInputCost prints what a line costs in processor time from TCP to a
// file of JSON, beside rsyslog, which keeps no journal. SYSLOG_LINES says how many
// lines are sent, in turn to each.
func TestSyslogInputCost(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("SYSLOG_LINES"))
	if err != nil || count < 1 {
		t.Skip("NOT RUN: a measurement; SYSLOG_LINES says how many lines to send (300000)")
	}
	rsyslogd := need(t, "rsyslogd", "rsyslog")
	for _, form := range []string{"rfc5424", "rfc3164"} {
		for range 3 {
			dir, port := t.TempDir(), freePort(t)
			conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(syslogCostConf, port))
			cost(t, "tallyman "+form, exec.Command(program(t), "run", "--config", conf), dir, port, costLines(form, count), count)
			dir, port = t.TempDir(), freePort(t)
			conf = write(t, filepath.Join(dir, "rs.conf"), fmt.Sprintf(rsyslogCostConf, dir, port))
			cost(t, "rsyslog "+form, exec.Command(rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "pid")), dir, port, costLines(form, count), count)
		}
	}
}

// costLines are count messages of one form, lines with LF.
func costLines(form string, count int) []byte {
	var b bytes.Buffer
	for i := range count {
		if form == "rfc5424" {
			fmt.Fprintf(&b, `<165>1 2026-11-25T10:%02d:%02d.%06dZ web-%d checkout %d ID%d [origin@32473 ip="10.0.%d.%d" seq="%d"] request %d for user-%d took %d ms`+"\n",
				i/60%60, i%60, i%1_000_000, i%9, 1000+i%30000, i%97, i%250, i%251, i, i, i%997, i%2000)
		} else {
			fmt.Fprintf(&b, "<86>Nov 25 10:%02d:%02d web-%d cron[%d]: (user%d) CMD (/usr/local/bin/job --number %d --retry %d > /var/log/job-%d.log 2>&1)\n",
				i/60%60, i%60, i%9, 1000+i%30000, i%97, i, i%5, i%31)
		}
	}
	return b.Bytes()
}

// cost sends lines to a program, waits until as many lines are in its file, and
// prints what it took.
func cost(t *testing.T, name string, cmd *exec.Cmd, dir string, port int, lines []byte, count int) {
	t.Helper()
	start(t, cmd)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, name+" listens", 10*time.Second, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	before, began := processorTime(t, cmd.Process.Pid), time.Now()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(lines); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.json")
	var at int64
	got := 0
	eventually(t, fmt.Sprintf("%d lines in %s", count, out), 2*time.Minute, func() bool {
		f, err := os.Open(out)
		if err != nil {
			return false
		}
		defer func() { _ = f.Close() }()
		buf := make([]byte, 1<<20)
		for {
			n, _ := f.ReadAt(buf, at) // the end of the file is where it stands now
			if n == 0 {
				return got >= count
			}
			at += int64(n)
			got += bytes.Count(buf[:n], []byte("\n"))
		}
	})
	wall, cpu := time.Since(began), processorTime(t, cmd.Process.Pid)-before
	if got != count {
		t.Errorf("%s wrote %d lines of %d", name, got, count)
	}
	t.Logf("%-18s %7.0f lines/s, %7.0f lines and %6.1f MB in a second of processor time (%.2f s)", name,
		float64(count)/wall.Seconds(), float64(count)/cpu.Seconds(), float64(len(lines))/cpu.Seconds()/1e6, cpu.Seconds())
}

// processorTime is what a process has taken of the processor so far, to 10 ms.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
