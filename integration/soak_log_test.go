//go:build integration

package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// An auditLog is written as auditd writes its log: whole events of three
// records, numbered, of which the last may be half there, and rotated.
type auditLog struct {
	path    string
	rnd     *rand.Rand
	keep    int    // how many rotated files there may be
	issued  int    // events that are in the log, whole
	open    string // what is missing of the event that was begun last
	rotated int
}

// recordsOf is how many source records an event of the log is.
const recordsOf = 3

// failed says which events are of a failed call; the outputs' `when` asks for it.
func failed(n int) bool { return n%3 == 0 }

// lines are the records of event n.
func lines(n int) string {
	head := fmt.Sprintf("msg=audit(%d.%03d:%d):", 1700000000+n/1000, n%1000, n)
	success, code := "yes", 0
	if failed(n) {
		success, code = "no", -13
	}
	return fmt.Sprintf("type=SYSCALL %s arch=c000003e syscall=59 success=%s exit=%d a0=1 a1=2 a2=3 a3=4 items=0 ppid=10 pid=%d "+
		"auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=\"true\" exe=\"/usr/bin/true\" subj=unconfined key=\"soak\"\n",
		head, success, code, 1000+n%30000) +
		fmt.Sprintf("type=EXECVE %s argc=2 a0=\"true\" a1=\"soak-%07d\"\ntype=EOE %s \n", head, n, head)
}

// issue appends n events in as many writes, each called back; of one more only a
// part is written at times, which may end within a line.
func (l *auditLog) issue(t *testing.T, n int, each func(i int)) {
	t.Helper()
	for i := range n {
		text := l.open
		if text == "" {
			text = lines(l.issued + 1)
		}
		l.append(t, text)
		l.open = ""
		l.issued++
		each(i)
	}
	if l.rnd.IntN(3) == 0 {
		text := lines(l.issued + 1)
		cut := 1 + l.rnd.IntN(len(text)-1)
		l.append(t, text[:cut])
		l.open = text[cut:]
	}
}

// finish completes the event that was begun last.
func (l *auditLog) finish(t *testing.T) {
	t.Helper()
	if l.open != "" {
		l.append(t, l.open)
		l.open = ""
		l.issued++
	}
}

func (l *auditLog) append(t *testing.T, text string) {
	t.Helper()
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// rotate renames the files as auditd does, which never cuts a line in two.
func (l *auditLog) rotate(t *testing.T) {
	t.Helper()
	if l.open != "" && !strings.HasPrefix(l.open, "type=") {
		line, rest, _ := strings.Cut(l.open, "\n")
		l.append(t, line+"\n")
		if l.open = rest; rest == "" {
			l.issued++
		}
	}
	for n := l.keep; n > 0; n-- {
		from, to := fmt.Sprintf("%s.%d", l.path, n-1), fmt.Sprintf("%s.%d", l.path, n)
		if n == 1 {
			from = l.path
		}
		if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	l.rotated++
}
