//go:build integration

package integration

import (
	"fmt"
	"net"
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

// TestSyslogInputStops: a reload and a stop lose no line that was sent before; a
// kill loses at most the end of what was sent, and nothing in its midst.
func TestSyslogInputStops(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	conf := func(limit string) string {
		return write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
grace: 4s
inputs: {net: {type: syslog, max_message: %s, listen: "tcp://127.0.0.1:%d unixgram://%s/dgram unix://%s/stream"}}
outputs: {file: {type: file, path: out.json, format: json}}
`, limit, port, dir, dir))
	}
	arrived := func() []int { return numbersIn(t, filepath.Join(dir, "out.json")) }
	next := 0
	send := func(count int) {
		t.Helper()
		c := dialUp(t, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		defer func() { _ = c.Close() }()
		var b strings.Builder
		for range count {
			fmt.Fprintf(&b, "<13>Nov 25 10:00:00 host numbered: n=%d %s\n", next, strings.Repeat("x", next%500))
			next++
		}
		if _, err := c.Write([]byte(b.String())); err != nil {
			t.Fatal(err)
		}
	}
	run := func() (*exec.Cmd, chan error) {
		t.Helper()
		cmd := exec.Command(program(t), "run", "--config", conf("64KiB"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		_ = dialUp(t, "unix", filepath.Join(dir, "stream")).Close()
		return cmd, ended
	}

	cmd, ended := run()
	send(1000)
	for _, limit := range []string{"32KiB", "16KiB", "64KiB"} {
		before := next
		eventually(t, "the lines before the reload", 10*time.Second, func() bool { return len(arrived()) == before })
		conf(limit)
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		send(1000)
	}
	eventually(t, "the lines of after the reload", 10*time.Second, func() bool { return len(arrived()) == next })
	send(2000)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("a stop gave %v", err)
	}
	if got := arrived(); !isRow(got, next) {
		t.Errorf("after a stop there are %d lines, want %d, each once and in order", len(got), next)
	}

	sure := next
	cmd, ended = run()
	send(5000)
	_ = cmd.Process.Kill()
	if err := <-ended; err == nil {
		t.Error("a kill gave no error")
	}
	cmd, ended = run() // takes over the sockets that the other left
	eventually(t, "what the journal has is delivered", 10*time.Second, func() bool { return len(arrived()) >= sure })
	next = 1_000_000
	send(1)
	eventually(t, "a line after the kill", 10*time.Second, func() bool { got := arrived(); return len(got) > 0 && got[len(got)-1] == 1_000_000 })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("a stop after the kill gave %v", err)
	}
	seen := map[int]bool{}
	most := 0
	for _, n := range arrived() {
		if n < 1_000_000 {
			seen[n], most = true, max(most, n)
		}
	}
	if len(seen) != most+1 || most < sure-1 {
		t.Errorf("after a kill there are %d different lines up to %d, want all of them, and %d at least", len(seen), most, sure)
	}
}

// dialUp connects as soon as somebody listens.
func dialUp(t *testing.T, network, address string) net.Conn {
	t.Helper()
	var c net.Conn
	eventually(t, "somebody listens at "+address, 10*time.Second, func() bool {
		var err error
		c, err = net.Dial(network, address)
		return err == nil
	})
	return c
}

// numbersIn are the numbers of the events in a file, in their order.
func numbersIn(t *testing.T, path string) []int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var list []int
	for _, m := range regexp.MustCompile(`"message":"n=(\d+)`).FindAllSubmatch(b, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// isRow reports whether a list is 0, 1, 2 … up to most-1.
func isRow(list []int, most int) bool {
	for i, n := range list {
		if i != n {
			return false
		}
	}
	return len(list) == most
}

// TestSyslogInputDrops: what the kernel drops while the program is held up is
// said in-band and stands in the ledger; with what arrived it is all that was sent.
func TestSyslogInputDrops(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs: {net: {type: syslog, receive_buffer: 64KiB, listen: "udp://127.0.0.1:%d unix://%s/stream"}}
outputs: {file: {type: file, path: out.json, format: json}}
`, port, dir))
	cmd := exec.Command(program(t), "run", "--config", conf)
	start(t, cmd)
	_ = dialUp(t, "unix", filepath.Join(dir, "stream")).Close()
	c := dialUp(t, "udp", fmt.Sprintf("127.0.0.1:%d", port))
	defer func() { _ = c.Close() }()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	const sent = 5000
	for n := range sent {
		if _, err := fmt.Fprintf(c, "<13>Nov 25 10:00:00 host numbered: n=%d", n); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	lost, said := 0, 0
	got := 0
	eventually(t, "every datagram arrived or is said to be lost", 20*time.Second, func() bool {
		got = len(numbersIn(t, filepath.Join(dir, "out.json")))
		b, err := os.ReadFile(filepath.Join(dir, "out.json"))
		if err != nil {
			return false
		}
		lost, said = 0, 0
		for line := range strings.Lines(string(b)) {
			m := regexp.MustCompile(`the kernel dropped (\d+) datagrams`).FindStringSubmatch(line)
			if m == nil || !strings.Contains(line, `"reason":"udp_rx_drop"`) {
				continue
			}
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			lost, said = lost+n, said+1
		}
		return got+lost >= sent
	})
	if got+lost != sent || lost == 0 || got == 0 {
		t.Errorf("%d datagrams arrived and %d were said to be lost, %d times; %d were sent", got, lost, said, sent)
	}
	out, err := exec.Command(program(t), "ledger", "--config", conf).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "udp_rx_drop") || !strings.Contains(string(out), strconv.Itoa(lost)) {
		t.Errorf("the ledger says %v\n%s", err, out)
	}
}
