package audit

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// kernelQuotes reports whether the kernel writes this field in double quotes, or
// in hex where its text has a quote itself. All others are written as they are:
// numbers, words, and the names of tables and network interfaces, which a user in
// a namespace of his own may choose.
func kernelQuotes(key string) bool {
	switch key {
	case "comm", "exe", "name", "path", "key", "cwd", "proctitle", "dev", "ocomm", "op", "cause", "file", "dir", "watch", "data",
		"apparmor", "operation", "class", "info", "profile", "label", "namespace", "peer", "peer_profile", "target", "requested_mask", "denied_mask",
		"requested", "denied", "family", "sock_type", "capname", "flags", "fstype", "srcname", "src_name", "options", "signal", "execpath", "kmod", "key_desc", "lockdown_reason",
		"hash", "bus", "interface", "member", "mask", "addr", "peer_addr", "net_addr",
		"subject", "object", // Smack
		"rule", "policy_name", "old_active_pol_name", "new_active_pol_name", // IPE
		"reason", "acct", "vm", "invalid_context", "root_dir", "root-dir", "device", "cgroup", "sw", "grp", "new_group",
		"new-disk", "old-disk", "new-fs", "old-fs", "new-chardev", "old-chardev":
		return true
	}
	return false
}

// The two records that begin with a name which the kernel writes as it is, and
// the field that it always writes next.
const (
	typeNetfilter   = 1325 // table=NAME family=2 entries=…
	typePromiscuous = 1700 // dev=NAME prom=256 …
)

// nameEnd returns where the bare name that begins a record ends, 0 for a record
// without one. All that the kernel writes behind it is a number, a label or
// encoded, so the last place that may be its end is the one.
func nameEnd(typ uint16, s string) int {
	switch {
	case typ == typeNetfilter && strings.HasPrefix(s, "table="):
		return strings.LastIndex(s, " family=")
	case typ == typePromiscuous && strings.HasPrefix(s, "dev="):
		return strings.LastIndex(s, " prom=")
	}
	return 0
}

// dataLimit is how many fields one record may add to auditd.data by name; it
// bounds the work for an event. What comes after is kept as one text.
const dataLimit = 256

// span watches which part of a text found no room as fields of their own.
type span struct {
	f        *facts
	s        string
	from, to int
}

// many begins the reading of a text whose number of fields somebody else chooses.
func (f *facts) many(s string) span {
	f.capped, f.over = true, false
	return span{f: f, s: s, from: -1}
}

// after looks whether the field that was read found room.
func (p *span) after(t *Token) {
	if p.f.over {
		if p.from < 0 {
			p.from = t.Pos
		}
		p.to, p.f.over = t.End, false
	}
	p.f.capped = true
}

// end keeps what found no room.
func (p *span) end() {
	p.f.capped = false
	if p.from >= 0 {
		p.f.data = append(p.f.data, event.NewField(schema.AuditdData, "text", event.String(p.s[p.from:p.to])))
	}
}

// twice reports whether a field stands in s with different values.
func twice(s, key string) bool {
	first, seen := "", false
	var t Token
	for w := NewWalk(s); w.next(&t); {
		switch {
		case t.Key != key:
		case !seen:
			first, seen = t.Val, true
		case t.Val != first:
			return true
		}
	}
	return false
}
