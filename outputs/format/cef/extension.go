package cef

import (
	"slices"
	"strconv"
	"strings"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// how says how a key of the extension gets its value.
type how uint8

const (
	first   how = iota // the first of the fields that is there, as text
	integer            // the same, as a whole number
	port               // the same, one up to 65535
	millis             // the same, a time as milliseconds since 1970
	joined             // all values of the first field that is there, parted by commas
	special            // as function special says
)

// pair is one key of the extension.
type pair struct {
	key   string
	label string // of a custom key: the value of <key>Label
	limit int    // in characters; 0 for what is no text
	how   how
	from  []schema.Key

	head bool     // it may have a value where none of from has
	any  view.Set // from
}

// extension is SCHEMA.md section 6 in its order. Lengths are those of the
// dictionary.
var extension = []pair{
	{key: "rt", how: special, head: true},
	{key: "dvchost", limit: 100, from: keys(schema.HostName)},
	{key: "dvc", how: special, from: keys(schema.HostIP)},
	{key: "deviceExternalId", limit: 255, from: keys(schema.HostID)},
	{key: "deviceFacility", limit: 1023, how: special, head: true, from: keys(schema.EventDataset)},
	{key: "cat", limit: 1023, how: joined, from: keys(schema.EventCategory)},
	{key: "act", limit: 63, from: keys(schema.EventAction)},
	{key: "outcome", limit: 63, from: keys(schema.EventOutcome)},
	{key: "reason", limit: 1023, from: keys(schema.EventReason)},
	{key: "externalId", limit: 40, how: special, head: true, from: keys(schema.EventID)},
	{key: "app", limit: 31, from: keys(schema.NetworkProtocol, schema.ServiceName)},
	{key: "proto", limit: 31, from: keys(schema.NetworkTransport)},
	{key: "deviceDirection", how: special, from: keys(schema.NetworkDirection)},
	{key: "src", how: special, from: keys(schema.SourceIP)},
	{key: "spt", how: port, from: keys(schema.SourcePort)},
	{key: "shost", limit: 1023, from: keys(schema.SourceDomain)},
	{key: "suser", limit: 1023, from: keys(schema.UserAuditName, schema.UserName)},
	{key: "suid", limit: 1023, from: keys(schema.UserID)},
	{key: "spriv", limit: 1023, from: keys(schema.UserEffectiveName)},
	{key: "sproc", limit: 1023, from: keys(schema.ProcessExecutable)},
	{key: "spid", how: integer, from: keys(schema.ProcessPID)},
	{key: "dst", how: special, from: keys(schema.DestinationIP, schema.ServerIP)},
	{key: "dpt", how: port, from: keys(schema.DestinationPort, schema.ServerPort)},
	{key: "dhost", limit: 1023, how: special, from: keys(schema.DestinationDomain, schema.DestinationAddress, schema.ServerAddress, schema.NetworkType)},
	{key: "duser", limit: 1023, how: special, from: keys(schema.UserTargetName, schema.UserEffectiveName, schema.GroupName)},
	{key: "duid", limit: 1023, how: special, from: keys(schema.UserTargetID, schema.UserEffectiveID, schema.GroupID)},
	{key: "dpid", how: special, head: true},
	{key: "dproc", limit: 1023, how: special, head: true},
	{key: "fname", limit: 1023, how: special, from: keys(schema.FileName, schema.FileTargetPath)},
	{key: "filePath", limit: 1023, how: special, from: keys(schema.FilePath, schema.FileTargetPath)},
	{key: "fileType", limit: 1023, from: keys(schema.FileType)},
	{key: "fileId", limit: 1023, from: keys(schema.FileInode)},
	{key: "filePermission", limit: 1023, from: keys(schema.FileMode)},
	{key: "fsize", how: integer, from: keys(schema.OCISize)},
	{key: "fileHash", limit: 255, from: keys(schema.ProcessHashSHA256, schema.FileHashSHA256, schema.OCIDigest)},
	{key: "oldFilePath", limit: 1023, how: special, from: keys(schema.FileTargetPath)},
	{key: "request", limit: 1023, from: keys(schema.URLOriginal, schema.JenkinsRequestURI, schema.KubernetesAuditRequestURI)},
	{key: "requestMethod", limit: 1023, from: keys(schema.HTTPRequestMethod, schema.KubernetesAuditVerb)},
	{key: "requestClientApplication", limit: 1023, from: keys(schema.UserAgentOriginal)},
	{key: "cs1", label: "ContainerId", limit: 4000, from: keys(schema.ContainerID)},
	{key: "cs2", label: "ContainerImage", limit: 4000, how: special,
		from: keys(schema.ContainerImageName, schema.ContainerImageTag, schema.OCIRepository, schema.OCITag)},
	{key: "cs3", label: "KubernetesPod", limit: 4000, how: special,
		from: keys(schema.OrchestratorType, schema.OrchestratorNamespace, schema.OrchestratorResourceName)},
	{key: "cs4", label: "CommandLine", limit: 4000, from: keys(schema.ProcessCommandLine)},
	{key: "cs5", label: "AuditKey", limit: 4000, how: joined, from: keys(schema.AuditdKey, schema.GitRef, schema.JenkinsJobName)},
	{key: "cs6", label: "MitreTechnique", limit: 4000, how: joined, from: keys(schema.ThreatTechniqueID)},
	{key: "cn1", label: "ParentProcessId", how: integer, from: keys(schema.ProcessParentPID)},
	{key: "cn2", label: "AuditSession", how: integer, from: keys(schema.AuditdSession)},
	{key: "cn3", label: "ExitCode", how: special, head: true, from: keys(schema.ProcessExitCode)},
	{key: "flexString1", label: "ContainerName", limit: 1023, from: keys(schema.ContainerName)},
	{key: "flexString2", label: "PciRequirement", limit: 1023, how: joined, from: keys(schema.TallymanCompliancePCIDSS)},
	{key: "msg", limit: 1023, how: special, head: true, from: keys(schema.Message, schema.EventOriginal)},
	{key: "start", how: millis, from: keys(schema.EventStart)},
	{key: "end", how: millis, from: keys(schema.EventEnd)},
}

func keys(k ...schema.Key) []schema.Key { return k }

// asked lists every key that rendering needs.
func asked() []schema.Key {
	list := keys(schema.RuleName)
	for _, p := range extension {
		list = append(list, p.from...)
	}
	return list
}

// pairs returns the pairs for a view of what is asked.
func pairs(v *view.View) []pair {
	list := slices.Clone(extension)
	for i := range list {
		list[i].any = v.SetOf(list[i].from)
	}
	return list
}

// extension appends every pair that has a value.
func (c *Encoder) extension(dst []byte) []byte {
	c.cut, c.marks, c.esc = false, c.marks[:0], c.esc[:0]
	c.commandSize, c.messageSize = 0, 0
	for i := range c.pairs {
		p := &c.pairs[i]
		if !p.head && !c.HasAny(&p.any) {
			continue
		}
		at := len(dst)
		dst = c.pair(dst, p)
		if len(dst) == at {
			continue
		}
		c.marks = append(c.marks, at)
		if p.label != "" {
			dst = append(append(append(append(dst, ' '), p.key...), "Label="...), p.label...)
		}
	}
	if c.title || len(c.esc) > 0 {
		at := len(dst)
		dst = c.escaped(dst, len(c.marks))
		c.marks = append(c.marks, at)
	}
	if c.cut {
		c.marks = append(c.marks, len(dst))
		dst = c.begin(dst, "TallymanTruncated")
		dst = append(dst, "true"...)
	}
	return dst
}

// unlimited is more bytes than any text has.
const unlimited = 1 << 40

// pair appends one key and its value, or nothing.
func (c *Encoder) pair(dst []byte, p *pair) []byte {
	if p.how == special {
		return c.special(dst, p)
	}
	k, v := c.First(p.from)
	switch p.how {
	case integer:
		return c.number(dst, p.key, v)
	case port:
		if n, ok := v.Int64(); ok && (n < 0 || n > 65535) {
			return dst
		}
		return c.number(dst, p.key, v)
	case millis:
		if v.Kind() != event.KindTime {
			return dst
		}
		return strconv.AppendInt(c.begin(dst, p.key), v.Instant().UnixMilli(), 10)
	case joined:
		return c.list(dst, p, k)
	}
	return c.value(dst, p, v)
}

// begin appends a key and its equals sign.
func (c *Encoder) begin(dst []byte, key string) []byte {
	if len(dst) > c.first {
		dst = append(dst, ' ')
	}
	return append(append(dst, key...), '=')
}

// value appends a key and v as text.
func (c *Encoder) value(dst []byte, p *pair, v event.Value) []byte {
	if v.IsZero() {
		return dst
	}
	if s := v.Str(); s != "" || v.Kind() == event.KindString {
		return c.text(dst, p, s, "", "")
	}
	return v.Append(c.begin(dst, p.key)) // numbers and times need no escape
}

// text appends a key and the text s, sep, t; sep stands only between two.
func (c *Encoder) text(dst []byte, p *pair, s, sep, t string) []byte {
	if s == "" && t == "" {
		return dst
	}
	room := unlimited
	switch p.key {
	case "cs4":
		room = c.commandLimit
	case "msg":
		room = c.messageLimit
	}
	at := len(dst)
	dst = c.begin(dst, p.key)
	from := len(dst)
	if t == "" && len(s) <= min(p.limit, room) && run(s) == len(s) { // nearly all
		dst = append(dst, s...)
		c.measure(p.key, len(s))
		return dst
	}
	hex := dirty(s) || dirty(t)
	dst, chars, cut := appendValue(dst, s, hex, p.limit, room)
	if t != "" && !cut {
		if s != "" {
			dst, chars = append(dst, sep...), chars+len(sep)
		}
		dst, _, cut = appendValue(dst, t, hex, p.limit-chars, room)
	}
	c.cut = c.cut || cut
	c.measure(p.key, len(dst)-from)
	if len(dst) == from {
		return dst[:at]
	}
	c.note(p.key, hex)
	return dst
}

// measure remembers how long the values are that give way first.
func (c *Encoder) measure(key string, size int) {
	switch key {
	case "cs4":
		c.commandSize = size
	case "msg":
		c.messageSize = size
	}
}

// note remembers that the value of the key at hand is escaped.
func (c *Encoder) note(key string, hex bool) {
	if hex {
		c.esc = append(c.esc, esc{key, len(c.marks)})
	}
}

// list appends a key and all values of k.
func (c *Encoder) list(dst []byte, p *pair, k schema.Key) []byte {
	fields := c.Fields(k)
	at, left, hex := len(dst), p.limit, false
	for v := range fields.All(k) {
		hex = hex || dirty(v.Str())
	}
	for i := range fields {
		if fields[i].Key != k || view.Empty(fields[i].Val) {
			continue
		}
		if len(dst) == at {
			dst = c.begin(dst, p.key)
		} else if left--; left > 0 {
			dst = append(dst, ',')
		}
		var n int
		var cut bool
		if dst, n, cut = appendValue(dst, view.Text(fields[i].Val), hex, left, unlimited); cut {
			c.cut = true
			break
		}
		left -= n
	}
	if len(dst) > at {
		c.note(p.key, hex)
	}
	return dst
}

// number appends a key and a whole number. A text counts when it is one.
func (c *Encoder) number(dst []byte, key string, v event.Value) []byte {
	switch v.Kind() {
	case event.KindInt, event.KindUint:
		return v.Append(c.begin(dst, key))
	case event.KindString:
		s := v.Str()
		if digits := strings.TrimPrefix(s, "-"); digits == "" || len(digits) > 18 || strings.Trim(digits, "0123456789") != "" {
			return dst
		}
		return append(c.begin(dst, key), s...)
	}
	return dst
}
