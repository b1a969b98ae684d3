package syslog

import (
	"strings"
	"time"

	"tallyman/pipeline/zone"
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
			m.tagged(s)
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
		m.keep(param{pair{id, strings.TrimSpace(name)}, value})
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
		m.at, m.east = c.in(d.loc)
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
	if l := &d.last; l.loc != d.loc || l.c != c || !l.seen.Equal(seen) {
		at, east := c.nearest(seen, d.loc)
		*l = instant{c, seen, d.loc, at, east}
	}
	return d.last.at, d.last.east
}

// named reads a time with the name of a month, with the year before or after the
// day, or without one, and perhaps a day of the week before it; n is 0 where s
// does not begin with one.
//
//	Oct 11 22:14:15   Feb  5 2026 17:32:18.123   1990 Oct 22 10:52:01   Sat Nov 21 03:04:05
//	Oct. 11 22:14:15  11 Oct 2026 22:14:15       Oct 11 2026 10:14:15 PM.123
func named(s string) (c civil, n int) {
	if len(s) > 2 && digit(s[0]) && (s[1] == ' ' || digit(s[1]) && (s[2] == ' ' || s[2] == '-')) {
		return dayFirst(s)
	}
	if len(s) > 5 && digits(s) == 4 && s[4] == ' ' {
		c.year = two(s, 0)*100 + two(s, 2)
		n = 5
	} else if len(s) > 4 && s[3] == ' ' && weekday(s[:3]) {
		n = 4
	}
	if c.month = month(s[n:]); c.month == 0 || len(s) < n+7 {
		return c, 0
	}
	if n += 3; s[n] == '.' {
		n++
	}
	if s[n] != ' ' {
		return c, 0
	}
	n++
	if s[n] == ' ' {
		n++
	}
	k := digits(s[n:])
	if k < 1 || k > 2 || n+k >= len(s) || s[n+k] != ' ' {
		return c, 0
	}
	for _, ch := range []byte(s[n : n+k]) {
		c.day = c.day*10 + int(ch-'0')
	}
	if n += k + 1; digits(s[n:]) == 4 && c.year == 0 && len(s) > n+4 && s[n+4] == ' ' {
		c.year = two(s, n)*100 + two(s, n+2)
		n += 5
	}
	n = c.after(s, n)
	return c, n
}

// dayFirst reads "11 Oct 2026 22:14:15" and "11-Oct-2026 22:14:15", with a year
// that has to be there.
func dayFirst(s string) (c civil, n int) {
	n = digits(s)
	c.day = two(s, 0)
	if n == 1 {
		c.day = int(s[0] - '0')
	}
	between := s[n]
	if len(s) < n+10 || s[n+4] != between || digits(s[n+5:]) != 4 || s[n+9] != ' ' {
		return c, 0
	}
	c.month, c.year = month(s[n+1:]), two(s, n+5)*100+two(s, n+7)
	if c.month == 0 {
		return c, 0
	}
	n = c.after(s, n+10)
	return c, n
}

// after reads the clock at s[n:] that follows a date with the name of a month, and
// returns where it ends, 0 where the whole is no time.
func (c *civil) after(s string, n int) int {
	size := c.clock(s[n:])
	leap := c.year
	if leap == 0 {
		leap = 2000
	}
	if size == 0 || c.day < 1 || c.day > daysIn(leap, c.month) || c.year != 0 && !years(c.year) {
		return 0
	}
	if n += size; n+2 < len(s) && s[n+2] == 'M' {
		return c.half(s, n)
	}
	return n
}

// epoch reads seconds (10 digits, perhaps with a fraction) or milliseconds (13
// digits) since 1970, as Meraki sends them, perhaps after a version.
func (d *decoder) epoch(s string) string {
	m := &d.m
	v := ""
	if n := digits(s); n > 0 && n <= 3 && n < len(s) && s[n] == ' ' && s[0] != '0' {
		v, s = s[:n], s[n+1:]
	}
	var sec, nano int64
	n := digits(s)
	for i := range min(n, 10) {
		sec = sec*10 + int64(s[i]-'0')
	}
	switch {
	case n == 13:
		nano = (int64(two(s, 10))*10 + int64(s[12]-'0')) * 1_000_000
	case n == 10 && n < len(s) && s[n] == '.':
		scale := int64(100_000_000)
		for n++; n < len(s) && digit(s[n]) && n < 20; n++ {
			nano += int64(s[n]-'0') * scale
			scale /= 10
		}
	case n != 10:
		return s
	}
	if n >= len(s) || s[n] != ' ' || sec < 100_000_000 {
		return s
	}
	m.at, m.timed, m.version = time.Unix(sec, nano).UTC(), true, v
	return s[n:]
}

// zoneWord reads a blank and a zone: an abbreviation, an offset, the UTC+1 of
// Cisco or the TZ-6 of RFC 3164, section 5.4. It returns its length and the seconds
// east of UTC. An abbreviation may be in small letters where anyCase is set.
func zoneWord(s string, anyCase bool) (n, east int, ok bool) {
	if len(s) < 2 || s[0] != ' ' || (s[1] < 'A' || s[1] > 'Z') && s[1] != '+' && s[1] != '-' && (!anyCase || !letter(s[1])) {
		return 0, 0, false
	}
	if at := 1 + signed(s[1:]); at > 0 {
		if k, off := offset(s[at:]); k > 0 && (at+k == len(s) || s[at+k] == ' ' || s[at+k] == ':') {
			return at + k, off, true
		}
		if at+2 < len(s) && at > 1 && digit(s[at+1]) && (s[at+2] == ' ' || s[at+2] == ':') { // UTC+1
			if east = int(s[at+1]-'0') * 3600; s[at] == '-' {
				east = -east
			}
			return at + 2, east, true
		}
	}
	end := 1
	for end < len(s) && s[end] != ' ' && s[end] != ':' && end < 8 {
		end++
	}
	if end < len(s) && s[end] == ':' && end+1 < len(s) && s[end+1] != ' ' {
		return 0, 0, false // an IPv6 address
	}
	name := s[1:end]
	if east, ok = zone.Abbreviation(name, anyCase); ok {
		return end, east, true
	}
	name = strings.TrimPrefix(name, "TZ")
	if len(name) == 2 && (name[0] == '+' || name[0] == '-') && digit(name[1]) {
		if east = int(name[1]-'0') * 3600; name[0] == '-' {
			east = -east
		}
		return end, east, true
	}
	if k, off := offset(name); k > 0 && k == len(name) {
		return end, off, true
	}
	return 0, 0, false
}

// signed returns where in s, "+02:00" or "UTC+2", the sign of an offset stands, -2
// where there is none.
func signed(s string) int {
	for _, before := range [...]string{"", "UTC", "GMT"} {
		if n := len(before); strings.HasPrefix(s, before) && len(s) > n && (s[n] == '+' || s[n] == '-') {
			return n
		}
	}
	return -2
}

// yearWord reads a blank and a year that a blank follows.
func yearWord(s string) int {
	if len(s) > 5 && s[0] == ' ' && digits(s[1:]) == 4 && s[5] == ' ' {
		if y := two(s, 1)*100 + two(s, 3); y >= 1970 && y < 2200 {
			return y
		}
	}
	return 0
}
