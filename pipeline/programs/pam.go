package programs

import (
	"net/netip"
	"strings"
)

// isPAM reports whether a line is one of the modules of PAM that are read here; pam_unix_ng
// is that of SUSE.
func isPAM(text string) bool {
	rest, ok := strings.CutPrefix(text, "pam_")
	if !ok {
		return false
	}
	module, _, _ := strings.Cut(rest, "(")
	switch module {
	case "unix", "sss", "unix_ng", "access", "faillock":
		return true
	}
	return false
}

// pam reads the lines of modules of PAM:
//
//	pam_unix(sshd:session): session opened for user ana(uid=1000) by (uid=0)
//	pam_unix(sudo:auth): authentication failure; logname=… user=ana
//	pam_unix(passwd:chauthtok): password changed for ana
//	pam_access(sshd:account): access denied for user `ana' from `192.0.2.1'
//	pam_faillock(sshd:auth): Consecutive login failures for user ana account temporarily locked
func pam(text string, s *Said) {
	head, rest, ok := strings.Cut(text, "): ")
	if !ok || strings.ContainsRune(head, ' ') {
		return
	}
	service := head[strings.IndexByte(head, '(')+1:]
	service, _, _ = strings.Cut(service, ":")
	switch {
	case strings.HasPrefix(rest, "session opened for user "):
		s.set("started-session", "session", "start", "success", usual)
		s.opened(rest[len("session opened for user "):])
	case strings.HasPrefix(rest, "session closed for user "):
		s.set("ended-session", "session", "end", "success", usual)
		s.user = rest[len("session closed for user "):]
	case strings.HasPrefix(rest, "authentication failure; "):
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.pamWho(rest[len("authentication failure; "):])
	case strings.HasPrefix(rest, "authentication success; "):
		s.set("authenticated", "authentication", "info", "success", usual)
		s.pamWho(rest[len("authentication success; "):])
	case strings.HasPrefix(rest, "password changed for "):
		s.set("changed-password", "iam", "user", "success", failed)
		s.Kind2, s.target = "change", rest[len("password changed for "):]
	case strings.HasPrefix(rest, "access denied for user `"):
		s.set("was-authorized", "authentication", "info", "failure", failed)
		rest = between(rest, "access denied for user `", "'")
		at := strings.LastIndex(rest, "' from `")
		if at < 0 {
			s.Twice = "pam_access names no origin"
			break
		}
		s.user = rest[:at]
		if s.addr = rest[at+len("' from `"):]; strings.HasPrefix(s.addr, "tty") || strings.HasPrefix(s.addr, "pts/") || s.addr == "cron" {
			s.addr, s.tty = "", s.addr // or a service, where there is no terminal
		}
	case strings.HasPrefix(rest, "Consecutive login failures for user ") && strings.HasSuffix(rest, " account temporarily locked"):
		s.set("locked-account", "iam", "user", "success", failed)
		s.Kind2, s.Reason = "change", "consecutive login failures"
		s.target = between(rest, "Consecutive login failures for user ", " account temporarily locked")
	}
	s.ssh = s.Known && service == "sshd"
}

// opened reads "NAME[(uid=N)] by [NAME](uid=N)": who the session is for, and who
// opened it. A name in front of the second bracket is the person who switched, but
// the number in it is the user of the process: that of the person, or root's, since
// sudo and sshd run as root. Where there is no name, a number that is not root's is
// the person's. login says LOGIN while nobody is logged in.
func (s *Said) opened(rest string) {
	name, by, _ := strings.Cut(rest, " by ")
	account, id := bracketed(name)
	who, whoID := bracketed(by)
	if whoID == "0" && who != "root" {
		whoID = ""
	}
	switch {
	case who == account, who == "LOGIN", who == "" && (whoID == "" || whoID == id):
		s.user, s.userID = account, id
		return
	}
	s.user, s.userID, s.effective, s.asID = who, whoID, account, id
}

// bracketed cuts "ana(uid=1000)" into its two.
func bracketed(s string) (name, id string) {
	name, id, ok := strings.Cut(s, "(uid=")
	if !ok {
		return s, ""
	}
	return name, strings.TrimSuffix(id, ")")
}

// pamWho reads "logname=L uid=N euid=N tty=T ruser=R rhost=H  user=U". The
// account is last and may hold blanks; it is what was typed.
func (s *Said) pamWho(rest string) {
	s.tty = assigned(rest, "tty=")
	ruser, host := assigned(rest, " ruser="), assigned(rest, " rhost=")
	if host != "" {
		s.addr = host
	}
	if s.tty == "ssh" {
		s.tty = ""
	}
	_, user, ok := strings.Cut(rest, " user=")
	switch {
	case ok && ruser != "" && ruser != user:
		s.user, s.effective = ruser, user
	case ok:
		s.user = user
	default:
		s.user = ruser
	}
	if _, err := netip.ParseAddr(s.addr); err != nil && strings.ContainsRune(s.addr, '=') {
		s.addr, s.Twice = "", "the origin that PAM names has several readings"
	}
}

// assigned returns the word after a key, "" where it has none.
func assigned(s, key string) string {
	_, v, ok := strings.Cut(s, key)
	if !ok {
		return ""
	}
	v, _, _ = strings.Cut(v, " ")
	return v
}
