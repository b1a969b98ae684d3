package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
)

const (
	callBody = `arch=c000003e syscall=257 success=yes exit=4 a0=7816e52e a1=51f7d1bc02c8 a2=e6092 a3=0 items=1 ppid=2202074 pid=1247212 auid=4294967295 uid=20002 gid=20002 euid=20002 suid=20002 fsuid=20002 egid=20002 sgid=20002 fsgid=20002 tty=(none) ses=4294967295 comm="grep" exe="/usr/bin/grep" subj=unconfined key="perf"`
	pathBody = `item=0 name="/etc/shadow" inode=1937735 dev=fe:00 mode=0100644 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`
)

// failer is what testing.T and rapid.T have in common.
type failer interface{ Fatal(args ...any) }

const (
	cwdBody   = `cwd="/tmp/a b"`
	argsBody  = `argc=3 a0="sh" a1="-c" a2=6C73202D6C`
	titleBody = `proctitle=7368002D63006C73202D6C`
	sockBody  = `saddr=020001BB0A0000010000000000000000`
)

// bodies are those of the records of one event.
type bodies struct{ call, args, cwd, place, title, sock string }

func plainBodies() bodies { return bodies{callBody, argsBody, cwdBody, pathBody, titleBody, sockBody} }

func (b *bodies) lines(serial int) []string {
	head := " msg=audit(1795227901.123:" + strconv.Itoa(serial) + "): "
	return []string{
		"type=SYSCALL" + head + b.call,
		"type=EXECVE" + head + b.args,
		"type=CWD" + head + b.cwd,
		"type=PATH" + head + b.place,
		"type=PATH" + head + strings.Replace(b.place, "item=0", "item=1", 1),
		"type=SOCKADDR" + head + b.sock,
		"type=PROCTITLE" + head + b.title,
		"type=EOE" + head,
	}
}

// bothWays reads events of these records by place, and by what is known of the records
// before, and by Walk alone. Each is read four times in a row: the first time nothing is
// known of it, the second it is learned, then it is known.
func bothWays(t failer, tr *Transform, all ...bodies) (byPlace, byWalk []event.Event) {
	var lines []string
	for i := range all {
		for range 4 {
			lines = append(lines, all[i].lines(1+len(lines))...)
		}
	}
	in := records(lines)
	for _, walk := range []bool{false, true} {
		st := tr.Lane("x").(*stage)
		st.f.walkOnly = walk
		var src, dst event.Batch
		src.Events = append(src.Events, in...)
		if err := st.Apply(context.Background(), &src, &dst); err != nil {
			t.Fatal(err)
		}
		if st.Flush(&dst); walk {
			byWalk = dst.Events
		} else {
			byPlace = dst.Events
		}
	}
	return byPlace, byWalk
}

// differ returns the first two events that differ.
func differ(a, b []event.Event) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d events by place, %d by walk", len(a), len(b))
	}
	for i := range a {
		if !cmp.Equal(a[i], b[i]) {
			return fmt.Sprintf("event %d\nby place: %+v\nby walk:  %+v", i, a[i], b[i])
		}
	}
	return ""
}

func compareWays(t testing.TB, all ...bodies) {
	t.Helper()
	a, b := bothWays(t, build(t, nil), all...)
	if why := differ(a, b); len(a) == 0 || why != "" {
		t.Fatalf("%+v\n%s", all, why)
	}
}

// Reading by place must not be noticed, whatever stands there.
func TestOrderedReadsWhatWalkReads(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"nothing", "", ""},
		{"no result", "success=yes exit=4 ", ""},
		{"two blanks", " uid=", "  uid="},
		{"a value with a blank", "exit=4", "exit=4 or so"},
		{"an empty value", "exit=4", "exit="},
		{"a quoted value", "exit=4", `exit="4"`},
		{"apostrophes", "exit=4", `exit='4 uid=7'`},
		{"an unknown field", "uid=20002", "new=1 uid=20002"},
		{"a field twice", "uid=20002", "uid=1 uid=20002"},
		{"another order", "ppid=2202074 pid=1247212", "pid=1247212 ppid=2202074"},
		{"comm in hex", `comm="grep"`, "comm=677265700A"},
		{"comm without an end", `comm="grep"`, `comm="grep`},
		{"no blank after comm", `"grep" exe`, `"grep"exe`},
		{"another machine", "c000003e", "c00000b7"},
		{"no machine", "c000003e", "7"},
		{"name in hex", `name="/etc/shadow"`, "name=2F6574632F612062"},
		{"no name", `name="/etc/shadow"`, "name=(null)"},
		{"an empty name", `name="/etc/shadow"`, `name=""`},
		{"a device", "rdev=00:00", "rdev=08:01"},
		{"no inode", "inode=1937735", "inode=?"},
		{"a label", "nametype", "obj=system_u:object_r:etc_t:s0 nametype"},
		{"an unknown kind", "NORMAL", "NORMALLY"},
		{"a kind and words", "NORMAL", "NORMAL and"},
		{"capabilities", "cap_fp=0", "cap_fp=2000"},
		{"another item", "item=0", "item=5"},
		{"cut", "rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0", "rd"},
		{"what auditd added", `key="perf"`, "key=\"perf\"\x1dARCH=x86_64 SYSCALL=openat AUID=\"unset\" UID=\"ana\" GID=\"ana\" EUID=\"root\" SUID=\"ana\""},
		{"what auditd added to a file", `cap_frootid=0`, "cap_frootid=0\x1dOUID=\"root\" OGID=\"shadow\""},
		{"additions without their mark", `key="perf"`, `key="perf"AUID="unset" UID="ana"`},
		{"an addition that needs another to be seen", `key="perf"`, `key="perf" ARCH=x86_64`},
		{"what makes it be seen, in a name", `name="/etc/shadow"`, `name="/UID="`},
		{"0x1D in a name", "shadow", "sha\x1ddow"},
		{"0x1D in a value", "a2=e6092", "a2=e6\x1d092"},
		{"an addition in a value", "exit=4", `exit=4AUID="x"`},
		{"an addition behind the pid", "pid=1247212", `pid=1247212AUID="x"`},
		{"a pid twice", `key="perf"`, `pid=1247212 key="perf"`},
		{"another pid", `key="perf"`, `pid=1 key="perf"`},
		{"two keys", `key="perf"`, "key=61016201"},
		{"no key", `key="perf"`, "key=(null)"},
		{"no inode at all", "inode=1937735 dev=fe:00 mode=0100644 ouid=0 ogid=42 rdev=00:00 ", ""},
		{"an inode twice", "nametype", "inode=1937735 nametype"},
		{"another inode", "nametype", "inode=2 nametype"},
		{"a folder", "0100644", "040755"},
		{"a mode that is none", "0100644", "9"},
		{"an apostrophe in the folder", `"/tmp/a b"`, `"/tmp/a'b"`},
		{"a folder in hex", `"/tmp/a b"`, `2F746D70`},
		{"a folder and more", `"/tmp/a b"`, `"/tmp" x=1`},
		{"an addition in the folder", `"/tmp/a b"`, `"/tmp/AUID=\"x\""`},
		{"a title in quotes", titleBody, `proctitle="ls"`},
		{"a title of one", titleBody, `proctitle=6C73`},
		{"a title that is not hex", titleBody, `proctitle=6C7`},
		{"a title of nothing", titleBody, `proctitle=0000`},
		{"a title and more", titleBody, titleBody + " x=1"},
		{"no title", titleBody, "proctitle=(null)"},
		{"arguments and more", "argc=3", "argc=4"},
		{"arguments and less", "argc=3", "argc=2"},
		{"no argument", argsBody, "argc=0"},
		{"no device number", "rdev=00:00", "rdev=(null)"},
		{"an empty argument", `a1="-c"`, `a1=""`},
		{"an argument that is no text", `a1="-c"`, `a1=(null)`},
		{"an argument that is cut", `a1="-c"`, `a1=414`},
		{"an argument in pieces", "a2=6C73202D6C", "a2_len=10 a2[0]=6C73 a2[1]=202D6C"},
		{"arguments in another order", `a0="sh" a1="-c"`, `a1="-c" a0="sh"`},
		{"an equals sign in an argument", `a1="-c"`, `a1="--user=a b=c AUID=x"`},
		{"a zero before an argument's number", `a1="-c"`, `a01="-c"`},
		{"an argument without its number", `a1="-c"`, `a="-c"`},
		{"an argument of nothing", `a1="-c"`, `a1=`},
		{"an argument in small letters", "a2=6C73202D6C", "a2=6c73202d6c"},
		{"no last argument", "a2=6C73202D6C", "a2="},
		{"an address of IPv6", sockBody, "saddr=0A0001BB0000000020010DB800000000000000000000000100000000"},
		{"an IPv4 address in one of IPv6", sockBody, "saddr=0A0001BB0000000000000000000000000000FFFF0A00000100000000"},
		{"an address with a flow", sockBody, "saddr=0A0001BB0000000120010DB800000000000000000000000100000000"},
		{"an address with more", sockBody, sockBody[:len(sockBody)-1] + "1"},
		{"the path of a socket", sockBody, "saddr=01002F72756E2F2E2E2F78"},
		{"an abstract socket", sockBody, "saddr=010000616263"},
		{"another family", sockBody, "saddr=1100000300000000"},
		{"a short address", sockBody, "saddr=02"},
		{"an address that is not hex", sockBody, "saddr=0200x"},
		{"no address", sockBody, "saddr="},
		{"an address and more", sockBody, sockBody + " x=1"},
		{"what auditd made of an address", sockBody, sockBody + "\x1dSADDR={ saddr_fam=inet laddr=10.0.0.1 lport=443 }"},
		{"the same without an end", sockBody, sockBody + "\x1dSADDR={ saddr_fam=inet"},
		{"the same with its mark in it", sockBody, sockBody + "\x1dSADDR={ saddr_fam=inet\x1d laddr=10.0.0.1 }"},
		{"the same behind a name", sockBody, sockBody + "\x1dUID=\"x\"\x1dSADDR={ saddr_fam=inet }"},
		{"the same twice", sockBody, sockBody + "\x1dSADDR={ a }\x1dSADDR={ b }"},
		{"the same without its mark", sockBody, sockBody + "SADDR={ saddr_fam=inet }"},
		{"a family that auditd does not know", sockBody, sockBody + "\x1dSADDR=unknown family(0)"},
		{"an addition to the arguments", "a2=6C73202D6C", "a2=6C73202D6CAUID=\"x\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := plainBodies()
			for _, s := range [...]*string{&b.call, &b.args, &b.cwd, &b.place, &b.title, &b.sock} {
				*s = strings.Replace(*s, c.old, c.new, 1)
			}
			compareWays(t, plainBodies(), b, plainBodies())
		})
	}
	st := build(t, nil).Lane("x").(*stage)
	if n := st.f.inOrder(callBody); callBody[n:] != `subj=unconfined key="perf"` {
		t.Errorf("read by place up to %q", callBody[n:])
	}
	st.f.place.rights = st.f.rightsOf(0)
	if n := st.f.pathInOrder(0, pathBody); n != len(pathBody) {
		t.Errorf("read by place up to %q", pathBody[n:])
	}
}

func TestOrderedReadsWhatWalkReadsOfAnything(t *testing.T) {
	bits := append(strings.Fields(`= " ' "" '' uid=1 name= mode=x (null) ? 00:00 res= éa 0 item=0 nametype=CREATE AUID= AUID="x" OUID="root" ARCH=x86_64 UID=x a1= "x" 41 inode=7 pid=9`),
		"\x1d", "\x1dAUID=\"unset\" UID=\"ana\"", "\x1dOUID=\"root\"", "\x1dSADDR={ saddr_fam=inet }", "SADDR={", "}")
	tr := build(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		mangle := func(s string) string {
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				at := rapid.IntRange(0, len(s)).Draw(t, "at")
				cut := min(len(s), at+rapid.IntRange(0, 9).Draw(t, "cut"))
				s = s[:at] + rapid.SampledFrom(append(bits, " ", "  ", "")).Draw(t, "new") + s[cut:]
			}
			return s[:len(s)-min(len(s), rapid.SampledFrom([]int{0, 0, 1, 7, 40}).Draw(t, "short"))]
		}
		one, two := plainBodies(), plainBodies()
		for _, b := range [...]*bodies{&one, &two} {
			for _, s := range [...]*string{&b.call, &b.args, &b.cwd, &b.place, &b.title, &b.sock} {
				*s = mangle(*s)
			}
		}
		// What is learned of one must not be noticed in another that begins, or goes on, as it does.
		three := bodies{joined(t, one.call, two.call), joined(t, one.args, two.args), joined(t, one.cwd, two.cwd), joined(t, one.place, two.place), joined(t, one.title, two.title), joined(t, one.sock, two.sock)}
		a, b := bothWays(t, tr, one, two, three, plainBodies())
		if why := differ(a, b); why != "" {
			t.Fatalf("%q\n%q\n%q\n%s", one, two, three, why)
		}
	})
}

// joined is the start of a and the end of b.
func joined(t *rapid.T, a, b string) string {
	at := rapid.IntRange(0, min(len(a), len(b))).Draw(t, "seam")
	return a[:len(a)-at] + b[len(b)-at:]
}
