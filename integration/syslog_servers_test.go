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
	"testing"
	"time"
)

// A syslogServer is a real receiver that writes what it got into a file, and that
// can be killed and started again. Its file outlives it.
type syslogServer struct {
	t        *testing.T
	name     string
	addr     string
	received string
	command  func() *exec.Cmd
	cmd      *exec.Cmd
	said     *os.File
}

// A syslogKind makes servers of one program in dir, where the certificates are.
type syslogKind struct {
	name  string
	build func(t *testing.T, dir string, secure bool) *syslogServer
}

const rsyslogRestartConf = `global(workDirectory="%[1]s" DefaultNetstreamDriverCAFile="%[1]s/ca.crt" DefaultNetstreamDriverCertFile="%[1]s/server.crt"
       DefaultNetstreamDriverKeyFile="%[1]s/server.key" maxMessageSize="64k")
module(load="imtcp"%[3]s)
template(name="parsed" type="list") { property(name="structured-data") property(name="msg") constant(value="\n") }
ruleset(name="in" %[4]s) { action(type="omfile" file="%[1]s/rsyslog.log" template="parsed" asyncWriting="off" flushOnTXEnd="on") }
input(type="imtcp" address="127.0.0.1" port="%[2]d" ruleset="in")
`

// rsyslogQueue is what keeps rsyslog from taking more off a connection than it has
// written: without a queue of its own a ruleset has the main one, in memory.
const rsyslogQueue = `queue.type="Direct"`

// rsyslogKind is the installed rsyslog; queue is of its ruleset.
func rsyslogKind(t *testing.T, queue string) syslogKind {
	t.Helper()
	rsyslogd := need(t, "rsyslogd", "rsyslog rsyslog-gnutls")
	if list, err := filepath.Glob("/usr/lib/*/rsyslog/lmnsd_gtls.so"); err != nil || len(list) == 0 {
		if out, err := exec.Command("sh", "-c", "apt-get install -y --no-install-recommends rsyslog-gnutls || { apt-get update && apt-get install -y --no-install-recommends rsyslog-gnutls; }").CombinedOutput(); err != nil {
			t.Skipf("NOT RUN: rsyslog-gnutls is missing and could not be installed: %v\n%s", err, tail(out))
		}
	}
	return syslogKind{"rsyslog", func(t *testing.T, dir string, secure bool) *syslogServer {
		driver := ""
		if secure {
			driver = ` StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=["client.example"]`
		}
		port := freePort(t)
		conf := write(t, filepath.Join(dir, "rs.conf"), fmt.Sprintf(rsyslogRestartConf, dir, port, driver, queue))
		return newSyslogServer(t, "rsyslog", port, filepath.Join(dir, "rsyslog.log"), func() *exec.Cmd {
			_ = os.Remove(filepath.Join(dir, "pid")) // what was killed left it
			return exec.Command(rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
		})
	}}
}

const syslogNGConf = `@version: 3.38
options { keep-hostname(yes); flush-lines(100); log-msg-size(65536); stats-freq(0); };
source s { syslog(ip(127.0.0.1) port(%[2]d) transport("%[3]s") %[4]s); };
destination d { file("%[1]s/syslogng.log" template("$SDATA $MSG\n")); };
log { source(s); destination(d); flags(flow-control); };
`

// syslogNGKind is syslog-ng, unpacked, because its package does not go together
// with that of rsyslog.
func syslogNGKind(t *testing.T) syslogKind {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: syslog-ng is fetched by apt-get, which only root may")
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	fetch := exec.Command("sh", "-c", `i() { apt-get install -y --no-install-recommends libivykis0 libnet1 libpcre3 libwrap0 && apt-get download syslog-ng-core; }
i || { apt-get update && i; } && dpkg -x syslog-ng-core_*.deb .`)
	fetch.Dir = root
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: syslog-ng could not be fetched: %v\n%s", err, tail(out))
	}
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/syslog-ng/[0-9]*"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("syslog-ng has no modules: %v", err)
	}
	return syslogKind{"syslog-ng", func(t *testing.T, dir string, secure bool) *syslogServer {
		transport, options := "tcp", ""
		if secure {
			transport = "tls"
			options = fmt.Sprintf(`tls(key-file("%[1]s/server.key") cert-file("%[1]s/server.crt") ca-file("%[1]s/ca.crt") peer-verify(required-trusted))`, dir)
		}
		port := freePort(t)
		conf := write(t, filepath.Join(dir, "sng.conf"), fmt.Sprintf(syslogNGConf, dir, port, transport, options))
		return newSyslogServer(t, "syslog-ng", port, filepath.Join(dir, "syslogng.log"), func() *exec.Cmd {
			cmd := exec.Command(filepath.Join(root, "usr/sbin/syslog-ng"), "-F", "-f", conf, "--module-path="+modules[0], "--no-caps",
				"--persist-file="+filepath.Join(dir, "persist"), "--pidfile="+filepath.Join(dir, "sng.pid"), "--control="+filepath.Join(dir, "ctl"))
			cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(root, "usr/lib/syslog-ng"), "SYSLOGNG_PREFIX="+filepath.Join(root, "usr"))
			return cmd
		})
	}}
}

func newSyslogServer(t *testing.T, name string, port int, received string, command func() *exec.Cmd) *syslogServer {
	t.Helper()
	said, err := os.Create(received + ".said")
	if err != nil {
		t.Fatal(err)
	}
	s := &syslogServer{t: t, name: name, addr: fmt.Sprintf("127.0.0.1:%d", port), received: received, command: command, said: said}
	t.Cleanup(func() {
		s.kill()
		_ = said.Close()
		if b, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", name, tail(b))
		}
	})
	s.start()
	return s
}

func (s *syslogServer) start() {
	s.t.Helper()
	s.cmd = s.command()
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, s.name+" listens", 20*time.Second, func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// kill ends it at once, and what it had in memory with it.
func (s *syslogServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

var tickLine = regexp.MustCompile(`\[tallyman@32473 id="([0-9A-Z]{26})"[^\]]*\].*tick-(\d{8})$`)

// A tickEvent is one line that a server has.
type tickEvent struct {
	id    string
	n     int
	bytes int // of the line
}

// events are what the server has, in its order. A line that a kill cut is passed
// over: the kill ends rsyslog within a write.
func (s *syslogServer) events() []tickEvent {
	s.t.Helper()
	b, err := os.ReadFile(s.received)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	var list []tickEvent
	for line := range strings.Lines(string(b)) {
		m := tickLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			s.t.Fatal(err)
		}
		list = append(list, tickEvent{m[1], n, len(line)})
	}
	return list
}

// ticks is how many lines the server has.
func (s *syslogServer) ticks() int {
	b, err := os.ReadFile(s.received)
	if err != nil {
		return 0
	}
	return strings.Count(string(b), "\n")
}

// newest is the number of the line that the server wrote last, -1 before the first.
func (s *syslogServer) newest() int {
	f, err := os.Open(s.received)
	if err != nil {
		return -1
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, max(0, size(s.received)-int64(len(b)))) // it may grow meanwhile
	if at := strings.LastIndex(string(b[:n]), "tick-"); at >= 0 && n-at >= len("tick-00000000") {
		if number, err := strconv.Atoi(string(b[at+len("tick-") : at+len("tick-00000000")])); err == nil {
			return number
		}
	}
	return -1
}
