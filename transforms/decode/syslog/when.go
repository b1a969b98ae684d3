package syslog

import (
	"strings"
	"time"

	"tallyman/pipeline/zone"
)

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
