package registry

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/record"
)

// access reads a line of Artifactory's access.log:
// time [trace] [ACCEPTED DEPLOY] repository:path for client : user / address[ [token]].
// Before version 7 there was no trace, and "user/address" had no blanks; before 6 it
// stood after " for " alone. Clients choose the path, so that the last place counts.
func (s *said) access(text string) bool {
	stamp, rest, ok := strings.Cut(text, " [")
	t, sound := record.Time(stamp)
	if !ok || !sound {
		return false
	}
	verdict, rest, ok := strings.Cut(rest, "]")
	if next, found := strings.CutPrefix(rest, " ["); found {
		s.label("trace_id", verdict)
		verdict, rest, ok = strings.Cut(next, "]")
	}
	if !ok || !strings.HasPrefix(verdict, "ACCEPTED ") && !strings.HasPrefix(verdict, "DENIED ") {
		s.labels = nil
		return false
	}
	place, client, ok := cutLast(rest, " for client : ")
	if !ok {
		place, client, ok = cutLast(rest, " for ")
	}
	if !ok {
		s.labels = nil
		return false
	}
	s.provider, s.time, s.clock = "artifactory", t, true
	client = strings.TrimSuffix(client, ".")
	if bare, found := strings.CutSuffix(client, " [token]"); found {
		client = bare
		s.label("by", "token")
	}
	user, address, found := cutLast(client, " / ")
	if !found {
		if before, after, ok := cutLast(client, "/"); ok && isAddress(after) {
			user, address = before, after
		}
	}
	s.user, s.source = clean(user), clean(address)
	s.accessed(verdict, place)
	return true
}

// cutLast is strings.Cut at the last place.
func cutLast(s, sep string) (before, after string, found bool) {
	if at := strings.LastIndex(s, sep); at >= 0 {
		return s[:at], s[at+len(sep):], true
	}
	return s, "", false
}

func isAddress(s string) bool {
	_, ok := event.IP(s)
	return ok
}

// service reads a line of a service of the JFrog platform:
// time [service] [LEVEL] [trace] [place] [thread] - message.
func (s *said) service(text string) bool {
	stamp, rest, ok := strings.Cut(text, " [")
	t, sound := record.Time(stamp)
	if !ok || !sound {
		return false
	}
	var parts []string
	for rest = "[" + rest; strings.HasPrefix(rest, "["); {
		part, tail, found := strings.Cut(rest[1:], "]")
		if !found || len(parts) == 6 {
			return false
		}
		parts = append(parts, strings.TrimSpace(part))
		rest = strings.TrimLeft(tail, " ")
	}
	if len(parts) < 4 {
		return false
	}
	s.provider, s.time, s.clock, s.action = "artifactory", t, true, actionLog
	for i, name := range [...]string{"service", "level", "trace_id", "place", "thread"} {
		switch {
		case i >= len(parts):
		case name == "level":
			s.level = strings.ToLower(parts[i])
		default:
			s.label(name, parts[i])
		}
	}
	s.message = strings.TrimPrefix(strings.TrimPrefix(rest, "-"), " ")
	s.judged()
	return true
}
