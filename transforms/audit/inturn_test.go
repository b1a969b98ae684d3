package audit

import (
	"slices"
	"strings"
	"testing"
)

// TestArgumentsComeInTheirOrder: EXECVE records that came in another order, or twice,
// give the arguments in theirs; what is then still wrong is said in words that fit.
func TestArgumentsComeInTheirOrder(t *testing.T) {
	const dup = "an EXECVE record came more than once"
	for name, c := range map[string]struct {
		records []string
		want    string
		says    string // "" for a whole event
	}{
		"the second first":       {[]string{`a2="c" a3=""`, `argc=4 a0="a" a1="b"`}, "a|b|c|", ""},
		"three, the last first":  {[]string{`a10="k"`, `argc=11 a0="a" a1="b" a2="c" a3="d" a4="e"`, `a5="f" a6="g" a7="h" a8="i" a9="j"`}, "a|b|c|d|e|f|g|h|i|j|k", ""},
		"a split one":            {[]string{`a1_len=8 a1[0]="abcd"`, `argc=3 a0="a"`, `a2="z"`, `a1[1]="efgh"`}, "a|abcdefgh|z", ""},
		"pieces":                 {[]string{`a0[2]="ef"`, `a0[1]="cd"`, `argc=1 a0_len=6 a0[0]="ab"`}, "abcdef", ""},
		"twice":                  {[]string{`argc=2 a0="a" a1="b"`, `argc=2 a0="a" a1="b"`}, "a|b", dup},
		"twice and out of turn":  {[]string{`a1="b"`, `argc=2 a0="a"`, `a1="b"`}, "a|b", dup},
		"one is missing":         {[]string{`a3="d"`, `argc=4 a0="a" a1="b"`}, "a|b|d", "arguments are missing: 3 of 4 are there"},
		"one that is another's":  {[]string{`argc=2 a0="a" a1="b"`, `argc=5 a0="q"`}, "a|b|q", "there are more arguments than the record counts: 3 of 2"},
		"nobody says how many":   {[]string{`argc=-1 a0="a"`}, "a", "the number of arguments is not known; there are 1"},
		"more than a number has": {[]string{`argc=99999999999999999999 a0="a"`}, "a", "the number of arguments is not known; there are 1"},
		"half a byte":            {[]string{`argc=1 a0_len=6 a0[0]=616263 a0[1]=64656`}, "abc64656", "an argument is out of place, or a part of it is missing"},
		"one in one record":      {[]string{`argc=2 a1="b" a0="a"`}, "b|a", "an argument is out of place, or a part of it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := []string{sysA}
			for _, r := range c.records {
				lines = append(lines, "type=EXECVE msg=audit(1795227901.123:7): x=1 "+r)
			}
			e := oneEvent(t, build(t, nil), append(lines, endA)...)
			v := ours(&e)
			if got := strings.Join(v["process.args"], "|"); got != c.want {
				t.Errorf("arguments are %q, want %q", got, c.want)
			}
			if got := first(v["error.message"]); got != c.says || slices.Contains(v["tags"], TagIncomplete) != (c.says != "") || (e.Raw != "") != (c.says != "") {
				t.Errorf("it says %q, want %q: %s", got, c.says, show(&e))
			}
			if name == "more than a number has" && first(v["auditd.data.argc"]) != "99999999999999999999" {
				t.Error("the number as it stood is lost")
			}
			if len(v["auditd.data.x"]) > len(c.records) || len(v["auditd.data.x"]) == 0 {
				t.Errorf("what is left over is there %d times", len(v["auditd.data.x"]))
			}
		})
	}
}

// TestPathsComeInTheirOrder: PATH records say which they are, and the first is the
// file that the call was about, whatever came first.
func TestPathsComeInTheirOrder(t *testing.T) {
	const (
		file   = `item=0 name="/bin/ls" inode=1 nametype=NORMAL`
		loader = `item=1 name="/lib64/ld.so" inode=2 nametype=NORMAL`
		third  = `item=2 name="/third" inode=3 nametype=NORMAL`
	)
	for name, c := range map[string]struct {
		records []string
		want    string
		says    string // "" for a whole event
	}{
		"in order":               {[]string{file, loader}, "/bin/ls|/lib64/ld.so", ""},
		"the second first":       {[]string{loader, file}, "/bin/ls|/lib64/ld.so", ""},
		"three, the first last":  {[]string{third, loader, file}, "/bin/ls|/lib64/ld.so|/third", ""},
		"twice":                  {[]string{file, file, loader}, "/bin/ls|/lib64/ld.so", "a PATH record came more than once"},
		"twice, and one is lost": {[]string{loader, loader}, "/lib64/ld.so", "a PATH record came more than once; PATH records are missing"},
		"of another event":       {[]string{file, loader, `item=0 name="/evil" inode=9 nametype=NORMAL`}, "/bin/ls|/evil|/lib64/ld.so", "two PATH records have one number: the events of two hosts may have one serial"},
		"without numbers":        {[]string{`name="/a"`, `name="/b"`}, "/a|/b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			lines := []string{strings.Replace(sysA, "ppid=", "items=2 ppid=", 1), exeA}
			for _, r := range c.records {
				lines = append(lines, "type=PATH msg=audit(1795227901.123:7): "+r)
			}
			e := oneEvent(t, build(t, nil), append(lines, endA)...)
			v := ours(&e)
			var names []string
			for _, f := range e.Fields {
				if strings.HasSuffix(f.Name(), ".name") {
					names = append(names, f.Str())
				}
			}
			if got := strings.Join(names, "|"); got != c.want || first(v["file.path"]) != names[0] {
				t.Errorf("the paths are %q and the file is %q, want %q", got, v["file.path"], c.want)
			}
			if got := first(v["error.message"]); got != c.says || (e.Raw != "") != (c.says != "") {
				t.Errorf("it says %q, want %q", got, c.says)
			}
		})
	}
}

// TestTwoCallsOfOneSerialAreTold: two hosts in one stream without their names may have
// the same serial in the same millisecond. What one did must not silently be the other's.
func TestTwoCallsOfOneSerialAreTold(t *testing.T) {
	other := strings.NewReplacer("pid=2", "pid=9", "uid=0", "uid=1000").Replace(sysA)
	e := oneEvent(t, build(t, nil), sysA, other, exeA, endA)
	v := ours(&e)
	if got, want := first(v["error.message"]), "two SYSCALL records have one serial: the events of two hosts may be joined here"; got != want || !slices.Contains(v["tags"], TagIncomplete) {
		t.Errorf("it says %q, want %q; tags %q", got, want, v["tags"])
	}
	if first(v["process.pid"]) != "2" || first(v["auditd.data.pid"]) != "9" || first(v["auditd.data.uid"]) != "1000" {
		t.Errorf("what the second says is lost: %s", show(&e))
	}
	e = oneEvent(t, build(t, nil), sysA, sysA, exeA, endA)
	if got, want := first(ours(&e)["error.message"]), "a SYSCALL record came more than once"; got != want {
		t.Errorf("of the same twice it says %q, want %q", got, want)
	}
}
