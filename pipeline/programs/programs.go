// Package programs reads the lines that the programs of a Unix host write to its
// log about who came in and who acted as whom: sshd, sudo, su, doas, PAM, cron,
// login and the account tools. It knows nothing of the head of a message, nor whether it
// was that program which wrote it.
//
// The lines hold text that attackers choose: the name of an account that does not
// exist, a folder, a command. It is cut out from the ends that the program itself
// writes; where two readings are possible, the fields in question stay out.
package programs

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Said is what a line of a known program says, by the actions of SCHEMA.md,
// section 3.1.
type Said struct {
	Action, Category, Kind, Kind2, Outcome, Reason string
	Severity                                       int64 // event.severity

	Known   bool   // the line was understood; what is above is its, and Fields has the rest
	Twice   string // what has two readings, and is therefore left out; "" for nothing
	Command string // that was run

	user, userID     string // who acts
	effective, asID  string // who they act as
	target, targetID string // the account that is acted on
	group, groupID   string
	addr, port       string // where from
	tty, cwd         string
	ssh              bool
	method, key      string // of sshd: publickey; RSA SHA256:…
	identity         string // of sshd: the certificate, or the principal of Kerberos
}

// The severities of SCHEMA.md, section 3.1.
const (
	usual, notable, failed, grave = 2, 3, 4, 5
)

// set names what happened.
func (s *Said) set(action, category, kind, outcome string, severity int64) {
	s.Action, s.Category, s.Kind, s.Outcome, s.Severity, s.Known = action, category, kind, outcome, severity, true
}

// Read reads the text of a message by the program that is taken for its writer.
// What it does not understand it leaves as it is in s.
func Read(program, text string, s *Said) {
	text = strings.TrimLeft(text, " ")
	if isPAM(text) {
		pam(text, s)
	}
	if s.Known {
		return
	}
	switch program {
	case "sshd", "sshd-session", "sshd-auth":
		sshd(text, s)
	case "sudo", "sudo-rs":
		sudo(text, s)
	case "su", "su-rs":
		su(text, s)
	case "doas":
		doas(text, s)
	case "CRON", "cron", "crond", "CROND":
		cron(text, s)
	case "login":
		login(text, s)
	case "useradd", "userdel", "usermod", "groupadd", "groupdel", "gpasswd", "passwd":
		account(program, text, s)
	}
}

// Fields adds who, where from and what; what the members name is not among it.
func (s *Said) Fields(f *event.Fields, program string) {
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
	f.AddString(schema.ProcessCommandLine, s.Command)
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
	if s.identity != "" {
		f.AddNamed(schema.Labels, "ssh_identity", event.String(s.identity))
	}
	f.AddString(schema.RelatedUser, s.user)
	if s.effective != s.user {
		f.AddString(schema.RelatedUser, s.effective)
	}
	f.AddString(schema.RelatedUser, s.target)
}

// origin adds where the session came from.
func (s *Said) origin(f *event.Fields) {
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

func digit(c byte) bool { return c >= '0' && c <= '9' }

// digits returns how many digits s begins with.
func digits(s string) int {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return i
}
