package cef

import (
	"strconv"
	"strings"
	"time"
)

// when reads milliseconds or seconds since 1970, a time of the standard ("Sep 07
// 2018 14:50:39[.123][ UTC]", or without the year), or one of RFC 3339.
func (d *decoder) when(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case len(s) == 10:
			return time.Unix(n, 0).UTC(), n > 0
		case len(s) >= 12 && len(s) <= 13:
			return time.UnixMilli(n).UTC(), n > 0
		}
		return time.Time{}, false
	}
	for _, layout := range [...]string{"Jan _2 2006 15:04:05", "Jan 02 2006 15:04:05", "Jan _2 2006 15:04:05 MST", "Jan 02 2006 15:04:05 MST",
		"Jan _2 2006 15:04:05 GMT-07:00", "Jan 02 2006 15:04:05 GMT-07:00", "Jan _2 2006 15:04:05 -0700", time.RFC3339Nano} {
		if at, err := time.ParseInLocation(layout, s, d.loc); err == nil && at.Year() > 1678 && at.Year() < 2262 {
			if name, off := at.Zone(); off == 0 && strings.HasSuffix(layout, "MST") && name != "UTC" && name != "GMT" {
				return time.Time{}, false // an abbreviation that means nothing here
			}
			return at.UTC(), true
		}
	}
	for _, layout := range [...]string{"Jan _2 15:04:05", "Jan _2 15:04:05 UTC", "Jan _2 15:04:05 GMT"} {
		at, err := time.ParseInLocation(layout, s, d.loc)
		if err != nil {
			continue
		}
		if !strings.HasSuffix(layout, "05") {
			at = time.Date(0, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
		}
		return nearest(at, d.now()), true
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
