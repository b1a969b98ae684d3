package plugintest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Socks is a SOCKS5 proxy (RFC 1928 and 1929) that makes connections to the port that
// it is asked for on this machine, whatever the host. It ends with the test.
type Socks struct {
	Addr string
	URL  string // socks5://Addr

	user, password string
	reply          byte // what requests are refused with; 0 for not

	mu    sync.Mutex // guards asked
	asked []string
}

// NewSocks starts a proxy that asks for a user and a password, unless user is "", and
// that refuses every request with reply, unless that is 0.
func NewSocks(t testing.TB, user, password string, reply byte) *Socks {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	s := &Socks{Addr: addr, URL: "socks5://" + addr, user: user, password: password, reply: reply}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = c.Close() }() // both sides have ended
				s.serve(c)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); running.Wait() })
	return s
}

// Asked returns what the proxy was asked for, each as host:port.
func (s *Socks) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// serve serves one connection. An error ends it, as a client that goes away does.
func (s *Socks) serve(c net.Conn) {
	in := bufio.NewReader(c)
	if s.greet(c, in) != nil {
		return
	}
	addr, err := request(in)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, addr)
	s.mu.Unlock()
	if s.reply != 0 {
		_, _ = c.Write([]byte{5, s.reply, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	_, port, _ := net.SplitHostPort(addr)
	to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		_, _ = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0}) // connection refused
		return
	}
	defer func() { _ = to.Close() }() // both sides have ended
	// The bound address may be a name, which has a length of its own.
	if _, err := c.Write([]byte{5, 0, 0, 3, 2, 'u', 's', 0, 80}); err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { pass(c, to) })
	pass(to, in)
	back.Wait()
}

var errSocks = errors.New("plugintest: that is no SOCKS5 of ours")

// greet agrees on a method, and holds what it is told against user and password.
func (s *Socks) greet(c net.Conn, in *bufio.Reader) error {
	head, err := take(in, 2)
	if err != nil || head[0] != 5 {
		return errSocks
	}
	methods, err := take(in, int(head[1]))
	if err != nil {
		return err
	}
	method := byte(0)
	if s.user != "" {
		method = 2
	}
	offered := false
	for _, m := range methods {
		offered = offered || m == method
	}
	if !offered {
		_, _ = c.Write([]byte{5, 0xff})
		return errSocks
	}
	if _, err := c.Write([]byte{5, method}); err != nil || method == 0 {
		return err
	}
	version, err := take(in, 1)
	if err != nil || version[0] != 1 {
		return errSocks
	}
	var told [2]string
	for i := range told {
		n, err := take(in, 1)
		if err != nil {
			return err
		}
		b, err := take(in, int(n[0]))
		if err != nil {
			return err
		}
		told[i] = string(b)
	}
	if told != [2]string{s.user, s.password} {
		_, _ = c.Write([]byte{1, 1})
		return errSocks
	}
	_, err = c.Write([]byte{1, 0})
	return err
}

// request reads which connection is asked for.
func request(in *bufio.Reader) (string, error) {
	head, err := take(in, 4)
	if err != nil || head[0] != 5 || head[1] != 1 || head[2] != 0 {
		return "", errSocks
	}
	n := map[byte]int{1: net.IPv4len, 4: net.IPv6len}[head[3]]
	if head[3] == 3 {
		length, err := take(in, 1)
		if err != nil {
			return "", err
		}
		n = int(length[0])
	}
	b, err := take(in, n+2)
	if err != nil || n == 0 {
		return "", errSocks
	}
	host := string(b[:n])
	if head[3] != 3 {
		host = net.IP(b[:n]).String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(b[n])<<8|int(b[n+1]))), nil
}

func take(in *bufio.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(in, b)
	return b, err
}
