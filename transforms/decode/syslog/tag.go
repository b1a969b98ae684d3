package syslog

import (
	"net/netip"
	"strings"
	"time"

	"tallyman/pipeline/zone"
)

// maxTag is how long a tag may be. RFC 3164 has 32 characters; systemd, Cisco
// and Viptela write more.
const maxTag = 64

// afterTime reads what follows the time: a host, or none, and the tag.
func (d *decoder) afterTime(s string, seen time.Time) {
	m := &d.m
	switch {
	case s == "":
		return
	case strings.HasPrefix(s, " : "):
		m.tagged(s[3:])
		return
	case strings.HasPrefix(s, ": "):
		m.tagged(s[2:])
		return
	case s[0] == ' ':
		if m.sequence != "" || m.clock != "" || m.fine {
			if rest := m.unknownZone(s); strings.HasPrefix(rest, ": %") || m.sequence != "" && len(rest) < len(s) {
				m.tagged(rest[2:])
				return
			}
			m.zone = ""
		}
		s = strings.TrimLeft(s, " ")
	case !letter(s[0]) && s[0] != ':' && s[0] != '\t':
		m.wrong("no blank follows the time")
	}
	host, rest, found := word(s)
	if found && m.levelled(host, rest) {
		if s = rest; tagBegins(s) { // and no host before it
			m.tagged(s)
			return
		}
		if app, proc, text, ok := vmware(s); ok {
			m.app, m.proc, m.text = app, proc, text
			return
		}
		host, rest, found = word(s)
	}
	if !found || !m.hostname(host, rest) {
		m.tagged(s)
		d.twice(s, seen)
		return
	}
	if m.host = strings.TrimSuffix(host, ":"); m.host == "-" || m.host == "(none)" {
		m.host = ""
	} else if inner, ok := address(m.host); ok {
		m.host = inner
	}
	if relayed(rest) {
		if text, ok := d.cisco(rest, seen); ok {
			m.relayed = true
			m.tagged(text)
			return
		}
	}
	if strings.HasPrefix(rest, ": %") { // Cisco's firewalls
		rest = rest[2:]
	}
	if m.version == "" && (m.pri != noPriority || !m.local) && d.headless(rest) {
		m.wrong("the version of RFC 5424 is missing")
		return
	}
	m.tagged(rest)
	if m.app != "" {
		d.twice(rest, seen)
	} else if first, after, ok := word(rest); ok && m.level == "" && m.levelled(first, after) {
		m.tagged(after)
	}
}

// twice reads on where what was taken for the tag is a name, and the tag follows:
// a relay's "sw1: 3132779: Nov 21 …", or the "U7,788a20,v6: logd[7]: …" of an access
// point, whose name has commas, which no tag has.
func (d *decoder) twice(rest string, seen time.Time) {
	m := &d.m
	if m.app == "" || m.proc != "" || m.text == "" {
		return
	}
	switch c := m.text[0]; {
	case digit(c) && relayed(m.text):
		app := m.app
		m.app = ""
		if text, ok := d.cisco(rest, seen); ok {
			m.relayed = true
			m.tagged(text)
			return
		}
		m.app = app
	case m.host == "" && strings.IndexByte(m.app, ',') > 0 && tagBegins(m.text):
		m.host = m.app
		m.tagged(m.text)
	case c == '%' && mnemonic(m.text) != "":
		if _, ok := zone.Abbreviation(m.app, false); ok {
			m.zone, m.app = m.app, ""
			m.tagged(m.text)
		}
	}
}

// hostname reports whether the first word after the time is a host and not the
// tag or the text of a device that sends none.
func (m *message) hostname(s, rest string) bool {
	switch {
	case s == "-", s == "(none)":
		return true
	case s == "": // two blanks stand behind what says how bad it is
		return false
	case s[0] == '[':
		_, ok := address(s)
		return ok
	}
	colon := strings.HasSuffix(s, ":")
	if colon {
		s = s[:len(s)-1]
	}
	named := false
	for i := range len(s) {
		switch c := s[i]; {
		case letter(c) || digit(c):
			named = true
		case c == '.' || c == '-' || c == '_' || c == ':' || c == ',' || c == '@' || c == '/' && i > 0 || c == '+' || c == '~':
		default:
			return false
		}
	}
	if !named || len(s) > maxHost || inside(s) != "" {
		return false
	}
	if !colon {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil || strings.HasPrefix(rest, "%") || strings.HasPrefix(rest, s+":")
}

// headless reads the rest of a head of RFC 5424 without its version, as it stands
// after the host: app, procid, msgid and structured data.
//
//	<134>2026-11-21T03:04:05Z host app 26203 - [id name="value"] text
func (d *decoder) headless(s string) bool {
	app, rest, ok := word(s)
	proc, rest, ok2 := word(rest)
	msgid, rest, ok3 := word(rest)
	if !ok || !ok2 || !ok3 || app == "" || proc == "" || msgid == "" || len(msgid) > maxMsgID ||
		rest != "-" && !strings.HasPrefix(rest, "- ") && (rest[:min(1, len(rest))] != "[" || proc != "-" && digits(proc) != len(proc)) {
		return false
	}
	m := &d.m
	from := len(m.params)
	text := strings.TrimPrefix(rest[1:], " ")
	if rest[0] == '[' {
		n, good := d.elements(rest)
		if !good || n < len(rest) && rest[n] != ' ' {
			clear(m.params[from:])
			m.params = m.params[:from]
			return false
		}
		text = strings.TrimPrefix(rest[n:], " ")
	}
	if proc == "-" && msgid == "-" || rest[0] == '[' || digits(proc) == len(proc) {
		m.text = text
		for _, one := range [...]struct {
			to   *string
			text string
		}{{&m.app, app}, {&m.proc, proc}, {&m.msgid, msgid}} {
			if one.text != "-" {
				*one.to = one.text
			}
		}
		return true
	}
	return false
}

// tagged reads TAG[PID]: and the text, or the text alone where there is no tag.
func (m *message) tagged(s string) {
	m.text = s
	if inside(s) != "" {
		return
	}
	i := 0
	for i < len(s) && i <= maxTag && graph(s[i]) && s[i] != ':' && s[i] != '[' {
		i++
	}
	if i == 0 || i > maxTag || i >= len(s) {
		return
	}
	tag, proc, end := s[:i], "", i
	if s[i] == '[' {
		n := strings.IndexByte(s[i:], ']')
		if n < 0 || n > maxProc || !m.printable && strings.ContainsAny(s[i:i+n], "\n\r\x00") {
			return
		}
		proc, end = s[i+1:i+n], i+n+1
	}
	if !strings.HasPrefix(s[end:], ": ") || len(s) == end+2 {
		return
	}
	m.app, m.proc, m.text = tag, proc, s[end+2:]
	if tag == "-" {
		m.app = ""
	}
	if proc == "-" {
		m.proc = ""
	}
	if tag[0] == '%' && strings.Count(tag, "-") >= 2 {
		m.code = tag[1:]
	} else {
		m.code = mnemonic(m.text)
	}
}
