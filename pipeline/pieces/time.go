package pieces

import "time"

// ParseTime reads a time as the runtimes write it, RFC 3339 with up to nine
// digits of fraction, as UTC. It takes what time.Parse takes as RFC3339Nano, in a
// tenth of the time.
func ParseTime(s string) (time.Time, bool) {
	var c Clock
	return c.Parse(s)
}

// secondRoom is how long a time is down to its second.
const secondRoom = len("2006-01-02T15:04:05")

// Clock reads times, and remembers the second of the last one: most lines of a busy
// container are of the same.
type Clock struct {
	text [secondRoom]byte
	unix int64
}

// Parse is ParseTime.
func (c *Clock) Parse(s string) (time.Time, bool) {
	if len(s) <= secondRoom {
		return slow(s)
	}
	if c.text[0] == 0 || s[:secondRoom] != string(c.text[:]) { // no time begins with a zero
		unix, ok := second(s[:secondRoom])
		if !ok {
			return slow(s)
		}
		copy(c.text[:], s)
		c.unix = unix
	}
	nano, rest := fraction(s[secondRoom:])
	if rest != "Z" {
		return slow(s)
	}
	return time.Unix(c.unix, int64(nano)).UTC(), true
}

// second reads a time down to its second, as seconds since 1970.
func second(s string) (unix int64, ok bool) {
	if s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	century, year, month, day := pair(s[0], s[1]), pair(s[2], s[3]), pair(s[5], s[6]), pair(s[8], s[9])
	hour, minute, sec := pair(s[11], s[12]), pair(s[14], s[15]), pair(s[17], s[18])
	if century > 99 || year > 99 || month-1 > 11 || day-1 > 30 || hour > 23 || minute > 59 || sec > 59 {
		return 0, false
	}
	if day > 28 { // the days of a month are the library's affair
		t, err := time.Parse("2006-01-02T15:04:05", s)
		return t.Unix(), err == nil
	}
	return days(int64(100*century+year), int64(month), int64(day))*86400 + int64(hour*3600+minute*60+sec), true
}

// days counts the days from 1970 to a date of the Gregorian calendar. Years begin in
// March here, so that a leap day ends one, and are counted from four hundred before 0.
func days(year, month, day int64) int64 {
	if year += 400; month <= 2 {
		year, month = year-1, month+12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*month-457)/5 + day - 1 - 865565
}

func slow(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}

// fraction reads ".398204065" in nanoseconds, and what follows.
func fraction(s string) (uint, string) {
	if len(s) < 2 || s[0] != '.' {
		return 0, s
	}
	n, i := uint(0), 1
	for ; i < len(s) && i <= 9 && s[i]-'0' <= 9; i++ {
		n = n*10 + uint(s[i]-'0')
	}
	if i == 1 {
		return 0, s
	}
	for k := i; k <= 9; k++ {
		n *= 10
	}
	return n, s[i:]
}

// pair is the number of two digits, and more than 99 where one is none.
func pair(a, b byte) uint {
	if a -= '0'; a > 9 {
		return 100
	}
	if b -= '0'; b > 9 {
		return 100
	}
	return uint(a)*10 + uint(b)
}
