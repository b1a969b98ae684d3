package auditd

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// A datagram of the kernel's audit socket is
//
//	0   struct nlmsghdr: length u32, type u16, flags u16, seq u32, pid u32,
//	    in the byte order of the host
//	16  the text "audit(SECONDS.MS:SERIAL): …"; no NUL ends it
//
// and holds one message. The length in the header is not to be believed: for one
// reader it leaves the header out, for many it counts it (kernel/audit.c,
// kauditd_send_multicast_skb). The length of the datagram is.
const nlHeader = 16

// Message types that are no records (linux/audit.h): up to the first record of a
// process stand netlink's own and the commands with their answers.
const (
	typeUser      = 1005
	typeLogin     = 1006
	firstRecord   = 1100
	typeReplace   = 1329 // the kernel asks whether its reader is alive
	maxRecordText = 64 << 10
)

// isRecord reports whether messages of a type are records, and not commands,
// answers and the like.
func isRecord(typ uint16) bool {
	return typ >= firstRecord && typ != typeReplace || typ == typeUser || typ == typeLogin
}

// heads are the beginnings of lines by type, as they were needed. It belongs to
// one goroutine.
type heads map[uint16]string

// of returns "type=SYSCALL msg=".
func (h heads) of(typ uint16) string {
	s, ok := h[typ]
	if !ok {
		s = "type=" + typeName(typ) + " msg="
		h[typ] = s
	}
	return s
}

// typeName is the name that auditd writes for a type; the table also has names
// for the ends of ranges, which are types without a name.
func typeName(typ uint16) string {
	t := auparse.AuditMessageType(typ)
	name := t.String()
	if strings.HasPrefix(name, "FIRST_") || strings.HasPrefix(name, "LAST_") || t == auparse.AUDIT_INTEGRITY_LAST_MSG {
		return "UNKNOWN[" + strconv.Itoa(int(typ)) + "]"
	}
	return name
}

// appendLine appends a record as auditd writes it in its format RAW: a line feed
// becomes a space, and one space at the end is cut (auditd-event.c, format_raw).
func appendLine(dst []byte, head string, text []byte) []byte {
	text = bytes.TrimRight(text, "\x00")
	dst = append(dst, head...)
	at := len(dst)
	dst = append(dst, text...)
	for i := at; ; i++ {
		n := bytes.IndexByte(dst[i:], '\n')
		if n < 0 {
			break
		}
		i += n
		dst[i] = ' '
	}
	if dst[len(dst)-1] == ' ' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '\n')
}
