package programs

import (
	"net/netip"
	"strings"
)

// sshd reads the lines of OpenSSH about who came in and who did not.
func sshd(text string, s *Said) {
	text = strings.TrimSuffix(text, " [preauth]")
	s.ssh = true
	switch {
	case strings.HasPrefix(text, "Accepted "):
		s.set("logged-in", "authentication", "start", "success", notable)
		s.attempt(text[len("Accepted "):])
	case strings.HasPrefix(text, "Failed "):
		s.set("logged-in", "authentication", "start", "failure", grave)
		s.attempt(text[len("Failed "):])
	case strings.HasPrefix(text, "Invalid user "), strings.HasPrefix(text, "Illegal user "): // of OpenSSH before 4.0
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.Reason = "invalid user"
		s.invalid(text[len("Invalid user "):])
	case strings.HasPrefix(text, "User ") && strings.Contains(text[len("User "):], " not allowed because "):
		s.set("was-authorized", "authentication", "info", "failure", failed)
		s.refused(text[len("User "):])
	case strings.HasPrefix(text, "error: maximum authentication attempts exceeded for "):
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.attempt("none for " + text[len("error: maximum authentication attempts exceeded for "):])
		if s.method = ""; s.Reason == "" {
			s.Reason = "maximum authentication attempts exceeded"
		}
	case strings.HasPrefix(text, "PAM ") && strings.Contains(text, " more authentication failures; "):
		_, rest, _ := strings.Cut(text, "; ")
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.pamWho(rest)
	}
}

// attempt reads "METHOD for [invalid user ]NAME from ADDR port N ssh2[: TYPE KEY]".
// The name is the client's choice and may hold all of that again, so the last
// place that can be the program's own is taken.
func (s *Said) attempt(text string) {
	method, rest, ok := strings.Cut(text, " for ")
	if !ok || strings.ContainsRune(method, ' ') {
		s.Twice = "sshd names no account"
		return
	}
	s.method = method
	name, invalid := strings.CutPrefix(rest, "invalid user ")
	if !invalid {
		name, invalid = strings.CutPrefix(rest, "illegal user ")
	}
	if invalid {
		rest, s.Reason = name, "invalid user"
	}
	at := strings.LastIndex(rest, " from ")
	if at < 0 || !s.ends(rest[at+len(" from "):]) {
		s.addr, s.port, s.key = "", "", ""
		s.Twice = "where sshd's account ends and its origin begins has several readings"
		return
	}
	s.user = rest[:at]
}

// ends reads "ADDR port N[ ssh2][: TYPE KEY]" and nothing else.
func (s *Said) ends(rest string) bool {
	addr, rest, ok := strings.Cut(rest, " port ")
	if !ok || addr == "" || strings.ContainsRune(addr, ' ') {
		return false
	}
	n := digits(rest)
	if _, ok := number(rest[:n], 65535); !ok {
		return false
	}
	s.addr, s.port = addr, rest[:n]
	rest = strings.TrimPrefix(strings.TrimLeft(rest[n:], " "), "ssh2")
	if rest == "" {
		return true
	}
	key, ok := strings.CutPrefix(rest, ": ")
	if !ok || strings.Count(key, " ") != 1 {
		return false
	}
	s.key = key
	return true
}

// invalid reads "NAME from ADDR[ port N]".
func (s *Said) invalid(rest string) {
	at := strings.LastIndex(rest, " from ")
	if at < 0 {
		s.Twice = "sshd names no origin"
		return
	}
	addr, port, _ := strings.Cut(rest[at+len(" from "):], " port ")
	if strings.ContainsRune(addr, ' ') || port != "" && digits(port) != len(port) {
		s.Twice = "where sshd's account ends and its origin begins has several readings"
		return
	}
	s.user, s.addr, s.port = rest[:at], addr, port
}

// refused reads "NAME from HOST not allowed because REASON".
func (s *Said) refused(rest string) {
	at := strings.LastIndex(rest, " not allowed because ")
	who, why := rest[:at], rest[at+len(" not allowed because "):]
	s.Reason = why
	from := strings.LastIndex(who, " from ")
	if from < 0 {
		s.user = who
		return
	}
	if host := who[from+len(" from "):]; strings.ContainsRune(host, ' ') {
		s.Twice = "where sshd's account ends and its origin begins has several readings"
	} else {
		s.user, s.addr = who[:from], host
	}
}

// pam reads the lines of pam_unix and pam_sss:
//
//	pam_unix(sshd:session): session opened for user ana(uid=1000) by (uid=0)
//	pam_unix(sudo:auth): authentication failure; logname=… user=ana
//	pam_unix(passwd:chauthtok): password changed for ana
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
	}
	s.ssh = s.Known && service == "sshd"
}

// opened reads "NAME[(uid=N)] by [NAME](uid=N)": who the session is for, and who
// opened it. A name in front of the second bracket is the person who switched.
func (s *Said) opened(rest string) {
	name, by, ok := strings.Cut(rest, " by ")
	account, id := bracketed(name)
	if !ok {
		s.user, s.userID = account, id
		return
	}
	who, whoID := bracketed(by)
	if who == "" {
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
