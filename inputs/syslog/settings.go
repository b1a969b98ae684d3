package syslog

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
	"tallyman/pipeline/zone"
)

const addressHint = "write it as udp://0.0.0.0:514, tcp://127.0.0.1:514, tls://0.0.0.0:6514, unix:///path (stream) or unixgram:///run/tallyman/log"

// Settings are the keys of a syslog input.
type Settings struct {
	Listen     plugin.Text         `yaml:"listen" doc:"Where messages are taken: udp://, tcp:// (port 514 where none is named), tls:// (6514), unix:// (a stream socket's path) or unixgram://. Several are parted by blanks." example:"udp://0.0.0.0:514 tls://0.0.0.0:6514" required:"true"`
	TLS        *servertls.Settings `yaml:"tls" doc:"Certificates for tls:// addresses."`
	Decode     string              `yaml:"decode" doc:"The decoder that the messages wait for."`
	Timezone   string              `yaml:"timezone" doc:"The zone of the times that messages have without one (RFC 3164): that of their senders. Where it is not set it is that of this host." example:"Europe/Berlin"`
	Framing    string              `yaml:"framing" doc:"How messages are told apart on a stream: octet_counting or newline (a line feed or a NUL ends a message; RFC 6587 3.4); auto looks at the first bytes of each connection." enum:"auto,octet_counting,newline"`
	MaxMessage plugin.Size         `yaml:"max_message" doc:"The longest message that is kept whole, up to 1MiB. Of a longer one the start is kept, tagged tallyman_truncated, and the rest is counted."`
	Allow      []plugin.Text       `yaml:"allow" doc:"Who may send over the network, as addresses (10.1.2.3) or networks (10.0.0.0/8); anyone where none is named." example:"10.0.0.0/8"`
	SocketMode string              `yaml:"socket_mode" doc:"The mode of unix sockets, in octal."`

	MaxConnections int           `yaml:"max_connections" doc:"How many connections there may be at once. When there are as many, the one that has waited longest within a message or a handshake, for 10s at least, is closed for a new one; where there is none the new one is refused."`
	MaxPerPeer     int           `yaml:"max_connections_per_peer" doc:"How many of them one address may have; of IPv6 one network of 64 bits."`
	HandshakeTime  time.Duration `yaml:"handshake_timeout" doc:"How long a TLS handshake may take."`
	MessageTime    time.Duration `yaml:"message_timeout" doc:"How long a message may take from its first byte to its last on a stream; then its connection is closed."`
	IdleTime       time.Duration `yaml:"idle_timeout" doc:"How long a connection may bring nothing before it is closed, 0 for ever. Most senders lose the first message after that."`
	ReceiveBuffer  plugin.Size   `yaml:"receive_buffer" doc:"How much the kernel holds for each datagram socket; without CAP_NET_ADMIN the host's net.core.rmem_max is the most. What does not fit is lost, counted and raised."`
	Buffer         plugin.Size   `yaml:"buffer" doc:"About how much is read ahead of the pipeline, of datagrams and of streams each. When it is full, streams are not read until there is room."`
}

func defaults() Settings {
	return Settings{Decode: "syslog", Framing: "auto", MaxMessage: 64 << 10, SocketMode: "0660", MaxConnections: 1024, MaxPerPeer: 128,
		HandshakeTime: 10 * time.Second, MessageTime: 30 * time.Second, IdleTime: time.Hour, ReceiveBuffer: 8 << 20, Buffer: 8 << 20}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	list, err := s.addresses()
	if err != nil {
		p = append(p, plugin.Problem{Pos: s.Listen.Pos, Width: len(s.Listen.Value), Text: err.Error(), Hint: addressHint})
	}
	encrypted := false
	for _, a := range list {
		encrypted = encrypted || a.tls
	}
	switch {
	case err == nil && encrypted && s.TLS == nil:
		add("listen", "a tls:// address needs a certificate", "set tls: {cert: …, key: …}")
	case err == nil && !encrypted && s.TLS != nil:
		add("tls", "tls is set, but no address of listen is encrypted", "use tls:// in listen, or remove tls")
	}
	if _, text, pos := s.allowed(); text != "" {
		p = append(p, plugin.Problem{Pos: pos, Text: text, Hint: "write 10.1.2.3, 10.0.0.0/8 or fd00::/8"})
	}
	if _, err := strconv.ParseUint(s.SocketMode, 8, 9); err != nil {
		add("socket_mode", "socket_mode "+strconv.Quote(s.SocketMode)+" is no mode", "in octal, as 0660")
	}
	if _, err := zone.Parse(s.Timezone); err != nil {
		add("timezone", err.Error(), zone.Hint)
	}
	return append(p, s.checkLimits()...)
}

// checkLimits looks at the numbers.
func (s *Settings) checkLimits() plugin.Problems {
	var p plugin.Problems
	add := func(key, text string) {
		p = append(p, plugin.Problem{Key: key, Text: key + " of input syslog " + text})
	}
	if s.MaxMessage < 480 || s.MaxMessage > 1<<20 {
		add("max_message", "must lie between 480B and 1MiB")
	}
	if s.MaxConnections < 1 || s.MaxConnections > 1<<20 {
		add("max_connections", "must lie between 1 and 1048576")
	}
	if s.MaxPerPeer < 1 {
		add("max_connections_per_peer", "must be 1 at least")
	}
	if s.HandshakeTime <= 0 {
		add("handshake_timeout", "must be more than nothing")
	}
	if s.MessageTime <= 0 {
		add("message_timeout", "must be more than nothing")
	}
	if s.IdleTime < 0 {
		add("idle_timeout", "must be 0, or a time")
	}
	if s.ReceiveBuffer < 4<<10 || s.ReceiveBuffer > 1<<30 {
		add("receive_buffer", "must lie between 4KiB and 1GiB")
	}
	if s.Buffer < 256<<10 || s.Buffer > 1<<30 {
		add("buffer", "must lie between 256KiB and 1GiB")
	}
	return p
}

// Claims says what no other component may use: the paths of sockets.
func (s *Settings) Claims() []plugin.Claim {
	var list []plugin.Claim
	all, _ := s.addresses() // what is wrong with them, Check says
	for _, a := range all {
		if a.path != "" {
			list = append(list, plugin.Claim{Key: "listen", Use: plugin.UseWrite, Path: a.path})
		}
	}
	return list
}

// allowed returns the networks of allow, and what is wrong with the first that
// is none.
func (s *Settings) allowed() (list []netip.Prefix, wrong string, at plugin.Pos) {
	for _, one := range s.Allow {
		if n, err := netip.ParsePrefix(one.Value); err == nil {
			list = append(list, n.Masked())
			continue
		}
		a, err := netip.ParseAddr(one.Value)
		if err != nil {
			return nil, "allow: " + strconv.Quote(one.Value) + " is neither an address nor a network", one.Pos
		}
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list, "", plugin.Pos{}
}

// address is one of listen, understood.
type address struct {
	scheme   string // as it was written: udp, tcp, tls, unix, unixgram
	network  string // as package net names it
	at       string // host:port, or the path
	path     string // of a unix socket
	tls      bool
	datagram bool
}

func (a address) String() string { return a.scheme + "://" + a.at }

// addresses reads listen.
func (s *Settings) addresses() ([]address, error) {
	var list []address
	seen := map[string]bool{}
	for _, one := range strings.Fields(strings.ReplaceAll(s.Listen.Value, ",", " ")) {
		a, err := parseAddress(one)
		if err != nil {
			return nil, err
		}
		id := a.network + "://" + a.at
		if seen[id] && !strings.HasSuffix(a.at, ":0") {
			return nil, fmt.Errorf("address %q stands twice", one)
		}
		seen[id] = true
		list = append(list, a)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("listen names no address")
	}
	return list, nil
}

// parseAddress reads a URL such as tls://0.0.0.0:6514.
func parseAddress(s string) (address, error) {
	u, err := url.Parse(s)
	if err != nil {
		return address{}, fmt.Errorf("address %q is not a URL", s)
	}
	a := address{scheme: u.Scheme, network: u.Scheme}
	port := "514"
	switch u.Scheme {
	case "udp", "unixgram":
		a.datagram = true
	case "tls":
		a.network, a.tls, port = "tcp", true, "6514"
	case "tcp", "unix":
	default:
		return address{}, fmt.Errorf("address %q does not say how to listen", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return address{}, fmt.Errorf("address %q has parts that syslog has no use for", s)
	}
	if strings.HasPrefix(u.Scheme, "unix") {
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") || u.Path == "/" {
			return address{}, fmt.Errorf("address %q lacks an absolute path after %s://", s, u.Scheme)
		}
		a.at, a.path = u.Path, u.Path
		return a, nil
	}
	if u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return address{}, fmt.Errorf("address %q is not a host and a port", s)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	a.at = net.JoinHostPort(u.Hostname(), port)
	return a, nil
}
