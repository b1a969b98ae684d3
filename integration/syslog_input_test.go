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

// syslogLines is how many numbered lines each sender gets.
const syslogLines = 3000

// syslogConf listens in every way at once; senders over TLS must have a
// certificate of the lab's authority.
const syslogConf = `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
grace: 4s
inputs:
  net:
    type: syslog
    listen: "udp://127.0.0.1:%[1]d tcp://127.0.0.1:%[2]d tls://127.0.0.1:%[3]d unix://%[4]s/stream unixgram://%[4]s/dgram"
    tls: {cert: server.crt, key: server.key, client_ca: ca.crt}
outputs:
  file: {type: file, path: out.json, format: json}
`

const rsyslogSender = `global(workDirectory="%[4]s" DefaultNetstreamDriverCAFile="%[4]s/ca.crt" DefaultNetstreamDriverCertFile="%[4]s/client.crt"
       DefaultNetstreamDriverKeyFile="%[4]s/client.key")
module(load="imfile" PollingInterval="1")
template(name="udp" type="string" string="<13>%%timestamp%% host numbered: way=udp %%msg%%")
template(name="lines" type="string" string="<13>%%timestamp%% host numbered: way=tcp-lines %%msg%%")
template(name="octets" type="string" string="<13>1 %%timestamp:::date-rfc3339%% host numbered - - - way=tcp-octets %%msg%%")
template(name="tlslines" type="string" string="<13>1 %%timestamp:::date-rfc3339%% host numbered - - - way=tls-lines %%msg%%")
template(name="tlsoctets" type="string" string="<13>1 %%timestamp:::date-rfc3339%% host numbered - - - way=tls-octets %%msg%%")
input(type="imfile" File="%[4]s/numbers.log" Tag="numbered" ruleset="out")
ruleset(name="out") {
  action(type="omfwd" target="127.0.0.1" port="%[1]d" protocol="udp" template="udp")
  action(type="omfwd" target="127.0.0.1" port="%[2]d" protocol="tcp" template="lines")
  action(type="omfwd" target="127.0.0.1" port="%[2]d" protocol="tcp" TCP_Framing="octet-counted" template="octets")
  action(type="omfwd" target="127.0.0.1" port="%[3]d" protocol="tcp" template="tlslines" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="server.example")
  action(type="omfwd" target="127.0.0.1" port="%[3]d" protocol="tcp" TCP_Framing="octet-counted" template="tlsoctets" StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="server.example")
}
`

const syslogNGSender = `@version: 3.38
options { flush-lines(100); log-msg-size(65536); };
source s { file("%[4]s/numbers.log" flags(no-parse)); };
destination udp { network("127.0.0.1" port(%[1]d) transport("udp") template("<13>$DATE host numbered: way=udp $MSG\n")); };
destination lines { network("127.0.0.1" port(%[2]d) transport("tcp") persist-name("lines") template("<13>$DATE host numbered: way=tcp-lines $MSG\n")); };
destination octets { syslog("127.0.0.1" port(%[2]d) transport("tcp") template("way=tcp-octets $MSG")); };
destination tlslines { network("127.0.0.1" port(%[3]d) transport("tls") persist-name("tlslines") template("<13>$DATE host numbered: way=tls-lines $MSG\n")
  tls(ca-file("%[4]s/ca.crt") cert-file("%[4]s/client.crt") key-file("%[4]s/client.key") peer-verify(required-trusted))); };
destination tlsoctets { syslog("127.0.0.1" port(%[3]d) transport("tls") template("way=tls-octets $MSG")
  tls(ca-file("%[4]s/ca.crt") cert-file("%[4]s/client.crt") key-file("%[4]s/client.key") peer-verify(required-trusted))); };
destination stream { unix-stream("%[4]s/stream" template("<13>$DATE numbered: way=unix-stream $MSG\n")); };
destination dgram { unix-dgram("%[4]s/dgram" template("<13>$DATE numbered: way=unix-dgram $MSG\n")); };
log { source(s); destination(udp); destination(lines); destination(octets); destination(tlslines); destination(tlsoctets); destination(stream); destination(dgram); };
`

// TestSyslogInput lets the real rsyslog, syslog-ng and logger send numbered lines
// to the program over every transport in both framings: every line arrives once,
// with the address it came from and the name of its certificate.
func TestSyslogInput(t *testing.T) {
	network := []string{"udp", "tcp-lines", "tcp-octets", "tls-lines", "tls-octets"}
	t.Run("rsyslog", func(t *testing.T) {
		rsyslogd := need(t, "rsyslogd", "rsyslog rsyslog-gnutls")
		if _, err := os.Stat("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"); err != nil {
			t.Skipf("NOT RUN: rsyslog-gnutls is missing: %v", err)
		}
		receive(t, network, syslogLines, func(dir string, ports []int) {
			conf := write(t, filepath.Join(dir, "rs.conf"), fmt.Sprintf(rsyslogSender, ports[0], ports[1], ports[2], dir))
			start(t, exec.Command(rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "rs.pid")))
		})
	})
	t.Run("syslog-ng", func(t *testing.T) {
		root := syslogNG(t)
		receive(t, append(network, "unix-stream", "unix-dgram"), syslogLines, func(dir string, ports []int) {
			conf := write(t, filepath.Join(dir, "sng.conf"), fmt.Sprintf(syslogNGSender, ports[0], ports[1], ports[2], dir))
			at := func(name string) string { return filepath.Join(dir, "sng."+name) }
			cmd := exec.Command(root+"/usr/sbin/syslog-ng", "-F", "-f", conf, "--module-path="+root+"/usr/lib/syslog-ng/3.38",
				"--persist-file="+at("persist"), "--pidfile="+at("pid"), "--control="+at("ctl"), "--no-caps")
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+root+"/usr/lib/syslog-ng", "SYSLOGNG_PREFIX="+root+"/usr")
			start(t, cmd)
		})
	})
	t.Run("logger", func(t *testing.T) {
		logger := need(t, "logger", "bsdutils")
		receive(t, []string{"unix", "tcp-octets", "tcp-lines", "udp"}, 200, func(dir string, ports []int) {
			for way, args := range map[string][]string{
				"unix":       {"--socket", filepath.Join(dir, "dgram"), "--socket-errors=on"},
				"tcp-octets": {"-n", "127.0.0.1", "-P", fmt.Sprint(ports[1]), "-T", "--octet-count", "--rfc5424=notq"},
				"tcp-lines":  {"-n", "127.0.0.1", "-P", fmt.Sprint(ports[1]), "-T", "--rfc3164"},
				"udp":        {"-n", "127.0.0.1", "-P", fmt.Sprint(ports[0]), "-d", "--rfc3164"},
			} {
				cmd := exec.Command(logger, append(args, "-t", "numbered")...)
				var lines strings.Builder
				for n := range 200 {
					fmt.Fprintf(&lines, "way=%s n=%d\n", way, n)
				}
				cmd.Stdin = strings.NewReader(lines.String())
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("logger: %v\n%s", err, out)
				}
			}
		})
	})
}

// receive runs the program, lets a sender go, and judges what arrives of each
// way: want numbered lines, each once.
func receive(t *testing.T, ways []string, want int, send func(dir string, ports []int)) {
	t.Helper()
	dir := t.TempDir()
	certificates(t, need(t, "openssl", "openssl"), dir)
	var numbers strings.Builder
	for n := range want {
		fmt.Fprintf(&numbers, "n=%d %s\n", n, strings.Repeat("x", n%700))
	}
	write(t, filepath.Join(dir, "numbers.log"), numbers.String())
	ports := freePorts(t, 3)
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(syslogConf, ports[0], ports[1], ports[2], dir))
	start(t, exec.Command(program(t), "run", "--config", conf))
	eventually(t, "tallyman listens", 10*time.Second, func() bool {
		c, err := net.Dial("unix", filepath.Join(dir, "stream"))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	send(dir, ports)
	out := filepath.Join(dir, "out.json")
	numbered := regexp.MustCompile(`way=(\S+) n=(\d+)`)
	got := map[string]int{}
	eventually(t, fmt.Sprintf("%d lines of each of %q", want, ways), 60*time.Second, func() bool {
		b, err := os.ReadFile(out)
		if err != nil {
			return false
		}
		clear(got)
		for line := range strings.Lines(string(b)) {
			if m := numbered.FindStringSubmatch(line); m != nil {
				got[m[1]+" "+m[2]]++
			}
		}
		return len(got) >= want*len(ways)
	})
	for _, way := range ways {
		for n := range want {
			if times := got[fmt.Sprintf("%s %d", way, n)]; times != 1 {
				t.Fatalf("line %d by %s arrived %d times", n, way, times)
			}
		}
	}
	for _, e := range eventsIn(t, out) {
		m := numbered.FindStringSubmatch(fmt.Sprint(e))
		if m == nil {
			continue // the sender's word of itself
		}
		address, _ := get(e, "log", "source", "address").(string)
		client, _ := get(e, "labels", "tls_client").(string)
		if strings.HasPrefix(address, "127.0.0.1:") == strings.HasPrefix(m[1], "unix") || (client == "localhost") != strings.HasPrefix(m[1], "tls") {
			t.Fatalf("line %s by %s came from %q, certificate %q", m[2], m[1], address, client)
		}
	}
}

// syslogNG unpacks syslog-ng, which does not stand beside rsyslog as a package,
// and returns where.
func syslogNG(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: only root may install what syslog-ng needs")
	}
	root := t.TempDir()
	cmd := exec.Command("sh", "-c", `get() { apt-get install -y --no-install-recommends libivykis0 libnet1 libpcre3 libwrap0 && apt-get download syslog-ng-core; }
get || { apt-get update && get; } && dpkg -x syslog-ng-core_*.deb .`)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: syslog-ng could not be fetched: %v\n%s", err, tail(out))
	}
	return root
}
