package audit

import (
	"strings"

	"tallyman/pipeline/schema"
)

// What records of the kernel's security modules say beyond what all records do, and
// what the message of an event without op= names.

// noteField takes what the message is to name out of a field of a kernel's record.
// The field itself is written elsewhere.
func (f *facts) noteField(typ uint16, t *Token) {
	switch typ {
	case typeConfig:
		switch t.Key {
		case "audit_enabled", "audit_pid", "audit_failure", "audit_backlog_limit", "audit_backlog_wait_time", "audit_rate_limit", "lost", "path":
			f.noted1(t.Key, "=", t.Val)
		}
	case typeAbend:
		if t.Key == "sig" {
			f.note = f.data.GetNamed(schema.AuditdData, "sig_text").Str()
		}
	case 1404: // MAC_STATUS
		switch {
		case t.Key == "enforcing" && t.Val == "1":
			f.note = "enforcing"
		case t.Key == "enforcing":
			f.note = "permissive"
		}
	case 1405: // MAC_CONFIG_CHANGE
		switch t.Key {
		case "bool":
			f.note = t.Val
		case "val":
			f.noted1(f.note, " to ", t.Val)
		}
	case typeIPEConfig, typeIPEPolicy:
		if t.Key == "new_active_pol_name" || t.Key == "policy_name" {
			f.note = f.text(t)
		}
	case typeDomain:
		if t.Key == "status" {
			f.note = t.Val
		}
	case 1338, 1339: // DM_CTRL, DM_EVENT
		switch t.Key {
		case "module":
			f.note = t.Val
		case "op":
			f.noted1(f.note, " ", t.Val)
		}
	case typePacket:
		if t.Key == "saddr" || t.Key == "daddr" {
			f.noted1(f.packet.source, " to ", f.packet.target)
		}
	default:
		if typ >= 1406 && typ <= 1419 && t.Key == "op" { // labels of the network; others name no op
			f.note = t.Val
		}
	}
}

// noted1 sets what the message names to three texts in one.
func (f *facts) noted1(a, between, b string) {
	f.buf = append(append(append(f.buf[:0], a...), between...), b...)
	f.note = f.arena.keep(f.buf)
}

// landlocked takes what Landlock writes as only it does: the process that a signal or
// a trace was for, and the two ends of a connection.
func (f *facts) landlocked(t *Token) bool {
	switch t.Key {
	case "opid", "ocomm":
		f.targetField(t)
	case "saddr", "laddr":
		f.first(&f.packet.source, t.Key, t.Val)
	case "daddr", "faddr":
		f.first(&f.packet.target, t.Key, t.Val)
	case "src", "lport":
		f.first(&f.packet.sport, t.Key, t.Val)
	case "dest", "fport":
		f.first(&f.packet.dport, t.Key, t.Val)
	default:
		return false
	}
	return true
}

// ofPolicy reports whether a field is a condition in a rule of IMA's policy.
func ofPolicy(typ uint16, t *Token) bool {
	switch typ {
	case typePolicyRule:
		return t.Key != "res"
	case typeMeasured:
		return t.Form == Quoted && t.Key != "file" && t.Key != "hash" && t.Key != "comm" && t.Key != "exe"
	}
	return false
}

// hashed takes the hash of a file: the algorithm, a colon, and hex. Before Linux 3.17
// it was hex alone.
func (f *facts) hashed(t *Token) {
	if sum, ok := strings.CutPrefix(t.Val, "sha256:"); ok && len(sum) == 64 {
		f.out.AddString(schema.FileHashSHA256, sum)
		f.out.AddString(schema.RelatedHash, sum)
		return
	}
	f.rest(t)
}

// appendAccess appends what was to be done to what:
//
//	read write of file /etc/shadow
//	open /etc/xfce4/defaults.list
//	net.connect_tcp 198.51.100.7:443
func (f *facts) appendAccess(b []byte) []byte {
	b = append(b, ':')
	add := func(s string) {
		if s != "" {
			b = append(append(b, ' '), s[:min(len(s), messageLimit)]...)
		}
	}
	add(f.perms)
	class := f.data.GetNamed(schema.AuditdData, "tclass").Str()
	if f.perms != "" {
		add(prefixed("of ", class))
	}
	switch k := &f.packet; {
	case f.path != "" || f.acName != "":
		add(or(f.path, f.acName))
	case f.note != "":
		add(f.note)
	case k.target != "" || k.dport != "":
		b = appendEnd(b, k.target, k.dport)
	case k.source != "" || k.sport != "":
		b = appendEnd(b, k.source, k.sport)
	case f.target != "":
		add(f.target)
	case f.appArmor != "":
		add(or(f.data.GetNamed(schema.AuditdData, "peer").Str(), f.data.GetNamed(schema.AuditdData, "target").Str()))
	case strings.HasSuffix(class, "_socket"): // the number of a port
		add(prefixed("port ", or(f.data.GetNamed(schema.AuditdData, "dest").Str(), f.data.GetNamed(schema.AuditdData, "src").Str())))
	}
	if b[len(b)-1] == ':' { // nothing is known of it
		b = b[:len(b)-1]
	}
	return b
}

// appendEnd appends one end of a connection.
func appendEnd(b []byte, host, port string) []byte {
	b = append(append(b, ' '), host[:min(len(host), messageLimit)]...)
	if port != "" {
		b = append(append(b, ':'), port[:min(len(port), messageLimit)]...)
	}
	return b
}
