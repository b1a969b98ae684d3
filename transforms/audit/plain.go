package audit

import (
	"strings"

	"tallyman/pipeline/event"
)

// The records of a call that have one kind of field in them are read here where all of
// the record is plain to its end: then nothing that auditd or another added can stand in
// it. Where anything else does, they return false and have changed nothing.

// plainCwd takes cwd="/tmp".
func (f *facts) plainCwd(r *Record) bool {
	const head = `cwd="`
	s := r.Body
	if r.parted || f.walkOnly || f.cwd != "" || !strings.HasPrefix(s, head) {
		return false
	}
	end := endOfQuoted(s, len(head))
	if end <= len(head) || end+1 != len(s) {
		return false
	}
	f.cwd = s[len(head):end]
	return true
}

// plainTitle takes proctitle= with a text in hex or in quotes.
func (f *facts) plainTitle(r *Record) bool {
	const head = "proctitle="
	s := r.Body
	if r.parted || f.walkOnly || f.title != "" || len(s) <= len(head) || s[:len(head)] != head {
		return false
	}
	if s = s[len(head):]; s[0] != '"' {
		return f.hexTitle(s)
	}
	end := endOfQuoted(s, 1)
	if end <= 1 || end+1 != len(s) {
		return false
	}
	f.title = s[1:end]
	return true
}

// plainArgs takes the EXECVE record of a command line that fits into one.
func (f *facts) plainArgs(r *Record) bool {
	const head = "argc="
	s := r.Body
	if r.parted || f.walkOnly || f.exec || !strings.HasPrefix(s, head) {
		return false
	}
	count, i := digits(s, len(head))
	if i == len(head) {
		return false
	}
	n, number := 0, f.buf[:0]
	for ; i < len(s); n++ {
		number = append(event.AppendInt(append(number[:0], " a"...), int64(n)), '=')
		if len(s)-i <= len(number) || s[i:i+len(number)] != string(number) {
			break
		}
		i += len(number)
		if s[i] == '"' {
			end := endOfQuoted(s, i+1)
			if end == 0 {
				break
			}
			f.args = append(f.args, s[i+1:end])
			i = end + 1
			continue
		}
		end := i
		for end < len(s) && nibbles[s[end]] != notHex {
			end++
		}
		b, ok := appendHex(number[:0], s[i:end])
		if number = b; !ok {
			break
		}
		f.args = append(f.args, f.arena.keep(b))
		i = end
	}
	f.buf = number
	if i < len(s) || n != count {
		f.args = f.args[:0]
		return false
	}
	f.exec, f.argv.next, f.argv.count = true, n, int64(n)
	return true
}
