package pieces

import "time"

// ParseTime reads a time as the runtimes write it, RFC 3339 with up to nine
// digits of fraction, as UTC. It takes what time.Parse takes as RFC3339Nano, in a
// tenth of the time.
func ParseTime(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return slow(s)
	}
	year, a := digits(s[0:4])
	month, b := digits(s[5:7])
	day, c := digits(s[8:10])
	hour, d := digits(s[11:13])
	minute, e := digits(s[14:16])
	sec, f := digits(s[17:19])
	if !a || !b || !c || !d || !e || !f || month-1 > 11 || day-1 > 27 || hour > 23 || minute > 59 || sec > 59 {
		return slow(s) // the days of a month are the library's affair
	}
	nano, rest := fraction(s[19:])
	if rest != "Z" {
		return slow(s)
	}
	at := days(int64(year), int64(month), int64(day))*86400 + int64(hour*3600+minute*60+sec)
	return time.Unix(at, int64(nano)).UTC(), true
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

func digits(s string) (uint, bool) {
	n := uint(0)
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint(c)
	}
	return n, true
}
