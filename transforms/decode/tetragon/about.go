package tetragon

import (
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// about adds the object: of a connection its ends, of a probe its arguments, of an
// exit how it ended.
func about(f *event.Fields, n jsontree.Node) {
	for _, end := range [...]struct {
		ip, port    string
		key, number schema.Key
	}{{"source_ip", "source_port", schema.SourceIP, schema.SourcePort}, {"destination_ip", "destination_port", schema.DestinationIP, schema.DestinationPort}} {
		if v, ok := event.IP(n.Get(end.ip).Str()); ok {
			f.Add(end.key, v)
			f.Add(schema.RelatedIP, v)
		}
		if v, ok := n.Get(end.port).Int(); ok && v > 0 && v < 1<<16 {
			f.Add(end.number, event.Int(v))
		}
	}
	f.AddString(schema.NetworkTransport, strings.ToLower(n.Get("protocol").Str()))
	if v, ok := n.Get("stats", "bytes_sent").Int(); ok {
		f.Add(schema.SourceBytes, event.Int(v))
	}
	if v, ok := n.Get("stats", "bytes_received").Int(); ok {
		f.Add(schema.DestinationBytes, event.Int(v))
	}
	if v, ok := n.Get("status").Int(); ok {
		f.Add(schema.ProcessExitCode, event.Int(v))
	}
	found := false
	n.Get("args").Each(func(_ string, a jsontree.Node) {
		for _, name := range [...]string{"file_arg", "path_arg", "linux_binprm_arg"} {
			if p := a.Get(name, "path"); p.Is() && !found {
				f.AddString(schema.FilePath, p.Str())
				found = true
			}
		}
		if s := a.Get("sock_arg"); s.IsObject() {
			sockEnd(f, s, "saddr", "sport", schema.SourceIP, schema.SourcePort)
			sockEnd(f, s, "daddr", "dport", schema.DestinationIP, schema.DestinationPort)
		}
	})
	record.Label(f, "function", n.Get("function_name").Str())
}

// sockEnd adds one end of a socket that a probe saw; a socket that is not connected has
// zeros there, and only the first of several counts.
func sockEnd(f *event.Fields, s jsontree.Node, addr, port string, key, number schema.Key) {
	if ip, ok := event.IP(s.Get(addr).Str()); ok && f.Get(key).IsZero() {
		f.Add(key, ip)
		f.Add(schema.RelatedIP, ip)
	}
	if v, err := strconv.ParseUint(s.Get(port).Text(), 10, 16); err == nil && v > 0 && f.Get(number).IsZero() {
		f.Add(number, event.Int(int64(v)))
	}
}
