package syslog

import (
	"net/netip"
	"strings"
	"time"
)

//	<190>77: sw1: 000073: *Jan  1 2006 23:12:00.975 CET: %SYS-5-CONFIG_I: …
//	     │   │    │       │└ time ─────────────────┘
//	     │   │    │       └ the clock is not set
//	     │   │    └ sequence number
//	     │   └ origin: the name, the address or a text of the administrator's
//	     └ count of messages sent
//
// Each part may be missing; routers of IOS XR put the card that speaks before the
// time, NX-OS puts the year first, and a device without a clock says how long it
// runs: "2y10w". A relay may have put a time and a host before all of it.

// cisco reads such a head up to the colon after its time, where it has a part that
// device does not know. That colon alone is no sign, so a counter, a colon at the
// front, a card or a mnemonic after it has to be there too; else nothing is read.
func (d *decoder) cisco(s string, seen time.Time) (text string, ok bool) {
	m := &d.m
	before := *m
	m.timed, m.local = false, false
	if text, ok = d.ciscoHead(s, seen); !ok {
		*m = before
		return "", false
	}
	if before.timed && !m.timed { // an uptime only
		m.timed, m.local, m.at, m.east = true, before.local, before.at, before.east
	}
	return text, true
}

func (d *decoder) ciscoHead(s string, seen time.Time) (text string, ok bool) {
	m := &d.m
	counted := m.sequence
	trimmed := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(s, " "), ":"), " ")
	sure := len(s)-len(trimmed) > 1 || len(s) > 0 && s[0] == ':'
	s = m.counters(trimmed)
	rest, ok := d.ciscoTime(s, seen)
	if !ok {
		name, after, found := origin(s)
		if m.sequence != counted && mnemonic(s) != "" {
			return s, true // "service timestamps" is off
		}
		if !found {
			return "", false
		}
		s = m.counters(strings.TrimLeft(after, " "))
		if rest, ok = d.ciscoTime(s, seen); !ok && (m.sequence == counted || mnemonic(s) == "") {
			return "", false
		}
		m.named(name)
		if !ok {
			return s, true
		}
	}
	rest = strings.TrimPrefix(m.unknownZone(rest), " ")
	if !strings.HasPrefix(rest, ":") {
		return "", false
	}
	rest = strings.TrimPrefix(rest[1:], " ")
	return rest, sure || m.sequence != counted || m.node != "" || strings.HasPrefix(rest, "%") ||
		strings.HasPrefix(rest, "last message repeated ")
}

// named keeps what a device calls itself: its host, or the card that speaks.
func (m *message) named(origin string) {
	if strings.IndexByte(origin, ' ') > 0 {
		m.node = origin
		return
	}
	if m.host != origin {
		m.relay = m.host
	}
	m.host = origin
}

// origin reads the name that a device has in its own messages, "sw1: ", and the
// card of a router of IOS XE, "CLC 6/0: ".
func origin(s string) (name, rest string, ok bool) {
	name, rest, ok = word(s)
	if ok && len(rest) > 3 && digit(rest[0]) && rest[1] == '/' && strings.Contains(rest[:min(len(rest), 8)], ": ") {
		at := strings.Index(rest, ": ")
		return s[:len(name)+1+at], rest[at+2:], true
	}
	colon := strings.HasSuffix(name, ":")
	if colon {
		name = name[:len(name)-1]
	}
	if !ok || name == "" || len(name) > maxHost || digits(name) == len(name) {
		return "", "", false
	}
	for i := range len(name) {
		if c := name[i]; !letter(c) && !digit(c) && !strings.ContainsRune(".-_:", rune(c)) {
			return "", "", false
		}
	}
	return name, rest, true
}

// ciscoTime reads the time, or what stands in its place, and returns what follows.
func (d *decoder) ciscoTime(s string, seen time.Time) (rest string, ok bool) {
	m := &d.m
	if at := strings.IndexByte(s[:min(len(s), 24)], ':'); at > 3 && at+1 < len(s) && letter(s[0]) && strings.IndexByte(s[:at], '/') > 0 &&
		strings.IndexByte(s[:at], ' ') < 0 && s[at+1] != ' ' { // RP/0/RSP0/CPU0:Dec 11 12:43:29.227
		m.node = s[:at]
		s = s[at+1:]
	}
	if rest = d.stamp(s, seen); m.timed && m.version == "" {
		return rest, true
	}
	m.timed = false
	if n := uptime(s); n > 0 {
		m.uptime = s[:n]
		return s[n:], true
	}
	return s, false
}

// uptime returns the length of "2y10w", "1d02h" or "00:00:46" before ": %", 0
// where s does not begin with one.
func uptime(s string) int {
	n := strings.Index(s[:min(len(s), 16)], ": %")
	if n < 3 || !digit(s[0]) {
		return 0
	}
	units := 0
	for i := range n {
		switch c := s[i]; {
		case digit(c):
		case strings.IndexByte("ywdhms:", c) >= 0:
			units++
		default:
			return 0
		}
	}
	if units == 0 {
		return 0
	}
	return n
}

// unknownZone takes from s a zone of which nobody says where it is, so that it is
// taken neither for a host nor for a tag.
func (m *message) unknownZone(s string) string {
	if len(s) < 4 || s[0] != ' ' {
		return s
	}
	n := 1
	for n < len(s) && n < 8 && letter(s[n]) {
		n++
	}
	if n < 3 || !strings.HasPrefix(s[n:], ": ") {
		return s
	}
	m.zone = s[1:n]
	return s[n:]
}

// relayed reports whether what follows a host may be the head of a device that a
// relay put its own before.
func relayed(s string) bool {
	if len(s) < 16 {
		return false
	}
	switch c := s[0]; {
	case digit(c):
		n := digits(s)
		return strings.HasPrefix(s[n:], ": ") || n == 4 && s[4] == ' ' && month(s[5:]) > 0
	case c == ':':
		return s[1] == ' ' && (digit(s[2]) || s[2] == '*' || s[2] == '.' || month(s[2:]) > 0 && s[5] == ' ')
	case c == '*' || c == '.':
		return month(s[1:]) > 0
	case c >= 'A' && c <= 'Z':
		return s[2] == '/' && strings.Contains(s[:16], ":") || s[3] == ' ' && month(s) > 0
	}
	return false
}

// mnemonic returns what Cisco and Arista call a message, "LINEPROTO-5-UPDOWN", of a
// text that begins with it.
func mnemonic(s string) string {
	if s == "" || s[0] != '%' {
		return ""
	}
	end := strings.IndexAny(s[:min(len(s), maxTag+1)], ": ")
	if end < 0 || !strings.HasPrefix(strings.TrimPrefix(s[end:], " "), ": ") {
		return ""
	}
	for i, c := range []byte(s[1:end]) {
		if !letter(c) && !digit(c) && c != '_' && c != '-' || i == 0 && c == '-' {
			return ""
		}
	}
	if strings.Count(s[:end], "-") < 2 {
		return ""
	}
	return s[1:end]
}

// address returns the address in "[2001:db8::1]", as some devices write their own.
func address(s string) (string, bool) {
	if len(s) < 4 || s[0] != '[' || s[len(s)-1] != ']' {
		return "", false
	}
	_, err := netip.ParseAddr(s[1 : len(s)-1])
	return s[1 : len(s)-1], err == nil
}
