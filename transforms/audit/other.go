package audit

import "strings"

// other reads a record that is no part of a system call by its own reader:
// those of programs, access control, configuration, anomalies, and what the
// kernel adds for single calls.
func (f *facts) other(p *part) {
	f.walk(p, p.rec.Body)
	f.enriched(&p.rec)
}

// walk takes every field of a record or of the msg='…' inside it.
func (f *facts) walk(p *part, s string) {
	old := "" // "old" or "new", where a LOGIN record says so before the field
	var t Token
	for w := NewWalk(s); w.next(&t); {
		if p.typ == typeLogin && t.Form == Bare {
			var next string
			t.Val, next = cutWord(t.Val)
			if old == "old" {
				t.Key = "old-" + t.Key
			}
			old = next
		}
		switch {
		case t.Key == "":
			f.words(t.Val)
		case t.Form == Body && t.Key == "msg":
			f.walk(p, t.Val)
		case p.typ == typeObjPID:
			f.targetField(&t)
		case p.typ == typeOpenat2 && t.Key == "oflag":
			f.oflag = t.Val
		case p.typ == typeOpenat2 && t.Key == "mode":
			f.omode = t.Val
		case p.typ == typeSockCall && len(t.Key) == 2 && t.Key[0] == 'a':
			f.socketcall(&t)
		case p.typ == typeModule && t.Key == "name":
			f.module = f.text(&t)
			f.leftover(t.Key, f.module)
		case aboutFile(p.typ):
			f.access(&t)
		case user(p.typ) || f.head == p:
			f.program(&t)
		default:
			if !f.common(&t) {
				f.rest(&t)
			}
		}
	}
}

// cutWord parts "0 old" into the value and the word that belongs to the next
// field, as old kernels wrote LOGIN: "uid=0 old auid=… new auid=…".
func cutWord(s string) (val, next string) {
	if v, ok := strings.CutSuffix(s, " old"); ok {
		return v, "old"
	}
	if v, ok := strings.CutSuffix(s, " new"); ok {
		return v, "new"
	}
	return s, ""
}

// words takes text that is no field.
func (f *facts) words(s string) {
	rest, isAVC := strings.CutPrefix(s, "avc:")
	if !isAVC {
		if s, ok := strings.CutPrefix(s, "(hostname="); ok { // RHEL 5 put its fields in parentheses
			f.program(&Token{Key: "hostname", Val: s})
			return
		}
		f.leftover("text", s)
		return
	}
	rest = strings.TrimLeft(rest, " ")
	f.verdict, rest, _ = strings.Cut(rest, " ")
	if _, in, ok := strings.Cut(rest, "{ "); ok {
		f.perms, rest, _ = strings.Cut(in, " }")
		f.leftover("seperms", f.perms)
	}
	if rest = strings.TrimSpace(rest); rest != "for" && rest != "" {
		f.leftover("text", rest)
	}
}

// targetField takes OBJ_PID: the process that a signal or a trace is aimed at.
func (f *facts) targetField(t *Token) {
	if t.Key == "ocomm" {
		name := f.text(t)
		if f.target == "" {
			f.target = name
		}
		f.leftover("opid_comm", name)
		return
	}
	if t.Val != "-1" {
		f.rest(t)
	}
}

// socketcall takes the arguments of the one call that stands for all socket
// calls on 32-bit x86; SYSCALL has only its number in a0.
func (f *facts) socketcall(t *Token) {
	if t.Key == "a0" {
		f.fd = t.Val
	}
	f.leftover("socketcall."+t.Key, t.Val)
}

// aboutFile reports whether path, name, dev and ino of a record name the file
// that was acted on: AVC, Landlock, links and integrity. In CONFIG_CHANGE they
// are those of a rule.
func aboutFile(typ uint16) bool {
	return typ == typeAVC || typ == typeLandlock || typ == 1702 || typ == 1703 || typ >= 1800 && typ <= 1899
}

// access takes the fields of access control: what was to be done to what.
func (f *facts) access(t *Token) {
	switch t.Key {
	case "path":
		f.first(&f.acPath, t.Key, f.text(t))
	case "name":
		f.first(&f.acName, t.Key, f.text(t))
	case "dev":
		f.first(&f.dev, t.Key, f.text(t))
	case "ino":
		f.first(&f.ino, t.Key, t.Val)
	case "permissive":
		f.permissive = t.Val
		f.leftover(t.Key, t.Val)
	case "apparmor":
		f.appArmor = t.Val
		f.leftover(t.Key, t.Val)
	case "res":
		f.first(&f.res, t.Key, t.Val)
	case "op":
		f.first(&f.op, t.Key, t.Val)
	default:
		if !f.common(t) {
			f.rest(t)
		}
	}
}

// program takes a field of a record that a program wrote, or of another record
// that is the head of its event.
func (f *facts) program(t *Token) {
	switch t.Key {
	case "res", "result":
		f.first(&f.res, t.Key, trim(t))
	case "success":
		f.first(&f.success, t.Key, t.Val)
	case "exit":
		f.first(&f.exit, t.Key, t.Val)
	case "acct":
		f.first(&f.ids.acct, t.Key, f.account(t))
	case "id":
		f.first(&f.ids.id, t.Key, t.Val)
	case "old-auid", "old-ses":
		if !unset(t.Val) {
			f.leftover(t.Key, t.Val)
		}
	case "op":
		f.first(&f.op, t.Key, t.Val)
	case "addr":
		f.first(&f.addr, t.Key, trim(t))
	case "hostname":
		f.first(&f.hostname, t.Key, trim(t))
	case "terminal":
		f.first(&f.tty, t.Key, trim(t))
	case "grp":
		f.first(&f.grp, t.Key, f.text(t))
	case "cmd":
		f.first(&f.cmd, t.Key, f.text(t))
	case "cwd":
		f.first(&f.cwd, t.Key, f.text(t))
	case "unit":
		f.first(&f.unit, t.Key, t.Val)
	case "syscall":
		f.first(&f.nr, t.Key, t.Val)
	case "arch":
		if f.arch = f.t.tables.arches[t.Val]; f.arch == nil {
			f.leftover(t.Key, t.Val)
		}
	case "permissive":
		f.permissive = t.Val
		f.leftover(t.Key, t.Val)
	case "code":
		f.seccompCode = t.Val
		f.leftover(t.Key, t.Val)
	default:
		if !f.common(t) {
			f.rest(t)
		}
	}
}

// account returns the text of acct. Old programs wrote it bare, before a colon.
func (f *facts) account(t *Token) string {
	if t.Form == Bare {
		t.Val = strings.TrimSuffix(t.Val, " :")
	}
	return f.text(t)
}

// trim cuts the marks that RHEL 5 put around bare fields:
// "(hostname=?, addr=?, terminal=cron res=success)".
func trim(t *Token) string {
	if t.Form != Bare {
		return t.Val
	}
	return strings.TrimRight(t.Val, ",)")
}
