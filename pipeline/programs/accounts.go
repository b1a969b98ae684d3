package programs

import "strings"

// cron reads "(ana) CMD (touch /tmp/x)", and "USER ana pid  12 cmd touch /tmp/x" of busybox.
func cron(text string, s *Said) {
	if rest, ok := strings.CutPrefix(text, "USER "); ok {
		user, rest, _ := strings.Cut(rest, " pid ")
		rest = strings.TrimLeft(rest, " ")
		if command, ok := strings.CutPrefix(rest[digits(rest):], " cmd "); ok && !strings.ContainsRune(user, ' ') {
			s.set("executed", "process", "start", "success", usual)
			s.user, s.Command = user, command
		}
		return
	}
	user, command, ok := strings.Cut(text, ") CMD (")
	if !ok || !strings.HasPrefix(user, "(") || strings.ContainsRune(user, ' ') {
		return
	}
	s.set("executed", "process", "start", "success", usual)
	s.user, s.Command = user[1:], strings.TrimSuffix(command, ")")
}

// login reads the lines of login, of util-linux and of shadow.
func login(text string, s *Said) {
	if rest, ok := strings.CutPrefix(text, "FAILED LOGIN "); ok {
		s.set("logged-in", "authentication", "start", "failure", grave)
		where, who, ok := strings.Cut(rest, " FOR ")
		if at := strings.LastIndex(who, ", "); ok && at >= 0 {
			s.user, s.Reason = strings.Trim(who[:at], "'"), who[at+2:]
		}
		for _, p := range [...]string{" on ", " ON ", " FROM "} {
			if _, tty, ok := strings.Cut(where, p); ok {
				s.tty = strings.Trim(tty, "'")
			}
		}
		return
	}
	root := strings.HasPrefix(text, "ROOT LOGIN")
	tty, ok := strings.CutPrefix(strings.TrimPrefix(text, "ROOT "), "LOGIN ON ")
	if !ok {
		return
	}
	s.set("logged-in", "authentication", "start", "success", notable)
	tty, host, _ := strings.Cut(tty, " FROM ")
	tty, user, _ := strings.Cut(tty, " BY ")
	if s.user, s.addr, s.tty = user, host, tty; root {
		s.user = "root"
	}
}

// account reads the lines of the account tools:
//
//	new user: name=web, UID=48, GID=48, home=/srv, shell=/sbin/nologin
//	delete user 'web'
//	add 'web' to group 'docker'
//	user web added by root to group docker
//
// Of what they write twice, for the group and for its shadow, one line counts.
func account(program, text string, s *Said) {
	switch {
	case program == "useradd" && strings.HasPrefix(text, "new user: "):
		s.set("added-user-account", "iam", "user", "success", grave)
		s.Kind2, s.target, s.targetID = "creation", listed(text, "name="), listed(text, "UID=")
	case program == "useradd" && strings.HasPrefix(text, "failed adding user '"):
		s.set("added-user-account", "iam", "user", "failure", failed)
		s.Kind2 = "creation"
		s.target, s.Reason, _ = strings.Cut(text[len("failed adding user '"):], "', ")
	case program == "groupadd" && strings.HasPrefix(text, "new group: "):
		s.set("added-group-account-to", "iam", "group", "success", failed)
		s.Kind2, s.group, s.groupID = "creation", listed(text, "name="), listed(text, "GID=")
	case program == "userdel" && strings.HasPrefix(text, "delete user "):
		s.set("deleted-user-account", "iam", "user", "success", grave)
		s.Kind2 = "deletion"
		s.target = between(text, "delete user '", "'")
	case program == "groupdel" && strings.HasSuffix(text, "' removed"):
		s.set("deleted-group-account-from", "iam", "group", "success", failed)
		s.Kind2 = "deletion"
		s.group = between(text, "group '", "' removed")
	case program == "passwd" && strings.HasPrefix(text, "password for '"):
		s.set("changed-password", "iam", "user", "success", failed)
		s.Kind2 = "change"
		s.target, s.user, _ = strings.Cut(between(text, "password for '", "'"), "' changed by '")
	case program == "usermod" && strings.HasPrefix(text, "change user '"), program == "usermod" && strings.HasPrefix(text, "change user name '"):
		s.changed(text)
	default:
		s.member(text)
	}
}

// changed reads "change user 'ana' shell from 'a' to 'b'" and "change user name 'ana'
// to 'eva'".
func (s *Said) changed(text string) {
	_, rest, _ := strings.Cut(text, "'")
	name, what, ok := strings.Cut(rest, "'")
	if !ok || name == "" {
		return
	}
	action, severity := "modified-user-account", int64(grave)
	if what = strings.TrimSpace(what); what == "password" {
		action, severity = "changed-password", failed
	}
	s.set(action, "iam", "user", "success", severity)
	s.Kind2, s.target = "change", name
}

// member reads who came into a group, or out of it: "add 'ana' to group 'docker'" of
// usermod, useradd and userdel, and "user ana added by root to group docker" of gpasswd.
func (s *Said) member(text string) {
	for _, m := range [...]struct{ prefix, middle, end, reason string }{
		{"add '", "' to group '", "'", "member added"},
		{"delete '", "' from group '", "'", "member removed"},
		{"user ", " to group ", "", "member added"},
		{"user ", " from group ", "", "member removed"},
	} {
		rest, ok := strings.CutPrefix(text, m.prefix)
		name, group, found := strings.Cut(rest, m.middle)
		if !ok || !found {
			continue
		}
		if group, ok = strings.CutSuffix(group, m.end); !ok {
			continue
		}
		by := ""
		if m.end == "" {
			for _, did := range [...]string{" added by ", " removed by "} {
				if n, b, ok := strings.Cut(name, did); ok {
					name, by = n, b
				}
			}
		}
		if m.end == "" && by == "" || name == "" || group == "" || strings.ContainsAny(name+group+by, " '") {
			continue
		}
		s.set("modified-group-account", "iam", "group", "success", grave)
		s.Kind2, s.Reason = "change", m.reason
		s.user, s.target, s.group = by, name, group
		return
	}
}

// listed returns what stands after a key, up to the next comma.
func listed(s, key string) string {
	_, v, ok := strings.Cut(s, key)
	if !ok {
		return ""
	}
	v, _, _ = strings.Cut(v, ",")
	return v
}
