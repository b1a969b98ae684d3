package journald

import (
	"strconv"
	"strings"
)

// audit returns the audit record that an entry is, in the form of auditd's log.
// Only the transport says that it is one, which is journald's word.
//
//   - _TRANSPORT=audit: journald took it from the kernel and cut its head off;
//     MESSAGE is "SERVICE_START pid=1 uid=0 …", time and serial are fields.
//   - _TRANSPORT=kernel: the kernel printed it, for want of an auditd; MESSAGE is
//     "audit: type=1130 audit(…): …".
func (x entry) audit() (string, bool) {
	message := x.get("MESSAGE")
	switch x.get("_TRANSPORT") {
	case "kernel":
		return message, strings.HasPrefix(message, "audit: type=") && strings.Contains(message, " audit(")
	case "audit":
	default:
		return "", false
	}
	at, timed := micros(x.get("_SOURCE_REALTIME_TIMESTAMP"))
	serial, err := strconv.ParseUint(x.get("_AUDIT_ID"), 10, 64)
	kind, body, ok := strings.Cut(message, " ")
	if !timed || err != nil || !ok || kind == "" || kind == "AUDIT" {
		return "", false
	}
	if number, ok := strings.CutPrefix(kind, "AUDIT"); ok && allDigits(number) { // what journald has no name for
		kind = "UNKNOWN[" + number + "]"
	}
	if !isKind(kind) {
		return "", false
	}
	var b strings.Builder
	b.Grow(len(message) + 48)
	b.WriteString("type=" + kind + " msg=audit(")
	b.WriteString(strconv.FormatInt(at/1_000_000, 10))
	ms := strconv.FormatInt(at/1000%1000, 10)
	b.WriteString("." + "000"[len(ms):] + ms + ":")
	b.WriteString(strconv.FormatUint(serial, 10))
	b.WriteString("): ")
	b.WriteString(body)
	return b.String(), true
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isKind reports whether s can be the type of an audit record.
func isKind(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_[]") == ""
}
