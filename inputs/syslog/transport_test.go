package syslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestOrder: the messages of each connection come once and in their order, in
// both framings, beside datagrams.
func TestOrder(t *testing.T) {
	in := start(t, "tcp://127.0.0.1:0 udp://127.0.0.1:0", func(s *Settings, _ *plugin.Env) { s.Buffer = 256 << 10 })
	const conns, each = 6, 3000
	var work sync.WaitGroup
	for i := range conns {
		c := dialInput(t, in)
		work.Go(func() {
			defer func() { _ = c.Close() }()
			var b []byte
			for n := range each {
				if text := fmt.Sprintf("<13>%d %d %s", i, n, strings.Repeat("x", n%500)); i%2 == 0 {
					b = appendCounted(b, text)
				} else {
					b = append(append(b, text...), '\n')
				}
			}
			for len(b) > 0 {
				n := min(len(b), 1+len(b)%7001)
				send(t, c, string(b[:n]))
				b = b[n:]
			}
		})
	}
	next := [conns]int{}
	from := map[string]int{}
	for _, e := range until(t, in, conns*each) {
		var i, n int
		if _, err := fmt.Sscanf(e.Raw, "<13>%d %d ", &i, &n); err != nil || n != next[i] || len(e.Raw) < n%500 {
			t.Fatalf("of connection %d came %q, want number %d", i, e.Raw, next[i])
		}
		next[i]++
		if at := e.Get(schema.LogSourceAddress).Str(); next[i] == 1 {
			from[at] = i
		} else if from[at] != i {
			t.Fatalf("a message of connection %d came from %s", i, at)
		}
	}
	work.Wait()
}

// TestAStopLosesNothingThatWasReceived: what was read ahead, and what the kernel
// has, is handed on; an unfinished message says that it is one.
func TestAStopLosesNothingThatWasReceived(t *testing.T) {
	for _, listen := range []string{"tcp://127.0.0.1:0", "udp://127.0.0.1:0", "unix://%s", "unixgram://%s"} {
		name, _, _ := strings.Cut(listen, ":")
		t.Run(name, func(t *testing.T) {
			in := start(t, listen, nil)
			c := dialInput(t, in)
			defer func() { _ = c.Close() }()
			want := []string{}
			many := 200
			if name == "unixgram" {
				many = min(many, heldByTheKernel(t)) // while nobody reads, more would wait for ever
			}
			for i := range many {
				want = append(want, fmt.Sprintf("<13>%d", i))
				send(t, c, want[i]+"\n")
			}
			if strings.HasPrefix(listen, "tcp") || strings.HasPrefix(listen, "unix:") {
				want = append(want, "<13>unfin")
				send(t, c, "<13>unfin")
			}
			// The bytes are in the kernel's hands now; a connection may not even
			// have been accepted.
			first := until(t, in, 1)
			got := slices.Concat(first, stopped(t, in))
			if !slices.Equal(raws(got), want) {
				t.Errorf("%d came, want %d: %q", len(got), len(want), raws(got[max(0, len(got)-3):]))
			}
			if last := got[len(got)-1]; last.Raw == "<13>unfin" && last.Get(schema.ErrorMessage).IsZero() {
				t.Error("the unfinished message does not say so")
			}
		})
	}
}

// heldByTheKernel is how many datagrams a unix socket holds, whatever its reader does.
func heldByTheKernel(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/net/unix/max_dgram_qlen")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 1 {
		t.Fatalf("max_dgram_qlen is %q (%v)", b, err)
	}
	return n
}

func TestOnlyTheAllowedMaySend(t *testing.T) {
	in := start(t, "udp://127.0.0.1:0 tcp://127.0.0.1:0", func(s *Settings, _ *plugin.Env) {
		s.Allow = []plugin.Text{{Value: "127.0.0.2"}, {Value: "127.1.0.0/16"}}
	})
	for _, c := range []struct {
		from string
		ok   bool
	}{{"127.0.0.1", false}, {"127.0.0.3", false}, {"127.0.0.2", true}, {"127.1.2.3", true}, {"127.2.0.0", false}} {
		udp, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(c.from)}, in.sockets[0].c.LocalAddr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		send(t, udp, "<13>datagram of "+c.from)
		_ = udp.Close()
		tcp, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(c.from)}, in.listeners[0].Addr().(*net.TCPAddr))
		if err != nil {
			t.Fatal(err)
		}
		if c.ok {
			send(t, tcp, "<13>stream of "+c.from+"\n")
			got := raws(until(t, in, 2))
			slices.Sort(got)
			if !slices.Equal(got, []string{"<13>datagram of " + c.from, "<13>stream of " + c.from}) {
				t.Errorf("of %s came %q", c.from, got)
			}
		} else {
			isClosed(t, tcp)
		}
		_ = tcp.Close()
	}
	if got := stopped(t, in); len(got) > 0 || in.count.stranger.Value() != 6 {
		t.Errorf("strangers sent %q; %d were counted", raws(got), in.count.stranger.Value())
	}
}

// TestAnUnfinishedFrameSaysSo: in octet counting the end of a connection is no
// end of a message.
func TestAnUnfinishedFrameSaysSo(t *testing.T) {
	in := start(t, "tcp://127.0.0.1:0", nil)
	c := dialInput(t, in)
	send(t, c, "100 <13>begun")
	_ = c.Close()
	e := until(t, in, 1)[0]
	if e.Raw != "<13>begun" || e.Get(schema.ErrorMessage).Str() != "the connection ended within this message; the message has 100 bytes, its first 9 are kept" ||
		in.count.partial.Value() != 1 {
		t.Errorf("read %s", dumps(until(t, in, 0)))
	}
	line := dialInput(t, in)
	send(t, line, "<13>a line")
	_ = line.Close()
	if e := until(t, in, 1)[0]; e.Raw != "<13>a line" || !e.Get(schema.ErrorMessage).IsZero() {
		t.Errorf("the last line without its end is %q", e.Get(schema.ErrorMessage).Str())
	}
}

func TestUnixSockets(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			settings := settingsFor(network+"://"+path, "")
			open := func() (plugin.Input, error) {
				in, err := Plugin.Input(settings, envOf(t))
				if err != nil {
					t.Fatal(err)
				}
				return in, in.Open(context.Background(), nil)
			}
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := open(); err == nil || !strings.Contains(err.Error(), "is no socket") {
				t.Errorf("a file in the way gave %v", err)
			}
			if text, err := os.ReadFile(path); string(text) != "precious" {
				t.Errorf("the file in the way is %q, %v", text, err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			left(t, network, path)
			in, err := open()
			if err != nil {
				t.Fatalf("what a killed process left: %v", err)
			}
			info, err := os.Lstat(path)
			if err != nil || info.Mode().Perm() != 0o660 {
				t.Errorf("the socket is %v, %v", info.Mode(), err)
			}
			if _, err := open(); err == nil || !strings.Contains(err.Error(), "another program listens") {
				t.Errorf("a second input gave %v", err)
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}

// left leaves a socket as a killed process does.
func left(t *testing.T, network, path string) {
	t.Helper()
	typ := syscall.SOCK_STREAM
	if network == "unixgram" {
		typ = syscall.SOCK_DGRAM
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Close(fd)); err != nil {
		t.Fatal(err)
	}
}

func TestAnAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	in, err := Plugin.Input(settingsFor("udp://127.0.0.1:0 tcp://"+ln.Addr().String(), ""), envOf(t))
	if err != nil {
		t.Fatal(err)
	}
	err = in.Open(context.Background(), nil)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "tcp://127.0.0.1") {
		t.Errorf("open gave %v", err)
	}
	if err := in.Close(); err != nil { // the engine closes what did not open, too
		t.Errorf("close gave %v", err)
	}
}

// shaky is a listener that fails before it gives a connection.
type shaky struct {
	net.Listener
	fails int
}

func (s *shaky) Accept() (net.Conn, error) {
	if s.fails--; s.fails >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// TestR3NoDescriptors: a listener goes on after it could not accept.
func TestR3NoDescriptors(t *testing.T) {
	in := start(t, "udp://127.0.0.1:0", nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in.listeners = append(in.listeners, ln)
	in.work.Go(func() { in.accept(&shaky{Listener: ln, fails: 2}, false) })
	c := dialInput(t, in)
	defer func() { _ = c.Close() }()
	send(t, c, "<13>after all\n")
	if got := until(t, in, 1); got[0].Raw != "<13>after all" {
		t.Errorf("got %q", raws(got))
	}
}

// TestEveryMessageHasItsPlace: ids are made of it, and a receiver takes two
// messages with one id for the same.
func TestEveryMessageHasItsPlace(t *testing.T) {
	seen := map[int64]bool{}
	clock := time.Unix(1_700_000_000, 0)
	for run := range 3 {
		in := start(t, "tcp://127.0.0.1:0 udp://127.0.0.1:0", func(_ *Settings, env *plugin.Env) {
			env.Now = func() time.Time { return clock.Add(time.Duration(run) * time.Second) }
		})
		for range 2 {
			c := dialInput(t, in)
			send(t, c, strings.Repeat("<13>the same\n", 10))
			_ = c.Close()
		}
		for _, e := range until(t, in, 20) {
			if seen[e.Offset] {
				t.Fatalf("two messages are at %d", e.Offset)
			}
			seen[e.Offset] = true
		}
	}
}
