package programs

import "strings"

// sudo reads the lines of sudo:
//
//	ana : TTY=pts/0 ; PWD=/home/ana ; USER=root ; COMMAND=/bin/ls
//	ana : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/ls
//
// sudo-rs writes the same, with two blanks where there is no terminal. A folder and an argument may hold " ; USER=" and " ; COMMAND=". The account is
// only believed where it stands once, since sudo itself always writes it.
func sudo(text string, s *Said) {
	name, rest, ok := strings.Cut(text, " : ")
	if !ok || strings.ContainsRune(name, ' ') || !strings.Contains(rest, "COMMAND=") {
		return
	}
	s.set("ran-command", "process", "start", "success", notable)
	s.user = name
	if !strings.HasPrefix(rest, "TTY=") { // a reason has no name in front
		if why, after, ok := strings.Cut(rest, " ; "); ok && !strings.Contains(why, "=") {
			s.Reason, s.Outcome, s.Severity, rest = why, "failure", failed, after
		}
	}
	rest = s.before(strings.TrimLeft(rest, " "))
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

// before reads the pairs that sudo may write before the folder: HOST (log_host), TTY
// and CHROOT. It returns what follows them.
func (s *Said) before(rest string) string {
	for _, name := range [...]string{"HOST=", "TTY=", "CHROOT="} {
		value, ok := strings.CutPrefix(rest, name)
		if !ok {
			continue
		}
		value, rest, _ = strings.Cut(value, " ; ")
		if name == "TTY=" && value != "unknown" {
			s.tty = value
		}
	}
	return rest
}

// doas reads the lines of doas:
//
//	ana ran command cat /etc/shadow as root from /home/ana
//	command not permitted for ana: cat /etc/shadow
//	failed auth for ana
//
// The command may hold " as ", and the folder too; the account is only believed where
// that stands once.
func doas(text string, s *Said) {
	if rest, ok := strings.CutPrefix(text, "failed auth for "); ok {
		s.set("authenticated", "authentication", "info", "failure", grave)
		s.user = rest
		return
	}
	if rest, ok := strings.CutPrefix(text, "command not permitted for "); ok {
		s.set("ran-command", "process", "start", "failure", failed)
		s.user, s.Command, _ = strings.Cut(rest, ": ")
		s.Reason = "command not permitted"
		return
	}
	user, rest, ok := strings.Cut(text, " ran command ")
	if !ok || strings.ContainsRune(user, ' ') {
		return
	}
	s.set("ran-command", "process", "start", "success", notable)
	s.user = user
	command, as, ok := strings.Cut(rest, " as ")
	account, folder, whole := strings.Cut(as, " from ")
	if !ok || !whole || strings.Contains(as, " as ") || strings.ContainsRune(account, ' ') {
		s.Twice = "the account and the command that doas names have several readings"
		return
	}
	s.Command, s.effective = command, account
	if folder != "(failed)" { // to find it
		s.cwd = folder
	}
}

// su reads the lines of su, of util-linux, of shadow, of busybox and of BSD.
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
	case strings.HasPrefix(text, "+ "), strings.HasPrefix(text, "- "): // "+ /dev/pts/0 ana:root"
		if text[0] == '-' {
			outcome, severity = "failure", grave
		}
		tty, as, _ = strings.Cut(text[2:], " ")
		user, as, _ = strings.Cut(as, ":")
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
	if s.user, s.effective, s.tty = user, as, tty; tty == "none" || tty == "???" {
		s.tty = "" // there is none
	}
}
