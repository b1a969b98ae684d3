package ocsf

import (
	"tallyman/outputs/format/view"
	"tallyman/pipeline/schema"
)

// What OCSF asks for and an event does not say.
const unknown = "unknown"

// nameless names a host of which nothing is known: OCSF has no device without a
// name, an address or an id.
func nameless(c *Encoder, dst []byte, _ *node) []byte {
	if c.filled {
		return dst
	}
	return append(dst, `"`+unknown+`"`...)
}

// appName appends the program or the source where there is no process and no user,
// and for engines, whose events are their own.
func appName(c *Encoder, dst []byte, n *node) []byte {
	switch c.Str(schema.EventModule) {
	case "docker", "jenkins", "git", "registry":
	default:
		if c.filled {
			return dst
		}
	}
	k, v := c.First(n.from)
	if v.Str() == "" {
		return append(dst, `"`+unknown+`"`...)
	}
	return c.text(dst, k, v.Str())
}

// userType is 2, an administrator, for uid 0, and 1 for others.
func userType(c *Encoder, dst []byte, _ *node) []byte {
	if c.Str(schema.UserID) == "0" {
		return append(dst, '2')
	}
	return append(dst, '1')
}

// groups appends the groups of a user by their names.
func groups(c *Encoder, dst []byte, _ *node) []byte {
	if c.Get(schema.UserRoles).IsZero() {
		return dst
	}
	c.mark(schema.UserRoles, allTaken)
	dst = append(dst, '[')
	n := 0
	for v := range c.Fields(schema.UserRoles).All(schema.UserRoles) {
		if view.Empty(v) {
			continue
		}
		if n++; n > most && c.level >= noRest {
			break
		}
		if n > 1 {
			dst = append(dst, ',')
		}
		dst = append(c.valueText(append(dst, `{"name":`...), schema.UserRoles, v), '}')
	}
	return append(dst, ']')
}

// endpointName appends the raw address where it is neither an IP address nor a
// host's name: the path of a Unix socket. A request has a source, known or not.
func endpointName(c *Encoder, dst []byte, n *node) []byte {
	k, v := c.First(n.from)
	ip := c.Get(schema.SourceIP)
	if k == schema.DestinationAddress || k == schema.ServerAddress {
		_, ip = c.First([]schema.Key{schema.DestinationIP, schema.ServerIP})
	}
	switch {
	case v.Str() != "" && v.Str() == ip.Str():
		c.mark(k, firstTaken) // it stands there already
	case v.Str() != "":
		c.mark(k, firstTaken)
		return c.text(dst, k, v.Str())
	case !c.filled && c.at.uid == 6003 && n.from[0] == schema.SourceAddress:
		return append(dst, `"`+unknown+`"`...)
	}
	return dst
}

// direction appends 1 for inbound, 2 for outbound; 0 where something else is known
// of the connection.
func direction(c *Encoder, dst []byte, _ *node) []byte {
	switch c.Str(schema.NetworkDirection) {
	case "ingress":
		c.mark(schema.NetworkDirection, firstTaken)
		return append(dst, '1')
	case "egress":
		c.mark(schema.NetworkDirection, firstTaken)
		return append(dst, '2')
	}
	if c.Get(schema.NetworkTransport).IsZero() && c.Get(schema.NetworkCommunityID).IsZero() {
		switch c.Str(schema.NetworkType) {
		case "ipv4", "ipv6":
		default:
			return dst
		}
	}
	return append(dst, '0')
}

func ipVersion(c *Encoder, dst []byte, _ *node) []byte {
	switch c.Str(schema.NetworkType) {
	case "ipv4":
		c.mark(schema.NetworkType, firstTaken)
		return append(dst, '4')
	case "ipv6":
		c.mark(schema.NetworkType, firstTaken)
		return append(dst, '6')
	}
	return dst
}

// fileType maps file.type to the types of OCSF.
func fileType(c *Encoder, dst []byte, _ *node) []byte {
	n := byte('0')
	switch c.Str(schema.FileType) {
	case "file":
		n = '1'
	case "dir":
		n = '2'
	case "char":
		n = '3'
	case "block":
		n = '4'
	case "socket":
		n = '5'
	case "pipe":
		n = '6'
	case "symlink":
		n = '7'
	}
	if n != '0' {
		c.mark(schema.FileType, firstTaken)
	}
	return append(dst, n)
}

// operation appends what was asked for: the verb and the resource, else the
// action.
func operation(c *Encoder, dst []byte, _ *node) []byte {
	resource := c.Str(schema.KubernetesAuditObjectRefResource)
	verb := c.Str(schema.KubernetesAuditVerb)
	if verb == "" || resource == "" {
		c.mark(schema.EventAction, firstTaken)
		return c.some(dst, schema.EventAction, c.Str(schema.EventAction))
	}
	// One string made of three: each takes the place of the end of the one before.
	c.mark(schema.KubernetesAuditVerb, firstTaken)
	c.mark(schema.KubernetesAuditObjectRefResource, firstTaken)
	dst = c.text(dst, schema.KubernetesAuditVerb, verb)
	dst = c.join(dst, ' ', schema.KubernetesAuditObjectRefResource, resource)
	if sub := c.Str(schema.KubernetesAuditObjectRefSubresource); sub != "" {
		c.mark(schema.KubernetesAuditObjectRefSubresource, firstTaken)
		dst = c.join(dst, '/', schema.KubernetesAuditObjectRefSubresource, sub)
	}
	return dst
}

// join appends sep and s to the string at the end of dst.
func (c *Encoder) join(dst []byte, sep byte, k schema.Key, s string) []byte {
	dst[len(dst)-1] = sep
	at := len(dst)
	dst = c.text(dst, k, s)
	return append(dst[:at], dst[at+1:]...)
}

// systemCall appends the call; a kernel's event without one is named by its
// action.
func systemCall(c *Encoder, dst []byte, n *node) []byte {
	if s := c.Syscall().Str(); s != "" {
		return c.text(dst, schema.AuditdData, s)
	}
	if len(n.from) == 1 {
		return dst
	}
	return c.some(dst, schema.EventAction, c.Str(schema.EventAction))
}

// driverName is the module's file, else the name that the record has.
func driverName(c *Encoder, dst []byte, n *node) []byte {
	if !c.Get(schema.FilePath).IsZero() {
		return base(c, dst, n)
	}
	return c.some(dst, schema.AuditdData, c.member("name"))
}

// runState is 3 for a build that runs, 4 for one that has ended.
func runState(c *Encoder, dst []byte, _ *node) []byte {
	if c.Str(schema.EventAction) == "build-started" {
		return append(dst, '3')
	}
	return append(dst, '4')
}

// observables lists who and what is related, by kind.
func observables(c *Encoder, dst []byte, n *node) []byte {
	types := [...]string{`{"type_id":4,"value":`, `{"type_id":2,"value":`, `{"type_id":1,"value":`, `{"type_id":8,"value":`} // as From has them
	start := len(dst)
	for i, k := range n.from {
		if c.Get(k).IsZero() {
			continue
		}
		c.mark(k, allTaken)
		count := 0
		for v := range c.Fields(k).All(k) {
			if view.Empty(v) {
				continue
			}
			if count++; count > most && c.level >= noRest {
				break
			}
			if len(dst) == start {
				dst = append(dst, '[')
			} else {
				dst = append(dst, ',')
			}
			dst = append(c.valueText(append(dst, types[i]...), k, v), '}')
		}
	}
	if len(dst) > start {
		dst = append(dst, ']')
	}
	return dst
}
