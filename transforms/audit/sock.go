package audit

import (
	"net/netip"

	"tallyman/pipeline/event"
)

// sock is a socket address: that of a SOCKADDR record.
type sock struct {
	family string // network.type: ipv4, ipv6, unix, netlink, packet; "" for others
	text   string // the address or the path as it is
	ip     netip.Addr
	value  event.Value // of ip
	other  string      // the family where network.type has no name for it, and where its address is read in sockother.go
	port   int64       // -1 for none
	path   bool        // text is a path in the file system, not a name in the abstract space

	transport string // network.transport: tcp or udp, where socket() was seen
}

// The address families of SOCKADDR records (linux/socket.h).
const (
	familyUnix    = 1
	familyInet    = 2
	familyInet6   = 10
	familyNetlink = 16
	familyPacket  = 17
)

// sockaddr reads a SOCKADDR record.
func (f *facts) sockaddr(r *Record) {
	if f.plainSock(r) {
		return
	}
	r.partBody()
	var t Token
	for w := NewWalk(r.Body); w.next(&t); {
		if t.Key != "saddr" {
			f.rest(&t)
			continue
		}
		b, ok := appendHex(f.buf[:0], t.Val)
		if f.buf = b; ok {
			f.addressed(t.Val, b)
			continue
		}
		f.leftover("saddr", t.Val)
		f.want("the socket address is not hex")
	}
}

// addressed takes an address, which is kept as it stands where not all of it is said.
func (f *facts) addressed(hex string, b []byte) {
	var s sock
	whole := f.address(&s, b) && s.known() && !f.sock.known()
	if !f.sock.known() {
		f.sock = s
	}
	if !whole {
		f.leftover("saddr", hex)
	}
}

// known reports whether there is an address.
func (s *sock) known() bool { return s.family != "" || s.other != "" }

// address reads a struct sockaddr. The family is in the byte order of the
// machine, all else in that of the network. It reports whether s says all that
// b does, so that nothing else need be kept.
func (f *facts) address(s *sock, b []byte) bool {
	s.port = -1
	if len(b) < 2 {
		return false
	}
	family := int(b[0]) | int(b[1])<<8
	if b[0] == 0 { // big-endian: s390x, ppc64
		family = int(b[1])
	}
	switch family {
	case familyUnix:
		s.family = "unix"
		return f.unixPath(s, b[2:])
	case familyInet:
		s.family = "ipv4"
		if len(b) < 8 {
			return false
		}
		f.ipAddress(s, netip.AddrFrom4([4]byte(b[4:8])), b)
		return zero(b[8:])
	case familyInet6:
		s.family = "ipv6"
		if len(b) < 24 {
			return false
		}
		f.ipAddress(s, netip.AddrFrom16([16]byte(b[8:24])), b)
		return zero(b[4:8]) && zero(b[24:]) // no flow label, no scope
	case familyNetlink:
		s.family = "netlink"
		f.otherAddress(s, family, b)
		return zero(b[2:])
	case familyPacket:
		s.family = "packet"
	}
	f.otherAddress(s, family, b)
	return false
}

// unixPath reads the path of a unix socket. A name in the abstract space begins
// with NUL, written as @ by everybody; what follows the NUL that ends a path is
// no part of it.
func (f *facts) unixPath(s *sock, b []byte) bool {
	if len(b) == 0 || zero(b) {
		return len(b) == 0 || b[0] == 0
	}
	if b[0] == 0 {
		b[0] = '@'
		end := len(b)
		for end > 1 && b[end-1] == 0 {
			end--
		}
		s.text = f.arena.keep(b[:end])
		return end == len(b)
	}
	end := 0
	for end < len(b) && b[end] != 0 {
		end++
	}
	s.text, s.path = f.arena.keep(b[:end]), true
	return zero(b[end:])
}

// socketPath makes the path of a unix socket absolute and free of "." and "..",
// so that one socket has one address however a process writes it. What the
// process wrote is kept where it differs.
func (f *facts) socketPath() {
	s := &f.sock
	if !s.path {
		return
	}
	if whole := f.resolve(s.text, -1); whole != s.text {
		f.leftover("socket_path", s.text)
		s.text = whole
	}
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// ipCache keeps the values of addresses that were seen of late, because the
// same few come again and again and making one allocates.
type ipCache map[netip.Addr]event.Value

const ipCacheSize = 1024

// value returns an address as a value: an IPv4 address inside an IPv6 one as
// what it is, so that a rule on 169.254.169.254 sees it in either dress.
func (c *ipCache) value(a netip.Addr) event.Value {
	a = a.Unmap()
	if v, ok := (*c)[a]; ok {
		return v
	}
	v, ok := event.IP(a.String())
	if !ok {
		return event.Value{}
	}
	if *c == nil || len(*c) >= ipCacheSize {
		*c = make(ipCache, ipCacheSize)
	}
	(*c)[a] = v
	return v
}

// ipAddress sets the address and the port, whose text is that of the address as it is.
func (f *facts) ipAddress(s *sock, a netip.Addr, b []byte) {
	s.ip, s.port, s.value = a, int64(b[2])<<8|int64(b[3]), f.ips.value(a)
	if s.text = s.value.Str(); a.Is4In6() {
		s.text = a.String()
	}
}

// append appends the form of an address for people: 10.0.0.8:443, [::1]:443, a path.
func (s *sock) append(b []byte) []byte {
	if !s.ip.IsValid() {
		if s.text == "" {
			return append(b, or(s.family, s.other)...)
		}
		if s.other != "" {
			b = append(append(b, s.other...), ' ')
		}
		if b = append(b, s.text...); s.port >= 0 {
			b = event.AppendInt(append(b, ':'), s.port)
		}
		return b
	}
	if s.ip.Is6() {
		b = append(append(append(b, '['), s.text...), ']')
	} else {
		b = append(b, s.text...)
	}
	if s.port >= 0 {
		b = event.AppendInt(append(b, ':'), s.port)
	}
	return b
}
