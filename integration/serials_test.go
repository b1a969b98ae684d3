//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serialBook is what was delivered of the kernel's serials.
type serialBook struct {
	seen     map[int]bool
	told     map[int]bool // as missing
	first    int          // of those seen
	last     int
	execs    map[string]bool // by their first argument
	counted  int             // of the missing ones, by another reason
	dropped  int             // records that the socket had no room for
	twice    int             // a serial that is told and was seen, or told again
	countsAs map[string]bool
}

// serials reads what tallyman delivered, with the transform audit.
func (h *kernelHost) serials(t *testing.T) *serialBook {
	t.Helper()
	s := &serialBook{seen: map[int]bool{}, told: map[int]bool{}, execs: map[string]bool{}, countsAs: map[string]bool{}}
	b, err := os.ReadFile(filepath.Join(h.dir, "out.json"))
	if err != nil {
		return s
	}
	for line := range bytes.Lines(b[:bytes.LastIndexByte(b, '\n')+1]) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		data := func(name string) int {
			n, _ := strconv.Atoi(fmt.Sprint(get(e, "auditd", "data", name)))
			return n
		}
		code, _ := get(e, "event", "code").(string)
		switch {
		case strings.HasPrefix(code, "DAEMON_"): // auditd's own count
		case get(e, "event", "dataset") == "auditd.log":
			n, _ := get(e, "event", "sequence").(float64)
			s.seen[int(n)] = true
			if args, ok := get(e, "process", "args").([]any); ok && len(args) > 1 {
				s.execs[fmt.Sprint(args[1])] = true
			}
			if s.last = max(s.last, int(n)); s.first == 0 || int(n) < s.first {
				s.first = int(n)
			}
		case get(e, "event", "action") == "audit-sequence-gap":
			for n := data("first"); n <= data("last"); n++ {
				if s.told[n] {
					s.twice++
				}
				s.told[n] = true
			}
			if s.counted += data("counted"); data("counted") > 0 {
				s.countsAs[fmt.Sprint(get(e, "auditd", "data", "counted_as"))] = true
			}
		case get(e, "event", "reason") == "udp_rx_drop":
			n, _ := strconv.Atoi(fmt.Sprint(get(e, "labels", "lost")))
			s.dropped += n
		}
	}
	for n := range s.told {
		if s.seen[n] {
			s.twice++
		}
	}
	return s
}

// untold is how many serials neither came nor were told as missing.
func (s *serialBook) untold() int {
	n := 0
	for i := s.first; i <= s.last; i++ {
		if !s.seen[i] && !s.told[i] {
			n++
		}
	}
	return n
}

func (s *serialBook) has(from, n int) bool {
	for i := from; i < from+n; i++ {
		if !s.execs["nl-"+strconv.Itoa(i)] {
			return false
		}
	}
	return true
}

// any reports whether one of the execs from a number to another came.
func (s *serialBook) any(from, to int) bool {
	for i := from; i < to; i++ {
		if s.has(i, 1) {
			return true
		}
	}
	return false
}

// TestSerialsOfTheKernel reads the real kernel beside nobody: rules that are
// limited to one user and leave events out make no gap; what the socket drops makes
// one, each serial is told once, and as a loss it is counted once.
func TestSerialsOfTheKernel(t *testing.T) {
	h := newKernelHost(t)
	read := h.tallyman(t, "netlink: multicast", "{type: audit}")
	subscribed(t, read)
	h.run(t, "-b", "100000") // the kernel's own queue is not what is tested
	h.run(t, h.rule(t, "execve")...)
	h.run(t, append(h.rule(t, "openat"), "-F", "success=0")...)
	uid := fmt.Sprintf("uid=%d", nlUID)
	h.run(t, "-a", "always,exclude", "-F", "msgtype=CWD", "-F", uid)
	t.Cleanup(func() { h.run(t, "-d", "always,exclude", "-F", "msgtype=CWD", "-F", uid) })
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() { execs(t, 1000*i, 300) })
	}
	both.Wait()
	eventually(t, "every exec comes", 30*time.Second, func() bool { s := h.serials(t); return s.has(0, 300) && s.has(1000, 300) })
	well := h.serials(t)

	h.run(t, h.rule(t, "umask")...)
	signal(t, read, syscall.SIGSTOP)
	calls(t, 6_000)
	eventually(t, "the kernel is rid of its records", 3*time.Minute, func() bool { return h.status(t, "backlog") == 0 })
	signal(t, read, syscall.SIGCONT)
	eventually(t, "the drop is raised", time.Minute, func() bool { return h.serials(t).dropped > 0 })
	// What is missing shows by what comes after it, which the socket has room for once
	// it is read empty.
	next := 5000
	eventually(t, "records come again", time.Minute, func() bool {
		execs(t, next, 1)
		next++
		return h.serials(t).any(5000, next)
	})
	eventually(t, "every serial came or is told as missing", time.Minute, func() bool {
		s := h.serials(t)
		return len(s.told) > 0 && s.untold() == 0
	})
	s := h.serials(t)
	for n := range s.told {
		if n <= well.last {
			t.Errorf("serial %d is told as missing, of the time when nothing was lost (%d to %d)", n, well.first, well.last)
		}
	}
	if s.twice > 0 {
		t.Errorf("%d serials were told and came, or were told twice", s.twice)
	}
	if !s.countsAs["udp_rx_drop"] || s.counted != len(s.told) || len(s.told) > s.dropped {
		t.Errorf("%d events are missing, %d of them counted as %v, which has %d records", len(s.told), s.counted, s.countsAs, s.dropped)
	}
	t.Logf("%d events without a gap, then %d missing, of %d records that were dropped", len(well.seen), len(s.told), s.dropped)
}

// TestSerialsOverARestart kills the process that has the records: what the kernel
// gave to nobody meanwhile is told by the next one.
func TestSerialsOverARestart(t *testing.T) {
	h := newKernelHost(t)
	if b, err := os.ReadFile("/proc/cmdline"); err != nil || bytes.Contains(b, []byte("audit=1")) {
		t.Skipf("NOT RUN: with audit=1 the kernel keeps what nobody takes, and there is no gap: %s %v", b, err)
	}
	h.unicastRules(t, "execve")
	const input = "netlink: unicast, rules: audit.rules"
	read := h.tallyman(t, input, "{type: audit}")
	eventually(t, "tallyman has the records", 20*time.Second, func() bool { return h.status(t, "pid") == read.Process.Pid })
	eventually(t, "the rule is loaded", 10*time.Second, func() bool { return bytes.Contains([]byte(h.run(t, "-l")), []byte(nlKey)) })
	execs(t, 0, 20)
	eventually(t, "every exec comes", 30*time.Second, func() bool { return h.serials(t).has(0, 20) })
	before := h.serials(t)
	signal(t, read, syscall.SIGKILL)
	eventually(t, "it is gone, and its socket", 20*time.Second, func() bool { return len(sockets(read.Process.Pid)) == 0 })
	execs(t, 100, 50)
	again := h.tallyman(t, input, "{type: audit}")
	eventually(t, "tallyman has the records again", 20*time.Second, func() bool { return h.status(t, "pid") == again.Process.Pid })
	execs(t, 200, 5)
	eventually(t, "every serial came or is told as missing", time.Minute, func() bool {
		s := h.serials(t)
		return s.has(200, 5) && len(s.told) > 0 && s.untold() == 0
	})
	s := h.serials(t)
	for n := range s.told {
		if n <= before.last {
			t.Errorf("serial %d is told as missing, of the time before the kill", n)
		}
	}
	lost := 0
	for i := 100; i < 150; i++ {
		if !s.has(i, 1) {
			lost++
		}
	}
	if s.twice > 0 || lost == 0 || len(s.told) < lost {
		t.Errorf("%d execs were lost and %d serials told, %d twice", lost, len(s.told), s.twice)
	}
	t.Logf("%d execs were lost in between, %d serials are told as missing", lost, len(s.told))
}
