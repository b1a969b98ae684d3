package syslog

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyman/outputs/format"
	"tallyman/outputs/format/rfc5424"
	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

// The words of `framing`.
const (
	framingOctets  = "octet_counting"
	framingNewline = "newline"
)

// The limits of one message where max_bytes is not set: what a receiver of
// streams should take (RFC 5425 section 4.3.1), and what fits an Ethernet frame.
const (
	streamBytes = 8192
	udpBytes    = 1400
	leastBytes  = 480 // RFC 5424 section 6.1: what every receiver must take
	mostUDP     = 65507
	mostWindow  = 256 << 20
)

const addressHint = `write it as udp://host:514, tcp://host:514, tls://host:6514, unix:///path (stream) or unixgram:///dev/log`

// Settings are the keys of a syslog output.
type Settings struct {
	Address         plugin.Text   `yaml:"address" doc:"Where the receiver listens: udp://, tcp:// (port 514 where none is named), tls:// (6514), unix:// (a stream socket's path) or unixgram://." example:"tls://siem.example:6514" required:"true"`
	Fallbacks       []plugin.Text `yaml:"fallbacks" doc:"Further receivers, of the same scheme as address. The first that answers gets the events, in this order." example:"tls://siem-2.example:6514"`
	FallBack        time.Duration `yaml:"fall_back" doc:"How long a receiver of several that failed is left alone while another answers. After it an earlier one is tried again and, when it answers, takes over."`
	Window          plugin.Size   `yaml:"window" doc:"How many bytes of what was sent last over tcp or tls are kept in memory and sent again, with the same event ids, after a connection was lost: the receiver may have had them in its host's memory only. At least the receiver's socket buffer (net.ipv4.tcp_rmem, its third number) loses nothing there. 0 sends nothing twice."`
	WindowAge       time.Duration `yaml:"window_age" doc:"How long before the loss of its connection a message may have been sent to be sent again: what an idle receiver got long ago it has written. 0 sends the whole window whatever its age."`
	format.Settings `yaml:",inline"`
	Facility        string              `yaml:"facility" doc:"The facility of all messages. Where it is not set, authpriv for what concerns identity and the audit trail, local0 for the rest." enum:"user,mail,daemon,auth,syslog,lpr,news,uucp,cron,authpriv,ftp,local0,local1,local2,local3,local4,local5,local6,local7"`
	DataID          string              `yaml:"sd_id" doc:"The name of the structured data, with the enterprise number of whoever defines it (RFC 5424 section 6.3.2). cef has no structured data." example:"tallyman@32473"`
	Framing         string              `yaml:"framing" doc:"How messages are told apart on a stream: octet_counting (RFC 6587 3.4.1, RFC 5425; the default of tcp and tls) or newline (the default of unix; no message has a line end inside)." enum:"octet_counting,newline"`
	TLS             *clienttls.Settings `yaml:"tls" doc:"Certificates for a tls:// address. The receiver's certificate is always verified."`
	Proxy           plugin.Text         `yaml:"proxy" doc:"The URL of a proxy that connections over tcp and tls go through, http:// (CONNECT) or socks5://, or none, which is the default: the environment's HTTPS_PROXY does not count here. The proxy must allow the receivers' ports, and looks their names up. What it has taken and not passed on counts as sent." example:"http://proxy.example:3128"`
	ProxyAuth       plugin.Secret       `yaml:"proxy_auth" doc:"The user and the password for the proxy, as user:password. It is read again for each connection."`
	Timeout         time.Duration       `yaml:"timeout" doc:"How long connecting may take, and how long the receiver's host may acknowledge nothing of what was sent: some 64 KiB within this time are the slowest that a link may be."`
	MaxBytes        plugin.Size         `yaml:"max_bytes" doc:"The most bytes of one message; a longer one is counted and loses what tells least: json and cef stay whole JSON and CEF, a text loses its end. 1400B over UDP and 8KiB otherwise where it is not set."`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Settings: format.Settings{Format: format.RFC5424}, Timeout: 10 * time.Second,
		FallBack: time.Minute, Window: 4 << 20, WindowAge: 5 * time.Minute}
}

// facilities are the words of RFC 5424 section 6.2.1 by their number; kern
// is the kernel's own, and four have no name in use.
var facilities = [...]string{"", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	targets, p := c.targets()
	if len(p) > 0 {
		return p
	}
	t := targets[0]
	p = c.Settings.Check()
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.DataID != "" && !rfc5424.IsName(c.DataID) {
		add("sd_id", "sd_id "+strconv.Quote(c.DataID)+" is no name of structured data", "at most 32 printable ASCII characters without blank, =, ] and quote, as "+rfc5424.DefaultID)
	}
	if c.Framing != "" && t.datagram {
		add("framing", "framing is for streams, and "+t.scheme+" sends one datagram for each message", "remove framing")
	}
	if c.TLS != nil {
		if !t.tls {
			add("tls", "tls is set, but "+t.scheme+":// is not encrypted", "use tls:// in address, or remove tls")
		}
		p = append(p, c.TLS.Check()...)
	}
	p = append(p, tunnel.Check(c.Proxy, c.ProxyAuth)...)
	if c.Proxy.Value != "" && c.Proxy.Value != tunnel.None && t.network != "tcp" {
		p = append(p, plugin.Problem{Pos: c.Proxy.Pos, Width: len(c.Proxy.Value), Key: "proxy", Text: "proxy is set, and " + t.scheme + ":// goes through none",
			Hint: "use tls:// or tcp:// in address, or remove proxy"})
	}
	if c.FallBack <= 0 {
		add("fall_back", "fall_back must be more than nothing", "the default is 1m")
	}
	if c.Window < 0 || c.Window > mostWindow {
		add("window", fmt.Sprintf("window is %d, and it is kept in memory: at most %d", c.Window, mostWindow), "the default is 4MiB")
	}
	if c.WindowAge < 0 {
		add("window_age", "window_age is less than nothing", "the default is 5m; 0 sets no limit")
	}
	if c.Timeout <= 0 {
		add("timeout", "timeout must be more than nothing", "the default is 10s")
	}
	if c.MaxBytes != 0 && c.MaxBytes < leastBytes {
		add("max_bytes", fmt.Sprintf("max_bytes is %d, and every receiver takes %d", c.MaxBytes, leastBytes), "RFC 5424 section 6.1")
	}
	if t.scheme == "udp" && c.MaxBytes > mostUDP {
		add("max_bytes", fmt.Sprintf("max_bytes is %d, and a UDP datagram holds %d", c.MaxBytes, mostUDP), "")
	}
	return p
}

// targets returns where to send, the preferred first.
func (c *Settings) targets() ([]target, plugin.Problems) {
	list := make([]target, 0, 1+len(c.Fallbacks))
	for _, a := range append([]plugin.Text{c.Address}, c.Fallbacks...) {
		t, err := parseAddress(a.Value)
		if err == nil && len(list) > 0 && t.scheme != list[0].scheme {
			err = fmt.Errorf("address %q is of another scheme than %s", a.Value, list[0])
		}
		if err != nil {
			return nil, plugin.Problems{{Pos: a.Pos, Width: len(a.Value), Text: err.Error(), Hint: addressHint}}
		}
		list = append(list, t)
	}
	return list, nil
}

// limit is the most bytes of one message.
func (c *Settings) limit(t target) int {
	switch {
	case c.MaxBytes > 0:
		return int(c.MaxBytes)
	case t.scheme == "udp":
		return udpBytes
	}
	return streamBytes
}

func (c *Settings) framing(t target) string {
	switch {
	case c.Framing != "":
		return c.Framing
	case t.scheme == "unix":
		return framingNewline
	}
	return framingOctets
}

// target is an address, understood.
type target struct {
	scheme   string // as it was written: udp, tcp, tls, unix, unixgram
	network  string // as package net names it
	addr     string // host:port, or a path
	host     string // without the port; "" for a path
	tls      bool
	datagram bool
}

func (t target) String() string { return t.scheme + "://" + t.addr }

// explain adds to an error of the network what a person can do about it.
func (t target) explain(err error) error {
	return clienttls.Place{Key: "address", Address: t.String(), Plain: "tcp://"}.Explain(err)
}

// parseAddress reads a URL such as tls://siem:6514.
func parseAddress(s string) (target, error) {
	u, err := url.Parse(s)
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = "…" + s[i:] // what is before it may be a password
	}
	if err != nil {
		return target{}, fmt.Errorf("address %q is not a URL", s)
	}
	t := target{scheme: u.Scheme, network: u.Scheme}
	port := "514"
	switch u.Scheme {
	case "udp", "unixgram":
		t.datagram = true
	case "tls":
		t.network, t.tls, port = "tcp", true, "6514"
	case "tcp", "unix":
	default:
		return target{}, fmt.Errorf("address %q does not say how to send", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return target{}, fmt.Errorf("address %q has parts that syslog has no use for", s)
	}
	if strings.HasPrefix(u.Scheme, "unix") {
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.Path == "/" {
			return target{}, fmt.Errorf("address %q lacks an absolute path after %s://", s, u.Scheme)
		}
		t.addr = u.Path
		return t, nil
	}
	if u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return target{}, fmt.Errorf("address %q is not a host and a port", s)
	}
	if u.Port() != "" {
		port = u.Port()
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return target{}, fmt.Errorf("address %q has the port %s, and ports are 1 to 65535", s, port)
		}
	}
	t.host, t.addr = u.Hostname(), net.JoinHostPort(u.Hostname(), port)
	return t, nil
}
