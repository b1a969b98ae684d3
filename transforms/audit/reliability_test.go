package audit

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// The rows N3 to N9 of the reliability requirements, as far as they are about audit
// records, and what the coalescer promises of long and broken events.

// TestN3BytesThatAreNoTextStayApart: two byte strings are two values.
func TestN3BytesThatAreNoTextStayApart(t *testing.T) {
	tr := build(t, nil)
	seen := map[string]string{}
	for _, hex := range []string{"FF", "FE", "EFBFBD", "C0AF", "EDA080", "C328", "41", "3F"} {
		e := oneEvent(t, tr, sysA, "type=EXECVE msg=audit(1795227901.123:7): argc=1 a0="+hex, "type=PROCTITLE msg=audit(1795227901.123:7): proctitle="+hex)
		arg := e.Fields.Get(schema.ProcessArgs).Str()
		if other, twice := seen[arg]; twice {
			t.Errorf("%s and %s are both %q", hex, other, arg)
		}
		seen[arg] = hex
		if fmt.Sprintf("%X", arg) != hex {
			t.Errorf("%s became %X", hex, arg)
		}
	}
}

// TestN4HexIsReadByTheFieldsRule: bare hex of the fields that have it is text, quoted
// text is not hex, and what is no whole hex stays.
func TestN4HexIsReadByTheFieldsRule(t *testing.T) {
	tr := build(t, nil)
	for _, c := range []struct{ raw, want string }{{"2F612062", "/a b"}, {`"DEADBEEF"`, "DEADBEEF"}, {"2F6", "2F6"}, {"2f612062", "2f612062"}, {`"2F61"`, "2F61"}} {
		e := oneEvent(t, tr, `type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=59 success=no exit=-2 pid=2 comm=`+c.raw+` exe=`+c.raw,
			`type=EXECVE msg=audit(1795227901.123:7): argc=1 a0=`+c.raw, `type=CWD msg=audit(1795227901.123:7): cwd=`+c.raw,
			`type=PATH msg=audit(1795227901.123:7): item=0 name=`+c.raw+` nametype=NORMAL`)
		v := ours(&e)
		for _, n := range []string{"process.name", "process.executable", "process.args", "process.working_directory", "auditd.paths.0.name"} {
			if got := first(v[n]); got != c.want {
				t.Errorf("%s of %s is %q, want %q", n, c.raw, got, c.want)
			}
		}
		e = oneEvent(t, tr, `type=USER_LOGIN msg=audit(1795227901.123:7): pid=2 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=`+c.raw+` exe="/a" res=failed'`)
		if got := e.Fields.Get(schema.UserName).Str(); got != c.want {
			t.Errorf("acct %s is %q", c.raw, got)
		}
		e = oneEvent(t, tr, sysB, `type=PROCTITLE msg=audit(1795227901.124:8): proctitle=`+c.raw)
		if got := e.Fields.Get(schema.ProcessTitle).Str(); got != c.want {
			t.Errorf("proctitle %s is %q", c.raw, got)
		}
	}
}

// manyArguments writes n arguments as the kernel does, in records of some 7,000 bytes.
func manyArguments(n int) []string {
	lines := []string{sysA}
	b := fmt.Sprintf("type=EXECVE msg=audit(1795227901.123:7): argc=%d", n)
	for i := range n {
		b += fmt.Sprintf(" a%d=\"x%d\"", i, i)
		if len(b) > 7000 {
			lines, b = append(lines, b), "type=EXECVE msg=audit(1795227901.123:7):"
		}
	}
	return append(lines, b, endA)
}

// TestN5ManyArguments: seventy thousand are all there; a number that no records
// come for costs nothing and is flagged.
func TestN5ManyArguments(t *testing.T) {
	const n = 70_000
	lines := manyArguments(n)
	size := 0
	for _, l := range lines {
		size += len(l)
	}
	tr := build(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e := oneEvent(t, tr, lines...)
	runtime.ReadMemStats(&after)
	args := slices.Collect(e.Fields.All(schema.ProcessArgs))
	if len(args) != n || args[n-1].Str() != fmt.Sprintf("x%d", n-1) || slices.Contains(ours(&e)["tags"], TagIncomplete) {
		t.Fatalf("%d arguments", len(args))
	}
	if c, _ := e.Fields.Get(schema.ProcessArgsCount).Int64(); c != n {
		t.Errorf("the count is %d", c)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(size)*100 {
		t.Errorf("%d bytes were allocated for %d bytes of records", used, size)
	}
	runtime.ReadMemStats(&before)
	e = oneEvent(t, tr, sysA, `type=EXECVE msg=audit(1795227901.123:7): argc=999999999 a0="a" a1_len=999999999 a1[0]="b" a99999999="c"`, endA)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("a number of arguments alone cost %d bytes", used)
	}
	v := ours(&e)
	if !slices.Contains(v["tags"], TagIncomplete) || v["process.args_count"][0] != "999999999" || strings.Join(v["process.args"], " ") != "a b c" {
		t.Errorf("%s", show(&e))
	}
}

// TestN5ArgumentsAreWhole: empty ones, split ones, over records, in any mixture.
func TestN5ArgumentsAreWhole(t *testing.T) {
	e := oneEvent(t, build(t, nil), sysA, `type=EXECVE msg=audit(1795227901.123:7): argc=5 a0="sh" a1="" a2_len=8 a2[0]="abcd"`,
		`type=EXECVE msg=audit(1795227901.123:7): a2[1]="efgh"`, `type=EXECVE msg=audit(1795227901.123:7): a3=`, endA)
	if got := strings.Join(ours(&e)["process.args"], "|"); !strings.HasPrefix(got, "sh||abcdefgh|") || !slices.Contains(ours(&e)["tags"], TagIncomplete) {
		t.Errorf("%q: %s", got, show(&e))
	}
	e = oneEvent(t, build(t, nil), sysA, `type=EXECVE msg=audit(1795227901.123:7): argc=4 a0="sh" a1="" a2_len=8 a2[0]="abcd"`,
		`type=EXECVE msg=audit(1795227901.123:7): a2[1]="efgh" a3=""`, endA)
	if got := strings.Join(ours(&e)["process.args"], "|"); got != "sh||abcdefgh|" || slices.Contains(ours(&e)["tags"], TagIncomplete) {
		t.Errorf("%q: %s", got, show(&e))
	}
}

// TestN6NodeEnrichmentAndKeys in one record.
func TestN6NodeEnrichmentAndKeys(t *testing.T) {
	e := oneEvent(t, build(t, nil), "node=web-1 "+`type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=87 success=yes exit=0 pid=2 uid=7 exe="/b" key=610162`+"\x1d"+`ARCH=x86_64 SYSCALL=unlink UID="seven"`,
		"node=web-1 "+endA)
	v := ours(&e)
	if v["host.name"][0] != "web-1" || v["user.name"][0] != "seven" || strings.Join(v["auditd.key"], " ") != "a b" || strings.Join(v["tags"], " ") != "a b" {
		t.Errorf("%s", show(&e))
	}
}

// TestN7TheRealResultCounts: res= inside acct is a name.
func TestN7TheRealResultCounts(t *testing.T) {
	for acct, flagged := range map[string]bool{`"bob res=success"`: true, `"o'brien"`: false, `"(unknown user)"`: false, `"a b"`: false} {
		e := oneEvent(t, build(t, func(s *Settings) { s.KeepOriginal = "on_error" }),
			`type=USER_LOGIN msg=audit(1795227901.123:7): pid=2 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=`+acct+` exe="/a" hostname=? addr=? terminal=ssh res=failed'`)
		v := ours(&e)
		if v["event.outcome"][0] != "failure" || slices.Contains(v["tags"], TagAmbiguous) != flagged || flagged == (e.Raw == "") {
			t.Errorf("%s: %s", acct, show(&e))
		}
	}
}

// TestN8DuplicateKeys: the first counts, both are kept, the event is flagged.
func TestN8DuplicateKeys(t *testing.T) {
	e := oneEvent(t, build(t, nil), `type=SYSCALL msg=audit(1795227901.124:8): arch=c000003e syscall=87 success=yes exit=0 pid=2 uid=0 uid=7 auid=1 auid=1 comm="b"`, endB)
	v := ours(&e)
	if v["user.id"][0] != "0" || !slices.Contains(v["auditd.data.uid"], "7") || !slices.Contains(v["tags"], TagDuplicate) || e.Raw == "" {
		t.Errorf("%s", show(&e))
	}
}

// TestN9Extremes: no number is rounded and none wraps.
func TestN9Extremes(t *testing.T) {
	e := oneEvent(t, build(t, nil), `type=SYSCALL msg=audit(8589934591.999:18446744073709551615): arch=c000003e syscall=87 success=no exit=-2147483648 ppid=4294967295 pid=2147483647 auid=4294967295 uid=4294967294 ses=4294967295 comm="b"`,
		`type=PATH msg=audit(8589934591.999:18446744073709551615): item=0 name="/a" inode=18446744073709551615 dev=fe:01 mode=0100644 ouid=4294967295 ogid=4294967294 nametype=DELETE`)
	v := ours(&e)
	for n, want := range map[string]string{"event.sequence": "18446744073709551615", "auditd.data.exit": "-2147483648", "process.pid": "2147483647", "process.parent.pid": "4294967295",
		"user.id": "4294967294", "file.inode": "18446744073709551615", "file.gid": "4294967294"} {
		if first(v[n]) != want {
			t.Errorf("%s is %q, want %s", n, v[n], want)
		}
	}
	if v["user.audit.id"] != nil || v["file.uid"] != nil || v["auditd.session"] != nil {
		t.Error("an id that says unset is there")
	}
	if !e.Time.Equal(time.UnixMilli(8589934591999)) {
		t.Errorf("the time is %v", e.Time)
	}
	got := run(t, build(t, nil), records([]string{`type=SYSCALL msg=audit(99999999999999.123:7): pid=2`}), 1)
	if len(got) != 1 || got[0].Fields.Get(schema.EventKind).Str() != "pipeline_error" || got[0].Raw == "" {
		t.Error("a time that no clock has was taken for one, or the line was lost")
	}
}

// TestI14ACutRecordMergesWithNothing: half a line before a cut is a line of its own.
func TestI14ACutRecordMergesWithNothing(t *testing.T) {
	half := exeA[:len(exeA)-20]
	got := run(t, build(t, nil), records([]string{sysA, half, sysA, exeA, endA}), 100)
	if total(got) != 5 {
		t.Fatalf("%d records", total(got))
	}
	for i := range got {
		if v := ours(&got[i]); first(v["event.kind"]) == "pipeline_error" && got[i].Raw != half {
			t.Errorf("%s", show(&got[i]))
		}
	}
}

// TestI15AnEventThatIsNeverCompleted comes after the timeout, flagged.
func TestI15AnEventThatIsNeverCompleted(t *testing.T) {
	now := start
	tr := build(t, nil)
	tr.env.Now = func() time.Time { return now }
	st := tr.Lane("x").(*stage)
	if got := apply(t, st, records([]string{sysA})); len(got) != 0 {
		t.Fatal("too early")
	}
	now = now.Add(tr.set.Timeout)
	got := apply(t, st, nil)
	if len(got) != 1 || !slices.Contains(ours(&got[0])["tags"], TagIncomplete) || got[0].Records != 1 || got[0].Raw != sysA {
		t.Errorf("%d events", len(got))
	}
}

// TestRecordsAfterTheEnd: PATH after EOE is not lost and merges with nothing; after
// a reboot the serials come again, and are other events.
func TestRecordsAfterTheEnd(t *testing.T) {
	path := `type=PATH msg=audit(1795227901.123:7): item=0 name="/a" nametype=NORMAL`
	if got := heads(run(t, build(t, nil), records([]string{sysA, exeA, endA, eoeA, path, sysB, endB}), 100)); got != "executed/7/4 path/7/1* deleted/8/2" && got != "executed/7/4 deleted/8/2 path/7/1*" {
		t.Errorf("PATH after EOE: %s", got)
	}
	later := func(s string) string { return strings.ReplaceAll(s, "1795227901", "1795228901") }
	if got := heads(run(t, build(t, nil), records([]string{sysA, exeA, endA, later(sysA), later(exeA), later(endA)}), 100)); got != "executed/7/3 executed/7/3" {
		t.Errorf("a serial that comes again: %s", got)
	}
}

// TestTheWindowIsBounded: as many events as are sent, none of them ended, keep no
// more open than the window.
func TestTheWindowIsBounded(t *testing.T) {
	tr := build(t, nil)
	st := tr.Lane("x").(*stage)
	n := 0
	for i := range 2000 {
		n += len(apply(t, st, records([]string{strings.Replace(sysB, ":8)", fmt.Sprintf(":%d)", 100+i), 1)})))
		if open := i + 1 - n; open > tr.set.Window || st.win.n != open {
			t.Fatalf("%d events are open, %d counted", open, st.win.n)
		}
	}
	var b event.Batch
	st.Flush(&b)
	if n += len(b.Events); n != 2000 {
		t.Errorf("%d events came out", n)
	}
}

// TestAnEventThatNeverEndsIsBounded: records without end, of one serial or of many,
// hold no more than the window may.
func TestAnEventThatNeverEndsIsBounded(t *testing.T) {
	big := strings.Repeat("61", 512<<10)
	for _, one := range []bool{true, false} {
		st := build(t, nil).Lane("x").(*stage)
		n := 0
		for i := range 80 {
			line := fmt.Sprintf("type=EXECVE msg=audit(1795227901.123:%d): a%d=%s", 7+i, i, big)
			if one {
				line = fmt.Sprintf("type=EXECVE msg=audit(1795227901.123:7): a%d=%s", i, big)
			}
			n += total(apply(t, st, records([]string{line})))
			if st.win.size > windowBytes {
				t.Fatalf("%d bytes are held", st.win.size)
			}
		}
		if n == 0 {
			t.Error("nothing was let go")
		}
		if n += total(flush(st)); n != 80 || st.win.size != 0 {
			t.Errorf("%d records came out, %d bytes are held", n, st.win.size)
		}
	}
}
