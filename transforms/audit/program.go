package audit

import "strings"

// programText takes what a program wrote inside msg='…'. Whoever may write audit records
// (CAP_AUDIT_WRITE, which containers have) chooses all of it, so it sets only the
// fields that SCHEMA §4.5 gives to programs. What is said there of process ids,
// logins, calls and keys is kept as it is: those are the kernel's to say.
func (f *facts) programText(p *part, s string) {
	// No program has a use for 0x1D, but one that plays auditd.
	f.ambiguous = f.ambiguous || strings.IndexByte(s, separator) >= 0
	w := Walk{s: s, mode: quotesAll}
	var t Token
	sp := f.many(s)
	for w.next(&t) {
		f.said(p, &t)
		sp.after(&t)
	}
	sp.end()
}

// said takes one field of a program's text.
func (f *facts) said(p *part, t *Token) {
	if t.Form == Quoted && strings.Contains(t.Val, " res=") { // a quote of somebody else may hide what the program said
		f.ambiguous = true
	}
	switch t.Key {
	case "":
		if s, ok := strings.CutPrefix(t.Val, "(hostname="); ok { // RHEL 5 put its fields in parentheses
			f.once(&f.hostname, "hostname", strings.TrimRight(s, ",)"))
		} else {
			f.words(p, t.Val)
		}
	case "res", "result": // programs write it last, after what others may choose
		f.last(&f.res, t.Key, trim(t))
	case "acct":
		f.once(&f.ids.acct, t.Key, f.account(t))
	case "id":
		f.once(&f.ids.id, t.Key, t.Val)
	case "op":
		f.once(&f.op, t.Key, t.Val)
	case "addr":
		f.once(&f.addr, t.Key, trim(t))
	case "hostname":
		f.once(&f.hostname, t.Key, trim(t))
	case "terminal":
		f.once(&f.tty, t.Key, trim(t))
	case "grp":
		f.once(&f.grp, t.Key, f.text(t))
	case "cmd":
		f.once(&f.cmd, t.Key, f.text(t))
	case "cwd":
		f.once(&f.cwd, t.Key, f.text(t))
	case "unit":
		f.once(&f.unit, t.Key, t.Val)
	case "sw":
		if p.typ == typeSoftware {
			f.note = f.text(t)
		}
		f.rest(t)
	case "vm":
		if p.typ >= 2500 && p.typ <= 2599 { // VIRT_*
			f.note = f.text(t)
		}
		f.rest(t)
	case "path":
		if p.typ == typeUserAVC { // of a unit of systemd
			f.note = f.text(t)
		}
		f.rest(t)
	case "apparmor", "operation": // dbus asks AppArmor, too
		if p.typ == typeUserAVC {
			f.access(t)
		} else {
			f.rest(t)
		}
	case "exe":
		if p.typ == typeUserAVC { // it stands behind the command line of the one who asked
			f.last(&f.exe, t.Key, f.text(t))
		} else {
			f.once(&f.exe, t.Key, f.text(t))
		}
	case "permissive":
		if p.typ == typeUserAVC {
			f.last(&f.permissive, t.Key, t.Val)
		}
		f.rest(t)
	default:
		t.Key = apart(t.Key)
		f.rest(t)
	}
}

// apart gives a program's field another name where auditd.data has the kernel's
// word under its own.
func apart(key string) string {
	switch key {
	case "syscall":
		return "msg.syscall"
	case "arch":
		return "msg.arch"
	case "success":
		return "msg.success"
	case "exit":
		return "msg.exit"
	case "a0":
		return "msg.a0"
	case "a1":
		return "msg.a1"
	case "a2":
		return "msg.a2"
	case "a3":
		return "msg.a3"
	case "uid":
		return "msg.uid"
	case "opid":
		return "msg.opid"
	case "opid_comm":
		return "msg.opid_comm"
	case "audit_enabled":
		return "msg.audit_enabled"
	case "saddr":
		return "msg.saddr"
	case "seperms":
		return "msg.seperms"
	case "scontext_type", "tcontext_type", "subj_type", "subj_profile", "subj_mode", "socket_family", "socket_address", "socket_port":
		return "msg." + key
	}
	// These say what a number of the kernel stands for.
	if strings.HasPrefix(key, "call.") || strings.HasPrefix(key, "socketcall.") || strings.HasSuffix(key, "_text") {
		return "msg." + key
	}
	return key
}

// once sets *dst; what another field of this name says is kept beside it, and
// the event flagged.
func (f *facts) once(dst *string, key, val string) {
	if *dst == "" {
		*dst = val
	} else if *dst != val {
		f.leftover(key, val)
		f.duplicate = true
	}
}

// last sets *dst also where it was set before; what it held is kept.
func (f *facts) last(dst *string, key, val string) {
	if *dst != "" && *dst != val {
		f.leftover(key, *dst)
		f.duplicate = true
	}
	*dst = val
}

// program takes a field that the kernel or the audit daemon wrote before the text
// of a program, or in a record that is the head of its event.
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
