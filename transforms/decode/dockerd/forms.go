package dockerd

import (
	"strings"
	"time"

	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/pieces"
)

// object reads a line of JSON, as dockerd writes with --log-format=json and
// containerd with format = "json"; false says that it is none.
func object(line string, dst []pair) ([]pair, string, bool) {
	s := jsonscan.New(line)
	if s.Peek() != '{' {
		return dst, "", false
	}
	s.Object(func(name string) {
		var value string
		if s.Peek() == '"' {
			value, _ = s.Str()
		} else if value = s.Raw(); value == "null" {
			value = "<nil>"
		}
		if len(dst) <= maxPairs {
			dst = append(dst, pair{name, value})
		}
	})
	switch {
	case !s.Done():
		return dst, "the line is no whole JSON object", true
	case len(dst) > maxPairs:
		return dst[:maxPairs], "the line has too many names", true
	}
	return dst, "", true
}

// levels are those that logrus writes to a terminal.
var levels = [...]struct{ short, name string }{
	{"TRAC", "trace"}, {"DEBU", "debug"}, {"INFO", "info"}, {"WARN", "warning"}, {"ERRO", "error"}, {"FATA", "fatal"}, {"PANI", "panic"},
}

// terminal reads "INFO[2026-11-21T03:04:05Z] text", which logrus writes to a terminal,
// in colours or without. Where its text ends and names begin cannot be told there,
// so that all of it is text. A time in seconds since the start is none.
func terminal(line string) (at time.Time, level, text string, ok bool) {
	line = plain(line)
	for _, l := range levels {
		rest, found := strings.CutPrefix(line, l.short+"[")
		if !found {
			continue
		}
		stamp, text, found := strings.Cut(rest, "] ")
		if !found {
			return at, "", "", false
		}
		at, timed := pieces.ParseTime(stamp)
		if !timed && strings.Trim(stamp, "0123456789") != "" {
			return at, "", "", false
		}
		return at, l.name, strings.TrimSpace(text), true
	}
	return at, "", "", false
}

// plain returns s without the colours of a terminal.
func plain(s string) string {
	if strings.IndexByte(s, 0x1b) < 0 {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.TrimLeft(rest, "0123456789;")
		if end == "" || end[0] != 'm' {
			b.WriteString("\x1b[")
			s = rest
			continue
		}
		s = end[1:]
	}
}
