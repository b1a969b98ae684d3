package syslog

import (
	"strings"

	"tallyman/pipeline/record"
)

// inside returns the format of a record that s is: "cef", "leef" or "".
func inside(s string) string {
	switch {
	case strings.HasPrefix(s, "CEF:"):
		s = strings.TrimLeft(s[4:], " ")
		if n := digits(s); n > 0 && n < 3 && n < len(s) && s[n] == '|' {
			return "cef"
		}
	case strings.HasPrefix(s, "LEEF:"):
		s = strings.TrimLeft(s[5:], " ")
		if strings.HasPrefix(s, "1.0|") || strings.HasPrefix(s, "2.0|") || strings.HasPrefix(s, "1|") || strings.HasPrefix(s, "2|") {
			return "leef"
		}
	}
	return ""
}

// labelled is how far into a text a label before CEF: is looked for.
const labelled = 64

// inner returns the decoder that the text of the message waits for, "" for none,
// and leaves in m.text the record alone. Only a record that is the whole text
// counts: what stands in the middle of a text may be what an attacker wrote.
func (m *message) inner() string {
	if kind := inside(m.text); kind != "" {
		return kind
	}
	if m.auditRecord() {
		return "audit"
	}
	if kind := m.builder(); kind != "" {
		return kind
	}
	// "ASM:CEF:0|…", "vectra_cef -: CEF:0|…"
	start := m.text[:min(len(m.text), labelled)]
	if !strings.Contains(start, "EF:") {
		return ""
	}
	at := strings.Index(start, "CEF:")
	if at < 0 {
		at = strings.Index(start, "LEEF:")
	}
	if at < 1 {
		return ""
	}
	kind, label := inside(m.text[at:]), m.text[:at]
	name, isNil := strings.CutSuffix(label, " -: ")
	if !isNil {
		name, isNil = strings.CutSuffix(label, ":")
	}
	if !isNil && m.app == "" && m.host != "" { // a tag that ends at a blank
		name, isNil = strings.CutSuffix(label, " ")
	}
	if kind == "" || !isNil || name == "" || strings.ContainsAny(name, " \t") {
		return ""
	}
	if m.app == "" {
		m.app = name
	}
	m.text = m.text[at:]
	return kind
}

// builder returns the decoder of what Jenkins, gitolite and Falco send over syslog, under
// the names that they have there, where the text has the form of theirs: all may
// be called otherwise, and other programs as they are.
func (m *message) builder() string {
	s := m.text
	// "gitolite[4711][4712]: update<tab>repository<tab>…" has two numbers, and so no
	// tag that is one.
	if m.app == "" && strings.HasPrefix(s, "gitolite[") {
		if head, rest, ok := strings.Cut(s, "]: "); ok && len(head) < 40 {
			s = rest
		}
	}
	if m.app == "gitolite" || len(s) < len(m.text) {
		switch kind, _, more := strings.Cut(s, "\t"); kind {
		case "ssh", "http", "pre_git", "update", "die":
			if more {
				m.app, m.text = "gitolite", s
				return "gitolite"
			}
		}
		return ""
	}
	switch m.app {
	case "jenkins":
		first, _, _ := strings.Cut(s, "\n")
		switch {
		case strings.HasPrefix(s, "/") && strings.Contains(first, " by "),
			strings.HasPrefix(s, "job/") && strings.Contains(first, " #"),
			strings.HasPrefix(s, "'") && strings.Contains(first, ") used credentials '"),
			strings.HasPrefix(s, "A groovy script was executed"),
			strings.Contains(first, " #") && strings.Contains(first, "ms completed: "):
			return "jenkins_audit"
		}
	case "falco":
		if falcoAlert(s) {
			return "falco"
		}
	case "gitweb", "git-http-backend":
		if strings.Contains(s, "] \"") && strings.Contains(s, " HTTP/") || strings.HasPrefix(s, "{") && strings.Contains(s, "/git-") {
			return "git_access"
		}
	}
	return ""
}

// falcoAlert reports whether a text is an alert of Falco's, JSON or plain text, and not a
// line of its own log.
func falcoAlert(s string) bool {
	if strings.HasPrefix(s, "{") {
		return strings.Contains(s, `"priority":`) && strings.Contains(s, `"rule":`) && strings.HasSuffix(s, "}")
	}
	return record.FalcoLine(s)
}

// auditRecord reports whether the text is a record of the kernel's audit, sent
// by audispd, by auditd's plugin, or by the kernel itself, and leaves it alone in
// m.text.
func (m *message) auditRecord() bool {
	s := m.text
	switch m.app {
	case "kernel":
		s = afterUptime(s)
		if !strings.HasPrefix(s, "audit: ") {
			return false
		}
	case "", "audit", "auditd", "audispd", "audisp-syslog", "audisp-remote", "tag_auditd", "tag_audit_log":
		s = strings.TrimPrefix(s, " ")
	default:
		return false
	}
	body := strings.TrimPrefix(s, "audit: ")
	if !strings.HasPrefix(body, "type=") && !strings.HasPrefix(body, "node=") {
		return false
	}
	at := strings.Index(body[:min(len(body), 400)], "audit(")
	if at < 0 || !strings.Contains(body[:at], "type=") {
		return false
	}
	m.text = s
	return true
}

// afterUptime skips the "[  270.853767] " of a kernel message.
func afterUptime(s string) string {
	if s == "" || s[0] != '[' {
		return s
	}
	end := strings.IndexByte(s, ']')
	if end < 0 || strings.Trim(s[1:end], " .0123456789") != "" {
		return s
	}
	return strings.TrimPrefix(s[end+1:], " ")
}
