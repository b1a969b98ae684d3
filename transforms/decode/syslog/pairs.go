package syslog

import (
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/zone"
)

// Firewalls that write their messages as names and values have no head behind the
// PRI: time and name are among the first of the pairs.
//
//	date=2026-11-21 time=03:04:05 devname="fw-1" devid="FG100" eventtime=1795230245000000000 tz="+0100" …     Fortinet
//	device="SFW" date=2026-11-21 time=03:04:05 timezone="CET" device_name="XG430" …                           Sophos
//	id=firewall sn=0006B1 time="2026-11-21 03:04:05 UTC" fw=192.0.2.1 pri=6 …                                 WELF: SonicWall, Stormshield

// mostLeading is how many pairs are looked at: what follows them is of the traffic,
// and others may have chosen it.
const mostLeading = 12

// leading are the pairs that say when and where.
type leading struct {
	date, clock, zone, epoch, host string
}

// keyed reads such a front of a message; the text stays whole.
func (d *decoder) keyed(s string, seen time.Time) {
	var l leading
	for i := range mostLeading {
		at := strings.IndexByte(s[:min(len(s), maxName)], '=')
		if at < 1 || strings.IndexByte(s[:at], ' ') >= 0 {
			break
		}
		name := s[:at]
		value, rest, ok := bareOrQuoted(s[at+1:])
		if !ok || i == 0 && !front(name, value) {
			break
		}
		l.take(name, value)
		s = strings.TrimLeft(rest, " ,")
	}
	d.dated(&l, seen)
	if d.m.timed {
		d.m.host = l.host
	}
}

// take keeps a pair; of a name that stands twice the first counts.
func (l *leading) take(name, value string) {
	var to *string
	switch name {
	case "date":
		to = &l.date
	case "time", "timestamp":
		to = &l.clock
	case "tz", "timezone":
		to = &l.zone
	case "eventtime":
		to = &l.epoch
	case "devname", "device_name", "fw":
		to = &l.host
	default:
		return
	}
	if *to == "" && len(value) <= maxHost {
		*to = value
	}
}

// front reports whether such messages begin with a pair. Behind another one may
// stand what somebody chose.
func front(name, value string) bool {
	switch name {
	case "date", "time", "timestamp", "device", "device_name", "devname", "logver":
		return true
	case "id":
		return value == "firewall" || value == "sslvpn"
	}
	return false
}

// dated takes the time of the pairs. The count since 1970 needs no zone.
func (d *decoder) dated(l *leading, seen time.Time) {
	m := &d.m
	if at, ok := since1970(l.epoch); ok && l.date != "" {
		m.at, m.timed = at, true
		return
	}
	stamp := l.clock
	if l.date != "" {
		stamp = l.date + " " + l.clock
	}
	c, n, east, said := isoCivil(stamp)
	if n == 0 {
		return
	}
	if said == zoneNone {
		word := strings.TrimSpace(stamp[n:])
		if word == "" {
			word = l.zone
		}
		if k, off := offset(word); k > 0 && k == len(word) {
			said, east = zoneSaid, off
		} else if off, ok := zone.Abbreviation(word, false); ok {
			said, east = zoneSaid, off
		} else {
			m.zone = word
		}
	}
	d.settle(c, said, east, seen)
}

// since1970 reads seconds, or nanoseconds, since 1970.
func since1970(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n <= 0:
	case len(s) == 10:
		return time.Unix(n, 0).UTC(), true
	case len(s) == 19:
		return time.Unix(0, n).UTC(), true
	}
	return time.Time{}, false
}

// bareOrQuoted reads a value up to a blank, or in quotes.
func bareOrQuoted(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s, ' ')
		if end < 0 {
			end = len(s)
		}
		return strings.TrimSuffix(s[:end], ","), s[end:], true
	}
	end := strings.IndexByte(s[1:], '"')
	if end < 0 {
		return "", "", false
	}
	return s[1 : 1+end], s[2+end:], true
}

// checkPoint reads the data of Check Point's log exporter, [action:"Drop";
// ifname:"eth0"; …], which stands where structured data does, under the app-name.
func (m *message) checkPoint(s string) (rest string, ok bool) {
	id := m.app
	if id == "" || len(id) > maxName {
		id = "data"
	}
	from := len(m.params)
	for s = s[1:]; ; {
		s = strings.TrimLeft(s, " ")
		if strings.HasPrefix(s, "]") && len(m.params) > from {
			return s[1:], true
		}
		at := strings.Index(s[:min(len(s), 2*maxName)], `:"`)
		if at < 1 || strings.ContainsAny(s[:at], `"=[]; `) {
			break
		}
		end := at + 2
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(s) {
			break
		}
		m.keep(param{pair: pair{id, s[:at]}, value: sdUnescape(s[at+2 : end])})
		s = strings.TrimPrefix(s[end+1:], ";")
	}
	clear(m.params[from:])
	m.params = m.params[:from]
	return "", false
}
