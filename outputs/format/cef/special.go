package cef

import (
	"strings"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// special appends the pairs whose value is more than a field.
func (c *Encoder) special(dst []byte, p *pair) []byte {
	switch p.how {
	case received:
		return c.received(dst, p)
	case device:
		return c.device(dst, p)
	case facility:
		return c.text(dst, p, c.Dataset())
	case identity:
		return c.id(dst, p)
	case direction:
		return c.direction(dst, p)
	case source:
		return c.address(dst, p, sourceIPv6, c.Get(schema.SourceIP))
	case destination:
		v := c.Get(schema.DestinationIP)
		if v.IsZero() {
			v = c.Get(schema.ServerIP)
		}
		return c.address(dst, p, destinationIPv6, v)
	case host:
		return c.text(dst, p, c.DestinationHost())
	case account:
		return c.value(dst, p, c.Target(false))
	case accountID:
		return c.value(dst, p, c.Target(true))
	case objectPID:
		return c.number(dst, p, c.OPID())
	case objectName:
		return c.value(dst, p, c.OPIDComm())
	case fileName:
		return c.text(dst, p, c.FileName())
	case path, oldPath:
		return c.value(dst, p, c.Path(p.how == oldPath))
	case image:
		name, tag := c.Image()
		return c.both(dst, p, name, ":", tag)
	case pod:
		return c.pod(dst, p)
	case message:
		return c.text(dst, p, c.Message())
	case exitCode:
		if v := c.Get(schema.ProcessExitCode); !v.IsZero() {
			return c.number(dst, p, v)
		}
		return c.number(dst, p, c.Exit())
	}
	return dst
}

// received appends the event's time in milliseconds since 1970.
func (c *Encoder) received(dst []byte, p *pair) []byte {
	t := c.Time()
	if t.IsZero() {
		return dst
	}
	return event.AppendInt(c.lead(dst, p), t.UnixMilli())
}

func (c *Encoder) id(dst []byte, p *pair) []byte {
	if v := c.Get(schema.EventID); !v.IsZero() {
		return c.text(dst, p, v.Str())
	}
	if c.Event.ID.IsZero() {
		return dst
	}
	return c.Event.ID.Append(c.lead(dst, p))
}

func (c *Encoder) direction(dst []byte, p *pair) []byte {
	switch c.Get(schema.NetworkDirection).Str() {
	case "ingress":
		return append(c.lead(dst, p), '0')
	case "egress":
		return append(c.lead(dst, p), '1')
	}
	return dst
}

// device appends the first IPv4 address of the host, else its first IPv6 one.
func (c *Encoder) device(dst []byte, p *pair) []byte {
	fields := c.Fields(schema.HostIP)
	six := event.Value{}
	for i := range fields {
		if fields[i].Key != schema.HostIP {
			continue
		}
		if _, four := ipv4(fields[i].Value()); four {
			return c.address(dst, p, deviceIPv6, fields[i].Value())
		}
		if six.IsZero() {
			six = fields[i].Value()
		}
	}
	return c.address(dst, p, deviceIPv6, six)
}

// sixth is a custom key for an IPv6 address: what stands before it and behind.
type sixth struct{ lead, tail string }

var (
	deviceIPv6      = sixth{" c6a1=", " c6a1Label=Device IPv6 Address"}
	sourceIPv6      = sixth{" c6a2=", " c6a2Label=Source IPv6 Address"}
	destinationIPv6 = sixth{" c6a3=", " c6a3Label=Destination IPv6 Address"}
)

// address appends an IPv4 address under the key of p, an IPv6 one under a custom
// key with its label; only src and dst can take both (IPv6InSrc).
func (c *Encoder) address(dst []byte, p *pair, six sixth, v event.Value) []byte {
	if v.Kind() != event.KindIP {
		return dst
	}
	s, four := ipv4(v)
	if four || c.ipv6 && p.how != device {
		return append(c.lead(dst, p), s...)
	}
	return append(append(c.begin(dst, six.lead), s...), six.tail...)
}

// ipv4 returns an address, and whether it is one of IPv4.
func ipv4(v event.Value) (s string, four bool) {
	s = view.Address(v)
	return s, s != "" && strings.IndexByte(s, ':') < 0
}

// pod appends namespace/name of what an orchestrator runs; a Compose project is
// no pod.
func (c *Encoder) pod(dst []byte, p *pair) []byte {
	namespace, name := c.Pod()
	if name == "" {
		return dst
	}
	return c.both(dst, p, namespace, "/", name)
}
