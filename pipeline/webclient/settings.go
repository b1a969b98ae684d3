package webclient

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
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
	URL            []plugin.Text       `yaml:"url" doc:"Where the receivers listen. What of the path is no common word is shown nowhere, nor is the query: either may be a token. One that fails is left alone for a second, then for longer, up to a minute." example:"[\"https://receiver.example\"]" required:"true"`
	Balance        string              `yaml:"balance" doc:"How one of several receivers is chosen: round_robin takes turns, failover takes the first that is well." enum:"round_robin,failover"`
	TLS            *clienttls.Settings `yaml:"tls" doc:"Certificates for https. The receiver's certificate is always verified."`
	Proxy          plugin.Text         `yaml:"proxy" doc:"The URL of a proxy, http://, https:// or socks5://, or none. Where it is not set, the environment counts: HTTPS_PROXY, HTTP_PROXY and NO_PROXY. The proxy looks the receivers' names up." example:"http://proxy.example:3128"`
	ProxyAuth      plugin.Secret       `yaml:"proxy_auth" doc:"The user and the password for the proxy, as user:password. It is read again for each connection."`
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
	p = append(p, tunnel.CheckWeb(s.Proxy, s.ProxyAuth)...)
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
		return nil, fmt.Errorf("url %q is not a URL", shown(s))
	case u.User != nil:
		return nil, errors.New("url holds a user or a password, which would be shown wherever it stands")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("url %q is neither https:// nor http://", shown(s))
	case u.Hostname() == "":
		return nil, fmt.Errorf("url %q names no host", shown(s))
	case u.Fragment != "":
		return nil, fmt.Errorf("url %q has a fragment, which is never sent", shown(s))
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
