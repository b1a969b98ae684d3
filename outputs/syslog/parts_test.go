package syslog

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"tallyman/pipeline/plugintest"
)

// A moody receiver ends the connection where ends says so, of the message that was
// read as the nth of the connection.
type moody struct {
	ends  func(nth int, message string) bool
	reset bool // rather than in peace
	early bool // before the message is stored

	mu     sync.Mutex
	stored []string            // guarded by mu
	done   map[string]chan int // guarded by mu; by the client's address, told how much was read when all was
}

func (m *moody) serve(c net.Conn) {
	told := m.told(c.RemoteAddr())
	defer func() { told <- math.MaxInt }() // after the connection was ended
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(&watched{Conn: c, told: told})
	for nth := 1; ; nth++ {
		text, err := octets(r)
		if err != nil {
			return
		}
		ends := m.ends(nth, text)
		if !ends || !m.early {
			m.mu.Lock()
			m.stored = append(m.stored, text)
			m.mu.Unlock()
		}
		if ends {
			if tcp, ok := c.(*net.TCPConn); ok && m.reset {
				_ = tcp.SetLinger(0)
			}
			return
		}
	}
}

func (m *moody) told(client net.Addr) chan int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		m.done = map[string]chan int{}
	}
	c, ok := m.done[client.String()]
	if !ok {
		c = make(chan int, 1000)
		m.done[client.String()] = c
	}
	return c
}

// part is the time of parting: until the receiver has read all and wants more, or has
// ended the connection.
func (m *moody) part(_ context.Context, l *link) {
	sent := l.conn.(*counted).n
	told := m.told(l.conn.LocalAddr())
	for read := 0; read < sent; {
		read = <-told
	}
}

// watch has an output part as part does.
func (m *moody) watch(o *output, address string) {
	o.parting = m.part
	o.targets[0].dial = func(context.Context) (*link, error) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		return newLink(&counted{Conn: c}, c, false)
	}
}

// watched tells how much was read when more is wanted.
type watched struct {
	net.Conn
	told chan int
	n    int
}

func (w *watched) Read(b []byte) (int, error) {
	w.told <- w.n
	n, err := w.Conn.Read(b)
	w.n += n
	return n, err
}

// counted counts what is written.
type counted struct {
	net.Conn
	n int
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n += n
	return n, err
}

// times is how often each message was stored.
func (m *moody) times() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := map[string]int{}
	for _, text := range m.stored {
		n[text]++
	}
	return n
}

// has is how many different messages are stored, but for the last.
func (m *moody) has() int {
	n := m.times()
	maps.DeleteFunc(n, func(text string, _ int) bool { return strings.Contains(text, "end") })
	return len(n)
}

// A receiver that ends connections gets everything all the same, each message a
// bounded number of times, and one message that it cannot stand stops no other.
func TestAReceiverThatEndsConnectionsIsSentParts(t *testing.T) {
	after := func(n int) func(int, string) bool { return func(nth int, _ string) bool { return nth == n } }
	poison := func(_ int, text string) bool { return strings.HasSuffix(text, "poison") }
	for _, c := range []struct {
		name  string
		moody *moody
		bad   []int // the messages that it cannot stand
	}{
		{"reset after 20", &moody{ends: after(20), reset: true}, nil},
		{"reset after 2", &moody{ends: after(2), reset: true}, nil},
		{"closed after 20", &moody{ends: after(20)}, nil},
		{"closed after each", &moody{ends: after(1)}, nil},
		{"reset at one", &moody{ends: poison, reset: true, early: true}, []int{133}},
		{"closed at the last and others", &moody{ends: poison, early: true}, []int{0, 50, 51, 52, 199}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln := listen(t, "tcp", "127.0.0.1:0")
			serve(t, ln, c.moody.serve)
			o := open(t, "tcp://"+ln.Addr().String(), nil)
			c.moody.watch(o, ln.Addr().String())
			w := plugintest.NewWeather(t, 1, 0, plugintest.Reset)
			var all []string
			for i := range 200 {
				text := fmt.Sprintf("%03d fine", i)
				if slices.Contains(c.bad, i) {
					text = fmt.Sprintf("%03d poison", i)
				}
				all = append(all, text)
			}
			dead := 0
			for list := range slices.Chunk(all, 25) {
				dead += len(w.Send(o, texts(list...)))
			}
			// Whether its last connection was lost shows when more is sent.
			for n := 0; n < 1000 && (c.moody.has() < len(all)-len(c.bad) || dead+int(o.givenUp.Value()) < len(c.bad)); n++ {
				dead += len(w.Send(o, texts("end")))
			}
			check(t, o, c.moody.times(), all, dead, len(c.bad))
		})
	}
}

// A message at which connections were lost by chance, however often in a row that is
// likely to happen, is no message that the receiver cannot stand.
func TestAMessageThatMeetsChanceIsNotRefused(t *testing.T) {
	left := 9
	m := &moody{reset: true, early: true, ends: func(_ int, text string) bool {
		if left == 0 || !strings.HasSuffix(text, "unlucky") {
			return false
		}
		left--
		return true
	}}
	ln := listen(t, "tcp", "127.0.0.1:0")
	var one sync.Mutex // a connection at a time, as the output has them
	serve(t, ln, func(c net.Conn) {
		one.Lock()
		defer one.Unlock()
		m.serve(c)
	})
	o := open(t, "tcp://"+ln.Addr().String(), nil)
	m.watch(o, ln.Addr().String())
	w := plugintest.NewWeather(t, 1, 0, plugintest.Reset)
	all := []string{"000 fine", "001 unlucky", "002 fine"}
	dead := len(w.Send(o, texts(all...)))
	for n := 0; n < 1000 && m.has() < len(all); n++ {
		dead += len(w.Send(o, texts("end")))
	}
	check(t, o, m.times(), all, dead, 0)
}

func check(t *testing.T, o *output, times map[string]int, all []string, dead, bad int) {
	t.Helper()
	if given := int(o.givenUp.Value()); dead+given != bad {
		t.Errorf("%d are refused and %d given up, of %d", dead, given, bad)
	}
	for _, text := range all {
		switch n := times[text]; {
		case strings.HasSuffix(text, "poison"):
			if n > 0 {
				t.Errorf("%q is stored", text)
			}
		case n == 0:
			t.Errorf("%q is lost", text)
		case n > 60:
			t.Errorf("%q came %d times", text, n)
		}
	}
}
