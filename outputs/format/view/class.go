package view

import (
	"strings"

	"tallyman/pipeline/schema"
)

// AppendClass appends the class id, at most limit bytes: the deviceEventClassId
// of CEF and the EventID of LEEF (SCHEMA.md section 3).
func (v *View) AppendClass(dst []byte, limit int) []byte {
	at := len(dst)
	module := v.Str(schema.EventModule)
	if id := v.Str(schema.RuleID); id != "" {
		return appendClass(dst, at+limit, id, false)
	}
	if module == "" {
		module, _, _ = strings.Cut(v.Dataset(), ".")
	}
	if module == "" {
		module = "event"
	}
	dst = appendClass(dst, at+limit, module, true)
	part := func(s string) {
		dst = appendClass(dst, at+limit, ".", false)
		dst = appendClass(dst, at+limit, s, true)
	}
	switch {
	case module == "falco" && v.Str(schema.FalcoRule) != "":
		return appendSlug(appendClass(dst, at+limit, ".", false), at+limit, v.Str(schema.FalcoRule))
	case module == "syslog" && v.Str(schema.LogSyslogAppname) != "":
		part(v.Str(schema.LogSyslogAppname))
		return dst
	case module == "docker" && v.Str(schema.DockerEventType) != "":
		part(v.Str(schema.DockerEventType))
	case module == "kubernetes" && v.Str(schema.KubernetesAuditObjectRefResource) != "":
		part(v.Str(schema.KubernetesAuditObjectRefResource))
		if sub := v.Str(schema.KubernetesAuditObjectRefSubresource); sub != "" {
			part(sub)
		}
	}
	if action := v.Str(schema.EventAction); action != "" {
		if module == "docker" && Copies(action) {
			action = "copy" // the one class of its three actions
		}
		part(action)
	}
	return dst
}

// Copies reports whether an action of the container engine copies files.
func Copies(action string) bool {
	switch action {
	case "archive-path", "extract-to-dir", "export", "copy":
		return true
	}
	return false
}

// appendClass appends s as a part of a class id that must end before end.
func appendClass(dst []byte, end int, s string, lower bool) []byte {
	chars := &classChars
	if lower {
		chars = &lowerChars
	}
	s = s[:max(0, min(len(s), end-len(dst)))]
	for i := range len(s) {
		dst = append(dst, chars[s[i]])
	}
	return dst
}

// What the bytes of a text are in a class id. It has no = % # | and \ (SCHEMA.md
// section 3), nor anything but visible ASCII: those become a dash.
var classChars, lowerChars = inClass(false), inClass(true)

func inClass(lower bool) (t [256]byte) {
	for i := range t {
		c := byte(i)
		switch {
		case c <= ' ' || c > '~' || c == '=' || c == '%' || c == '#' || c == '|' || c == '\\':
			c = '-'
		case lower && c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		t[i] = c
	}
	return t
}

// appendSlug appends s in lower case with a dash for every run of characters
// that are neither letters nor digits.
func appendSlug(dst []byte, end int, s string) []byte {
	dash := false
	for i := 0; i < len(s) && len(dst) < end; i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			dst, dash = append(dst, c), false
		} else if !dash {
			dst, dash = append(dst, '-'), true
		}
	}
	return dst
}
