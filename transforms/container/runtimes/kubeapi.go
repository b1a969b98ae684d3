package runtimes

// The requests to the API server and the kubelet, and the members of a pod.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// kubeAPI is one server.
type kubeAPI struct {
	http  *http.Client
	url   string
	token string // file; "": none
}

// client returns the client of one of the two servers. The files are read anew
// for each connection.
func (k *Kube) client(base, ca string) (*kubeAPI, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority of %s: %w", base, err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the certificate authority of %s: %s holds no certificate", base, ca)
		}
	}
	if k.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(k.CertFile, k.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate for %s: %w", base, err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	t := &http.Transport{
		TLSClientConfig: conf, ForceAttemptHTTP2: true, TLSHandshakeTimeout: askFor, ResponseHeaderTimeout: askFor, MaxIdleConns: 4,
		DialContext: (&net.Dialer{Timeout: askFor, KeepAlive: 15 * time.Second}).DialContext,
		HTTP2:       &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	api := &kubeAPI{url: strings.TrimSuffix(base, "/"), http: &http.Client{Transport: t, CheckRedirect: noRedirect}}
	if strings.HasPrefix(base, "https:") { // a token is a secret
		api.token = k.TokenFile
	}
	return api, nil
}

// noRedirect keeps the token with the server that it is for.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// checkURL refuses what would send pods and tokens in the clear.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("runtimes: kubernetes: %w", err)
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("runtimes: kubernetes: %q is no URL of a server", s)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("runtimes: kubernetes: %q is not encrypted; http is for loopback only", s)
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func joinHost(host, port string) string { return net.JoinHostPort(host, port) }

// get asks for a path; what is no success is an error.
func (a *kubeAPI) get(ctx context.Context, path, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.url, err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "tallyman")
	if a.token != "" {
		b, err := os.ReadFile(a.token)
		if err != nil {
			return nil, fmt.Errorf("read the token for %s: %w", a.url, err)
		}
		req.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(b)))
	}
	res, err := a.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.url, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	_ = res.Body.Close()
	var s struct{ Message string }
	if json.Unmarshal(text, &s) == nil && s.Message != "" {
		text = []byte(s.Message)
	}
	return nil, fmt.Errorf("ask %s for %s: %w", a.url, strings.SplitN(path, "?", 2)[0], kubeStatus(res.StatusCode, text))
}

// listMeta is metadata of a list.
type listMeta struct{ ResourceVersion, Continue string }

// eachPod reads a list of pods, one after the other, so that what bounds memory
// is one pod and not the list.
func eachPod(r io.Reader, each func(*kubePod)) (listMeta, error) {
	in := &limited{from: r, left: maxValue}
	dec := json.NewDecoder(in)
	var meta listMeta
	if err := open(dec, '{'); err != nil {
		return meta, err
	}
	for dec.More() {
		in.left = maxValue
		key, err := dec.Token()
		if err != nil {
			return meta, err
		}
		switch key {
		case "metadata":
			err = dec.Decode(&meta)
		case "items":
			err = items(dec, in, each)
		default:
			err = dec.Decode(new(json.RawMessage))
		}
		if err != nil {
			return meta, err
		}
	}
	_, err := dec.Token() // one that is cut is no list
	return meta, err
}

// items reads the members of a list, which may be null.
func items(dec *json.Decoder, in *limited, each func(*kubePod)) error {
	first, err := dec.Token()
	if err != nil || first == nil {
		return err
	}
	if first != json.Delim('[') {
		return fmt.Errorf("the items of the list begin with %v", first)
	}
	for dec.More() {
		var p kubePod
		in.left = maxValue
		if err := dec.Decode(&p); err != nil {
			return err
		}
		each(&p)
	}
	_, err = dec.Token()
	return err
}

func open(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err == nil && t != want {
		err = fmt.Errorf("the list begins with %v", t)
	}
	return err
}

// isEnd reports whether a stream was ended between two values.
func isEnd(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) }
