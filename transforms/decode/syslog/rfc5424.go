package syslog

import (
	"strings"
	"time"
	"unicode/utf8"
)

//	<165>1 2003-10-11T22:14:15.003Z host app procid msgid [id name="value"] text
//	└PRI┘└ VERSION                                        └ structured data ┘

// The lengths of RFC 5424, section 6.
const (
	maxHost  = 255
	maxApp   = 48
	maxProc  = 128
	maxMsgID = 32
	maxName  = 32
)

// versioned reports whether what follows a PRI begins as RFC 5424 does: a
// version and a time or its absence.
func versioned(s string) bool {
	n := digits(s)
	if n == 0 || n > 3 || n >= len(s) || s[n] != ' ' || s[0] == '0' {
		return false
	}
	s = s[n+1:]
	return strings.HasPrefix(s, "- ") || digits(s) == 4 && len(s) > 4 && s[4] == '-'
}

// rfc5424 reads s, which is text after its PRI. What is wrong is noted and the
// rest read as far as it goes.
func (d *decoder) rfc5424(text, s string) {
	m := &d.m
	m.version, s, _ = word(s)
	if m.version != "1" {
		m.wrong("version " + m.version + " is not the 1 of RFC 5424")
	}
	said := m.doubt
	stamp, rest, _ := word(s)
	switch {
	case stamp == "-":
	case d.sameSecond(stamp):
	default:
		d.stamp5424(stamp)
	}
	if inside(rest) != "" {
		m.text = rest
		m.wrong("the head ends early")
	} else {
		d.header(rest)
	}
	if m.doubt != said {
		m.doubt = d.object(text, m.doubt)
	}
}

// secondRoom is how long a time is down to its second: 2003-10-11T22:14:15.
const secondRoom = 19

// second is the second that a time before was of, and where on the clock of its zone it is.
type second struct {
	text [secondRoom]byte
	unix int64
}

// sameSecond reads the time of a message of the same second as the one before, as those
// of a busy sender are: only what is after the second is read. It leaves what has no form of RFC 5424
// to stamp5424.
func (d *decoder) sameSecond(stamp string) bool {
	if len(stamp) <= secondRoom || stamp[secondRoom] == ',' || stamp[:secondRoom] != string(d.second.text[:]) {
		return false
	}
	var c civil
	n := c.fraction(stamp, secondRoom)
	if n == 0 {
		return false
	}
	size, east := offset(stamp[n:])
	if size == 0 || n+size != len(stamp) || !colonZone(stamp) {
		return false
	}
	d.m.timed, d.m.at = true, time.Unix(d.second.unix-int64(east), int64(c.nano)).UTC()
	return true
}

// stamp5424 reads a time that has to have the form of RFC 5424.
func (d *decoder) stamp5424(stamp string) {
	m := &d.m
	c, n, east, zone := isoCivil(stamp)
	switch {
	case zone == zoneSaid && (n == len(stamp) || n+1 == len(stamp) && stamp[n] == 'Z'):
		m.timed, m.at = true, time.Unix(c.unix()-int64(east), int64(c.nano)).UTC()
	case zone == zoneNone && n > 0 && n == len(stamp): // better than none
		m.timed, m.local = true, true
		m.at, m.east = c.in(d.local())
	}
	if n != len(stamp) || zone != zoneSaid || stamp[10] != 'T' || stamp[13] != ':' || !colonZone(stamp) || stamp[secondRoom] == ',' {
		m.wrong("the time cannot be read")
		return
	}
	copy(d.second.text[:], stamp)
	d.second.unix = c.unix()
}

// colonZone reports whether the zone of a time is Z or has its colon.
func colonZone(stamp string) bool {
	return stamp[len(stamp)-1] == 'Z' || len(stamp) > 6 && stamp[len(stamp)-3] == ':'
}

// header reads HOSTNAME and what follows.
func (d *decoder) header(s string) {
	m := &d.m
	var ok bool
	if m.host, s, ok = m.token(s, maxHost, "the hostname"); !ok {
		return
	}
	if inside(s) != "" {
		m.text = s
		m.wrong("the head ends early")
		return
	}
	if m.app, s, ok = m.token(s, maxApp, "the app-name"); !ok {
		return
	}
	if m.proc, s, ok = m.token(s, maxProc, "the procid"); !ok {
		return
	}
	if m.msgid, s, ok = m.token(s, maxMsgID, "the msgid"); !ok {
		return
	}
	d.data(s)
}

// token reads one field of the header; "-" is absent.
func (m *message) token(s string, most int, what string) (value, rest string, ok bool) {
	value, rest, ok = word(s)
	if !ok {
		m.wrong("the head ends before the structured data")
	}
	if value == "" || len(value) > most {
		m.wrong(what + " is empty or too long")
	}
	for i := 0; i < len(value) && !m.printable; i++ { // it ends at a blank
		if !graph(value[i]) {
			m.wrong(what + " is not ASCII")
			break
		}
	}
	if value == "-" {
		value = ""
	}
	return value, rest, ok
}

// data reads the structured data and the message after it.
func (d *decoder) data(s string) {
	m := &d.m
	n := 1
	switch {
	case s == "":
		m.wrong("there is no structured data")
		return
	case s[0] == '[':
		var good bool
		if n, good = d.elements(s); !good && n == 0 {
			if rest, ok := m.checkPoint(s); ok {
				m.text, m.exported = strings.TrimPrefix(rest, " "), true
				return
			}
		}
		if !good {
			m.wrong("the structured data is malformed")
			m.text = s[n:]
			return
		}
	case s[0] != '-' || len(s) > 1 && s[1] != ' ':
		m.wrong("there is no structured data")
		m.text = s
		return
	}
	if s = s[n:]; s == "" {
		return
	}
	if s[0] != ' ' {
		m.wrong("no blank follows the structured data")
		m.text = s
		return
	}
	m.text = s[1:]
	if !m.printable && !utf8.ValidString(m.text) {
		m.wrong("the message is no valid UTF-8")
	}
}

// elements reads [id name="value" …]… into d.m.params and returns how many bytes
// of s were read whole; good is false when an element is malformed.
func (d *decoder) elements(s string) (n int, good bool) {
	m := &d.m
	first := len(m.params)
	for n < len(s) && s[n] == '[' {
		from := len(m.params)
		size, ok := d.element(s[n:])
		if !ok {
			clear(m.params[from:])
			m.params = m.params[:from]
			return n, false
		}
		for i := first; i < from && from < len(m.params); i++ {
			if m.params[i].id == m.params[from].id {
				m.wrong("an element of the structured data stands twice")
			}
		}
		n += size
	}
	return n, true
}

// element reads one element; s begins with its bracket.
func (d *decoder) element(s string) (n int, ok bool) {
	m := &d.m
	from := len(m.params)
	n = 1 + d.nameOfElement(s[1:])
	id := s[1:n]
	if id == "" || n-1 > maxName {
		return 0, false
	}
	for n < len(s) && s[n] == ' ' {
		if size := d.asBefore(id, s[n+1:]); size > 0 {
			n += 1 + size
			continue
		}
		k := n + 1 + sdName(s[n+1:])
		name := s[n+1 : k]
		open := k + 2
		if strings.HasPrefix(s[k:], `= "`) { // as the RFC itself is printed in some places
			m.wrong("a blank stands before a value of the structured data")
			open++
		} else if !strings.HasPrefix(s[k:], `="`) {
			return 0, false
		}
		if name == "" || len(name) > maxName {
			return 0, false
		}
		value, size, ok := sdValue(s[open:])
		if !ok {
			return 0, false
		}
		if !m.printable && !utf8.ValidString(value) {
			m.wrong("the structured data is no valid UTF-8")
		}
		m.keep(param{pair: pair{id, name}, value: value})
		n = open + size
	}
	if n >= len(s) || s[n] != ']' {
		return 0, false
	}
	if len(m.params) == from {
		m.keep(param{pair: pair{id: id}})
	}
	return n + 1, true
}

// nameOfElement is sdName for the name of an element, which is most often that of the
// element which stood at its place in the message before.
func (d *decoder) nameOfElement(s string) int {
	if at := len(d.m.params); at < recentNames {
		r := &d.recent[at]
		if k := len(r.id); r.grammar && k < len(s) && !sdNames[s[k]] && s[:k] == r.id {
			return k
		}
	}
	return sdName(s)
}

// asBefore reads a parameter that has the name which stood at its place in the message
// before: a program sends the same ones in each. It returns the length, 0 where
// that is not so and nothing was read.
func (d *decoder) asBefore(id, s string) int {
	m := &d.m
	if len(m.params) >= recentNames || !m.printable {
		return 0
	}
	r := &d.recent[len(m.params)]
	k := len(r.name)
	if !r.grammar || len(s) < k+2 || s[k] != '=' || s[k+1] != '"' || s[:k] != r.name || id != r.id {
		return 0
	}
	value, size, ok := sdValue(s[k+2:])
	if !ok {
		return 0
	}
	m.params = append(m.params, param{r.pair, value, r.full})
	return k + 2 + size
}

// mostParams is how many values of structured data a message may have as fields.
const mostParams = 256

// keep adds a value; what is too many stays in the text of the record alone.
func (m *message) keep(p param) {
	if len(m.params) >= mostParams {
		m.wrong("there are more than 256 values of structured data")
		return
	}
	m.params = append(m.params, p)
}

// sdNames are the bytes of an SD-NAME, and sdPlain those of a value that mean themselves.
var sdNames, sdPlain = func() (names, plain [256]bool) {
	for c := range 256 {
		names[c] = graph(byte(c)) && c != '=' && c != ']' && c != '"'
		plain[c] = c != '\\' && c != ']' && c != '"'
	}
	return names, plain
}()

// sdName returns the length of the SD-NAME that s begins with.
func sdName(s string) int {
	i := 0
	for i < len(s) && sdNames[s[i]] {
		i++
	}
	return i
}

// isSDName reports whether s is an SD-NAME.
func isSDName(s string) bool { return s != "" && len(s) <= maxName && sdName(s) == len(s) }

// sdValue reads a value up to and with its closing quote. A backslash before
// anything but `"`, `\` and `]` stands for itself (RFC 5424, section 6.3.3).
func sdValue(s string) (value string, n int, ok bool) {
	escaped := false
	for i := 0; i < len(s); i++ {
		if sdPlain[s[i]] {
			continue
		}
		switch s[i] {
		case '\\':
			if i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == ']') {
				escaped = true
				i++
			}
		case ']':
			return "", 0, false
		case '"':
			if escaped {
				return sdUnescape(s[:i]), i + 1, true
			}
			return s[:i], i + 1, true
		}
	}
	return "", 0, false
}

func sdUnescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			return b.String()
		}
		if c := s[i+1]; c == '"' || c == '\\' || c == ']' {
			b.WriteString(s[:i])
			b.WriteByte(c)
		} else {
			b.WriteString(s[:i+2])
		}
		s = s[i+2:]
	}
}
