package audit

import "strings"

// separator stands before what auditd adds with log_format=ENRICHED. It is a
// byte like any other inside a name or a program's text, so alone it says
// nothing.
const separator = 0x1d

// enrichedKeys are the names that auditd gives to what it adds; they are the
// upper-case forms of the fields they translate.
var enrichedKeys = [...]string{"ARCH", "SYSCALL", "SADDR", "AUID", "EUID", "SUID", "FSUID", "OUID", "UID",
	"EGID", "SGID", "FSGID", "OGID", "GID", "ID", "OAUID", "SAUID", "IUID", "OLD-AUID", "OBJ_UID", "OBJ_GID", "NEW_GID"}

// split parts a body from what auditd added to it: after the last 0x1D behind
// which stand only such additions, to the end, or after the place where a copy
// of the log dropped that byte (`res=1AUID="x"`), wrote a blank for it
// (`res=1 AUID="x"`) or words (`res=1#035AUID="x"`, as rsyslog does). Kernel fields have lower-case
// names and a program's text ends with an apostrophe, so neither can pass for an
// addition. torn says that 0x1D stands in the body: in a name, or before an addition that was
// cut.
func split(body string) (raw, enriched string, torn bool) {
	if first := strings.IndexByte(body, separator); first >= 0 {
		last := strings.LastIndexByte(body, separator)
		if framed(body[last+1:]) || added(body[last+1:]) < 0 {
			return body[:last], body[last+1:], false
		}
		if first != last && added(body[first+1:]) < 0 { // a name that auditd added holds the others
			return body[:first], body[first+1:], false
		}
		return body, "", true
	}
	if !mayHaveSeam(body) {
		return body, "", false
	}
	// Only what stands outside quotes can be the seam: text under a user's
	// control is inside them, or hex.
	for i := 0; i < len(body); {
		switch c := body[i]; {
		case c == '"':
			i = closing(body, i)
		case c == '\'':
			end := strings.LastIndexByte(body, '\'')
			if end == i { // the text of a program was cut: what follows may be its words
				return body, "", false
			}
			i = end + 1
		case c >= 'A' && c <= 'Z' && i > 0 && seam(body[i:]):
			bad := added(body[i:])
			if bad < 0 {
				return unmarked(body[:i]), body[i:], false
			}
			// What goes wrong behind an addition goes wrong behind those that follow it
			// up to there, and to look again from each would take the square of a line's length.
			i += max(bad, 1)
		default:
			i++
		}
	}
	return body, "", false
}

// unmarked cuts off what a copy of the log wrote for 0x1D.
func unmarked(body string) string {
	for _, mark := range [...]string{"#035", `\x1d`, `\u001d`, `\035`} {
		if rest, ok := strings.CutSuffix(body, mark); ok {
			return rest
		}
	}
	return body
}

// framed reports whether s begins and ends with an addition. That is enough to
// know the end of a line: without additions it ends with a kernel field or an
// apostrophe. It may be false for the text of a name with a blank.
func framed(s string) bool {
	end := s[strings.LastIndexByte(s, ' ')+1:]
	n := upperKey(end)
	if n == 0 || n+1 == len(end) || upperKey(s) == 0 {
		return false
	}
	if val := end[n+1:]; val[0] == '"' {
		return len(val) > 1 && strings.IndexByte(val[1:], '"') == len(val)-2
	}
	return added(end) < 0
}

// added returns -1 where s is what auditd adds and nothing else, to its end:
// upper-case names with a value in quotes, a word, or the braces of SADDR. Else it
// returns where the first begins that is none.
func added(s string) int {
	for at := 0; at < len(s); {
		n := upperKey(s[at:])
		if n == 0 || at+n+1 >= len(s) {
			return at
		}
		i := at + n + 1
		switch s[i] {
		case '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return at
			}
			i += end + 2
		case '{':
			if s[len(s)-1] == '}' {
				return -1
			}
			return at
		default:
			saddr := s[at:at+n] == "SADDR" // "unknown family(0)", as auditd wrote until 3.0
			for ; i < len(s) && (s[i] != ' ' || saddr); i++ {
				if c := s[i]; c == '=' || c == '"' || c == '\'' || c == separator {
					return at
				}
			}
		}
		if i < len(s) && s[i] != ' ' {
			return at
		}
		for i < len(s) && s[i] == ' ' {
			i++
		}
		at = i
	}
	return -1
}

// upperKey returns the length of the name of an addition at the start of s, 0
// for none.
func upperKey(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', i > 0 && (c == '_' || c == '-' || c >= '0' && c <= '9'):
		case c == '=':
			return i
		default:
			return 0
		}
	}
	return 0
}

// mayHaveSeam looks for what every enriched part has (an id, or the address of
// SOCKADDR) and nearly all RAW records have not, much faster than the walk by
// quotes.
func mayHaveSeam(s string) bool {
	return strings.Contains(s, "ID=") || strings.HasPrefix(s, "saddr=") && strings.Contains(s, "SADDR=")
}

// seam reports whether s starts with a field that auditd is known to add.
func seam(s string) bool {
	for _, k := range enrichedKeys {
		if len(s) > len(k) && s[len(k)] == '=' && s[:len(k)] == k {
			return true
		}
	}
	return false
}

// translates reports whether a body has the field that auditd's key is made of.
func translates(body, key string) bool {
	var b [24]byte
	if len(key) >= len(b) {
		return false
	}
	for i := 0; i < len(key); i++ {
		b[i] = key[i]
		if c := key[i]; c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	b[len(key)] = '='
	for at := 0; ; {
		i := strings.Index(body[at:], string(b[:len(key)+1]))
		if i < 0 {
			return false
		}
		if at += i; at == 0 || !keyBytes[body[at-1]] {
			return true
		}
		at++
	}
}
