package audit

import (
	"context"
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

// bothWays reads an event of these two records by place and by Walk alone.
func bothWays(t failer, tr *Transform, call, place string) (byPlace, byWalk []event.Event) {
	in := records([]string{
		"type=SYSCALL msg=audit(1795227901.123:7): " + call,
		"type=PATH msg=audit(1795227901.123:7): " + place,
		"type=PATH msg=audit(1795227901.123:7): " + strings.Replace(place, "item=0", "item=1", 1),
		"type=EOE msg=audit(1795227901.123:7): ",
	})
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

func compareWays(t testing.TB, call, place string) {
	t.Helper()
	a, b := bothWays(t, build(t, nil), call, place)
	if len(a) == 0 || !cmp.Equal(a, b) {
		t.Fatalf("%s\n%s\nby place: %+v\nby walk:  %+v", call, place, a, b)
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
	} {
		t.Run(c.name, func(t *testing.T) {
			compareWays(t, strings.Replace(callBody, c.old, c.new, 1), strings.Replace(pathBody, c.old, c.new, 1))
		})
	}
	a, _ := bothWays(t, build(t, nil), callBody, pathBody)
	st := build(t, nil).Lane("x").(*stage)
	if n := st.f.inOrder(callBody); callBody[n:] != `subj=unconfined key="perf"` {
		t.Errorf("read by place up to %q", callBody[n:])
	}
	if n := st.f.pathInOrder(0, pathBody); n != len(pathBody) || len(a) != 1 {
		t.Errorf("read by place up to %q", pathBody[n:])
	}
}

func TestOrderedReadsWhatWalkReadsOfAnything(t *testing.T) {
	bits := strings.Fields(`= " ' "" '' uid=1 name= mode=x (null) ? 00:00 res= éa \x1d 0 item=0 nametype=CREATE`)
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
		a, b := bothWays(t, tr, mangle(callBody), mangle(pathBody))
		if !cmp.Equal(a, b) {
			t.Fatalf("by place: %+v\nby walk:  %+v", a, b)
		}
	})
}
