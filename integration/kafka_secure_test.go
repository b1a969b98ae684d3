//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKafkaSecure goes through a real broker with SASL and TLS both ways: 200
// events are delivered and read again, and what is set wrong is said, with what to
// do about it, and without the password.
func TestKafkaSecure(t *testing.T) {
	const events = 200
	k := newKafka(t)
	dir := t.TempDir()
	k.ca.Sign(t, dir, "us", nil)
	write(t, filepath.Join(dir, "password"), "p\n")
	write(t, filepath.Join(dir, "wrong"), "wr0ng-password\n")
	var text strings.Builder
	for i := range events {
		fmt.Fprintf(&text, "line-%06d\n", i)
	}
	write(t, filepath.Join(dir, "in.log"), text.String())
	sasl := func(mechanism, file string) string {
		return fmt.Sprintf(", sasl: {mechanism: %s, user: u, password: {file: %s}}", mechanism, file)
	}
	tls, both := fmt.Sprintf(", tls: {ca: %s}", k.ca.File), fmt.Sprintf(", tls: {ca: %s, cert: us.crt, key: us.key}", k.ca.File)
	for i, c := range []struct{ name, addr, how string }{
		{"PLAIN", k.sasl, sasl("PLAIN", "password")},
		{"SCRAM-SHA-256", k.sasl, sasl("SCRAM-SHA-256", "password")},
		{"SCRAM-SHA-512", k.sasl, sasl("SCRAM-SHA-512", "password")},
		{"PLAIN over TLS", k.secure, tls + sasl("PLAIN", "password")},
		{"SCRAM-SHA-256 over TLS", k.secure, tls + sasl("SCRAM-SHA-256", "password")},
		{"SCRAM-SHA-512 over TLS", k.secure, tls + sasl("SCRAM-SHA-512", "password")},
		{"our certificate", k.tls, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := fmt.Sprintf("secure-%d", i)
			k.create(topic, 2)
			out := fmt.Sprintf("out-%d.json", i)
			send := write(t, filepath.Join(dir, fmt.Sprintf("send-%d.yaml", i)), fmt.Sprintf(`
journal: {dir: send-%d}
admin: {listen: off}
inputs: {lines: {type: file, path: [in.log], decode: plain}}
outputs: {kafka: {type: kafka, brokers: ["%s"], topic: %s%s}}
`, i, c.addr, topic, c.how))
			if said, err := exec.Command(program(t), "run", "--once", "--config", send).CombinedOutput(); err != nil {
				t.Fatalf("send: %v\n%s", err, tail(said))
			}
			if n := k.written(topic, 2); n != events {
				t.Errorf("%d messages are there, want %d", n, events)
			}
			read := write(t, filepath.Join(dir, fmt.Sprintf("read-%d.yaml", i)), fmt.Sprintf(`
journal: {dir: read-%d}
admin: {listen: off}
inputs: {in: {type: kafka, brokers: ["%s"], topics: [%s], group: g%d, decode: tallyman%s}}
outputs: {out: {type: file, path: %s, format: json}}
`, i, c.addr, topic, i, c.how, out))
			cmd := launch(t, read)
			eventually(t, "what was delivered is read", 60*time.Second, func() bool { return kafkaCount(filepath.Join(dir, out)) >= events })
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
			seen := map[any]bool{}
			for _, e := range eventsIn(t, filepath.Join(dir, out)) {
				seen[get(e, "message")] = true
			}
			if len(seen) != events {
				t.Errorf("%d of %d events came back", len(seen), events)
			}
		})
	}
	for _, c := range []struct{ name, addr, how, want string }{
		{"wrong password", k.sasl, sasl("SCRAM-SHA-256", "wrong"), "see sasl.user and sasl.password"},
		{"wrong password, PLAIN over TLS", k.secure, tls + sasl("PLAIN", "wrong"), "see sasl.user and sasl.password"},
		{"no SASL where it is asked for", k.sasl, "", "set sasl"},
		{"no TLS where it is asked for", k.secure, sasl("SCRAM-SHA-256", "password"), "set tls"},
		{"TLS where there is none", k.addr, tls, "no TLS at this port"},
		{"an authority that we do not know", k.secure, ", tls: {}" + sasl("PLAIN", "password"), "tls.ca"},
		{"no certificate of ours", k.tls, tls, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := write(t, filepath.Join(dir, "probe.yaml"), fmt.Sprintf(`
journal: {dir: probe}
admin: {listen: off}
inputs: {lines: {type: file, path: [in.log], decode: plain}}
outputs: {kafka: {type: kafka, brokers: ["%s"], topic: secure-0, timeout: 3s%s}}
`, c.addr, c.how))
			said, err := exec.Command(program(t), "validate", "--probe", "--timeout", "10s", conf).CombinedOutput()
			if err == nil || !strings.Contains(string(said), c.want) || strings.Contains(string(said), "wr0ng") {
				t.Errorf("the probe says, with %v: %s", err, said)
			}
			t.Logf("%s", said)
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "probe")); err == nil {
		t.Error("a probe made a journal")
	}
}
