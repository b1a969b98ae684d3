package webclient_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/webclient"
)

// newTLSProxy is an HTTP proxy behind TLS that connects everybody with at, and says
// which certificates it was shown.
func newTLSProxy(t *testing.T, pair tls.Certificate, at string) (url string, shown func() int) {
	t.Helper()
	certs := make(chan int, 100)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		certs <- len(r.TLS.PeerCertificates)
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "through the proxy")
			return
		}
		far, err := net.Dial("tcp", at)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = far.Close() }()
		near, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = near.Close() }()
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(far, buffered)
			_ = far.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(near, far)
		_ = near.Close()
		<-done
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, func() int { return <-certs }
}

// TestThroughAProxyBehindTLS: the proxy's certificate must have the proxy's name, and
// the receiver's the receiver's; our certificate is shown to the receiver alone.
func TestThroughAProxyBehindTLS(t *testing.T) {
	ca := plugintest.NewAuthority(t, "ours")
	dir := t.TempDir()
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{name}, nil }
	}
	receiverPair := ca.Sign(t, dir, "receiver", named("receiver.invalid"))
	proxyPair := ca.Sign(t, dir, "proxy", func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(127, 0, 0, 1)} })
	ca.Sign(t, dir, "client", named("client"))
	shown := make(chan int, 100)
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { shown <- len(req.TLS.PeerCertificates) }))
	r.TLS = &tls.Config{Certificates: []tls.Certificate{receiverPair}, ClientAuth: tls.RequestClientCert}
	r.StartTLS()
	defer r.Close()
	proxy, proxyShown := newTLSProxy(t, proxyPair, r.Listener.Addr().String())
	file := func(name string) plugin.Text { return plugin.Text{Value: dir + "/" + name} }
	for _, name := range []string{"", "receiver.invalid"} {
		s := settings("https://receiver.invalid")
		if name != "" {
			s = settings("https://another.invalid")
		}
		s.Proxy.Value = proxy
		s.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca.File}, Cert: file("client.crt"), Key: file("client.key"), ServerName: name}
		c, _ := open(t, s, webclient.Options{})
		if err := send(c); err != nil {
			t.Errorf("server_name %q: %v", name, err)
			continue
		}
		if to, at := <-shown, proxyShown(); to != 1 || at != 0 {
			t.Errorf("server_name %q: %d certificates were shown to the receiver, %d to the proxy", name, to, at)
		}
	}
	wrong, _ := newTLSProxy(t, receiverPair, r.Listener.Addr().String())
	s := settings("https://receiver.invalid")
	s.Proxy.Value, s.TLS = wrong, &clienttls.Settings{CA: plugin.Text{Value: ca.File}}
	c, _ := open(t, s, webclient.Options{})
	if err := send(c); err == nil || !strings.Contains(err.Error(), "the proxy 127.0.0.1") || !strings.Contains(err.Error(), "see proxy") {
		t.Errorf("a proxy with the certificate of the receiver: %v", err)
	}
}
