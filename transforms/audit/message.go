package audit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"tallyman/pipeline/schema"
)

// messageLimit is the most bytes of a message (SCHEMA §2).
const messageLimit = 1024

// message is the line for people: who did what to what, and why it failed.
//
//	uid 1000 ran bash -c 'echo a=1|b'
//	ana as root failed to open /etc/shadow (EACCES)
func (f *facts) message(v *verdict) string {
	b := f.actor(f.buf[:0])
	phrase := v.action.did
	if v.outcome == "failure" {
		phrase = v.action.failed
	}
	if f.head.typ != typeSyscall {
		phrase = f.phrase(phrase, v)
	} else if v.types == "creation" && f.call != nil && f.call.opens {
		phrase = "created"
	}
	b = append(append(b, ' '), phrase...)
	n := len(b)
	if b = f.thing(b, v); len(b) == n && v.action.object != objNone {
		b = undangle(b)
	}
	if f.opens() && v.types == "change" {
		b = append(b, " for writing"...)
	}
	if v.action.object != objCommand && f.comm != "" && f.sys {
		b = append(append(b, " with "...), f.comm...)
	}
	if r := f.reason; r != "" {
		b = append(append(append(b, " ("...), r...), ')')
	}
	if len(b) > messageLimit {
		b = b[:messageLimit]
		for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.RuneStart(b[len(b)-1]); i++ {
			b = b[:len(b)-1]
		}
		if len(b) > 0 && b[len(b)-1] >= utf8.RuneSelf { // the start of a character that was cut
			b = b[:len(b)-1]
		}
	}
	f.buf = b
	return f.arena.keep(b)
}

// phrase returns what a record that is no system call did, where the words of its type
// do not say it.
func (f *facts) phrase(usual string, v *verdict) string {
	switch {
	case usual == "":
		return "wrote"
	case f.verdict == "received": // of USER_AVC: a policy was loaded, or its enforcement changed
		return "got a notice of SELinux"
	case v.types == "info" && v.action.types == "denied": // a verdict that is not known
		return "was checked for access"
	case f.head.typ == typeAbend:
		f.reason = f.note // the signal
	case f.head.typ == typeChauthtok && v.types == "user change" && f.changesAccount(): // usermod writes it for all that it does
		manage := f.t.tables.records[typeUserMgmt]
		if v.outcome == "failure" {
			return manage.failed
		}
		return manage.did
	}
	return usual
}

// actor appends who did it: the person that logged in, and the user the process
// runs as where that is another.
func (f *facts) actor(b []byte) []byte {
	id := f.ids
	name := f.who
	switch {
	case f.auditName != "" && f.auditName != name:
		b = append(b, f.auditName...)
		if f.who != "" {
			b = append(append(b, " as "...), f.who...)
		}
		return b
	case name != "":
		return append(b, name...)
	}
	if f.userID != "" {
		return append(append(b, "uid "...), f.userID...)
	}
	if !unset(id.uid) {
		return append(append(b, "uid "...), id.uid...)
	}
	if f.comm != "" {
		return append(b, f.comm...)
	}
	return append(b, "the system"...)
}

// thing appends what was acted on.
func (f *facts) thing(b []byte, v *verdict) []byte {
	add := func(s string) {
		if s != "" {
			b = append(append(b, ' '), s[:min(len(s), messageLimit)]...)
		}
	}
	if v.action == f.t.tables.other || v.action == f.t.tables.unnamed {
		add(v.name)
	}
	switch v.action.object {
	case objCommand:
		if f.line != "" {
			add(f.line)
		} else {
			add(or(f.path, or(f.exe, f.comm)))
		}
	case objFile:
		add(or(f.path, or(f.acName, f.note))) // a capability, where it is no file
		add(prefixed("to ", f.toPath))
	case objPeer:
		if f.sock.known() {
			b = f.sock.append(append(b, ' '))
		}
	case objTarget:
		add(f.target)
		add(prefixed("pid ", f.data.GetNamed(schema.AuditdData, "opid").Str()))
	case objAccount:
		name := account(f.ids.acct)
		if managesGroups(f.head.typ) { // acct beside grp is the member
			name = or(f.grp, name)
		}
		add(or(name, or(f.ids.idName, f.ids.id)))
		if f.op != "" && f.changesAccount() {
			b = append(append(b, ": "...), f.op[:min(len(f.op), messageLimit)]...)
		}
	case objAs:
		if a := account(f.ids.acct); a != f.who {
			add(prefixed("as ", a))
		}
	case objModule:
		add(or(f.module, f.path))
	case objUnit:
		add(f.unit)
	case objOp:
		if what := or(f.op, or(f.noted(), f.perms)); what != "" {
			b = append(append(b, ": "...), what[:min(len(what), messageLimit)]...)
		}
		if f.appArmor != "" { // the profile
			add(f.acName)
		}
		if f.op == "set" { // of CONFIG_CHANGE
			add(f.note)
		}
	case objNote:
		add(f.note)
	case objGuest:
		add(f.note)
		if f.op != "" {
			b = append(append(b, ": "...), f.op[:min(len(f.op), messageLimit)]...)
		}
	case objAccess:
		b = f.appendAccess(b)
	}
	return b
}

// noted returns what a record without op= is about: the operation of io_uring, what
// was typed, the call that seccomp stopped.
func (f *facts) noted() string {
	if f.head.typ == typeSeccomp && f.call != nil {
		return f.call.name
	}
	return f.note
}

// changesAccount reports whether only the op= of a record says what was done to an
// account.
func (f *facts) changesAccount() bool {
	switch f.head.typ {
	case typeUserMgmt, 1132: // GRP_MGMT
		return true
	case typeChauthtok:
		return f.op != "" && !strings.Contains(f.op, "passw") && !strings.Contains(f.op, "chauthtok")
	}
	return false
}

// undangle cuts the last word of a phrase that leads to a thing of which the
// records say nothing: "failed to send a signal to".
func undangle(b []byte) []byte {
	for _, w := range [...]string{" to", " of", " from", " at", " on"} {
		if bytes.HasSuffix(b, []byte(w)) {
			return b[:len(b)-len(w)]
		}
	}
	return b
}

// prefixed returns s after a word, "" for none.
func prefixed(word, s string) string {
	if s == "" {
		return ""
	}
	return word + s
}
