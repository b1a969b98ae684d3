package audit

import "strings"

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

// plainSock takes saddr= with an address in hex, and what auditd made of it.
func (f *facts) plainSock(r *Record) bool {
	const head, read = "saddr=", "SADDR={"
	if r.parted || f.walkOnly || !strings.HasPrefix(r.Body, head) {
		return false
	}
	s := r.Body[len(head):]
	if at := strings.IndexByte(s, separator); at >= 0 {
		added := s[at+1:]
		if !strings.HasPrefix(added, read) || added[len(added)-1] != '}' || strings.IndexByte(added, separator) >= 0 {
			return false
		}
		s = s[:at]
	}
	b, ok := appendHex(f.buf[:0], s)
	if f.buf = b; ok {
		f.addressed(s, b)
	}
	return ok
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
	n, hex := 0, f.buf[:0]
	for ; i < len(s); n++ {
		at := afterArg(s, i, n)
		if at == 0 {
			break
		}
		i = at
		if s[i] == '"' {
			end := endOfQuoted(s, i+1)
			if end == 0 {
				break
			}
			f.args = append(f.args, s[i+1:end])
			i = end + 1
			continue
		}
		end := len(s)
		if blank := strings.IndexByte(s[i:], ' '); blank >= 0 {
			end = i + blank
		}
		b, ok := appendHex(hex[:0], s[i:end])
		if hex = b; !ok {
			break
		}
		f.args = append(f.args, f.arena.keep(b))
		i = end
	}
	f.buf = hex
	if i < len(s) || n != count {
		f.args = f.args[:0]
		return false
	}
	f.exec, f.argv.next, f.argv.count = true, n, int64(n)
	return true
}

// afterArg returns where the value of argument n begins, whose name stands behind a blank
// at i of s; 0 where anything else does, or no value.
func afterArg(s string, i, n int) int {
	if i+2 >= len(s) || s[i] != ' ' || s[i+1] != 'a' {
		return 0
	}
	from := i + 2
	got, end := digits(s, from)
	if got != n || end == from || s[from] == '0' && end > from+1 || end+1 >= len(s) || s[end] != '=' {
		return 0
	}
	return end + 1
}
