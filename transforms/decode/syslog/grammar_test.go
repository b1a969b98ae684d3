package syslog

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestGrammarAgainstGoSyslog draws messages from the grammars of both RFCs, with
// what devices make of them and with damage, which fuzzing rarely finds.
func TestGrammarAgainstGoSyslog(t *testing.T) {
	j := newJudges()
	taken := 0
	pick := func(t *rapid.T, name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString(pick(t, "pri", "<34>", "<0>", "<191>", "<192>", "<013>", "<165>", ""))
		if rapid.Bool().Draw(t, "5424") {
			b.WriteString(pick(t, "version", "1", "1", "1", "2", "999", "0", "") + " ")
			b.WriteString(pick(t, "stamp", "-", "2023-11-14T22:13:15Z", "2024-02-29T22:13:15.123456-07:30", "2023-02-29T22:13:15Z", "2023-11-14T24:13:15Z", "2023-11-14T22:13:15.1234567Z",
				"2023-11-14T22:13:60Z", "2023-11-14T22:13:15", "2023-11-14T22:13:15+0100", "2023-11-14t22:13:15Z", "2023-11-14T22:13:15.Z", "2023-11-14 22:13:15Z") + " ")
			for _, f := range []string{"host", "app", "proc"} {
				b.WriteString(pick(t, f, "-", f+"-1", "a.b", "é", "", strings.Repeat("x", 49), "[1]", "%A-1-B:") + " ")
			}
			b.WriteString(pick(t, "msgid", "-", "ID47", strings.Repeat("m", 33)) + " ")
			b.WriteString(pick(t, "data", "-", "", "[a]", `[a b="c"]`, `[a b="c" d=""][e@1 f="g"]`, `[a b="\"\\\]"]`, `[a b="\x"]`, `[a b="é"]`, `[a b="]"]`, `[a][a]`, `[a b=c]`, `[ a]`, `[a b="c"`, `[a b="c" b="d"]`, "[a] [b]"))
		} else {
			b.WriteString(pick(t, "stamp", "Nov 14 22:13:15", "Feb 29 00:00:00", "Jan  1 00:00:00", "Jan 1 00:00:00", "Jan 32 00:00:00", "2023-11-14T22:13:15Z", "2023-11-14T22:13:15+01:00", "Nov 14 2023 22:13:15", "Nov 14 22:13:15.123", "Nov 14 22:13:15 UTC"))
			b.WriteString(pick(t, "host", " host", " 10.0.0.1", " fe80::1", " -", " a=b", " [x]", " host:", "  host", "") + " ")
			b.WriteString(pick(t, "tag", "app: ", "app[7]: ", "app[7] ", "app:", "app[]: ", "%ASA-6-302014: ", "/usr/sbin/cron[1]: ", "-: ", "app[-]: ", "app [7]: ", strings.Repeat("t", 40)+": ", "", ": "))
		}
		b.WriteString(pick(t, "text", "", " ", " text", "text", " \ufefftext", " caf\xe9", " a\nb", " ]: x", "CEF:0|a|b|c|d|e|5|", " a\x00", "\ttab"))
		if what := j.compare(b.String()); what != "" {
			t.Fatalf("not agreed: %s\n%q\nours: %+v", what, b.String(), j.ours.m)
		}
		if got, err := j.new5424.Parse([]byte(b.String())); err == nil && got != nil {
			taken++
		} else if got, err := j.old3164.Parse([]byte(b.String())); err == nil && got != nil {
			taken++
		}
	})
	if taken == 0 {
		t.Error("go-syslog took no message: nothing was compared")
	}
}
