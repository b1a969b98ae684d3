// Package record is what decoders of logs and notifications have in common: how
// an event says that a part of its record is in doubt, what its id is made of,
// and how times, addresses, image references and pairs of names and values are
// read. It knows no format of a source.
package record

import (
	"net"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/schema"
)

// What an event says of itself when a part of its record is in doubt: a tag and a
// code. error.message says which part.
const (
	TagIncomplete = "tallyman_incomplete"
	CodeParse     = "parse_error"
)

// MaxText is how long a text of a source may be that becomes a message or a
// label, in bytes; a longer one stays in event.original alone.
const MaxText = 8 << 10

// Doubt flags an event and says why; its Raw stays.
func Doubt(f *event.Fields, why string) {
	f.AddString(schema.Tags, TagIncomplete)
	f.AddString(schema.ErrorCode, CodeParse)
	f.AddString(schema.ErrorMessage, why)
}

// Label adds what the schema has no field for. False says that it is too long.
func Label(f *event.Fields, name, value string) bool {
	if len(value) > MaxText || len(name) > 256 {
		return false
	}
	if name != "" && value != "" {
		f.AddNamed(schema.Labels, name, event.String(value))
	}
	return true
}

// ID makes an id of where an event was read and what tells it apart.
func ID(seed []byte, hostID string, e *event.Event, parts ...string) (event.ID, []byte) {
	seed = append(seed[:0], hostID...)
	seed = append(append(seed, 0), e.Dataset...)
	for _, part := range parts {
		seed = append(append(seed, 0), part...)
	}
	return event.NewID(seed), seed
}

// LineID makes the id of a record that has no name of its own: where it stands
// in its source, and its text. Where its input has given it an id, that is its place:
// the offsets of partitions, and of containers, are alike. Index tells events of one
// record apart.
func LineID(seed []byte, hostID string, e *event.Event, text string, index int) (event.ID, []byte) {
	if e.ID.IsZero() {
		seed = append(append(append(seed[:0], hostID...), 0), e.Dataset...)
		seed = append(append(seed, 0), e.Get(schema.LogFilePath).Str()...)
		seed = append(append(seed, 0), text...)
		seed = strconv.AppendInt(append(seed, 0), e.Offset, 10)
	} else {
		seed = append(append(seed[:0], e.ID[:]...), e.Dataset...)
		seed = append(append(seed, 0), text...)
	}
	seed = strconv.AppendInt(append(seed, 0), int64(index), 10)
	return event.NewID(seed), seed
}

// Sane reports whether a time fits the schema's range.
func Sane(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 2261 }

// Time reads a time as RFC 3339 has it, also with a blank or a comma where that
// has a T or a point, and without a zone, which then is UTC.
func Time(s string) (time.Time, bool) {
	if t, ok := pieces.ParseTime(s); ok {
		return t, Sane(t)
	}
	for _, layout := range [...]string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700",
		"2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 -0700 MST",
		"02/Jan/2006:15:04:05 -0700", time.RFC1123Z, time.RFC1123} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), Sane(t)
		}
	}
	return time.Time{}, false
}

// Epoch reads seconds, milliseconds, microseconds or nanoseconds since 1970, told
// apart by their size.
func Epoch(v float64) (time.Time, bool) {
	var t time.Time
	switch {
	case v > 9e18 || !(v > 0):
		return time.Time{}, false
	case v > 1e17:
		t = time.Unix(0, int64(v))
	case v > 1e14:
		t = time.UnixMicro(int64(v))
	case v > 1e11:
		t = time.UnixMilli(int64(v))
	default:
		sec := int64(v)
		t = time.Unix(sec, int64((v-float64(sec))*1e6)*1e3)
	}
	if t = t.UTC(); !Sane(t) {
		return time.Time{}, false
	}
	return t, true
}

// Source adds where a request came from: an address, with or without a port. Of a
// list of proxies the first is the client, as far as they say.
func Source(f *event.Fields, addr string) {
	addr = strings.TrimSpace(addr)
	if addr == "" || addr == "-" {
		return
	}
	f.AddString(schema.SourceAddress, addr)
	first, _, _ := strings.Cut(addr, ",")
	host, port := HostPort(strings.TrimSpace(first))
	ip, ok := event.IP(host)
	if ok {
		f.Add(schema.SourceIP, ip)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		f.Add(schema.SourcePort, event.Int(int64(n)))
	}
	if ok {
		f.Add(schema.RelatedIP, ip)
	}
}

// HostPort parts an address from its port, which may be missing.
func HostPort(addr string) (host, port string) {
	if strings.HasPrefix(addr, "[") || strings.Count(addr, ":") == 1 {
		if h, p, err := net.SplitHostPort(addr); err == nil {
			return h, p
		}
	}
	return strings.Trim(addr, "[]"), ""
}

// Image is an image reference taken apart: registry/repository:tag@digest.
type Image struct{ Registry, Name, Tag, Digest string }

// ParseImage takes a reference apart. Name holds the registry too, as
// container.image.name has it.
func ParseImage(ref string) (i Image) {
	ref = strings.TrimSpace(ref)
	for _, scheme := range [...]string{"docker-pullable://", "docker://", "https://", "http://"} {
		ref = strings.TrimPrefix(ref, scheme)
	}
	if at := strings.IndexByte(ref, '@'); at >= 0 {
		ref, i.Digest = ref[:at], ref[at+1:]
	}
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		ref, i.Tag = ref[:colon], ref[colon+1:]
	}
	i.Name = ref
	if host, _, ok := strings.Cut(ref, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		i.Registry = host
	}
	return i
}

// Fields adds the reference as the image of a container.
func (i Image) Fields(f *event.Fields) {
	f.AddString(schema.ContainerImageName, i.Name)
	f.AddString(schema.ContainerImageTag, i.Tag)
	f.AddString(schema.ContainerImageHashAll, i.Digest)
	f.AddString(schema.ContainerImageRegistry, i.Registry)
}

// OCI adds the reference as an object of a registry.
func (i Image) OCI(f *event.Fields) {
	f.AddString(schema.OCIRepository, i.Repository())
	f.AddString(schema.OCITag, i.Tag)
	f.AddString(schema.OCIDigest, i.Digest)
}

// Repository is the name without the registry.
func (i Image) Repository() string {
	if i.Registry == "" {
		return i.Name
	}
	return strings.TrimPrefix(i.Name, i.Registry+"/")
}

// ContainerID takes what a runtime writes before an id away.
func ContainerID(id string) string {
	if at := strings.Index(id, "://"); at >= 0 {
		return id[at+3:]
	}
	return id
}

// Severity is the event.severity of a word that scanners and sensors use (SCHEMA,
// section 5), and whether it is known.
func Severity(word string) (int64, bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical", "emergency", "alert", "defcon1", "fatal":
		return 10, true
	case "high", "error", "important":
		return 8, true
	case "medium", "moderate", "warning", "warn":
		return 5, true
	case "low", "notice", "minor":
		return 3, true
	case "negligible", "informational", "information", "info", "debug", "none", "unimportant", "trivial":
		return 2, true
	}
	return 3, false
}

// Slug is a text in lower case in which everything but letters and digits is a
// single dash.
func Slug(s string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
			continue
		}
		dash = true
	}
	return b.String()
}
