//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const restartConf = `
journal: {dir: journal, max_size: 512MiB, segment_size: 16MiB}
admin: {listen: %q}
log: {level: warn}
grace: 20s
inputs:
  lines: {type: file, path: [lines.log], decode: plain}
outputs:
  file: {type: file, path: out.json, format: json}
  siem: {type: syslog, address: "%s", timeout: 5s%s}
`

// The default of `window`, and about the most of the batch that was under way when
// a connection was lost, which is sent again beside the window.
const (
	restartWindow = 4 << 20
	restartBatch  = 1 << 20
)

// TestSyslogRestarts sends 100,000 events to the real rsyslog and syslog-ng, over
// TCP and over mutual TLS, and kills the server twice meanwhile, with all that it
// had taken and not written. Each event is there at the end, by its id, and what
// is there twice was sent within the window before a kill.
func TestSyslogRestarts(t *testing.T) {
	for _, name := range []string{"rsyslog", "syslog-ng"} {
		t.Run(name, func(t *testing.T) {
			kind := rsyslogKind(t, rsyslogQueue)
			if name == "syslog-ng" {
				kind = syslogNGKind(t)
			}
			t.Run("tcp", func(t *testing.T) { restarts(t, kind, false) })
			t.Run("tls", func(t *testing.T) { restarts(t, kind, true) })
		})
	}
}

// restartURL makes the certificates where they are needed, and says how a server
// at addr is reached and what the settings of TLS are.
func restartURL(t *testing.T, dir string, secure bool) (url func(addr string) string, settings string) {
	t.Helper()
	if !secure {
		return func(addr string) string { return "tcp://" + addr }, ""
	}
	certificates(t, need(t, "openssl", "openssl"), dir)
	return func(addr string) string { return "tls://" + addr }, ", tls: {ca: ca.crt, cert: client.crt, key: client.key}"
}

func restarts(t *testing.T, kind syslogKind, secure bool) {
	const total = 100_000
	dir, admin := t.TempDir(), freeAddr(t)
	url, settings := restartURL(t, dir, secure)
	s := kind.build(t, dir, secure)
	lines := &ticker{path: write(t, filepath.Join(dir, "lines.log"), "")}
	lines.more(t, total/4)
	cmd := launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(restartConf, admin, url(s.addr), settings)))
	for range 2 {
		before := s.newest()
		lines.more(t, total/4) // under way when it is killed
		eventually(t, "more has come", time.Minute, func() bool { return s.newest() >= before+5000 })
		s.kill()
		sent := metrics(admin)[`tallyman_ledger_records{output="siem",state="unconfirmed"}`]
		have := distinct(s.events())
		t.Logf("killed with %d events written of %.0f that were sent", len(have), sent)
		s.start()
	}
	lines.more(t, total/4)
	eventually(t, "everything has come", time.Minute, func() bool { return s.ticks() >= total && len(distinct(s.events())) >= total })
	resent := metrics(admin)[`tallyman_syslog_resent_total{output="siem"}`]
	endInPeace(t, cmd)
	got := s.events()
	missing(t, dir, total, distinct(got))
	twice, furthest := steps(got)
	t.Logf("%d events, %d of them twice, %.0f sent again; furthest back %d bytes", total, twice, resent, furthest)
	if furthest > restartWindow+restartBatch {
		t.Errorf("%d bytes were sent again before the newest event, the window has %d", furthest, restartWindow)
	}
	if twice > int(resent)+2*restartBatch/200 {
		t.Errorf("%d events came twice, %.0f were sent again", twice, resent)
	}
}

// distinct are the ids of events.
func distinct(list []tickEvent) map[string]bool {
	all := make(map[string]bool, len(list))
	for _, e := range list {
		all[e.id] = true
	}
	return all
}

// missing compares the ids that arrived with those in the file of the other output.
func missing(t *testing.T, dir string, total int, got map[string]bool) {
	t.Helper()
	want := eventsIn(t, filepath.Join(dir, "out.json"))
	if len(want) != total || len(got) != total {
		t.Errorf("%d events were sent, the file has %d and the server %d", total, len(want), len(got))
	}
	lost := 0
	for _, e := range want {
		if id, _ := get(e, "event", "id").(string); !got[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d events are missing", lost, total)
	}
}

// steps is how many events came more than once, and how many bytes lay between one
// and the newest before it, at most.
func steps(list []tickEvent) (twice, furthest int) {
	seen := map[int]int{} // the bytes up to each, of those that came first
	newest := 0
	for _, e := range list {
		if at, ok := seen[e.n]; ok {
			twice++
			furthest = max(furthest, newest-at)
			continue
		}
		newest += e.bytes
		seen[e.n] = newest
	}
	return twice, furthest
}

func endInPeace(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("tallyman ended with %v", err)
	}
}

// TestSyslogFailover kills the first of two real receivers: the other takes over,
// and the first gets the events again when it is back. Between them they have all.
func TestSyslogFailover(t *testing.T) {
	const part = 20_000
	first, second := rsyslogKind(t, rsyslogQueue), syslogNGKind(t)
	dir, admin := t.TempDir(), freeAddr(t)
	url, settings := restartURL(t, dir, true)
	a, b := first.build(t, dir, true), second.build(t, dir, true)
	lines := &ticker{path: write(t, filepath.Join(dir, "lines.log"), "")}
	cmd := launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(restartConf, admin, url(a.addr),
		settings+fmt.Sprintf(", fall_back: 2s, fallbacks: [%q]", url(b.addr)))))
	lines.more(t, part)
	eventually(t, "the first has events", time.Minute, func() bool { return a.ticks() >= part/4 })
	a.kill()
	if b.ticks() > 0 {
		t.Error("the second got events while the first was there")
	}
	lines.more(t, part)
	union := func() map[string]bool { return distinct(append(a.events(), b.events()...)) }
	eventually(t, "both have everything between them", time.Minute, func() bool { return len(union()) == 2*part })
	a.start()
	before := a.ticks()
	eventually(t, "the first gets events again", time.Minute, func() bool {
		lines.more(t, 100) // it is tried between two batches
		return a.ticks() > before
	})
	eventually(t, "the rest has come", time.Minute, func() bool { return len(union()) == lines.n })
	had := b.ticks()
	lines.more(t, part)
	eventually(t, "everything has come", time.Minute, func() bool { return len(union()) == lines.n })
	if b.ticks() != had {
		t.Errorf("the second got %d events after the first was back", b.ticks()-had)
	}
	endInPeace(t, cmd)
	missing(t, dir, lines.n, union())
	t.Logf("%d events: %d at the first, %d at the second", lines.n, a.ticks(), b.ticks())
}
