package weblisten

import (
	"net"
	"net/netip"
	"strconv"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

// Settings are the keys of a listener. An input has them inlined between its own.
type Settings struct {
	Listen         plugin.Text         `yaml:"listen" doc:"The address and port where requests are taken, with TLS where tls is set." example:"0.0.0.0:8443"`
	TLS            *servertls.Settings `yaml:"tls" doc:"Certificates; without them requests are not encrypted."`
	MaxBody        plugin.Size         `yaml:"max_body" doc:"The largest body that is taken, after it was unpacked, up to 256MiB; a larger one is refused with 413."`
	Buffer         plugin.Size         `yaml:"buffer" doc:"How much memory all bodies together may take until they are on stable storage, three times max_body at least. What does not fit is refused with 503."`
	MaxConnections int                 `yaml:"max_connections" doc:"How many connections there may be at once; more are closed at once."`
	MaxPerPeer     int                 `yaml:"max_connections_per_peer" doc:"How many of them one address may have."`
	HeaderTime     time.Duration       `yaml:"header_timeout" doc:"How long a TLS handshake, and then the head of a request, may take."`
	RequestTime    time.Duration       `yaml:"request_timeout" doc:"How long a request may take from its first byte to its last."`
	AcceptTime     time.Duration       `yaml:"accept_timeout" doc:"How long a client waits for its records to be on stable storage; then it is told 503, with Retry-After. Keep it below the client's own timeout (30s with the API server of Kubernetes)."`
	IdleTime       time.Duration       `yaml:"idle_timeout" doc:"How long a connection may stay without a request."`
	RetryAfter     time.Duration       `yaml:"retry_after" doc:"What Retry-After tells a client to wait, in whole seconds."`
}

// Defaults are the settings of a listener at an address, "" for none.
func Defaults(listen string) Settings {
	return Settings{Listen: plugin.Text{Value: listen}, MaxBody: 16 << 20, Buffer: 64 << 20, MaxConnections: 256, MaxPerPeer: 64,
		HeaderTime: 10 * time.Second, RequestTime: 30 * time.Second, AcceptTime: 20 * time.Second, IdleTime: 2 * time.Minute, RetryAfter: 5 * time.Second}
}

// Check says what is wrong with the settings of an input of a type; secret is
// what its clients have to show, nil for nothing.
func (s *Settings) Check(input string, secret *plugin.Secret) plugin.Problems {
	var p plugin.Problems
	host, port, err := net.SplitHostPort(s.Listen.Value)
	_, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || host == "" {
		p = append(p, plugin.Problem{Pos: s.Listen.Pos, Width: len(s.Listen.Value), Key: "listen",
			Text: "listen " + strconv.Quote(s.Listen.Value) + " is not an address and a port", Hint: "write 127.0.0.1:8088, or 0.0.0.0:8443 for every address"})
	} else {
		p = append(p, s.exposed(host, secret)...)
	}
	return append(p, s.checkLimits(input)...)
}

// exposed warns of what anyone can reach.
func (s *Settings) exposed(host string, secret *plugin.Secret) plugin.Problems {
	a, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && a.IsLoopback() {
		return nil
	}
	warn := func(text, hint string) plugin.Problems {
		return plugin.Problems{{Key: "listen", Warn: true, Text: text, Hint: hint}}
	}
	switch {
	case secret == nil && (s.TLS == nil || s.TLS.ClientCA.Value == ""):
		return warn("anyone who reaches "+s.Listen.Value+" can write events", "set tls.client_ca or token")
	case s.TLS == nil && secret != nil:
		return warn("the token goes over the network to "+s.Listen.Value+" unencrypted", "set tls: {cert: …, key: …}")
	}
	return nil
}

// checkLimits looks at the numbers.
func (s *Settings) checkLimits(input string) plugin.Problems {
	var p plugin.Problems
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{s.MaxBody < 1<<10 || s.MaxBody > 256<<20, "max_body", "must lie between 1KiB and 256MiB"},
		{s.Buffer < 3*s.MaxBody || s.Buffer > 4<<30, "buffer", "must lie between three times max_body and 4GiB"},
		{s.MaxConnections < 1 || s.MaxConnections > 1<<16, "max_connections", "must lie between 1 and 65536"},
		{s.MaxPerPeer < 1, "max_connections_per_peer", "must be 1 at least"},
		{s.HeaderTime <= 0, "header_timeout", "must be more than nothing"},
		{s.RequestTime <= 0, "request_timeout", "must be more than nothing"},
		{s.AcceptTime <= 0, "accept_timeout", "must be more than nothing"},
		{s.IdleTime <= 0, "idle_timeout", "must be more than nothing"},
		{s.RetryAfter < time.Second || s.RetryAfter > time.Hour, "retry_after", "must lie between 1s and 1h"},
	} {
		if c.bad {
			p = append(p, plugin.Problem{Key: c.key, Text: c.key + " of input " + input + " " + c.text})
		}
	}
	return p
}
