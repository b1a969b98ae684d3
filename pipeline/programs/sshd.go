package programs

import "strings"

// sshd reads the lines of OpenSSH about who came in and who did not.
func sshd(text string, s *Said) {
	text = strings.TrimSuffix(text, " [preauth]")
	for i := range attempts {
		a := &attempts[i]
		if rest, ok := strings.CutPrefix(text, a.prefix); ok {
			if method, rest, ok := strings.Cut(rest, " for "); ok && !strings.ContainsRune(method, ' ') {
				s.set(a.action, "authentication", a.kind, a.outcome, a.severity)
				s.method, s.ssh = method, true
				s.attempt(rest)
			}
			return // "Accepted key …" and "Failed to …" say nothing of who came in
		}
	}
	switch {
	case strings.HasPrefix(text, "Invalid user "), strings.HasPrefix(text, "Illegal user "): // of OpenSSH before 4.0
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.Reason = "invalid user"
		s.invalid(text[len("Invalid user "):])
	case strings.HasPrefix(text, "User ") && strings.Contains(text[len("User "):], " not allowed because "):
		s.set("was-authorized", "authentication", "info", "failure", failed)
		s.refused(text[len("User "):])
	case strings.HasPrefix(text, "error: maximum authentication attempts exceeded for "):
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.attempt(text[len("error: maximum authentication attempts exceeded for "):])
		if s.Reason == "" {
			s.Reason = "maximum authentication attempts exceeded"
		}
	case strings.HasPrefix(text, "PAM ") && strings.Contains(text, " more authentication failures; "):
		_, rest, _ := strings.Cut(text, "; ")
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.pamWho(rest)
	case strings.HasPrefix(text, "error: PAM: "):
		s.ofPAM(text[len("error: PAM: "):])
	case strings.HasPrefix(text, "fatal: Access denied for user ") && strings.HasSuffix(text, " by PAM account configuration"):
		s.set("was-authorized", "authentication", "info", "failure", failed)
		s.Reason = "PAM account configuration"
		s.user = between(text, "fatal: Access denied for user ", " by PAM account configuration")
	case strings.HasPrefix(text, "ROOT LOGIN REFUSED FROM "):
		s.set("was-authorized", "authentication", "info", "failure", failed)
		s.user = "root"
		s.addr, s.port, _ = strings.Cut(text[len("ROOT LOGIN REFUSED FROM "):], " port ")
	default:
		s.gone(text)
	}
	s.ssh = s.Known
}

// attempts are the words in front of "METHOD for NAME from ADDR port N ssh2". A
// method that is one of several which are asked for lets nobody in.
var attempts = [...]struct {
	prefix, action, kind, outcome string
	severity                      int64
}{
	{"Accepted ", "logged-in", "start", "success", notable},
	{"Failed ", "logged-in", "start", "failure", grave},
	{"Partial ", "authenticated", "info", "success", usual},
}

// attempt reads "[invalid user ]NAME from ADDR port N ssh2[: TYPE KEY]". The name
// of an account that does not exist is the client's choice and may hold all of
// that again, so that the last place which can be the program's own is taken. That of
// an account that does exist is not; there the first is, since a certificate's name
// may follow, which is the client's choice again.
func (s *Said) attempt(text string) {
	name, invalid := strings.CutPrefix(text, "invalid user ")
	if !invalid {
		name, invalid = strings.CutPrefix(text, "illegal user ")
	}
	at := strings.Index(name, " from ")
	if invalid {
		s.Reason = "invalid user"
		at = strings.LastIndex(name, " from ")
	}
	if at < 0 || !s.ends(name[at+len(" from "):], invalid) {
		s.addr, s.port, s.key, s.identity = "", "", "", ""
		s.Twice = "where sshd's account ends and its origin begins has several readings"
		return
	}
	s.user = name[:at]
}

// ends reads "ADDR port N[ ssh2][: TYPE KEY[ MORE]]" and nothing else; more is the
// certificate, or the principal of Kerberos, and only of an account that exists.
func (s *Said) ends(rest string, invalid bool) bool {
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
	rest, ok = strings.CutPrefix(rest, ": ")
	if !ok || rest == "" || invalid && strings.Count(rest, " ") != 1 {
		return false
	}
	kind, mark, ok := strings.Cut(rest, " ")
	mark, more, _ := strings.Cut(mark, " ")
	if !ok || !strings.Contains(mark, ":") {
		s.identity = rest
		return true
	}
	s.key, s.identity = kind+" "+strings.TrimSuffix(mark, ","), more
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

// ofPAM reads "REASON for [illegal user ]NAME from HOST".
func (s *Said) ofPAM(text string) {
	why, rest, ok := strings.Cut(text, " for ")
	at := strings.LastIndex(rest, " from ")
	if !ok || at < 0 {
		return
	}
	s.set("authenticated", "authentication", "info", "failure", grave)
	s.Reason = why
	s.user, s.addr = strings.TrimPrefix(rest[:at], "illegal user "), rest[at+len(" from "):]
	if strings.ContainsRune(s.addr, ' ') {
		s.user, s.addr = "", ""
		s.Twice = "where sshd's account ends and its origin begins has several readings"
	}
}

// departures are the words in front of "NAME ADDR port N" of a connection that
// ended, and what is to be said of it: sshd names the account that was asked for,
// and does not say that it was let in.
var departures = [...]struct{ prefix, reason string }{
	{"Connection closed by authenticating user ", "authenticating user"},
	{"Connection closed by invalid user ", "invalid user"},
	{"Connection reset by authenticating user ", "authenticating user"},
	{"Connection reset by invalid user ", "invalid user"},
	{"Disconnected from authenticating user ", "authenticating user"},
	{"Disconnected from invalid user ", "invalid user"},
	{"Disconnected from user ", ""},
}

// gone reads the end of a connection. The name may hold blanks; address and port
// are last.
func (s *Said) gone(text string) {
	for i := range departures {
		rest, ok := strings.CutPrefix(text, departures[i].prefix)
		if !ok {
			continue
		}
		at := strings.LastIndex(rest, " port ")
		if at < 0 || digits(rest[at+len(" port "):]) != len(rest)-at-len(" port ") {
			return
		}
		who := rest[:at]
		blank := strings.LastIndexByte(who, ' ')
		if blank < 0 {
			return
		}
		s.set("closed-connection", "network", "end", "", usual)
		s.Reason = departures[i].reason
		s.user, s.addr, s.port = who[:blank], who[blank+1:], rest[at+len(" port "):]
		return
	}
}
