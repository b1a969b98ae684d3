package audit

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// arena makes strings that are built here: decoded hex, joined command lines,
// resolved paths. One allocation serves many of them; a chunk lives as long as
// one string of it does.
type arena struct{ b strings.Builder }

const arenaChunk = 32 << 10

// keep returns the text of p as a string of its own.
func (a *arena) keep(p []byte) string {
	if len(p) == 0 {
		return ""
	}
	if len(p) > arenaChunk/4 {
		return string(p)
	}
	if a.b.Cap()-a.b.Len() < len(p) {
		// What was built stays alive through the strings that point into it.
		a.b = strings.Builder{}
		a.b.Grow(arenaChunk)
	}
	at := a.b.Len()
	a.b.Write(p)
	return a.b.String()[at:]
}

const notHex = 0xff

// nibbles are the values of upper-case hex digits. The kernel and libaudit write
// no other, so lower case stays text.
var nibbles = func() (t [256]byte) {
	for i := range t {
		t[i] = notHex
	}
	for i, c := range []byte("0123456789ABCDEF") {
		t[c] = byte(i)
	}
	return t
}()

// appendHex appends the bytes that s encodes; false, and dst as it was, where s
// is not hex through and through.
func appendHex(dst []byte, s string) ([]byte, bool) {
	if len(s) == 0 || len(s)%2 != 0 {
		return dst, false
	}
	n := len(dst)
	dst = slices.Grow(dst, len(s)/2)
	out := dst[n : n+len(s)/2]
	i := 0
	for ; i+4 <= len(out); i += 4 {
		// Eight digits at once, the first in the lowest byte.
		const ones = 0x0101010101010101
		w := load(s, 2*i)
		letter := w >> 6 & ones // 'A' is 0x41, '0' is 0x30
		value := w&(0x0f*ones) + 9*letter
		over := (value + 6*ones) >> 4 & ones // ten and more, as the letters are and no digit is
		if w&(0xf0*ones)^(0x30*ones+letter<<4)|over^letter|value&(0x10*ones) != 0 {
			return dst, false
		}
		w = (value<<4 | value>>8) & 0x00ff00ff00ff00ff
		w = (w | w>>8) & 0x0000ffff0000ffff
		binary.LittleEndian.PutUint32(out[i:], uint32(w|w>>16))
	}
	for ; i < len(out); i++ {
		hi, lo := nibbles[s[2*i]], nibbles[s[2*i+1]]
		if hi|lo == notHex {
			return dst, false
		}
		out[i] = hi<<4 | lo
	}
	return dst[:n+len(out)], true
}

// encoded reports whether a bare value of this field is hex. A quoted one never
// is. These are the fields that the kernel writes with
// audit_log_untrustedstring and programs with audit_encode_value.
func encoded(key string) bool {
	switch key {
	case "name", "comm", "exe", "cwd", "proctitle", "key", "acct", "cmd", "path", "file", "dir", "watch",
		"ocomm", "data", "profile", "peer", "target", "vm", "root_dir", "invalid_context", "device", "grp", "new_group",
		"new-disk", "old-disk", "new-fs", "old-fs", "new-chardev", "old-chardev", "new-net", "old-net", "new-rng", "old-rng", "device_rule", "cgroup", "sw", "root-dir",
		"kmod", "key_desc":
		return true
	}
	return false
}

// none reports whether a value says that there is none (SCHEMA rule 1).
func none(s string) bool { return s == "" || s == "(null)" || s == "?" || s == "(none)" }

// text returns the text of a field whose bare form is hex; "" for none.
func (f *facts) text(t *Token) string {
	if t.Form != Bare {
		return t.Val
	}
	if none(t.Val) {
		return ""
	}
	b, ok := appendHex(f.buf[:0], t.Val)
	f.buf = b
	if !ok {
		return t.Val
	}
	return f.arena.keep(b)
}

// value returns the text of any field: decoded where the field is one that is
// written in hex.
func (f *facts) value(t *Token) string {
	if t.Form == Bare && encoded(t.Key) {
		return f.text(t)
	}
	return t.Val
}

// digitValues are the values of hex digits of either case.
var digitValues = func() (t [256]byte) {
	for i := range t {
		t[i] = notHex
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	for i, c := range []byte("ABCDEF") {
		t[c] = byte(10 + i)
	}
	return t
}()

// hexNum reads an argument register, hex without a prefix; false where it is
// none.
func hexNum(s string) (uint64, bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		d := digitValues[s[i]]
		if d == notHex {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return n, true
}

// decimal reads a number that may have a sign; false where it is none.
func decimal(s string) (int64, bool) {
	neg := s != "" && s[0] == '-'
	if neg {
		s = s[1:]
	}
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	if neg {
		n = -n
	}
	return n, true
}

// octal reads an octal number, as of a mode; false where it is none.
func octal(s string) (uint64, bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '7' {
			return 0, false
		}
		n = n<<3 | uint64(s[i]-'0')
	}
	return n, true
}

// hex writes an argument as the kernel does.
func (f *facts) hex(n uint64) string {
	f.buf = strconv.AppendUint(f.buf[:0], n, 16)
	return f.arena.keep(f.buf)
}
