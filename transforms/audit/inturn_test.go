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
