package audit

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The kernel's record types that have fields which are codes.
const (
	typeUserTTY    = 1124
	typeTTY        = 1319
	typeBprmFcaps  = 1321
	typeCapset     = 1322
	typeMmap       = 1323
	typePacket     = 1324
	typeFanotify   = 1331
	typeURing      = 1336
	typeSELinuxErr = 1401
	typeAbend      = 1701
)

// meant writes what a field of a kernel's record stands for, beside the field,
// under its name and _text.
func (f *facts) meant(p *part, t *Token) {
	l := &f.t.tables.lists
	switch p.typ {
	case typeSeccomp, typeAbend:
		switch t.Key {
		case "sig":
			f.number10(t, l.signal)
		case "code":
			f.seccomp(t)
		}
	case typeCapset, typeBprmFcaps:
		switch t.Key {
		case "cap_pi", "cap_pp", "cap_pe", "cap_pa", "fp", "fi", "old_pp", "old_pi", "old_pe", "old_pa", "pp", "pi", "pe", "pa":
			f.number16(t, l.capSet)
		}
	case typeAVC, typeSELinuxErr:
		switch t.Key {
		case "capability":
			f.note = f.number10(t, l.capability)
		case "scontext", "tcontext":
			f.context(t.Key, t.Val)
		}
	case typeMmap:
		if t.Key == "flags" {
			f.number16(t, l.mapping)
		}
	case typeURing:
		if t.Key == "uring_op" {
			f.note = f.number10(t, l.uring)
		}
	case typeOpenat2:
		if t.Key == "resolve" {
			f.number16(t, l.resolve)
		}
	case typeNetfilter:
		if t.Key == "family" {
			f.number10(t, l.family)
		}
	case typeFanotify:
		switch t.Key {
		case "resp":
			f.number10(t, l.listener)
		case "fan_info": // in hex: the number of the rule that answered
			if n, ok := hexNum(t.Val); ok && n < 1<<32 {
				f.meansText(t.Key, f.number(int64(n)))
			}
		case "subj_trust", "obj_trust":
			if n, ok := decimal(t.Val); ok && n >= 0 && n < int64(len(trustWords)) {
				f.meansText(t.Key, trustWords[n])
			}
		}
	case typeConfig:
		f.configMeant(t)
	case typeTTY, typeUserTTY:
		if t.Key == "data" {
			f.typed(f.text(t))
		}
	default:
		if p.typ >= 1800 && p.typ <= 1899 && t.Key == "errno" {
			if n, ok := decimal(t.Val); ok && n < 0 {
				f.leftover("errno_text", f.t.tables.errnos[-n])
			}
		}
	}
}

// number10 writes the text of a decimal number.
func (f *facts) number10(t *Token, c *code) string {
	n, ok := decimal(t.Val)
	if !ok || n < 0 {
		return ""
	}
	return f.meansText(t.Key, c.text(f, uint64(n)))
}

// number16 writes the text of a hexadecimal one, with or without 0x.
func (f *facts) number16(t *Token, c *code) {
	if n, ok := hexNum(strings.TrimPrefix(t.Val, "0x")); ok {
		f.meansText(t.Key, c.text(f, n))
	}
}

// meansText keeps the text of a field.
func (f *facts) meansText(key, text string) string {
	if text != "" {
		f.leftover(f.t.tables.textKey(key), text)
	}
	return text
}

// textNames are the names that meansText needs, made once: "sig" to "sig_text".
func textNames() map[string]string {
	m := map[string]string{}
	for _, k := range strings.Fields(`sig code cap_pi cap_pp cap_pe cap_pa cap_fp cap_fi fp fi old_pp old_pi old_pe old_pa pp pi pe pa capability
		flags uring_op resolve family resp fan_info subj_trust obj_trust list audit_failure old data errno`) {
		m[k] = k + "_text"
	}
	for _, k := range strings.Fields(`scontext tcontext subj obj`) {
		m[k+"_type"], m[k+"_profile"], m[k+"_mode"] = k+"_type", k+"_profile", k+"_mode"
	}
	return m
}

func (t *tables) textKey(key string) string {
	if k, ok := t.textNames[key]; ok {
		return k
	}
	return key + "_text"
}

// seccomp writes what a filter returned: the action, and the number that it gave
// along, which for ERRNO is the error that the process saw.
func (f *facts) seccomp(t *Token) {
	n, ok := hexNum(strings.TrimPrefix(t.Val, "0x"))
	if !ok {
		return
	}
	name := f.t.tables.lists.seccomp.one[n&0xffff0000]
	if name == "" {
		return
	}
	if data := n & 0xffff; data != 0 {
		more := f.t.tables.errnos[int64(data)]
		if more == "" || name != "SECCOMP_RET_ERRNO" {
			more = f.number(int64(data))
		}
		f.buf = append(append(append(append(f.buf[:0], name...), '('), more...), ')')
		name = f.arena.keep(f.buf)
	}
	f.leftover("code_text", name)
}

// The words for the lists of rules and for what happens when auditing fails
// (linux/audit.h).
var (
	ruleLists    = [...]string{"user", "task", "entry", "watch", "exit", "exclude", "filesystem", "io_uring"}
	failureWords = [...]string{"silent", "printk", "panic"}
	trustWords   = [...]string{"no", "yes", "unknown"} // of a file, as fapolicyd says
)

func (f *facts) configMeant(t *Token) {
	n, ok := decimal(t.Val)
	switch {
	case !ok || n < 0:
	case t.Key == "list" && n < int64(len(ruleLists)):
		f.meansText(t.Key, ruleLists[n])
	case t.Key == "audit_failure" && n < int64(len(failureWords)):
		f.meansText(t.Key, failureWords[n])
	}
}

// context parts a security context: the type of SELinux's user:role:type:level,
// or the profile and the mode of AppArmor's "docker-default (enforce)".
func (f *facts) context(key, val string) {
	if i := strings.LastIndex(val, " ("); i > 0 && strings.HasSuffix(val, ")") {
		f.leftover(f.t.tables.part(key, "_profile"), val[:i])
		f.leftover(f.t.tables.part(key, "_mode"), val[i+2:len(val)-1])
		return
	}
	_, rest, _ := strings.Cut(val, ":")
	_, rest, ok := strings.Cut(rest, ":")
	if !ok {
		return
	}
	typ, _, _ := strings.Cut(rest, ":")
	f.leftover(f.t.tables.part(key, "_type"), typ)
}

// part returns key+what without making it.
func (t *tables) part(key, what string) string {
	if k, ok := t.textNames[key+what]; ok { // the compiler looks up without a copy
		return k
	}
	return key + what
}

// typed writes what was typed at a terminal so that no byte of it can do
// anything: <nl>, <^C>, <0x9b>. The bytes stay beside it.
func (f *facts) typed(s string) {
	if f.note = f.inert(s); f.note != "" {
		f.meansText("data", f.note)
	}
}

// inert returns a text with words for its control characters and for what is
// no UTF-8.
func (f *facts) inert(s string) string {
	b := f.buf[:0]
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, "<0x"...), s16(s[i])...)
			b = append(b, '>')
		case r == '\n':
			b = append(b, "<nl>"...)
		case r == '\r':
			b = append(b, "<ret>"...)
		case r == '\t':
			b = append(b, "<tab>"...)
		case r == 0x1b:
			b = append(b, "<esc>"...)
		case r == 0x7f || r == '\b':
			b = append(b, "<backspace>"...)
		case r < ' ':
			b = append(b, '<', '^', byte(r)+'@', '>')
		case r > 0x7f && r < 0xa0:
			b = strconv.AppendInt(append(b, "<0x"...), int64(r), 16)
			b = append(b, '>')
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	f.buf = b
	return f.arena.keep(b)
}

func s16(c byte) string { return strconv.FormatUint(uint64(c), 16) }

// packet is what NETFILTER_PKT says of a packet.
type packet struct{ source, target, sport, dport string }

// packetField takes a field of NETFILTER_PKT.
func (f *facts) packetField(t *Token) bool {
	switch t.Key {
	case "saddr":
		f.first(&f.packet.source, t.Key, t.Val)
	case "daddr":
		f.first(&f.packet.target, t.Key, t.Val)
	case "sport":
		f.first(&f.packet.sport, t.Key, t.Val)
	case "dport":
		f.first(&f.packet.dport, t.Key, t.Val)
	case "proto":
		f.leftover(t.Key, t.Val)
		f.number10(t, f.t.tables.lists.protocol)
	default:
		return false
	}
	return true
}
