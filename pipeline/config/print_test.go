package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/plugin"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; -update writes it anew (- wanted, + found):\n%s", path, diff)
	}
}

// The printed form of a file with many mistakes, as a person sees it.
func TestPrintGolden(t *testing.T) {
	path := filepath.Join("testdata", "wrong.yaml")
	_, problems := Load(path, Options{Plugins: fakes(), LookupEnv: environment(nil)})
	problems = append(problems,
		plugin.Problem{Pos: plugin.Pos{File: "testdata/rules.yaml", Line: 3, Col: 14}, Width: 11, Text: "unknown field event.actoin", Hint: `did you mean "event.action"?`},
		plugin.Problem{Pos: plugin.Pos{File: "testdata/absent.yaml", Line: 3, Col: 1}, Text: "the source line is not there"},
		plugin.Problem{Pos: plugin.Pos{File: "testdata/rules.yaml", Line: 99, Col: 1}, Text: "the line is not there"},
		plugin.Problem{Pos: plugin.Pos{File: "--log-level"}, Text: "a flag is no file", Hint: "nor is a variable"},
		plugin.Problem{Text: "a problem without a place", Warn: true})
	var out bytes.Buffer
	Print(&out, problems, false)
	golden(t, "wrong.txt", out.Bytes())
}

func TestPrint(t *testing.T) {
	long := strings.Repeat("abcdefghi ", 30)
	cases := []struct {
		name, line string
		col, width int
		want       []string // the source line and the mark
	}{
		{"a word", "key: value", 6, 5, []string{"key: value", "     ^~~~~"}},
		{"no width", "key: value", 6, 0, []string{"key: value", "     ^"}},
		{"a tab before", "\tkey: value", 7, 5, []string{"    key: value", "         ^~~~~"}},
		{"a tab inside a line", "a\tb: x", 6, 1, []string{"a   b: x", "       ^"}},
		{"characters of several bytes", "ä: ö", 5, 2, []string{"ä: ö", "   ^"}},
		{"wide characters", "名: 前x", 9, 1, []string{"名: 前x", "      ^"}},
		{"a mark that does not move the cursor", "e\u0301: x", 6, 1, []string{"e\u0301: x", "   ^"}},
		{"control characters", "a: \x1b[2J", 4, 1, []string{`a: \x1b[2J`, "   ^~~~"}},
		{"text that runs backwards", "a: \u202eb", 7, 1, []string{`a: \u202eb`, "         ^"}},
		{"not UTF-8", "a: \xffb", 5, 1, []string{`a: \xffb`, "       ^"}},
		{"the end of a line", "key:", 5, 1, []string{"key:", "    ^"}},
		{"more than the line", "key: v", 6, 99, []string{"key: v", "     ^"}},
		{"beyond the line", "key", 50, 5, []string{"key", "   ^"}},
		{"an empty line", "", 1, 1, []string{"", "^"}},
		{"a long line, at its start", long, 1, 9, []string{long[:100] + "…", "^~~~~~~~~"}},
		{"a long line, inside", long, 151, 9, []string{"…" + long[110:210] + "…", strings.Repeat(" ", 41) + "^~~~~~~~~"}},
		{"a long line, at its end", long, 291, 9, []string{"…" + long[200:], strings.Repeat(" ", 91) + "^~~~~~~~~"}},
		{"a long mark", long, 41, 200, []string{long[:100] + "…", strings.Repeat(" ", 40) + "^" + strings.Repeat("~", 59)}},
		{"a cut through a wide character", strings.Repeat("名", 100), 151, 3, []string{"…" + strings.Repeat("名", 50) + "…", strings.Repeat(" ", 41) + "^~"}},
		{"a cut inside a wide character", strings.Repeat("名", 45) + "x" + strings.Repeat("名", 55), 137, 3,
			[]string{"…" + strings.Repeat("名", 19) + "x" + strings.Repeat("名", 30) + "…", strings.Repeat(" ", 40) + "^~"}},
		{"a secret before", "{password: hunter2, x: 1}", 21, 1, []string{"{password: [redacted], x: 1}", "                       ^"}},
		{"a secret under the mark", "token: hunter2", 8, 7, []string{"token: [redacted]", "       ^~~~~~~~~~"}},
		{"a token in an address", `url: ["https://h.example/hooks/T0/B1?k=v", "http://a:b@c/d"], x: 1`, 7, 35,
			[]string{`url: ["https://h.example/[redacted]", "http://a:[redacted]@c/[redacted]"], x: 1`, `      ^` + strings.Repeat("~", 29)}},
		{"an address and no more", `url: "https://h.example:8088/"`, 6, 3, []string{`url: "https://h.example:8088/"`, "     ^~~"}},
		{"a reference to a secret", "token: {env: A}", 8, 8, []string{"token: {env: A}", "       ^~~~~~~~"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "first\n"+c.line+"\nlast\n")
			var out bytes.Buffer
			Print(&out, plugin.Problems{{Pos: plugin.Pos{File: path, Line: 2, Col: c.col}, Width: c.width, Text: "x"}}, false)
			want := "FILE:2:" + strings.Split(strings.TrimPrefix(out.String(), path+":2:"), "\n")[0] + "\n    2 | " + c.want[0] + "\n      | " + c.want[1] + "\n"
			if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), path, "FILE")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrintKeepsTheTerminalSafe(t *testing.T) {
	var out bytes.Buffer
	Print(&out, plugin.Problems{{Pos: plugin.Pos{File: "a\x1b[0m"}, Text: "b\x07\u009b\u202e\xff\U000e0001", Hint: "c\r\nd\te"}}, false)
	want := `a\x1b[0m: error: b\x07\u009b\u202e\xff\U000e0001` + "\n" + `   = c\x0d\nd\te` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPrintInColour(t *testing.T) {
	path := write(t, "a: b\n")
	var out bytes.Buffer
	at := plugin.Pos{File: path, Line: 1, Col: 4}
	Print(&out, plugin.Problems{{Pos: at, Text: "x"}, {Pos: at, Text: "y", Warn: true}}, true)
	mark := "    1 | a: b\n      |    \x1b[1;32m^\x1b[0m\n"
	want := "\x1b[1mFILE:1:4:\x1b[0m \x1b[1;31merror:\x1b[0m \x1b[1mx\x1b[0m\n" + mark +
		"\x1b[1mFILE:1:4:\x1b[0m \x1b[1;33mwarning:\x1b[0m \x1b[1my\x1b[0m\n" + mark
	if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), path, "FILE")); diff != "" {
		t.Error(diff)
	}
}
