package tunnel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/tunnel"
)

// receiver takes one connection, says hello at once, and sends back what comes.
func receiver(t *testing.T) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, "hello "); err == nil {
			_, _ = io.Copy(c, c)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return port
}

func through(t *testing.T, url, addr string, auth plugin.Secret) (net.Conn, error) {
	t.Helper()
	d, err := tunnel.New(plugin.Text{Value: url}, auth)
	if err != nil {
		t.Fatal(err)
	}
	return d.DialContext(t.Context(), "tcp", addr)
}

// TestSocks: the proxy is asked for the receiver by its name, or its address of either
// family, is told the password where it wants one, and what the receiver says at once
// is not lost. The connection is the one to the proxy itself, for those who ask the
// kernel about it.
func TestSocks(t *testing.T) {
	t.Setenv("TUNNEL_TEST", "user:sec:ret")
	for _, scheme := range []string{"socks5://", "socks5h://"} {
		for _, host := range []string{"receiver.invalid", "192.0.2.7", "2001:db8::7"} {
			for _, user := range []string{"", "user"} {
				port := receiver(t)
				proxy := plugintest.NewSocks(t, user, "sec:ret", 0)
				c, err := through(t, scheme+proxy.Addr, net.JoinHostPort(host, port), plugin.Secret{Env: "TUNNEL_TEST"})
				if err != nil {
					t.Fatalf("%s%s, %q: %v", scheme, host, user, err)
				}
				if _, ok := c.(*net.TCPConn); !ok {
					t.Errorf("it is a %T", c)
				}
				if _, err := io.WriteString(c, "world"); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, len("hello world"))
				if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello world" {
					t.Errorf("it says %q, %v", b, err)
				}
				_ = c.Close() // what counts was read
				if asked := proxy.Asked(); len(asked) != 1 || asked[0] != net.JoinHostPort(host, port) {
					t.Errorf("the proxy was asked for %q", asked)
				}
			}
		}
	}
}

// TestSocksRefused: what a proxy that gives no connection said is told, with what to
// do, and never with the password. It is no error of the receiver's connection.
func TestSocksRefused(t *testing.T) {
	t.Setenv("TUNNEL_TEST", "user:pa55word")
	t.Setenv("TUNNEL_TEST_LONG", "user:"+strings.Repeat("pa55word", 50))
	t.Setenv("TUNNEL_TEST_ALONE", "pa55word")
	right, none := plugin.Secret{Env: "TUNNEL_TEST"}, plugin.Secret{}
	for _, c := range []struct {
		name, user string
		reply      byte
		auth       plugin.Secret
		want       string
	}{
		{"no password where one is asked for", "user", 0, none, "it asks for a password: see proxy_auth"},
		{"another user", "other", 0, right, "does not take this user and password: see proxy_auth"},
		{"a password that is too long", "user", 0, plugin.Secret{Env: "TUNNEL_TEST_LONG"}, "of 1 to 255 bytes"},
		{"a user alone", "user", 0, plugin.Secret{Env: "TUNNEL_TEST_ALONE"}, "as user:password"},
		{"a password that is not there", "user", 0, plugin.Secret{Env: "TUNNEL_TEST_NONE"}, "proxy_auth: "},
		{"failure", "", 1, none, "the proxy's log says more"},
		{"rules", "", 2, none, "allows no connection"},
		{"network", "", 3, none, "does not reach the receiver"},
		{"host", "", 4, none, "does not know its name"},
		{"refused", "", 5, right, "nothing listens at the receiver, as the proxy sees it"},
		{"too far", "", 6, none, "does not reach the receiver"},
		{"command", "", 7, none, "command not supported"},
		{"nonsense", "", 200, none, "200"},
	} {
		proxy := plugintest.NewSocks(t, c.user, "pa55word", c.reply)
		conn, err := through(t, proxy.URL, "receiver.invalid:9093", c.auth)
		var op *net.OpError
		if err == nil || conn != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "the proxy "+proxy.Addr) ||
			!strings.Contains(err.Error(), "see proxy") || strings.Contains(err.Error(), "pa55word") || errors.As(err, &op) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	gone := plugintest.NewSocks(t, "", "", 0)
	_, err := through(t, gone.URL, "receiver.invalid:1", none) // nothing listens at port 1
	if err == nil || !strings.Contains(err.Error(), "nothing listens at the receiver") {
		t.Errorf("a receiver that is away: %v", err)
	}
}

// TestSocksBroken: a proxy that speaks another protocol, or breaks off at any byte of
// its answers, gives an error and no connection.
func TestSocksBroken(t *testing.T) {
	t.Setenv("TUNNEL_TEST", "user:secret")
	whole := []byte{5, 2, 1, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0, 80}
	for n := range whole {
		broken(t, whole[:n], "")
	}
	for said, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": "no SOCKS5 proxy",
		"\x04\x5a\x00\x50\x7f\x00\x00\x01": "no SOCKS5 proxy", // SOCKS4
		"\x05\x01":                         "authentication",  // GSS-API, which was not offered
		"\x05\x02\x07\x00":                 "version",
		"\x05\x00\x05\x00\x00\x09\x00\x00": "address type",
	} {
		broken(t, []byte(said), want)
	}
}

// broken dials through a proxy that says something, whatever it is asked, and ends.
func broken(t *testing.T, said []byte, want string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		if _, err = c.Write(said); err == nil {
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c) // no reset takes away what was said
		}
		_ = c.Close()
	}()
	c, err := through(t, "socks5://"+ln.Addr().String(), "receiver.invalid:9093", plugin.Secret{Env: "TUNNEL_TEST"})
	_ = ln.Close()
	<-done
	if err == nil || c != nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "(see proxy)") {
		t.Errorf("after %q it says %v", said, err)
	}
}

// TestASocksProxyThatSaysNothing: one that takes the connection and stays silent, or
// falls silent amid its answer, is left when the caller's time has passed.
func TestASocksProxyThatSaysNothing(t *testing.T) {
	for _, said := range []string{"", "\x05", "\x05\x00\x05\x00\x00\x01\x7f"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := ln.Accept()
			if err == nil {
				_, _ = io.WriteString(c, said)
				cancel()
				_, _ = io.Copy(io.Discard, c) // until the client leaves
				_ = c.Close()
			}
		}()
		d, err := tunnel.New(plugin.Text{Value: "socks5://" + ln.Addr().String()}, plugin.Secret{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.DialContext(ctx, "tcp", "receiver.invalid:9093"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the proxy ") {
			t.Errorf("after %q it says %v", said, err)
		}
		_ = ln.Close()
		<-done
	}
}
