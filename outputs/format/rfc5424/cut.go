package rfc5424

import "unicode/utf8"

// Cut returns msg shortened to at most limit bytes without splitting a character.
// Bytes that are no UTF-8 are cut where they are.
func Cut(msg []byte, limit int) []byte {
	if len(msg) <= limit {
		return msg
	}
	for at := limit; at >= 0 && at > limit-utf8.UTFMax; at-- {
		if utf8.RuneStart(msg[at]) {
			// A start byte that begins no valid character splits nothing.
			if r, n := utf8.DecodeRune(msg[at:]); at == limit || r != utf8.RuneError || n > 1 {
				return msg[:at]
			}
			break
		}
	}
	return msg[:limit]
}

// HeadEnd returns how many bytes of an RFC 5424 message its header and its
// structured data take (sections 6.2 and 6.3), len(msg) where they do not end,
// and 0 where msg is none. A message that is cut before that is not syslog any
// more.
func HeadEnd(msg []byte) int {
	if len(msg) == 0 || msg[0] != '<' {
		return 0
	}
	at := 0
	for range 6 { // PRI and VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID
		for at < len(msg) && msg[at] != ' ' {
			at++
		}
		at++
	}
	inside, quoted := false, false
	for ; at < len(msg); at++ {
		switch c := msg[at]; {
		case quoted && c == '\\':
			at++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == ' ' && !inside:
			return at
		}
	}
	return len(msg)
}
