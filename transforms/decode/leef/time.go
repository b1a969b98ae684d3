package leef

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/zone"
)

// when reads devTime by devTimeFormat; without one it is milliseconds since 1970
// or one of the forms of the guide.
func (d *decoder) when(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && (len(s) == 13 || len(s) == 10) {
		if len(s) == 10 {
			n *= 1000
		}
		return time.UnixMilli(n).UTC(), n > 0
	}
	for i := range d.pairs {
		if d.pairs[i].key == "devTimeFormat" && d.pairs[i].value != "" {
			if d.format != d.pairs[i].value {
				d.format = strings.Clone(d.pairs[i].value)
				d.layout = layoutOf(d.format)
			}
			return d.parsed(d.layout, s)
		}
	}
	for _, layout := range [...]string{"Jan _2 2006 15:04:05 MST", "Jan _2 2006 15:04:05", time.RFC3339Nano} {
		if at, ok := d.parsed(layout, s); ok {
			return at, true
		}
	}
	return time.Time{}, false
}

// parsed reads a time; an abbreviation of a zone that means nothing here is not
// believed.
func (d *decoder) parsed(layout, s string) (time.Time, bool) {
	if layout == "" {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation(layout, s, d.loc)
	if err != nil || at.Year() <= 1678 || at.Year() >= 2262 {
		return time.Time{}, false
	}
	if name, off := at.Zone(); off == 0 && strings.Contains(layout, "MST") && name != "UTC" && name != "GMT" {
		east, ok := zone.Abbreviation(name, false)
		return at.Add(-time.Duration(east) * time.Second).UTC(), ok
	}
	return at.UTC(), true
}

// layoutOf makes a layout of Go of a pattern of Java's SimpleDateFormat, "" of
// one that Go cannot read.
func layoutOf(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		n := i
		for n < len(pattern) && pattern[n] == c {
			n++
		}
		if c == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return ""
			}
			b.WriteString(pattern[i+1 : i+1+end])
			i += end + 2
			continue
		}
		part, known := javaParts[pattern[i:n]]
		if !known && (c|0x20 >= 'a' && c|0x20 <= 'z') {
			return ""
		}
		if !known {
			part = pattern[i:n]
		}
		b.WriteString(part)
		i = n
	}
	return b.String()
}

// javaParts are the letters of SimpleDateFormat.
var javaParts = map[string]string{
	"yyyy": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2", "EEE": "Mon", "EEEE": "Monday",
	"HH": "15", "H": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "S": "0", "SS": "00", "SSS": "000", "SSSSSS": "000000", "a": "PM",
	"z": "MST", "Z": "-0700", "X": "Z07", "XX": "Z0700", "XXX": "Z07:00",
}
