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
		return c.text(dst, p, c.dataset(), "", "")
	case "externalId":
		return c.id(dst, p)
	case "deviceDirection":
		return c.direction(dst, p.key)
	case "src":
		return c.address(dst, p.key, "c6a2", "Source IPv6 Address", c.get(schema.SourceIP))
	case "dst":
		v := c.get(schema.DestinationIP)
		if v.IsZero() {
			v = c.get(schema.ServerIP)
		}
		return c.address(dst, p.key, "c6a3", "Destination IPv6 Address", v)
	case "dhost":
		return c.text(dst, p, c.destinationHost(), "", "")
	case "duser":
		return c.value(dst, p, c.either(schema.UserTargetName, schema.UserEffectiveName, schema.GroupName))
	case "duid":
		return c.value(dst, p, c.either(schema.UserTargetID, schema.UserEffectiveID, schema.GroupID))
	case "dpid":
		return c.number(dst, p.key, c.opid)
	case "dproc":
		return c.value(dst, p, c.comm)
	case "fname":
		return c.text(dst, p, c.fileName(), "", "")
	case "filePath", "oldFilePath":
		return c.value(dst, p, c.path(p.key == "oldFilePath"))
	case "cs2":
		return c.image(dst, p)
	case "cs3":
		return c.pod(dst, p)
	case "msg":
		return c.text(dst, p, c.message(), "", "")
	case "cn3":
		if v := c.get(schema.ProcessExitCode); !v.IsZero() {
			return c.number(dst, p.key, v)
		}
		return c.number(dst, p.key, c.exit)
	}
	return dst
}

// image appends the container's image, else what a registry was asked for.
func (c *Encoder) image(dst []byte, p *pair) []byte {
	name, tag := c.get(schema.ContainerImageName).Str(), c.get(schema.ContainerImageTag).Str()
	if name == "" {
		name, tag = c.get(schema.OCIRepository).Str(), c.get(schema.OCITag).Str()
	}
	return c.text(dst, p, name, ":", tag)
}

// received appends the event's time in milliseconds since 1970.
func (c *Encoder) received(dst []byte) []byte {
	t := c.e.Time
	if v := c.get(schema.Timestamp); v.Kind() == event.KindTime {
		t = v.Instant()
	}
	if t.IsZero() {
		return dst
	}
	return strconv.AppendInt(c.begin(dst, "rt"), t.UnixMilli(), 10)
}

// message is the event's message; what was not understood has none, and shows
// its source text.
func (c *Encoder) message() string {
	for _, k := range [...]schema.Key{schema.Message, schema.EventOriginal} {
		if s := c.get(k).Str(); s != "" {
			return s
		}
	}
	return c.e.Raw
}

func (c *Encoder) id(dst []byte, p *pair) []byte {
	if v := c.get(schema.EventID); !v.IsZero() {
		return c.text(dst, p, v.Str(), "", "")
	}
	if c.e.ID.IsZero() {
		return dst
	}
	return c.e.ID.Append(c.begin(dst, p.key))
}

func (c *Encoder) direction(dst []byte, key string) []byte {
	switch c.get(schema.NetworkDirection).Str() {
	case "ingress":
		return append(c.begin(dst, key), '0')
	case "egress":
		return append(c.begin(dst, key), '1')
	}
	return dst
}

// device appends the first IPv4 address of the host, else its first IPv6 one.
func (c *Encoder) device(dst []byte) []byte {
	fields := c.e.Fields
	if fields.Get(schema.HostIP).IsZero() {
		fields = c.e.Shared
	}
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

// destinationHost is a name, or the path of a Unix socket.
func (c *Encoder) destinationHost() string {
	if s := c.get(schema.DestinationDomain).Str(); s != "" {
		return s
	}
	s := c.get(schema.DestinationAddress).Str()
	if s == "" {
		s = c.get(schema.ServerAddress).Str()
	}
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "@") || c.get(schema.NetworkType).Str() == "unix" {
		return s
	}
	return ""
}

// either returns whom an account was acted on: the target, for su and sudo the
// account that is switched to, else the group.
func (c *Encoder) either(target, effective, group schema.Key) event.Value {
	if v := c.get(target); !v.IsZero() {
		return v
	}
	if c.switches() {
		if v := c.get(effective); !v.IsZero() {
			return v
		}
	}
	return c.get(group)
}

// switches reports whether the event is of a program that changes the account.
func (c *Encoder) switches() bool {
	for _, k := range [...]schema.Key{schema.EventProvider, schema.ProcessName, schema.ProcessExecutable} {
		s := c.get(k).Str()
		if s = s[strings.LastIndexByte(s, '/')+1:]; s == "su" || s == "sudo" {
			return true
		}
	}
	return false
}

// renamed reports whether the event says that a file has a new name.
func (c *Encoder) renamed() bool {
	return c.get(schema.EventAction).Str() == "renamed" && !c.get(schema.FileTargetPath).IsZero()
}

// path is the file's name, after a rename the new one; old asks for the name
// before that.
func (c *Encoder) path(old bool) event.Value {
	renamed := c.renamed()
	switch {
	case renamed && !old:
		return c.get(schema.FileTargetPath)
	case renamed || !old:
		return c.get(schema.FilePath)
	}
	return event.Value{}
}

// fileName is the last part of what path gives.
func (c *Encoder) fileName() string {
	if !c.renamed() {
		return c.get(schema.FileName).Str()
	}
	s := c.get(schema.FileTargetPath).Str()
	return s[strings.LastIndexByte(s, '/')+1:]
}

// pod appends namespace/name of what an orchestrator runs; a Compose project is
// no pod.
func (c *Encoder) pod(dst []byte, p *pair) []byte {
	if t := c.get(schema.OrchestratorType).Str(); t == "compose" || t == "swarm" {
		return dst
	}
	name := c.get(schema.OrchestratorResourceName).Str()
	if name == "" {
		return dst
	}
	return c.text(dst, p, c.get(schema.OrchestratorNamespace).Str(), "/", name)
}
