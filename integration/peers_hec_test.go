//go:build peers

package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPeersHEC prints what a line of Docker's json-file driver costs in processor time from
// the file on disk to a receiver of Splunk's HEC, packed and not, beside the bare limit: the
// prototype among the yardsticks, which packs at the same level and keeps nothing; and beside
// Fluent Bit where that is installed, with all fields of an event and with those that Fluent Bit
// sends. It asserts that the receiver, which is one of the yardsticks too, has counted each line once.
func TestPeersHEC(t *testing.T) {
	dir := t.TempDir()
	gen, sink, bare := yardstick(t, dir, "gen"), yardstick(t, dir, "sink"), filepath.Join(dir, "ship")
	build := exec.Command("go", "build", "-o", bare, "./ship")
	build.Dir = filepath.Join(yardsticks, "pipe")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("ship does not build: %v\n%s", err, text)
	}
	path, log, lines := dockerLog(t, dir, gen)
	url := receiveHEC(t, sink)
	t.Setenv("HEC_TOKEN", "00000000-0000-0000-0000-000000000000")
	list, peer := toHEC(t, path, url, bare)
	u := newUsed()
	for range rounds(t) {
		for _, c := range list {
			events, bytes := counted(t, url)
			dir := t.TempDir()
			inMemory(t, path)
			u.process(t, c.name, dir, c.run(dir))
			n, sent := counted(t, url)
			if n-events != lines {
				t.Errorf("%s: the receiver counted %d events of %d lines", c.name, n-events, lines)
			}
			u.bytes[c.name] = sent - bytes
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := namesOf(list)
	u.print("docker json-file to HEC", len(log), lines, names)
	if peer {
		u.beside("Fluent Bit, gzip", names[:2]...)
		u.beside("Fluent Bit, plain", names[2:4]...)
	}
}

// toHEC are the programs that send the lines of a container to a receiver of Splunk's
// HEC, and whether Fluent Bit is among them.
func toHEC(t *testing.T, path, url, bare string) (list []shipper, peer bool) {
	t.Helper()
	conf := func(packed, fields string) string {
		return fmt.Sprintf("journal: {dir: journal, max_size: 2GiB}\nredact: off\nadmin: {listen: off}\nlog: {level: error}\n"+
			"inputs: {logs: {type: containers, path: [\"%s\"]}}\noutputs: {hec: {type: splunk, url: [%q], token: {env: HEC_TOKEN}, compression: %s%s}}\n", path, url, packed, fields)
	}
	ship := func(level string) func(string) []string {
		return func(string) []string {
			return []string{bare, "-url", url + "/services/collector/event", "-gzip", level, path}
		}
	}
	list = []shipper{{"tallyman, gzip", readOnce(t, program(t), conf("gzip", "")), nil}}
	if b := before(); b != "" {
		return append(list, shipper{"tallyman before, gzip", readOnce(t, b, conf("gzip", "")), nil}), false
	}
	list = append(list, shipper{ofFluentBit + ", gzip", readOnce(t, program(t), conf("gzip", fluentBitEnvelope)), nil},
		shipper{"tallyman, plain", readOnce(t, program(t), conf("none", "")), nil},
		shipper{ofFluentBit + ", plain", readOnce(t, program(t), conf("none", fluentBitEnvelope)), nil},
		shipper{"bare prototype, gzip 1", ship("1"), nil}, shipper{"bare prototype, plain", ship("0"), nil})
	b := fluentBit(t)
	if b == "" {
		return list, false
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	to := func(packed string) func(string) []string {
		return runFluentBit(t, b, path, "", func(string) string { return fmt.Sprintf(fluentBitHEC, host, port, packed) })
	}
	return append(list, shipper{"Fluent Bit, gzip", to("    compress gzip\n"), nil}, shipper{"Fluent Bit, plain", to(""), nil}), true
}

// receiveHEC starts the receiver, which is not measured, on the other processor and returns
// where it is.
func receiveHEC(t *testing.T, sink string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("taskset", "-c", "0", sink, "-addr", addr, "-pat", `"sourcetype":`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return "http://" + addr
		}
		time.Sleep(50 * time.Millisecond) // a measurement, not a test
	}
	t.Fatal("the receiver does not listen")
	return ""
}

// counted is how many events the receiver has counted, and the bytes of the bodies, unpacked.
func counted(t *testing.T, url string) (events int, bytes int64) {
	t.Helper()
	res, err := http.Get(url + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if _, err2 := fmt.Sscanf(string(b), "events %d bytes %d", &events, &bytes); err != nil || err2 != nil {
		t.Fatalf("the receiver says %q: %v, %v", b, err, err2)
	}
	return events, bytes
}
