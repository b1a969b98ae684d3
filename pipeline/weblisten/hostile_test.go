package weblisten

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/servertls"
)

// dial opens a connection to the input.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// status reads the status of an answer, 0 where the connection was closed without.
func status(c net.Conn) int {
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// TestHeads: I11, heads that contradict themselves or have no end are refused.
func TestHeads(t *testing.T) {
	r := start(t, nil)
	const post = "POST / HTTP/1.1\r\nHost: a\r\n"
	for _, c := range []struct {
		name, text string
		want       []int
	}{
		{"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", []int{400}},
		{"a negative length", post + "Content-Length: -1\r\n\r\n", []int{400}},
		{"a length that is no number", post + "Content-Length: 1x\r\n\r\nx", []int{400}},
		{"a huge length", post + "Content-Length: 99999999999999999999\r\n\r\n", []int{400}},
		{"a length above the limit", post + "Content-Length: 9999999999\r\n\r\n", []int{413}},
		{"an unknown transfer encoding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", []int{501, 400}},
		{"a chunk with a length that is none", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", []int{400}},
		{"a chunk of 2^64 bytes", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", []int{400}},
		{"a megabyte in one header", post + "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431, 0}},
		{"1e5 headers", post + strings.Repeat("X: x\r\n", 100_000) + "\r\n", []int{431, 0}},
		{"a URL of a megabyte", "POST /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: a\r\n\r\n", []int{431, 0}},
		{"no HTTP", "hello\r\n\r\n", []int{400}},
		{"TLS where there is none", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
		{"HTTP/2 where there is none", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{505, 400, 404, 405}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := r.dial()
			go func() { _, _ = io.WriteString(conn, c.text) }() // it is closed on us, midway
			got := status(conn)
			for _, want := range c.want {
				if got == want {
					return
				}
			}
			t.Errorf("answered %d, want one of %v", got, c.want)
		})
	}
	var b event.Batch
	if err := r.Read(context.Background(), &b, time.Millisecond); err != nil || len(b.Events) > 0 {
		t.Errorf("%q came of it, %v", raws(&b), err)
	}
	healthy(t, r)
}

// healthy checks that an ordinary client is served.
func healthy(t *testing.T, r *rig) {
	t.Helper()
	answer := r.post("x", nil)
	r.read().Accepted(nil)
	if a := r.wait(answer); a.status != http.StatusOK {
		t.Errorf("a healthy client got %+v", a)
	}
}

// TestSlow: I5, who sends slowly, or nothing, is let go; a body that does not
// come in time is told so.
func TestSlow(t *testing.T) {
	r := start(t, func(s *Settings, _ *plugin.Env) {
		s.HeaderTime, s.RequestTime, s.IdleTime = 50*time.Millisecond, 50*time.Millisecond, 50*time.Millisecond
	})
	for name, text := range map[string]string{
		"nothing":     "",
		"half a head": "POST / HTTP/1.1\r\nHost: a\r\nX-A",
		"half a body": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
		"a chunk":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
	} {
		conn := r.dial()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(conn)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Errorf("%s: the connection stays open", name)
		}
		if strings.Contains(name, "body") && !strings.HasPrefix(string(all), "HTTP/1.1 408 ") {
			t.Errorf("%s: answered %.80q", name, all)
		}
	}
	if held := r.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
	healthy(t, r)
}

// TestConnectionsAreBounded: what there is no room for is closed at once, and
// counted; a place that is given back is taken again.
func TestConnectionsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		count  func(*rig) uint64
	}{
		{"in all", func(s *Settings) { s.MaxConnections = 2 }, func(r *rig) uint64 { return r.count.full.Value() }},
		{"of a peer", func(s *Settings) { s.MaxPerPeer = 2 }, func(r *rig) uint64 { return r.count.peerFull.Value() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, func(s *Settings, _ *plugin.Env) { c.change(s) })
			first, second, third := r.dial(), r.dial(), r.dial()
			if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("the third connection reads, %v", err)
			}
			if n := c.count(r); n != 1 {
				t.Errorf("%d are counted", n)
			}
			_ = first.Close()
			for end := time.Now().Add(patience); ; {
				conn := r.dial()
				if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err == nil && status(conn) == http.StatusMethodNotAllowed {
					break
				}
				if _ = conn.Close(); time.Now().After(end) {
					t.Fatal("the place is not given back")
				}
			}
			_ = second.Close()
		})
	}
}

// TestTLS: clients are served over TLS alone, and with client_ca only those with
// a certificate of it, whose name the records bear.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, other := plugintest.NewAuthority(t, "ours"), plugintest.NewAuthority(t, "others")
	ca.Sign(t, dir, "server", nil)
	good, stranger := ca.Sign(t, dir, "apiserver", nil), other.Sign(t, dir, "mallory", nil)
	old := ca.Sign(t, dir, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	r := start(t, func(s *Settings, env *plugin.Env) {
		text := func(s string) plugin.Text { return plugin.Text{Value: s} }
		s.TLS = &servertls.Settings{Cert: text("server.crt"), Key: text("server.key"), ClientCA: text(ca.File)}
		env.Dir = dir
	})
	r.url = "https://" + r.listener.Addr().String()
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	with := func(most uint16, certs ...tls.Certificate) {
		r.client.CloseIdleConnections()
		r.client = &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: most,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(certs) == 0 {
					return new(tls.Certificate), nil
				}
				return &certs[0], nil
			}}}}
	}
	for name, set := range map[string]func(){
		"no certificate":             func() { with(0) },
		"a certificate of others":    func() { with(0, stranger) },
		"a certificate that is over": func() { with(0, old) },
		"TLS 1.1 with a good one":    func() { with(tls.VersionTLS11, good) },
		"no TLS where there has to be": func() {
			r.client.CloseIdleConnections()
			r.client = &http.Client{}
			r.url = strings.Replace(r.url, "https", "http", 1)
		},
	} {
		url := r.url
		set()
		if a := r.wait(r.post("x", nil)); a.status == http.StatusOK || a.err == nil && a.status != http.StatusBadRequest {
			t.Errorf("%s: %+v", name, a)
		}
		r.url = url
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		with(version, good)
		answer := r.post("x", nil)
		b := r.read()
		if got := b.Events[0].Fields.GetNamed(schema.Labels, clientLabel).Str(); got != "apiserver" {
			t.Errorf("the client is %q: %s", got, plugintest.Dump(&b.Events[0]))
		}
		b.Accepted(nil)
		if a := r.wait(answer); a.status != http.StatusOK {
			t.Errorf("TLS %x: %+v", version, a)
		}
	}
}

// TestCertificatesAreChecked: an input is not built with files that are none.
func TestCertificatesAreChecked(t *testing.T) {
	s := Defaults("127.0.0.1:0")
	s.TLS = &servertls.Settings{Cert: plugin.Text{Value: "no.crt"}, Key: plugin.Text{Value: filepath.Join(t.TempDir(), "no.key")}}
	l, err := New(&s, plugintest.Env(t.TempDir()), &taker{})
	var p plugin.Problems
	if l != nil || !errors.As(err, &p) || !strings.Contains(p.Error(), "tls.cert") {
		t.Errorf("%v, %v", l, err)
	}
}

// TestClientsThatGo: a client that goes before the lane has its records leaves
// nothing behind.
func TestClientsThatGo(t *testing.T) {
	r := start(t, nil)
	conn := r.dial()
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ngone"); err != nil {
		t.Fatal(err)
	}
	q := <-r.queue
	_ = conn.Close()
	for end := time.Now().Add(patience); q.state.Load() != withdrawn; {
		if time.Now().After(end) {
			t.Fatal("it is not taken back")
		}
	}
	r.queue <- q
	var b event.Batch
	if err := r.Read(context.Background(), &b, time.Millisecond); err != nil || len(b.Events) > 0 || b.Accepted != nil {
		t.Errorf("%q came, %v", raws(&b), err)
	}
}
