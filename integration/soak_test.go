//go:build integration

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const soakConf = `
journal: {dir: journal, max_size: 1GiB, segment_size: 256KiB, min_free: 0B, commit_interval: 2ms, commit_bytes: 16KiB}
admin: {listen: off}
log: {level: warn}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: log/audit.log}
transforms:
  - {type: audit, timeout: 10m}
  - {type: container}
outputs:
  file: {type: file, path: out.json, format: json}
  tcp: {type: syslog, address: "tcp://%s", timeout: 300ms}
  tls: {type: syslog, address: "tls://%s", format: cef, timeout: 300ms, tls: {ca: ca.crt}, when: 'event.outcome == "failure"'}
`

// A soak is one run of the conservation oracle.
type soak struct {
	dir, conf, journal string
	rnd                *rand.Rand
	log                *auditLog
	file               *fileSink
	tcp, tls           *receiver
	received           int            // of the books, which never go back
	replays            map[string]int // at most, by output
}

// TestSoak kills the program again and again while it delivers to three unlike
// outputs that misbehave, and holds what arrived against what was issued. SOAK_CYCLES is
// how often, SOAK_SEED repeats a run.
func TestSoak(t *testing.T) {
	cycles := number(t, "SOAK_CYCLES", 100)
	s := newSoak(t)
	every := max(1, cycles/100)
	for n := range cycles {
		s.cycle(t, n)
		s.check(t, n%every == every-1)
		if t.Failed() {
			t.Fatalf("cycle %d was the first that failed", n)
		}
	}
	s.log.finish(t)
	s.well(t)
	if out, err := exec.Command(program(t), "run", "--once", "--config", s.conf).CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, tail(out))
	}
	s.settle(t)
	s.judge(t)
	t.Logf("%d kills, %d events, %d rotations, %d connections by TCP, %d by TLS", cycles, s.log.issued, s.log.rotated, s.tcp.conns, s.tls.conns)
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	seed := number(t, "SOAK_SEED", int(time.Now().UnixNano()&0xffffffff))
	t.Logf("SOAK_SEED=%d repeats what is random here", seed)
	rnd := rand.New(rand.NewPCG(uint64(seed), 1))
	dir := t.TempDir()
	s := &soak{dir: dir, journal: filepath.Join(dir, "journal"), rnd: rnd, replays: map[string]int{},
		log:  &auditLog{path: filepath.Join(dir, "log", "audit.log"), rnd: rnd, keep: 40},
		file: &fileSink{sink: newSink("file", nil), path: filepath.Join(dir, "out.json")},
		tcp:  newReceiver(t, newSink("tcp", nil), nil, 4096),
		tls:  newReceiver(t, newSink("tls", failed), certificate(t, filepath.Join(dir, "ca.crt")), 4096),
	}
	s.conf = write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(soakConf, s.tcp.addr, s.tls.addr))
	write(t, s.log.path, "")
	// A source that was never read is begun at its path, whatever was rotated before.
	s.log.issue(t, 10, func(int) {})
	s.log.finish(t) // what --once finds half there at the end it takes as it is
	if out, err := exec.Command(program(t), "run", "--once", "--config", s.conf).CombinedOutput(); err != nil {
		t.Fatalf("the first run: %v\n%s", err, tail(out))
	}
	return s
}

// What a receiver does in a cycle.
const (
	reads  = iota
	stalls // takes connections and reads nothing
	isDown // refuses connections
	leaves // ends the connection after some event
	resets // breaks it off
	moods
)

// cycle starts the program, issues events beside it, lets receivers misbehave
// and kills it after a random number of issued or delivered events.
func (s *soak) cycle(t *testing.T, n int) {
	t.Helper()
	s.well(t)
	mood := map[*receiver]int{s.tcp: s.rnd.IntN(moods), s.tls: s.rnd.IntN(moods)}
	for r, m := range mood {
		r.stop(m == stalls)
		if m == isDown {
			r.down(t)
		}
	}
	cmd := exec.Command(program(t), "run", "--config", s.conf)
	said, err := os.Create(filepath.Join(s.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill := func() { killed = true; s.kill(t, n, cmd) }
	defer func() {
		if !killed {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	events, at := 8+s.rnd.IntN(50), -1
	if s.rnd.IntN(4) == 0 {
		at = s.rnd.IntN(events)
	}
	turn := s.rnd.IntN(events * 4)
	s.log.issue(t, events, func(i int) {
		if i == turn {
			s.log.rotate(t)
		}
		if i == at && !killed {
			kill()
		}
	})
	if killed {
		return
	}
	for _, r := range []*receiver{s.tcp, s.tls} {
		switch mood[r] {
		case leaves:
			s.more(t, r.sink, 1)
			r.leave()
		case resets:
			s.more(t, r.sink, 1)
			r.reset(t, cmd.Process.Pid)
		}
	}
	// Any output that can take events gives the moment.
	from := []*sink{s.file.sink}
	for _, r := range []*receiver{s.tcp, s.tls} {
		if mood[r] != stalls && mood[r] != isDown {
			from = append(from, r.sink)
		}
	}
	s.more(t, from[s.rnd.IntN(len(from))], 1+s.rnd.IntN(events))
	kill()
}

// kill kills the program, which must not have ended before.
func (s *soak) kill(t *testing.T, n int, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		b, _ := os.ReadFile(filepath.Join(s.dir, "said"))
		t.Fatalf("run %d ended before it was killed: %v\n%s", n, err, tail(b))
	}
}

// more waits until n more events came to a sink, or all that were issued.
func (s *soak) more(t *testing.T, k *sink, n int) {
	t.Helper()
	last := s.log.issued
	for k.only != nil && !k.only(last) {
		last--
	}
	_, before := k.frontier()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // a file says nothing by itself
		s.file.look(t)
		if highest, now := k.frontier(); now >= before+n || highest >= last {
			return
		}
		if time.Now().After(end) {
			highest, now := k.frontier()
			b, _ := os.ReadFile(filepath.Join(s.dir, "said"))
			t.Fatalf("%s: after a minute %d events of %d more came, up to %d of %d\n%s", k.name, now-before, n, highest, last, tail(b))
		}
	}
}

// well lets both receivers be there and read.
func (s *soak) well(t *testing.T) {
	t.Helper()
	for _, r := range []*receiver{s.tcp, s.tls} {
		r.up(t)
		r.stop(false)
	}
}

// check holds the books of the dead program against the sinks and the journal.
func (s *soak) check(t *testing.T, deep bool) {
	t.Helper()
	s.file.look(t)
	all := books(t, s.journal)
	if len(all) != 3 {
		t.Errorf("there are %d books", len(all))
	}
	received := all["file"].records["received"]
	for name, b := range all {
		if got := b.records["received"]; got != received {
			t.Errorf("%s received %d records, file %d", name, got, received)
		}
	}
	if received < s.received || received > recordsOf*(s.log.issued+1) {
		t.Errorf("%d records were received after %d; %d events were issued", received, s.received, s.log.issued)
	}
	s.received = received
	// What a file is said to have, it has.
	if highest, _ := s.file.frontier(); recordsOf*highest < all["file"].records["delivered"] {
		t.Errorf("%d records are delivered to the file, it holds %d events", all["file"].records["delivered"], highest)
	}
	for _, k := range []*sink{s.file.sink, s.tcp.sink, s.tls.sink} {
		highest, _ := k.frontier()
		s.replays[k.name] += max(0, highest-all[k.name].settled()/recordsOf)
		k.complain(t)
	}
	if deep {
		verify(t, s.journal)
		if in := journalled(t, s.journal); recordsOf*len(in) != received {
			t.Errorf("%d events are in the journal, the books have %d records", len(in), received)
		}
	}
}

// settle waits until the receivers have read all that was sent to them.
func (s *soak) settle(t *testing.T) {
	t.Helper()
	s.file.look(t)
	for _, r := range []*receiver{s.tcp, s.tls} {
		r.down(t) // every connection is in the queue then
		eventually(t, r.name+" has read all", time.Minute, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.ended == r.conns
		})
	}
}

// judge is the oracle.
func (s *soak) judge(t *testing.T) {
	t.Helper()
	for name, b := range books(t, s.journal) {
		if got := b.records["received"]; got != recordsOf*s.log.issued {
			t.Errorf("%s: %d records were issued, the book says %d", name, recordsOf*s.log.issued, got)
		}
		if b.settled() != b.records["received"] {
			t.Errorf("%s: the run ended with undelivered events: %v", name, b.records)
		}
	}
	verify(t, s.journal)
	if in := journalled(t, s.journal); len(in) != s.log.issued {
		t.Errorf("%d events were issued, %d are in the journal", s.log.issued, len(in))
	}
	s.file.judge(t, s.log.issued, s.replays["file"])
	// A send that fails is sent again whole: a frame at most, of a commit.
	s.tcp.judge(t, s.log.issued, s.replays["tcp"]+s.tcp.conns*mostInFrame)
	s.tls.judge(t, s.log.issued, s.replays["tls"]+s.tls.conns*mostInFrame)
	for n, id := range s.tcp.ids {
		if s.file.ids[n] != id {
			t.Errorf("event %d has the id %s by TCP, %s in the file", n, id, s.file.ids[n])
		}
	}
}

// mostInFrame bounds the events of one frame: what was issued between two kills, or two.
const mostInFrame = 120
