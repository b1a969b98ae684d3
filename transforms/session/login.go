package session

import (
	"strings"
	"time"
)

// login is one login session, as the kernel numbers them in each boot.
type login struct {
	mark
	opened time.Time // when it was first told of
	last   time.Time // when something was last heard of it
}

type loginKey struct {
	place
	ses string
}

// console are the programs that people log in with at the machine itself.
func console(provider string) bool {
	switch provider {
	case "login", "gdm-session-worker", "lightdm", "sddm-helper", "xdm":
		return true
	}
	return false
}

// tells returns what a record says of its login session, and whether it does.
func (s *seen) tells() (how, user string, ok bool) {
	switch s.code {
	case "USER_LOGIN", "USER_START", "CRED_ACQ":
		if s.outcome != "success" {
			return "", "", false
		}
		user = s.auditName
		if user == "" {
			user = s.effectiveName // the account that was logged into
		}
		switch {
		case s.provider == "sshd", s.provider == "sshd-session": // the latter since OpenSSH 9.8
			return howSSH, user, true
		case console(s.provider):
			return howConsole, user, true
		case s.provider == "cron", s.provider == "crond": // whose table the job stands in
			return howCron, user, true
		}
	case "USER_CMD", "USER_AUTH":
		// Who asked is who was logged in, whether it was granted or not. What is kept of how
		// is our own word, not the event's.
		switch s.provider {
		case howSudo:
			return howSudo, s.auditName, s.auditName != ""
		case howSu:
			return howSu, s.auditName, s.auditName != ""
		}
	}
	return "", "", false
}

// inSession reports whether the kernel counts a process to a login session.
func (s *seen) inSession() bool {
	switch s.ses {
	case "", "4294967295", "-1", "unset":
		return false
	}
	return true
}

// weak reports whether a way in says who is logged in and not how they came.
func weak(how string) bool { return how == howSudo || how == howSu }

// ofAnother reports whether an event is of another session that has the same
// number: whoever gets another login id from the kernel gets another number too.
// A host whose boots are not known gives its numbers anew, and a record of the
// login can be lost.
func (l *login) ofAnother(s *seen) bool {
	return s.auditName != "" && l.user != "" && s.auditName != l.user
}

// login takes in what an audit event says of its session, and returns the
// session's mark.
func (k *knowledge) login(s *seen) (mark, bool) {
	if !s.inSession() {
		return mark{}, false
	}
	key := loginKey{s.place, s.ses}
	l := k.sessions.get(key)
	if l != nil && (s.at.Sub(l.last) > k.life || s.code == "LOGIN" && s.outcome == "success" && s.at.After(l.opened)) {
		k.sessions.drop(key) // forgotten, or the kernel gave the number anew
		l = nil
	}
	if l != nil && l.ofAnother(s) {
		if s.at.Before(l.opened) {
			return mark{}, false // what is left of the session that had the number before
		}
		k.sessions.drop(key)
		l = nil
	}
	if how, user, ok := s.tells(); ok {
		l = k.opened(key, l, s, how, user)
	}
	if l == nil || s.at.Before(l.opened.Add(-k.window)) {
		return mark{}, false
	}
	if s.at.After(l.last) {
		l.last = s.at
	}
	return l.mark, true
}

// opened returns the session with what was just told of it. What was told first
// stays, unless it said less.
func (k *knowledge) opened(key loginKey, l *login, s *seen, how, user string) *login {
	switch {
	case l == nil, weak(l.how) && !weak(how):
		opened := s.at
		if l != nil && l.opened.Before(opened) {
			opened = l.opened
		}
		if l == nil {
			key.place, key.ses = key.clone(), strings.Clone(key.ses)
		}
		m := mark{user: strings.Clone(user), how: how, id: s.e.ID.String(), confidence: exact}
		if !weak(how) {
			m.from = s.peer()
		}
		k.sessions.put(key, login{m, opened, s.at})
		return k.sessions.get(key)
	case l.how == how && !weak(how):
		if l.user == "" {
			l.user = strings.Clone(user)
		}
		if l.from == "" {
			l.from = s.peer()
		}
	}
	return l
}
