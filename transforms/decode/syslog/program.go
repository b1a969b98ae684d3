package syslog

import "strings"

// repeated takes off what rsyslog puts around a message that came several times,
// "message repeated 3 times: [ … ]", and returns how often.
func repeated(text string) (inner, times string) {
	rest, ok := strings.CutPrefix(text, "message repeated ")
	if !ok {
		return text, ""
	}
	n := digits(rest)
	inner, ok = strings.CutPrefix(rest[n:], " times: [")
	if !ok || n == 0 || n > 9 || !strings.HasSuffix(inner, "]") {
		return text, ""
	}
	return strings.TrimPrefix(inner[:len(inner)-1], " "), rest[:n]
}

// ofModule is the program of the tag "sshd(pam_unix)" of old systems, and the text of
// pam_unix in the form of today's, which begins with the module.
func ofModule(tag, text string) (program, said string) {
	program, module, ok := strings.Cut(tag[:len(tag)-1], "(")
	switch {
	case !ok || program == "":
		return tag, text
	case module != "pam_unix":
		return program, text
	case strings.HasPrefix(text, "session "):
		return program, "pam_unix(" + program + ":session): " + text
	}
	return program, "pam_unix(" + program + ":auth): " + text
}

// programOf is the name of the program of a tag; Cisco's mnemonics and numbers
// are none.
func programOf(app string) string {
	if app == "" || app[0] == '%' || digits(app) == len(app) {
		return ""
	}
	if n := len(app) - 1; app[n] == ']' && strings.IndexByte(app, '[') < 0 {
		app = app[:n] // "gdm-password]" is what GDM calls itself
	}
	return app[strings.LastIndexByte(app, '/')+1:]
}
