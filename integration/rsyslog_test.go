//go:build integration

package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const rsyslogConf = `global(workDirectory="%[1]s" DefaultNetstreamDriverCAFile="%[1]s/ca.crt" DefaultNetstreamDriverCertFile="%[1]s/server.crt"
       DefaultNetstreamDriverKeyFile="%[1]s/server.key" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=["client.example"])
template(name="parsed" type="list") {
  property(name="app-name") constant(value="|") property(name="msgid") constant(value="|")
  property(name="structured-data") constant(value="|") property(name="msg") constant(value="\n")
}
ruleset(name="in") { action(type="omfile" file="%[1]s/received.log" template="parsed" asyncWriting="off" flushOnTXEnd="on") }
input(type="imtcp" address="127.0.0.1" port="%[2]d" ruleset="in")
`

// TestRsyslogTLS sends the demo's log to the real rsyslog over TLS with client
// certificates, RFC 5424 with octet counting: rsyslog parses every event, each
// id arrives, and a receiver that the client should not trust gets nothing.
func TestRsyslogTLS(t *testing.T) {
	rsyslogd := need(t, "rsyslogd", "rsyslog rsyslog-gnutls")
	if _, err := os.Stat("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"); err != nil {
		if out, err := exec.Command("sh", "-c", "apt-get install -y --no-install-recommends rsyslog-gnutls || { apt-get update && apt-get install -y --no-install-recommends rsyslog-gnutls; }").CombinedOutput(); err != nil {
			t.Skipf("NOT RUN: rsyslog-gnutls is missing and could not be installed: %v\n%s", err, tail(out))
		}
	}
	openssl := need(t, "openssl", "openssl")
	dir := t.TempDir()
	certificates(t, openssl, dir)
	port := freePort(t)
	write(t, filepath.Join(dir, "rs.conf"), fmt.Sprintf(rsyslogConf, dir, port))
	start(t, exec.Command(rsyslogd, "-n", "-f", filepath.Join(dir, "rs.conf"), "-i", filepath.Join(dir, "pid")))
	eventually(t, "rsyslog listens", 10*time.Second, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	demo, err := exec.Command("gzip", "-dc", "../configs/demo/audit.log.gz").Output()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "audit.log"), string(demo))
	config := func(name, ca string) string {
		return write(t, filepath.Join(dir, name+".yaml"), fmt.Sprintf(`
journal: {dir: journal-%s, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
grace: 4s
inputs: {audit: {type: auditd, path: audit.log}}
transforms: [{type: audit}]
outputs:
  file: {type: file, path: %s.json, format: json}
  siem: {type: syslog, address: "tls://localhost:%d", format: json, max_bytes: 64KiB, tls: {ca: %s, cert: client.crt, key: client.key}}
`, name, name, port, ca))
	}
	out, err := exec.Command(program(t), "run", "--once", "--config", config("good", "ca.crt")).CombinedOutput()
	if err != nil {
		t.Fatalf("run: %v\n%s", err, tail(out))
	}
	if !strings.Contains(string(out), "unconfirmed") {
		t.Errorf("the books do not say that syslog confirms nothing:\n%s", out)
	}
	want := eventsIn(t, filepath.Join(dir, "good.json"))
	received := filepath.Join(dir, "received.log")
	id := regexp.MustCompile(`\[tallyman@32473 id="([0-9A-Z]{26})"`)
	var got map[string]int
	eventually(t, fmt.Sprintf("rsyslog has all %d events", len(want)), 20*time.Second, func() bool {
		b, err := os.ReadFile(received)
		if err != nil {
			return false
		}
		got = map[string]int{}
		for line := range strings.Lines(string(b)) {
			if m := id.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "tallyman|auditd-log|[") {
				got[m[1]]++
			} else {
				t.Fatalf("rsyslog read this frame otherwise: %q", line)
			}
		}
		return len(got) >= len(want)
	})
	for _, e := range want {
		if n := got[get(e, "event", "id").(string)]; n != 1 {
			t.Errorf("event %v arrived %d times", get(e, "event", "id"), n)
		}
	}

	before, err := os.Stat(received)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t), "run", "--once", "--config", config("stranger", "stranger.crt"))
	out, _ = cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 75 {
		t.Errorf("a receiver with a strange certificate: exit %d, want 75\n%s", code, tail(out))
	}
	after, err := os.Stat(received)
	if err != nil {
		t.Fatal(err)
	}
	if after.Size() != before.Size() {
		t.Error("events went to a receiver whose certificate is not trusted")
	}
}

// certificates makes a CA, a server's and a client's certificate, and a CA that
// signed neither.
func certificates(t *testing.T, openssl, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "make.sh"), `set -e
ca() { `+openssl+` req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$1 -keyout $1.key -out $1.crt -addext basicConstraints=critical,CA:TRUE; }
ca ca; ca stranger
for n in server client; do
  `+openssl+` req -newkey rsa:2048 -nodes -subj /CN=$n.example -keyout $n.key -out $n.csr
  printf 'subjectAltName=DNS:localhost,DNS:%s.example,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' $n > $n.ext
  `+openssl+` x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile $n.ext -out $n.crt
done
`)
	cmd := exec.Command("sh", "make.sh")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("certificates: %v\n%s", err, out)
	}
}
