package syslog

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// said is what a line of a known program says, by the actions of SCHEMA.md,
// section 3.1. The lines hold text that attackers choose: the name of an account
// that does not exist, a folder, a command. It is cut out from the ends that the
// program itself writes; where two readings are possible, the fields in question
// stay out and the event is flagged.
type said struct {
	action, category, kind, kind2, outcome, reason string
	severity                                       int64

	known             bool   // a line of a known program, the fields below count
	user, userID      string // who acts
	effective, asID   string // who they act as
	target, targetID  string // the account that is acted on
	group, groupID    string
	addr, port        string // where from
	tty, cwd, command string
	ssh               bool
	method, key       string // of sshd: publickey; RSA SHA256:…
	twice             string // what has two readings
}

// The severities of SCHEMA.md, section 3.1.
const (
	usual, notable, failed, grave = 2, 3, 4, 5
)

// set names what happened.
func (s *said) set(action, category, kind, outcome string, severity int64) {
	s.action, s.category, s.kind, s.outcome, s.severity, s.known = action, category, kind, outcome, severity, true
}

// means reads the text by the program that wrote it.
func (m *message) means(program string, s *said) {
	text := strings.TrimLeft(m.text, " ")
	if strings.HasPrefix(text, "pam_unix(") || strings.HasPrefix(text, "pam_sss(") {
		pam(text, s)
	}
	if s.known {
		m.ambiguous(s)
		return
	}
	switch program {
	case "sshd", "sshd-session", "sshd-auth":
		sshd(text, s)
	case "sudo":
		sudo(text, s)
	case "su":
		su(text, s)
	case "CRON", "cron", "crond", "CROND":
		cron(text, s)
	case "login":
		login(text, s)
	case "useradd", "userdel", "groupadd", "groupdel":
		account(program, text, s)
	}
	m.ambiguous(s)
}

func (m *message) ambiguous(s *said) {
	if s.twice != "" {
		m.wrong(s.twice)
	}
}

// fields adds who, where from and what.
func (s *said) fields(f *event.Fields, program string) {
	f.AddString(schema.EventProvider, program)
	f.AddString(schema.UserID, s.userID)
	f.AddString(schema.UserName, s.user)
	f.AddString(schema.UserEffectiveID, s.asID)
	f.AddString(schema.UserEffectiveName, s.effective)
	f.AddString(schema.UserTargetID, s.targetID)
	f.AddString(schema.UserTargetName, s.target)
	f.AddString(schema.GroupID, s.groupID)
	f.AddString(schema.GroupName, s.group)
	f.AddString(schema.ProcessTTYName, strings.TrimPrefix(s.tty, "/dev/"))
	f.AddString(schema.ProcessWorkingDirectory, s.cwd)
	f.AddString(schema.ProcessCommandLine, s.command)
	if s.ssh {
		f.AddString(schema.NetworkProtocol, "ssh")
	}
	s.origin(f)
	if s.method != "" {
		f.AddNamed(schema.Labels, "ssh_method", event.String(s.method))
	}
	if s.key != "" {
		f.AddNamed(schema.Labels, "ssh_key", event.String(s.key))
	}
	f.AddString(schema.RelatedUser, s.user)
	if s.effective != s.user {
		f.AddString(schema.RelatedUser, s.effective)
	}
	f.AddString(schema.RelatedUser, s.target)
}

// origin adds where the session came from.
func (s *said) origin(f *event.Fields) {
	if s.addr == "" {
		return
	}
	f.AddString(schema.SourceAddress, s.addr)
	if ip, ok := event.IP(s.addr); ok {
		f.Add(schema.SourceIP, ip)
		f.Add(schema.RelatedIP, ip)
	} else {
		f.AddString(schema.SourceDomain, s.addr)
	}
	if n, ok := number(s.port, 65535); ok {
		f.Add(schema.SourcePort, event.Int(n))
	}
}

// number reads a decimal number up to most.
func number(s string, most int64) (n int64, ok bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, n <= most
}

// between returns what stands between a prefix and a suffix.
func between(s, prefix, suffix string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, prefix), suffix)
}
