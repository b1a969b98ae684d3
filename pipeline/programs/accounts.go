package programs

import "strings"

// sudo reads the lines of sudo:
//
//	ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ; COMMAND=/bin/ls
//	ana : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/ls
//
// A folder and an argument may hold " ; USER=" and " ; COMMAND=". The account is
// only believed where it stands once, since sudo itself always writes it.
func sudo(text string, s *Said) {
	name, rest, ok := strings.Cut(text, " : ")
	if !ok || strings.ContainsRune(name, ' ') || !strings.Contains(rest, "COMMAND=") {
		return
	}
	s.set("ran-command", "process", "start", "success", notable)
	s.user = name
	if !strings.HasPrefix(rest, "TTY=") {
		if why, after, ok := strings.Cut(rest, " ; "); ok && !strings.Contains(why, "=") {
			s.Reason, s.Outcome, s.Severity, rest = why, "failure", failed, after
		}
	}
	if tty, ok := strings.CutPrefix(rest, "TTY="); ok {
		tty, rest, _ = strings.Cut(tty, " ; ")
		if tty != "unknown" {
			s.tty = tty
		}
	}
	if strings.Count(rest, "USER=") > 1 && strings.Count(rest, " ; USER=") > 1 {
		s.Twice = "the account and the command that sudo names have several readings"
		return
	}
	folder, rest, ok := strings.Cut(rest, " ; USER=")
	if !ok {
		return
	}
	s.cwd = strings.TrimPrefix(folder, "PWD=")
	account, rest, _ := strings.Cut(rest, " ; ")
	s.effective = account
	if command, ok := strings.CutPrefix(rest, "COMMAND="); ok {
		s.Command = command
		return
	}
	if strings.Count(rest, " ; COMMAND=") != 1 {
		s.Twice = "the command that sudo names has several readings"
		return
	}
	_, s.Command, _ = strings.Cut(rest, " ; COMMAND=")
}

// su reads the lines of su, of util-linux, of shadow and of BSD.
func su(text string, s *Said) {
	outcome, severity := "success", int64(usual)
	for _, p := range [...]string{"FAILED SU ", "FAILED su ", "BAD SU "} {
		if rest, ok := strings.CutPrefix(text, p); ok {
			text, outcome, severity = rest, "failure", grave
		}
	}
	text = strings.TrimPrefix(text, "Successful su ")
	var user, as, tty string
	switch {
	case strings.HasPrefix(text, "(to "):
		as, user, _ = strings.Cut(text[len("(to "):], ") ")
		user, tty, _ = strings.Cut(user, " on ")
	case strings.HasPrefix(text, "for "):
		as, user, _ = strings.Cut(text[len("for "):], " by ")
	case strings.HasPrefix(text, "'su ") && strings.Contains(text, "' failed for "):
		outcome, severity = "failure", grave
		as, user, _ = strings.Cut(text[len("'su "):], "' failed for ")
		user, tty, _ = strings.Cut(user, " on ")
	case strings.Contains(text, " to ") && strings.Contains(text, " on "):
		user, as, _ = strings.Cut(text, " to ")
		as, tty, _ = strings.Cut(as, " on ")
	}
	if user == "" || as == "" || strings.ContainsRune(user, ' ') || strings.ContainsRune(as, ' ') {
		return
	}
	s.set("authenticated", "authentication", "info", outcome, severity)
	s.user, s.effective, s.tty = user, as, tty
}

// cron reads "(ana) CMD (touch /tmp/x)".
func cron(text string, s *Said) {
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
func account(program, text string, s *Said) {
	switch {
	case program == "useradd" && strings.HasPrefix(text, "new user: "):
		s.set("added-user-account", "iam", "user", "success", grave)
		s.Kind2, s.target, s.targetID = "creation", listed(text, "name="), listed(text, "UID=")
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
