package audit

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestACutLineIsFlagged: a line that ends before its time is kept with its text and
// flagged, whichever value it ends in; the whole one is not.
func TestACutLineIsFlagged(t *testing.T) {
	const head = "msg=audit(1795227901.123:7): "
	for name, c := range map[string]struct {
		before, whole string
		from          string // where the cuts begin; they go on to one byte before the end
	}{
		"the program":          {"", "type=SYSCALL " + head + `arch=c000003e syscall=87 success=yes exit=0 pid=2 uid=0 comm="b c" exe="/b"`, `b c"`},
		"the process id":       {"", "type=SYSCALL " + head + `arch=c000003e syscall=87 success=yes exit=0 pid=2 exe="/b"`, "=c000003e"},
		"an argument":          {sysA, "type=EXECVE " + head + `argc=1 a0="abc"`, `abc"`},
		"a piece":              {sysA, "type=EXECVE " + head + `argc=1 a0_len=3 a0[0]="abc"`, `abc"`},
		"a folder":             {sysA + "\n" + exeA, "type=CWD " + head + `cwd="/abc"`, `/abc"`},
		"a file":               {sysA + "\n" + exeA, "type=PATH " + head + `item=0 name="/abc"`, `/abc"`},
		"a title":              {sysA + "\n" + exeA, "type=PROCTITLE " + head + `proctitle="/abc"`, `/abc"`},
		"a program's text":     {"", "type=USER_CMD " + head + userHead + `msg='op=x res=failed'`, "op=x"},
		"nothing but the mark": {"", "type=USER_CMD " + head + userHead + `msg=''`, "'"},
		"a denied program":     {"", "type=AVC " + head + `avc:  denied  { read } for  pid=7 comm="x y" name="/abc"`, `/abc"`},
		"a translated user":    {sysA + "\n" + exeA, "type=PATH " + head + `item=0 name="/" ouid=7` + "\x1d" + `OUID="ana"`, `ana"`},
		"an enriched call":     {"", "type=SYSCALL " + head + `arch=c000003e syscall=87 success=yes exit=0 pid=2 uid=0 comm="b" exe="/b" key=(null)` + "\x1d" + `ARCH=x86_64 SYSCALL=unlink UID="ana"`, `ana"`},
		"who it was":           {"", "type=USER_CMD " + head + userHead + `msg='op=x res=failed'` + "\x1d" + `UID="ana"`, `ana"`},
	} {
		t.Run(name, func(t *testing.T) {
			flagged := func(line string) (yes bool, raw string) {
				var lines []string
				if c.before != "" {
					lines = strings.Split(c.before, "\n")
				}
				e := oneEvent(t, build(t, nil), append(lines, line)...)
				tags := ours(&e)["tags"]
				return slices.Contains(tags, TagAmbiguous) || slices.Contains(tags, TagIncomplete), e.Raw
			}
			if yes, _ := flagged(c.whole); yes {
				t.Error("the whole line is flagged")
			}
			for i := strings.LastIndex(c.whole, c.from) + 1; i < len(c.whole); i++ {
				if yes, raw := flagged(c.whole[:i]); !yes || !strings.HasSuffix(raw, c.whole[:i]) {
					t.Errorf("not flagged: %q", c.whole[:i])
				}
			}
		})
	}
}

// TestHalfAByteOfAnArgument: the kernel writes two digits for each byte.
func TestHalfAByteOfAnArgument(t *testing.T) {
	for arg, flagged := range map[string]bool{"616": true, "6162": false, "": true, "ls": false, "lsx": false, `"616"`: false} {
		e := oneEvent(t, build(t, nil), sysA, "type=EXECVE msg=audit(1795227901.123:7): argc=1 a0="+arg, endA)
		if slices.Contains(ours(&e)["tags"], TagIncomplete) != flagged {
			t.Errorf("%q: %s", arg, show(&e))
		}
	}
}

// TestOfTwoBothAreKept in the records of a system call too, and the event is flagged. What
// is read of them is the first.
func TestOfTwoBothAreKept(t *testing.T) {
	const head = "msg=audit(1795227901.123:7): "
	for name, c := range map[string]struct {
		line, field, want string
		kept, value       string
	}{
		"an argument of the call": {"type=SYSCALL " + head + "arch=c000003e syscall=87 success=yes exit=0 a0=1 a0=2 a1=3 a2=4 a3=5 items=0 ppid=1 pid=2 uid=0 exe=/b", "auditd.data.a0", "2|1", "auditd.data.a0", "2"},
		"the architecture":        {"type=SYSCALL " + head + "arch=c000003e arch=40000003 syscall=87 success=yes exit=0 pid=2 uid=0", "event.action", "deleted", "auditd.data.arch", "40000003"},
		"how many files":          {"type=SYSCALL " + head + "arch=c000003e syscall=87 success=yes exit=0 items=0 items=7 ppid=1 pid=2 uid=0", "error.message", "", "auditd.data.items", "7"},
		"a folder":                {"type=CWD " + head + `cwd="/a" cwd="/b"`, "process.working_directory", "/a", "auditd.data.cwd", "/b"},
		"a file":                  {"type=PATH " + head + `item=0 name="/a" name="/b" nametype=NORMAL`, "file.path", "/a", "auditd.paths.0.name", "/b"},
		"the number of a file":    {"type=PATH " + head + `item=0 name="/a" inode=1 inode=2 nametype=NORMAL`, "file.inode", "1", "auditd.paths.0.inode", "2"},
		"a title":                 {"type=PROCTITLE " + head + `proctitle="a" proctitle="b"`, "process.title", "a", "auditd.data.proctitle", "b"},
		"how it was opened":       {"type=OPENAT2 " + head + `oflag=0100 oflag=0200 mode=0 resolve=0`, "auditd.data.oflag", "0200|0100", "auditd.data.oflag", "0200"},
	} {
		t.Run(name, func(t *testing.T) {
			e := oneEvent(t, build(t, nil), c.line)
			v := ours(&e)
			got := strings.Join(v[c.field], "|")
			if c.field == "error.message" {
				if !strings.Contains(got, "a field stands twice") {
					t.Errorf("it says %q", got)
				}
			} else if got != c.want {
				t.Errorf("%s is %q, want %q", c.field, got, c.want)
			}
			if !slices.Contains(v[c.kept], c.value) || !slices.Contains(v["tags"], TagDuplicate) || e.Raw != c.line {
				t.Errorf("%s is not kept, or the event is not flagged: %s", c.value, show(&e))
			}
		})
	}
}

// TestAnEventOfALaterClockEnds: where the clock was set back, by an hour here, an event
// that nothing ends does not stay open until the clock is where it was.
func TestAnEventOfALaterClockEnds(t *testing.T) {
	st := build(t, nil).Lane("x").(*stage)
	if got := apply(t, st, records([]string{sysA})); len(got) != 0 {
		t.Fatal(heads(got))
	}
	back := func(seen time.Duration) string {
		in := records([]string{strings.Replace(sysB, "1795227901", "1795224301", 1), strings.Replace(endB, "1795227901", "1795224301", 1)})
		for i := range in {
			in[i].Seen = start.Add(seen)
		}
		return heads(apply(t, st, in))
	}
	if got := back(2 * time.Second); got != "" && got != "deleted/8/2" {
		t.Errorf("too early: %s", got)
	}
	if got := back(2*time.Second + time.Millisecond); !strings.Contains(got, "executed/7/1") {
		t.Errorf("it is still open: %s", got)
	}
}
