package syslog

import "strings"

// severityOf returns the code of a name that programs write for a severity, -1 where
// it is none.
func severityOf(name string) int {
	switch name {
	case "emerg", "panic":
		return 0
	case "alert":
		return 1
	case "crit", "critical":
		return 2
	case "err", "error":
		return 3
	case "warning", "warn":
		return 4
	case "notice":
		return 5
	case "info", "informational":
		return 6
	case "debug":
		return 7
	}
	return -1
}

// levelled takes the facility and the severity from the first word of a text, as syslogds
// write them into their files: "daemon.info ntpd[7]: …" of busybox, "<auth.info> host
// …" of FreeBSD, "notice apmd[7]: …" of F5. A severity alone has to stand before a tag,
// since it may be the first word of a text.
func (m *message) levelled(first, rest string) bool {
	if len(first) > 24 || len(first) < 3 {
		return false
	}
	switch first[len(first)-1] { // the ends of their names; few words go on
	case 'g', 'c', 't', 'l', 'r', 'n', 'e', 'o', '>':
	default:
		return false
	}
	if severityOf(first) >= 0 {
		if _, _, _, own := vmware(rest); !own && !tagBegins(rest) {
			return false
		}
		m.level = first
		return true
	}
	inner, bracketed := strings.CutPrefix(first, "<")
	if bracketed {
		if inner, bracketed = strings.CutSuffix(inner, ">"); !bracketed {
			return false
		}
	}
	facility, name, dotted := strings.Cut(inner, ".")
	if !dotted {
		return false
	}
	code, f := severityOf(name), facilityOf(facility)
	if code < 0 || f < 0 {
		return false
	}
	if m.level = name; m.pri == noPriority {
		m.pri = f<<3 | code
	} else if m.pri != f<<3|code {
		m.selector = inner
	}
	return true
}

// facilityOf returns the code of the name of a facility, -1 where it is none.
func facilityOf(name string) int {
	if name == "security" {
		return 4
	}
	for i := range facilities {
		if facilities[i] == name {
			return i
		}
	}
	return -1
}

// vmware reads "vpxd[07879] [Originator@6876 sub=…] text", as VMware's programs write
// after the severity in their own files.
func vmware(s string) (app, proc, text string, ok bool) {
	app, rest, found := strings.Cut(s, "[")
	if !found || app == "" || len(app) > maxTag || strings.ContainsAny(app, " :") {
		return "", "", "", false
	}
	n := digits(rest)
	if n == 0 || !strings.HasPrefix(rest[n:], "] [Originator@") {
		return "", "", "", false
	}
	return app, rest[:n], rest[n+2:], true
}

// tagBegins reports whether s begins with "tag[7]: " or "tag: ".
func tagBegins(s string) bool {
	i := 0
	for i < len(s) && i <= maxTag && graph(s[i]) && s[i] != ':' && s[i] != '[' {
		i++
	}
	if i == 0 || i >= len(s) || i > maxTag {
		return false
	}
	if s[i] == '[' {
		n := digits(s[i+1:])
		return n > 0 && strings.HasPrefix(s[i+1+n:], "]: ")
	}
	return strings.HasPrefix(s[i:], ": ")
}
