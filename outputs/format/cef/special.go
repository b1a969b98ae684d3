package cef

import (
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// special appends the pairs whose value is more than a field.
func (c *Encoder) special(dst []byte, p *pair) []byte {
	switch p.key {
	case "rt":
		return c.received(dst)
	case "dvc":
		return c.device(dst)
	case "deviceFacility":
		return c.text(dst, p, c.Dataset(), "", "")
	case "externalId":
		return c.id(dst, p)
	case "deviceDirection":
		return c.direction(dst, p.key)
	case "src":
		return c.address(dst, p.key, "c6a2", "Source IPv6 Address", c.Get(schema.SourceIP))
	case "dst":
		v := c.Get(schema.DestinationIP)
		if v.IsZero() {
			v = c.Get(schema.ServerIP)
		}
		return c.address(dst, p.key, "c6a3", "Destination IPv6 Address", v)
	case "dhost":
		return c.text(dst, p, c.DestinationHost(), "", "")
	case "duser":
		return c.value(dst, p, c.Target(false))
	case "duid":
		return c.value(dst, p, c.Target(true))
	case "dpid":
		return c.number(dst, p.key, c.OPID)
	case "dproc":
		return c.value(dst, p, c.OPIDComm)
	case "fname":
		return c.text(dst, p, c.FileName(), "", "")
	case "filePath", "oldFilePath":
		return c.value(dst, p, c.Path(p.key == "oldFilePath"))
	case "cs2":
		return c.image(dst, p)
	case "cs3":
		return c.pod(dst, p)
	case "msg":
		return c.text(dst, p, c.Message(), "", "")
	case "cn3":
		if v := c.Get(schema.ProcessExitCode); !v.IsZero() {
			return c.number(dst, p.key, v)
		}
		return c.number(dst, p.key, c.Exit)
	}
	return dst
}

// image appends the container's image, else what a registry was asked for.
func (c *Encoder) image(dst []byte, p *pair) []byte {
	name, tag := c.Image()
	return c.text(dst, p, name, ":", tag)
}

// received appends the event's time in milliseconds since 1970.
func (c *Encoder) received(dst []byte) []byte {
	t := c.Time()
	if t.IsZero() {
		return dst
	}
	return strconv.AppendInt(c.begin(dst, "rt"), t.UnixMilli(), 10)
}

func (c *Encoder) id(dst []byte, p *pair) []byte {
	if v := c.Get(schema.EventID); !v.IsZero() {
		return c.text(dst, p, v.Str(), "", "")
	}
	if c.Event.ID.IsZero() {
		return dst
	}
	return c.Event.ID.Append(c.begin(dst, p.key))
}

func (c *Encoder) direction(dst []byte, key string) []byte {
	switch c.Get(schema.NetworkDirection).Str() {
	case "ingress":
		return append(c.begin(dst, key), '0')
	case "egress":
		return append(c.begin(dst, key), '1')
	}
	return dst
}

// device appends the first IPv4 address of the host, else its first IPv6 one.
func (c *Encoder) device(dst []byte) []byte {
	fields := c.Fields(schema.HostIP)
	six := event.Value{}
	for i := range fields {
		if fields[i].Key != schema.HostIP {
			continue
		}
		if _, four := ipv4(fields[i].Val.Str()); four {
			return c.address(dst, "dvc", "", "", fields[i].Val)
		}
		if six.IsZero() {
			six = fields[i].Val
		}
	}
	return c.address(dst, "dvc", "c6a1", "Device IPv6 Address", six)
}

// address appends an IPv4 address under key, an IPv6 one under key6 with its
// label; only src and dst can take both (IPv6InSrc).
func (c *Encoder) address(dst []byte, key, key6, label string, v event.Value) []byte {
	if v.Kind() != event.KindIP {
		return dst
	}
	if four, ok := ipv4(v.Str()); ok {
		return append(c.begin(dst, key), four...)
	}
	if c.ipv6 && key != "dvc" {
		return append(c.begin(dst, key), v.Str()...)
	}
	dst = append(c.begin(dst, key6), v.Str()...)
	return append(append(append(append(dst, ' '), key6...), "Label="...), label...)
}

// ipv4 returns the IPv4 address that s, an address in canonical form, is or
// stands for (RFC 4291 section 2.5.5.2).
func ipv4(s string) (string, bool) {
	s = strings.TrimPrefix(s, "::ffff:")
	return s, s != "" && strings.IndexByte(s, ':') < 0
}

// pod appends namespace/name of what an orchestrator runs; a Compose project is
// no pod.
func (c *Encoder) pod(dst []byte, p *pair) []byte {
	namespace, name := c.Pod()
	if name == "" {
		return dst
	}
	return c.text(dst, p, namespace, "/", name)
}
