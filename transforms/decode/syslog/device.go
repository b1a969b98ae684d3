package syslog

import (
	"strings"
	"time"
)

//	<34>Oct 11 22:14:15 mymachine su[42]: 'su root' failed
//	└PRI┘└ time ─────┘ └ host ─┘ TAG PID  └ text
//
// What devices make of it: no PRI, no host, no time; a year or a zone after the
// time; milliseconds; ISO dates; Cisco's counters before it and a colon after it.

// device reads what follows the PRI of a message that is not of RFC 5424.
func (d *decoder) device(s string, seen time.Time) {
	m := &d.m
	whole := s
	s = m.counters(strings.TrimLeft(s, " "))
	rest := d.stamp(s, seen)
	if !m.timed {
		if text, ok := d.unusual(whole, seen); ok {
			m.tagged(text)
			d.lines()
			return
		}
		if m.count != "" || m.sequence != "" || len(m.params) > 0 {
			m.count, m.sequence, m.params = "", "", m.params[:0]
			s = whole
		}
		if m.clock != "" {
			m.clock, s = "", whole
		}
		if m.pri == noPriority && !m.badPri {
			m.text = whole
			if m.inner() == "" {
				m.wrong("neither a PRI nor a time begins the message")
			}
			return
		}
		if s = strings.TrimPrefix(s, " "); s != "" && (letter(s[0]) || digit(s[0]) || s[0] == '%' || s[0] == '/' || s[0] == '_') {
			if m.tagged(s); m.app == "" && m.inner() == "" {
				d.keyed(s, seen)
			}
		} else {
			m.text = s
		}
	} else {
		m.outer = s[:len(s)-len(rest)]
		d.afterTime(rest, seen)
	}
	d.lines()
}

// unusual is cisco, of a message that begins with no time, from the front.
func (d *decoder) unusual(s string, seen time.Time) (text string, ok bool) {
	m := &d.m
	before := *m
	m.count, m.sequence, m.clock, m.params = "", "", "", m.params[:0]
	if text, ok = d.cisco(strings.TrimLeft(s, " "), seen); !ok {
		*m = before
	}
	return text, ok
}

// lines says of a message of several lines that it is one.
func (d *decoder) lines() {
	if m := &d.m; !m.printable && strings.ContainsAny(m.text, "\n\r") {
		m.wrong("the message has several lines")
	}
}

// counters reads what Cisco puts before the time: the count of messages sent, the
// sequence number of the message, discriminators in brackets, and the mark of a
// clock that is not set.
//
//	77: 000073: *Jan  1 2006 23:12:00.975: %SYS-5-CONFIG_I: …
func (m *message) counters(s string) string {
	s = strings.TrimPrefix(s, ": ") // of UCS Manager
	for range 2 {
		n := digits(s)
		if n == 0 || n > 12 || !strings.HasPrefix(s[n:], ": ") {
			break
		}
		m.count, m.sequence = m.sequence, s[:n]
		s = strings.TrimLeft(s[n+2:], " ")
	}
	if m.sequence != "" && s != "" && s[0] == '[' {
		if end := strings.Index(s, "]: "); end > 0 && m.discriminators(s[1:end]) {
			s = s[end+3:]
		}
	}
	if len(s) > 1 && (s[0] == '*' || s[0] == '.') && letter(s[1]) {
		m.clock = s[:1]
		s = s[1:]
	}
	return s
}

// discriminators reads `syslog@9 s_sn="17" s_id ="0.0.0.0:514"`.
func (m *message) discriminators(s string) bool {
	id, s, ok := word(s)
	for ok && s != "" {
		name, rest, found := strings.Cut(s, "=")
		if !found || len(rest) == 0 || rest[0] != '"' {
			return false
		}
		value, n, good := sdValue(rest[1:])
		if !good {
			return false
		}
		m.keep(param{pair: pair{id, strings.TrimSpace(name)}, value: value})
		s = strings.TrimLeft(rest[1+n:], " ")
	}
	return ok
}

// stamp reads the time and its zone and returns what follows; m.timed says
// whether there was one.
func (d *decoder) stamp(s string, seen time.Time) string {
	c, n, east, zone := isoCivil(s)
	switch {
	case n > 0:
		if zone == zoneSaid && n < len(s) && s[n] == 'Z' { // "+00:00Z", which some devices write
			n++
		}
	default:
		if c, n = named(s); n == 0 {
			return d.epoch(s)
		}
	}
	s = s[n:]
	d.m.fine = c.fine
	counted := d.m.sequence != "" || d.m.clock != "" // Cisco's, whose zones are as somebody typed them
	for range 2 {                                    // CST 1987; UTC UTC
		size, at, ok := zoneWord(s, counted)
		if ok && zone == zoneNone {
			zone, east = zoneSaid, at
		}
		s = s[size:]
		if c.year == 0 {
			if y := yearWord(s); y > 0 {
				c.year, s = y, s[5:]
			}
		}
	}
	d.settle(c, zone, east, seen)
	return s
}

// settle makes an instant of what a clock showed.
func (d *decoder) settle(c civil, zone zoneKind, east int, seen time.Time) {
	m := &d.m
	if c.year != 0 && c.day > daysIn(c.year, c.month) {
		return
	}
	m.timed = true
	switch {
	case zone == zoneSaid && c.year != 0:
		m.at = time.Unix(c.unix()-int64(east), int64(c.nano)).UTC()
	case zone == zoneSaid: // the year by which its own clock is nearest
		shift := time.Duration(east) * time.Second
		at, _ := c.nearest(seen.Add(shift), time.UTC)
		m.at = at.Add(-shift)
	case c.year != 0:
		m.at, m.east = c.in(d.local())
		m.local = true
	default:
		m.at, m.east = d.nearest(c, seen)
		m.local = true
	}
}

// instant is what a time without a year was taken for.
type instant struct {
	c    civil
	seen time.Time
	loc  *time.Location
	at   time.Time
	east int
}

// nearest is c.nearest: of the messages of one chunk, most are of the same second.
func (d *decoder) nearest(c civil, seen time.Time) (time.Time, int) {
	loc := d.local()
	if l := &d.last; l.loc != loc || l.c != c || !l.seen.Equal(seen) {
		at, east := c.nearest(seen, loc)
		*l = instant{c, seen, loc, at, east}
	}
	return d.last.at, d.last.east
}
