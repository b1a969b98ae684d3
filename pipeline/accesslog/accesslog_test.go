package accesslog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	at := time.Date(2026, 11, 21, 3, 27, 10, 0, time.UTC)
	for _, c := range []struct {
		name, line string
		want       Line
	}{
		{"combined", `192.0.2.7 - bob [21/Nov/2026:03:27:10 +0000] "GET /a HTTP/1.1" 200 158 "-" "git/2.39.5"`,
			Line{Addr: "192.0.2.7", User: "bob", Time: at, Method: "GET", Target: "/a", Protocol: "HTTP/1.1", Status: 200, Bytes: 158, Agent: "git/2.39.5"}},
		{"common", `192.0.2.7 - - [21/Nov/2026:04:27:10 +0100] "POST /a?b=c HTTP/2.0" 401 -`,
			Line{Addr: "192.0.2.7", Time: at, Method: "POST", Target: "/a?b=c", Protocol: "HTTP/2.0", Status: 401, Bytes: -1}},
		{"a virtual host", `git.example 2001:db8::1 - ana [21/Nov/2026:03:27:10 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`,
			Line{VHost: "git.example", Addr: "2001:db8::1", User: "ana", Time: at, Method: "GET", Target: "/", Protocol: "HTTP/1.1", Status: 200, Bytes: 1}},
		{"a name with blanks", `192.0.2.7 - Ana Doe [21/Nov/2026:03:27:10 +0000] "GET / HTTP/1.1" 200 1`,
			Line{Addr: "192.0.2.7", User: "Ana Doe", Time: at, Method: "GET", Target: "/", Protocol: "HTTP/1.1", Status: 200, Bytes: 1}},
		{"a name that plays a line", `192.0.2.7 - a [01/Jan/2020:00:00:00 +0000] \x22GET [21/Nov/2026:03:27:10 +0000] "GET / HTTP/1.1" 200 1`,
			Line{Addr: "192.0.2.7", User: `a [01/Jan/2020:00:00:00 +0000] "GET`, Time: at, Method: "GET", Target: "/", Protocol: "HTTP/1.1", Status: 200, Bytes: 1}},
		{"escapes", `192.0.2.7 - - [21/Nov/2026:03:27:10 +0000] "GET /\x22\\\"\q\x2 HTTP/1.1" 200 1 "r" "a \"b\"" 0.003 "x"`,
			Line{Addr: "192.0.2.7", Time: at, Method: "GET", Target: `/"\"\q\x2`, Protocol: "HTTP/1.1", Status: 200, Bytes: 1, Referer: "r", Agent: `a "b"`, More: `0.003 "x"`}},
		{"no request", `192.0.2.7 - - [21/Nov/2026:03:27:10 +0000] "-" 400 0 "-" "-"`, Line{Addr: "192.0.2.7", Time: at, Status: 400}},
		{"a blank in the target", `192.0.2.7 - - [21/Nov/2026:03:27:10 +0000] "GET /a b HTTP/1.1" 400 0`,
			Line{Addr: "192.0.2.7", Time: at, Method: "GET", Target: "/a b", Protocol: "HTTP/1.1", Status: 400}},
	} {
		got, ok := Parse(c.line)
		if diff := cmp.Diff(c.want, got); diff != "" || !ok {
			t.Errorf("%s: %v, %s", c.name, ok, diff)
		}
	}
	for _, line := range []string{"", "text", `a - - [x] "GET / HTTP/1.1" 200 1`, `192.0.2.7 - - [21/Nov/2026:03:27:10 +0000] "GET / HTTP/1.1`,
		`192.0.2.7 - - [21/Nov/2026:03:27:10 +0000] "GET / HTTP/1.1" ok 1`, `192.0.2.7 - - [21/Nov/2026:03:27:10 +0000] "GET / HTTP/1.1" 200 x`, `[21/Nov/2026:03:27:10 +0000] "GET"`} {
		if got, ok := Parse(line); ok {
			t.Errorf("%q became %+v", line, got)
		}
	}
}

// FuzzParse: nothing panics, and what comes is in the range of a status.
func FuzzParse(f *testing.F) {
	f.Add(`192.0.2.7 - bob [21/Nov/2026:03:27:10 +0000] "GET /a HTTP/1.1" 200 158 "-" "git/2.39.5"`)
	f.Add(`h 1.1.1.1 - - [21/Nov/2026:03:27:10 +0000] "\x2" 200 - "\\" "\" x`)
	f.Fuzz(func(t *testing.T, line string) {
		if l, ok := Parse(line); ok && (l.Status < 0 || l.Status > 999 || l.Addr == "" || len(l.Target)+len(l.User)+len(l.Agent) > len(line)) {
			t.Errorf("%q: %+v", line, l)
		}
	})
}
