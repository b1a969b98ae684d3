package syslog

import "time"

// What a time says of its zone.
type zoneKind uint8

const (
	zoneNone zoneKind = iota // nothing: it is local time
	zoneSaid
)

// civil is a time as a clock on the wall shows it.
type civil struct {
	year, month, day     int // year 0 where it is not said
	hour, min, sec, nano int
	fine                 bool // with a fraction of a second
}

// daysIn is the number of days of a month.
func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// unix is the instant of c in seconds since 1970 were its zone UTC.
func (c *civil) unix() int64 {
	y, m := int64(c.year), int64(c.month)
	if m <= 2 { // the year begins in March, so that its last day may leap
		y--
		m += 12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + int64(c.day) - 1 - 719468
	return days*86400 + int64(c.hour)*3600 + int64(c.min)*60 + int64(c.sec)
}

// in is the instant of c in a zone, in UTC, and the seconds east that were taken.
func (c *civil) in(loc *time.Location) (at time.Time, east int) {
	if loc == time.UTC {
		return time.Unix(c.unix(), int64(c.nano)).UTC(), 0
	}
	t := time.Date(c.year, time.Month(c.month), c.day, c.hour, c.min, c.sec, c.nano, loc)
	_, east = t.Zone()
	return t.UTC(), east
}

// nearest is the instant of c, whose year is not said, in the year that puts it
// nearest to seen. The 29th of February is put into a leap year.
func (c civil) nearest(seen time.Time, loc *time.Location) (at time.Time, east int) {
	year := seen.In(loc).Year()
	best := time.Duration(-1)
	for _, off := range [...]int{0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6, -7, 7, -8, 8} {
		if c.year = year + off; c.year < 1 || c.day > daysIn(c.year, c.month) {
			continue
		}
		t, e := c.in(loc)
		diff := t.Sub(seen).Abs()
		if best < 0 || diff < best {
			at, east, best = t, e, diff
		}
		if best < 182*24*time.Hour || off == 1 && best < 366*24*time.Hour {
			break
		}
	}
	return at, east
}

// two reads two digits at s[i:], -1 where there are none.
func two(s string, i int) int {
	if i+2 > len(s) || !digit(s[i]) || !digit(s[i+1]) {
		return -1
	}
	return int(s[i]-'0')*10 + int(s[i+1]-'0')
}

// clock reads hh:mm:ss, or h:mm:ss, with a fraction after a dot or a comma and
// returns its length, 0 where s does not begin with one.
func (c *civil) clock(s string) int {
	h := 2
	if c.hour = two(s, 0); c.hour < 0 && len(s) > 1 && digit(s[0]) && s[1] == ':' {
		h, c.hour = 1, int(s[0]-'0')
	}
	c.min, c.sec = two(s, h+1), two(s, h+4)
	if c.hour < 0 || c.min < 0 || c.sec < 0 || c.hour > 23 || c.min > 59 || c.sec > 59 || s[h] != ':' || s[h+3] != ':' {
		return 0
	}
	return c.fraction(s, h+6)
}

// parts are how many nanoseconds the last digit of a fraction is, by its place.
var parts = [...]int{1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1}

// fraction reads the fraction of a second at s[i:], if there is one, and returns
// where it ends; 0 where it is finer than nanoseconds.
func (c *civil) fraction(s string, i int) int {
	if len(s) < i+2 || s[i] != '.' && s[i] != ',' || !digit(s[i+1]) {
		return i
	}
	end, n := i+1, 0
	for ; end < len(s) && digit(s[end]); end++ {
		n = n*10 + int(s[end]-'0')
	}
	if end > i+10 { // more than nanoseconds would lose digits
		return 0
	}
	c.nano += n * parts[end-i-1]
	c.fine = true
	return end
}

// half reads the " AM" or " PM" of a clock of twelve hours at s[i:], and a
// fraction after it, as Cisco's call managers write, and returns where it ends.
func (c *civil) half(s string, i int) int {
	if len(s) < i+3 || s[i] != ' ' || s[i+1] != 'A' && s[i+1] != 'P' || s[i+2] != 'M' || c.hour < 1 || c.hour > 12 ||
		len(s) > i+3 && s[i+3] != ' ' && s[i+3] != ':' && s[i+3] != '.' {
		return i
	}
	if c.hour %= 12; s[i+1] == 'P' {
		c.hour += 12
	}
	return c.fraction(s, i+3)
}

// date reads yyyy-mm-dd, yyyy/mm/dd or yyyy:mm:dd and returns its length.
func (c *civil) date(s string) int {
	if digits(s) != 4 || len(s) < 10 || s[4] != '-' && s[4] != '/' && s[4] != ':' || s[7] != s[4] {
		return 0
	}
	c.year, c.month, c.day = two(s, 0)*100+two(s, 2), two(s, 5), two(s, 8)
	if c.month < 1 || c.month > 12 || c.day < 1 || c.day > daysIn(c.year, c.month) {
		return 0
	}
	return 10
}

// isoCivil reads a date and time of ISO 8601, with T or a blank between them and
// with or without a zone, and the 2026:11:21-03:04:05 of Sophos; n is its length, 0
// where s does not begin with one.
func isoCivil(s string) (c civil, n, east int, zone zoneKind) {
	n = c.date(s)
	if n == 0 || n >= len(s) || s[n] != 'T' && s[n] != ' ' && s[n] != '-' || (s[4] == ':') != (s[n] == '-') { // 2026:11:21-03:04:05
		return c, 0, 0, zoneNone
	}
	k := c.clock(s[n+1:])
	if k == 0 || !years(c.year) {
		return c, 0, 0, zoneNone
	}
	n += 1 + k
	size, east := offset(s[n:])
	if size > 0 {
		zone = zoneSaid
	}
	return c, n + size, east, zone
}

// years reports whether a year fits 64-bit nanoseconds.
func years(y int) bool { return y > 1678 && y < 2262 }

// offset reads Z, ±hh:mm, ±hhmm or ±hh and returns its length and the seconds
// east of UTC.
func offset(s string) (n, east int) {
	if s == "" {
		return 0, 0
	}
	if s[0] == 'Z' {
		return 1, 0
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, 0
	}
	h, n, m := two(s, 1), 3, 0
	if len(s) > 3 && s[3] == ':' {
		n, m = 6, two(s, 4)
	} else if v := two(s, 3); v >= 0 {
		n, m = 5, v
	}
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, 0
	}
	if east = h*3600 + m*60; s[0] == '-' {
		east = -east
	}
	return n, east
}

// month reads the name of a month, 0 where s does not begin with one.
func month(s string) int {
	if len(s) < 3 {
		return 0
	}
	// In ASCII only letters become small letters by that bit.
	switch uint32(s[0]|0x20)<<16 | uint32(s[1]|0x20)<<8 | uint32(s[2]|0x20) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// weekday reports whether s names a day.
func weekday(s string) bool {
	switch s {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}
