package webclient

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
)

// The words of `balance`.
const (
	balanceRoundRobin = "round_robin"
	balanceFailover   = "failover"
)

const urlHint = "write it as https://host:port or https://host/path"

// Settings are the keys of an output over HTTP, to be inlined into its settings
// (`yaml:",inline"`).
type Settings struct {
	URL            []plugin.Text       `yaml:"url" doc:"Where the receivers listen. One that fails is left alone for a second, then for longer, up to a minute." example:"[\"https://receiver.example\"]" required:"true"`
	Balance        string              `yaml:"balance" doc:"How one of several receivers is chosen: round_robin takes turns, failover takes the first that is well." enum:"round_robin,failover"`
	TLS            *clienttls.Settings `yaml:"tls" doc:"Certificates for https. The receiver's certificate is always verified."`
	Proxy          plugin.Text         `yaml:"proxy" doc:"The URL of a proxy, or none. Where it is not set, the environment counts: HTTPS_PROXY, HTTP_PROXY and NO_PROXY." example:"http://proxy.example:3128"`
	ProxyAuth      plugin.Secret       `yaml:"proxy_auth" doc:"The user and the password for the proxy, as user:password."`
	ConnectTimeout time.Duration       `yaml:"connect_timeout" doc:"How long connecting may take, and the TLS handshake."`
	Timeout        time.Duration       `yaml:"timeout" doc:"How long an exchange may take from connecting to the end of the answer."`
	Compression    string              `yaml:"compression" doc:"How bodies are compressed." enum:"none,gzip,zstd"`
	RateBytes      plugin.Size         `yaml:"rate_bytes" doc:"At most so many bytes of bodies a second, as they go over the wire; no limit where it is not set." example:"10MiB"`
	RateEvents     int                 `yaml:"rate_events" doc:"At most so many events a second; no limit where it is not set." example:"5000"`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Balance: balanceRoundRobin, ConnectTimeout: 10 * time.Second, Timeout: 60 * time.Second, Compression: gzipName}
}

// Check returns what is wrong with the settings. Secret says that requests carry
// one, which does not belong on an unencrypted wire.
func (s *Settings) Check(secret bool) plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	encrypted := false
	for _, u := range s.URL {
		base, err := parseURL(u.Value)
		if err != nil {
			p = append(p, plugin.Problem{Pos: u.Pos, Width: len(u.Value), Key: "url", Text: err.Error(), Hint: urlHint})
			continue
		}
		encrypted = encrypted || base.Scheme == "https"
		if secret && base.Scheme == "http" && !loopback(base.Hostname()) {
			p = append(p, plugin.Problem{Pos: u.Pos, Width: len(u.Value), Key: "url", Warn: true,
				Text: "secrets and events go to " + base.Host + " unencrypted", Hint: "use https://"})
		}
	}
	if len(s.URL) == 0 {
		add("url", "url names no receiver", urlHint)
	} else if s.TLS != nil && !encrypted {
		add("tls", "tls is set, but no url is https", "use https:// in url, or remove tls")
	}
	p = append(p, s.TLS.Check()...)
	if _, err := s.proxy(); err != nil {
		p = append(p, plugin.Problem{Pos: s.Proxy.Pos, Width: len(s.Proxy.Value), Key: "proxy", Text: err.Error(), Hint: "write it as http://host:port, or none"})
	}
	if !s.ProxyAuth.IsZero() && (s.Proxy.Value == "" || s.Proxy.Value == noProxy) {
		add("proxy_auth", "proxy_auth is set, but no proxy", "set proxy")
	}
	if s.ConnectTimeout <= 0 || s.Timeout <= 0 {
		add("timeout", "connect_timeout and timeout must be more than nothing", "the defaults are 10s and 60s")
	}
	if s.RateBytes < 0 || s.RateEvents < 0 {
		add("rate_events", "rate_bytes and rate_events cannot be less than nothing", "")
	}
	return p
}

// parseURL reads the address of a receiver.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("url %q is not a URL", redactedURL(s))
	case u.User != nil:
		return nil, errors.New("url holds a user or a password, which would be shown wherever it stands")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("url %q is neither https:// nor http://", s)
	case u.Hostname() == "":
		return nil, fmt.Errorf("url %q names no host", s)
	case u.Fragment != "":
		return nil, fmt.Errorf("url %q has a fragment, which is never sent", s)
	}
	return u, nil
}

// redactedURL cuts what may be a password off a text that is no URL.
func redactedURL(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

const noProxy = "none"

// proxy returns what package http asks for a proxy; the password is read for
// each connection.
func (s *Settings) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch s.Proxy.Value {
	case "":
		return http.ProxyFromEnvironment, nil
	case noProxy:
		return nil, nil
	}
	u, err := parseURL(s.Proxy.Value)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if s.ProxyAuth.IsZero() {
		return http.ProxyURL(u), nil
	}
	return func(*http.Request) (*url.URL, error) {
		secret, err := s.ProxyAuth.Read()
		if err != nil {
			return nil, fmt.Errorf("proxy_auth: %w", err)
		}
		at := *u
		user, password, _ := strings.Cut(secret, ":")
		at.User = url.UserPassword(user, password)
		return &at, nil
	}, nil
}
