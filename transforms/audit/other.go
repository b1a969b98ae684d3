package audit

import "strings"

// other reads a record that is no part of a system call by its own reader:
// those of programs, access control, configuration, anomalies, and what the
// kernel adds for single calls.
func (f *facts) other(p *part) {
	p.rec.partBody()
	f.walk(p)
	f.translated(&p.rec)
	f.enriched(&p.rec)
}

// walk takes every field of a record.
func (f *facts) walk(p *part) {
	s := p.rec.Body
	if n := nameEnd(p.typ, s); n > 0 {
		key, name, _ := strings.Cut(s[:n], "=")
		f.leftover(key, name)
		if p.typ == typePromiscuous {
			f.note = name
		}
		s = s[n:]
	}
	f.cur = s
	w := Walk{s: s}
	kernel := p.typ != typeUnknown && !user(p.typ)
	if kernel && p.typ != typeMeasured && p.typ != typePolicyRule { // rules of IMA quote any field
		w.mode = quotesKnown
	}
	old := "" // "old" or "new", where a LOGIN record says so before the field
	var t Token
	sp := f.many(s)
	for w.next(&t) {
		if p.typ == typeLogin && t.Form == Bare {
			var next string
			t.Val, next = cutWord(t.Val)
			if old == "old" {
				t.Key = "old-" + t.Key
			}
			old = next
		}
		if t.Form == Body && t.Key == "msg" {
			f.programText(p, t.Val)
		} else {
			f.field(p, &t)
			if kernel || p.typ == typeUserTTY {
				f.meant(p, &t)
				if f.head == p {
					f.noteField(p.typ, &t)
				}
			}
		}
		sp.after(&t)
	}
	sp.end()
	f.seen(&w)
	f.cur = ""
}

// field takes one field of a record, outside of msg='…'.
func (f *facts) field(p *part, t *Token) {
	switch {
	case t.Key == "":
		f.words(p, t.Val)
	case p.typ == typeObjPID:
		f.targetField(t)
	case p.typ == typeOpenat2 && t.Key == "oflag":
		f.first(&f.oflag, t.Key, t.Val)
	case p.typ == typeOpenat2 && t.Key == "mode":
		f.first(&f.omode, t.Key, t.Val)
	case p.typ == typeSockCall && len(t.Key) == 2 && t.Key[0] == 'a':
		f.socketcall(t)
	case p.typ == typeModule && t.Key == "name":
		f.module = f.text(t)
		f.leftover(t.Key, f.module)
	case ofPolicy(p.typ, t): // what it asks for: uid="0" is no user of this event
		f.leftover(t.Key, t.Val)
	case p.typ == typePacket && f.packetField(t):
	case p.typ == typeLandlock && f.landlocked(t):
	case aboutFile(p.typ):
		f.access(t)
	case user(p.typ) || f.head == p:
		f.program(t)
	default:
		if !f.common(t) {
			f.rest(t)
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
func (f *facts) words(p *part, s string) {
	rest, isAVC := strings.CutPrefix(s, "avc:")
	if !isAVC || p.typ != typeAVC && p.typ != typeUserAVC || f.verdict != "" {
		if isAVC && f.verdict != "" {
			f.duplicate = true
		}
		f.leftover("text", s)
		return
	}
	rest = strings.TrimLeft(rest, " ")
	if f.verdict, _, _ = strings.Cut(rest, " "); f.verdict == "received" { // a notice: "received policyload notice (seqno=2)"
		f.note = rest
		f.leftover("text", rest)
		return
	}
	rest = strings.TrimPrefix(rest[len(f.verdict):], " ")
	if _, in, ok := strings.Cut(rest, "{"); ok {
		if in, rest, ok = strings.Cut(in, "}"); !ok { // the line was cut
			f.ambiguous = true
		}
		f.perms = strings.TrimSpace(in)
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
	if n := t.Key[1] - '0'; n < 4 {
		f.subArg[n] = t.Val
	}
	f.leftover("socketcall."+t.Key, t.Val)
}

// aboutFile reports whether path, name, dev and ino of a record name the file
// that was acted on: AVC, Landlock, links and integrity. In CONFIG_CHANGE they
// are those of a rule.
func aboutFile(typ uint16) bool {
	return typ == typeAVC || typ == typeLandlock || typ == typeIPE || typ == 1702 || typ == 1703 || typ >= 1800 && typ <= 1899
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
	case "operation", "blockers", "ipe_op":
		f.first(&f.perms, t.Key, t.Val)
		f.leftover(t.Key, t.Val)
	case "file": // that was measured
		f.first(&f.acPath, t.Key, f.text(t))
	case "hash":
		f.hashed(t)
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
