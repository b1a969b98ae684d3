package audit

import (
	"strconv"
	"strings"
)

// argv reads the arguments of EXECVE records. The kernel writes a0="ls" a1=2D6C
// (hex where the text has a quote, a blank or a byte outside ASCII), goes on in
// another record of the same serial where they are many, and splits a long one:
// a2_len=23404 a2[0]=2F62… a2[1]=6161….
type argv struct {
	next  int    // the argument that should come
	count int64  // argc, -1 where no record said it
	lost  bool   // an argument, or a piece of one, is missing
	part  int    // the piece of the argument in buf that should come; -1 when none is open
	size  int64  // what aN_len said of it, -1 for nothing
	coded int    // its length as written
	buf   []byte // the pieces so far
}

func (a *argv) reset() {
	*a = argv{count: -1, part: -1, size: -1, buf: a.buf[:0]}
}

// execve reads one EXECVE record.
func (f *facts) execve(r *Record) {
	if f.plainArgs(r) {
		return
	}
	r.partBody()
	f.exec = true
	var t Token
	w := NewWalk(r.Body)
	for w.next(&t) {
		if t.Key == "argc" {
			f.argc(t)
			continue
		}
		n, piece, length, ok := argKey(t.Key)
		switch {
		case !ok:
			f.leftover(t.Key, t.Val)
		case length:
			f.argLen(n, t)
		case piece < 0:
			f.arg1(n, t)
		default:
			f.argPiece(n, piece, t)
		}
	}
	f.seen(&w)
	if r.Enriched != "" {
		f.leftover("enriched", r.Enriched)
	}
}

func (f *facts) argc(t Token) {
	n, ok := decimal(t.Val)
	if !ok || n < 0 || f.argv.count >= 0 && f.argv.count != n {
		f.argv.lost = true
		f.leftover(t.Key, t.Val)
		return
	}
	f.argv.count = n
}

// argKey reads a12, a12[3] or a12_len; piece is -1 but for the second.
func argKey(key string) (n, piece int, length, ok bool) {
	if len(key) < 2 || key[0] != 'a' {
		return 0, 0, false, false
	}
	n, i := digits(key, 1)
	switch rest := key[i:]; {
	case i == 1:
		return 0, 0, false, false
	case rest == "":
		return n, -1, false, true
	case rest == "_len":
		return n, -1, true, true
	case rest[0] == '[':
		at, end := digits(rest, 1)
		return n, at, false, end > 1 && rest[end:] == "]"
	}
	return 0, 0, false, false
}

// digits reads a number of at most nine digits from s at i, and where it ends.
func digits(s string, i int) (n, end int) {
	for end = i; end < len(s) && end < i+9 && s[end] >= '0' && s[end] <= '9'; end++ {
		n = n*10 + int(s[end]-'0')
	}
	return n, end
}

// seek makes n the next argument; one that was expected before it is missing.
func (f *facts) seek(n int) {
	f.closeArg()
	if n != f.argv.next {
		f.argv.lost = true
	}
	f.argv.next = n + 1
}

// arg1 takes a whole argument.
func (f *facts) arg1(n int, t Token) {
	f.seek(n)
	switch {
	case t.Form != Bare:
		f.args = append(f.args, t.Val)
	case t.Val == "(null)":
		f.argv.lost = true // the kernel had no text of it
	default:
		b, ok := appendHex(f.buf[:0], t.Val)
		f.buf = b
		if !ok {
			f.argv.lost = f.argv.lost || halfHex(t.Val)
			f.args = append(f.args, t.Val)
			return
		}
		f.args = append(f.args, f.arena.keep(b))
	}
}

// halfHex reports whether the last digit of an argument in hex is missing, or all are.
func halfHex(s string) bool {
	if len(s)%2 == 0 {
		return s == ""
	}
	for i := range len(s) {
		if nibbles[s[i]] == notHex {
			return false
		}
	}
	return true
}

// argLen opens a split argument.
func (f *facts) argLen(n int, t Token) {
	f.seek(n)
	a := &f.argv
	a.part, a.coded, a.size, a.buf = 0, 0, -1, a.buf[:0]
	if size, ok := decimal(t.Val); ok {
		a.size = size
	}
}

// argPiece takes one piece of a split argument.
func (f *facts) argPiece(n, piece int, t Token) {
	a := &f.argv
	if a.part < 0 || n != a.next-1 {
		f.seek(n)
		a.part, a.coded, a.size, a.buf = 0, 0, -1, a.buf[:0]
	}
	if piece != a.part {
		a.lost = true
	}
	a.part = piece + 1
	a.coded += len(t.Val)
	if t.Form == Bare {
		b, ok := appendHex(a.buf, t.Val)
		if a.buf = b; ok {
			return
		}
		a.lost = true
	}
	a.buf = append(a.buf, t.Val...)
}

// closeArg ends a split argument. Its length is that of the text, or of what is
// written, by kernel.
func (f *facts) closeArg() {
	a := &f.argv
	if a.part < 0 {
		return
	}
	if a.part == 0 || a.size >= 0 && a.size != int64(len(a.buf)) && a.size != int64(a.coded) {
		a.lost = true
	}
	if a.part > 0 {
		f.args = append(f.args, f.arena.keep(a.buf))
	}
	a.part = -1
}

// finishArgv ends the arguments when all records of p were read, and says what is wrong
// with them.
func (f *facts) finishArgv(p *pending) {
	f.closeArg()
	if f.argv.wrong(len(f.args)) && f.inTurn(p) {
		f.closeArg()
	}
	a := &f.argv
	if !a.wrong(len(f.args)) {
		return
	}
	a.lost = true
	have := strconv.Itoa(len(f.args))
	switch n := int64(len(f.args)); {
	case a.count < 0:
		f.want("the number of arguments is not known; there are " + have)
	case n < a.count:
		f.want("arguments are missing: " + have + " of " + strconv.FormatInt(a.count, 10) + " are there")
	case n > a.count:
		f.want("there are more arguments than the record counts: " + have + " of " + strconv.FormatInt(a.count, 10))
	default:
		f.want("an argument is out of place, or a part of it is missing")
	}
}

// wrong reports whether n arguments are not all that were to come.
func (a *argv) wrong(n int) bool { return a.lost || a.count != int64(n) }

// safeBytes are those that no shell takes for anything else.
var safeBytes = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-") {
		t[c] = true
	}
	return t
}()

// safe reports whether a shell reads an argument as it stands.
func safe(s string) bool {
	for i := 0; i < len(s); i++ {
		if !safeBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

// commandLine joins arguments as one would type them in a shell.
func (f *facts) commandLine(args []string) string {
	if len(args) == 1 && safe(args[0]) {
		return args[0]
	}
	b := f.buf[:0]
	for i, s := range args {
		if i > 0 {
			b = append(b, ' ')
		}
		if safe(s) {
			b = append(b, s...)
			continue
		}
		b = append(b, '\'')
		for at := strings.IndexByte(s, '\''); at >= 0; at = strings.IndexByte(s, '\'') {
			b = append(append(b, s[:at]...), `'\''`...)
			s = s[at+1:]
		}
		b = append(append(b, s...), '\'')
	}
	f.buf = b
	return f.arena.keep(b)
}

// proctitle reads a PROCTITLE record: the arguments as the process shows them,
// parted by NUL, cut at 128 bytes.
func (f *facts) proctitle(r *Record) {
	if f.plainTitle(r) {
		return
	}
	r.partBody()
	var t Token
	w := NewWalk(r.Body)
	for w.next(&t) {
		switch {
		case t.Key != "proctitle":
			f.rest(&t)
		case f.title != "": // the first counts
			if s := strings.TrimRight(f.value(&t), "\x00"); s != f.title {
				f.duplicate = true
				f.leftover(t.Key, s)
			}
		case t.Form == Bare:
			f.title = strings.TrimRight(f.text(&t), "\x00")
		default:
			f.title = strings.TrimRight(t.Val, "\x00")
		}
	}
	f.seen(&w)
}
