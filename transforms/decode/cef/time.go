package cef

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/zone"
)

// zoneOf returns the zone of the times of a record that say none: the one that the
// record gives as dtz, else that of its input, else that of this host.
func (d *decoder) zoneOf(e *event.Event) *time.Location {
	input := d.zones.Of(e, d.here)
	for i := range d.pairs {
		if p := &d.pairs[i]; (p.key == "dtz" || p.key == "deviceTimeZone") && p.value != "" {
			if east, ok := zone.Abbreviation(p.value, false); ok {
				return fixed(east)
			}
			if loc := d.device.Named(p.value, nil); loc != nil {
				return loc
			}
			d.r.wrong("the time zone of the device is not known here")
		}
	}
	return input
}

// fixed is a zone that is always so many seconds east of UTC.
func fixed(east int) *time.Location {
	if east == 0 {
		return time.UTC
	}
	return time.FixedZone("", east)
}

// when reads a count since 1970 (seconds, with a fraction or not, milli-, micro- or
// nanoseconds, by its digits), a time of the standard ("Sep 07 2018 14:50:39[.123][
// UTC]", or without the year), or one of the other forms that devices write.
func (d *decoder) when(s string) (time.Time, bool) {
	if at, ok := epoch(s); ok || s == "" {
		return at, ok
	}
	if s[0] >= '0' && s[0] <= '9' {
		return d.parsed(isoLayouts[:], s)
	}
	if at, ok := d.parsed(layouts[:], s); ok {
		return at, true
	}
	for _, layout := range [...]string{"Jan _2 15:04:05", "Jan _2 15:04:05 MST"} {
		at, err := time.ParseInLocation(layout, s, d.loc)
		if err != nil {
			continue
		}
		east, loc := 0, d.loc
		if strings.HasSuffix(layout, "MST") {
			name, _ := at.Zone()
			known := false
			if east, known = zone.Abbreviation(name, false); !known {
				return time.Time{}, false
			}
			loc = time.UTC
		}
		at = time.Date(0, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), loc)
		return nearest(at, d.now()).Add(-time.Duration(east) * time.Second), true
	}
	return time.Time{}, false
}

// layouts are those with the name of a month. A fraction after the seconds is read
// with each.
var layouts = [...]string{"Jan _2 2006 15:04:05", "Jan 02 2006 15:04:05", "Jan _2 2006 15:04:05 MST", "Jan 02 2006 15:04:05 MST",
	"Jan _2 2006 15:04:05 GMT-07:00", "Jan 02 2006 15:04:05 GMT-07:00", "Jan _2 2006 15:04:05 -0700", "Jan _2 2006 15:04:05Z07:00", "Jan _2 2006 15:04:05 Z07:00",
	"Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006"}

// isoLayouts are those that begin with the year; the last is that of IBM's
// midrange systems.
var isoLayouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST", "2006/01/02 15:04:05", "2006-01-02-15.04.05.000000"}

// parsed reads a time by the first of layouts that it has the form of.
func (d *decoder) parsed(layouts []string, s string) (time.Time, bool) {
	for _, layout := range layouts {
		at, err := time.ParseInLocation(layout, s, d.loc)
		if err != nil || at.Year() <= 1678 || at.Year() >= 2262 {
			continue
		}
		if name, off := at.Zone(); off == 0 && strings.Contains(layout, "MST") && name != "UTC" && name != "GMT" {
			east, ok := zone.Abbreviation(name, false) // else one that means nothing here
			return at.Add(-time.Duration(east) * time.Second).UTC(), ok
		}
		return at.UTC(), true
	}
	return time.Time{}, false
}

// epoch reads a count since 1970.
func epoch(s string) (time.Time, bool) {
	whole, fraction, dotted := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}, false
	}
	switch {
	case dotted && len(whole) == 10 && len(fraction) > 0 && len(fraction) < 10:
		nano, err := strconv.ParseUint((fraction + "00000000")[:9], 10, 64)
		return time.Unix(n, int64(nano)).UTC(), err == nil
	case dotted:
	case len(s) == 10:
		return time.Unix(n, 0).UTC(), true
	case len(s) == 12, len(s) == 13:
		return time.UnixMilli(n).UTC(), true
	case len(s) == 16:
		return time.UnixMicro(n).UTC(), true
	case len(s) == 19:
		return time.Unix(0, n).UTC(), true
	}
	return time.Time{}, false
}

// nearest puts a time without a year into the year that is nearest to now.
func nearest(at, now time.Time) time.Time {
	var best time.Time
	for y := now.Year() - 1; y <= now.Year()+1; y++ {
		t := time.Date(y, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), at.Location())
		if t.Month() == at.Month() && (best.IsZero() || t.Sub(now).Abs() < best.Sub(now).Abs()) {
			best = t
		}
	}
	return best.UTC()
}
