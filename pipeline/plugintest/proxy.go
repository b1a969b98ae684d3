package plugintest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy that makes connections with CONNECT, to the port that it is
// asked for on this machine, whatever the host. It ends with the test.
type Proxy struct {
	URL string

	mu    sync.Mutex // guards what follows
	asked []string
	auth  string
}

// NewProxy starts a proxy. Unless auth is "", it is what the header
// Proxy-Authorization has to say.
func NewProxy(t testing.TB, auth string) *Proxy {
	p := &Proxy{auth: auth}
	var tunnels sync.WaitGroup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnels.Add(1)
		defer tunnels.Done()
		p.serve(t, w, r)
	}))
	p.URL = s.URL
	t.Cleanup(func() { s.Close(); tunnels.Wait() })
	return p
}

// Asked returns what the proxy was asked for, each as host:port.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *Proxy) serve(t testing.TB, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if p.auth != "" && r.Header.Get("Proxy-Authorization") != p.auth {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r.Host)
	p.mu.Unlock()
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	c, in, err := w.(http.Hijacker).Hijack()
	if err != nil {
		_ = to.Close()
		t.Error(err)
		return
	}
	var back sync.WaitGroup
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
		back.Go(func() { pass(c, to) })
		pass(to, in)
	}
	_ = to.Close() // both sides have ended
	_ = c.Close()
	back.Wait()
}

// pass copies until the end of one side, and tells the other of it.
func pass(to net.Conn, from io.Reader) {
	_, _ = io.Copy(to, from) // a connection that breaks ends here
	if w, ok := to.(*net.TCPConn); ok {
		_ = w.CloseWrite()
	}
}
