package config

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"tallyman/pipeline/plugin"
)

// No text makes Load panic, or hang, or point outside the file; what it says is
// printed without a byte that a terminal would obey.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		hec, hec + "    rato: 1\n", hec + "\tx: 1\n", hec + "---\na: b\n", "a: &a [*a]\ninputs: *a\n", hec + "    <<: &m {<<: [*m, *m]}\n",
		hec + "    routes: &r [{index: 1, fi: b}]\n    also: *r\n", hec + "    headers: {a: '${NOPE:-x}$$${', b: \"\\u00e4\"}\n    when: >-\n\n      x\n",
		"? [a]\n: !!binary b\n", "a: !<tag:x> b\n", "%YAML 1.2\n---\na: 'b\n", "\ufeffa: |\n  b\r\n c: d\u2028e: f\u0085", hec + "    token: |\n      hunter2\n",
		"inputs: {a: {type: file, path: 010, poll: 1e3, skip: [~, 0x1F, .nan, 2001-01-01]}}\noutputs: []\ntransforms: {}\njournal: ~\n",
	} {
		f.Add(text, "debug", "v")
	}
	f.Fuzz(func(t *testing.T, text, level, env string) {
		if len(text) > 1<<16 {
			return
		}
		o := Options{Plugins: fakes(), LookupEnv: func(name string) (string, bool) { return env, name != "NOPE" },
			Override: []Override{{Key: []string{"log", "level"}, Value: level, Source: "--log-level"}, {Key: []string{"outputs", "o", "batch", "count"}, Value: level, Source: "--set"}}}
		cfg, problems := understand("tallyman.yaml", []byte(text), o)
		if cfg == nil && !problems.Bad() {
			t.Fatalf("a configuration is there: %t, problems:\n%v", cfg != nil, problems)
		}
		lines := splitLines([]byte(text))
		for _, p := range problems {
			if p.Pos.File != "tallyman.yaml" || p.Pos.Line == 0 {
				continue
			}
			if p.Pos.Line > len(lines) || p.Pos.Col < 1 || p.Pos.Col > len(lines[p.Pos.Line-1])+1 {
				t.Errorf("outside the file: %v", p)
			}
		}
		pr := printer{files: map[string][]string{"tallyman.yaml": lines}, hidden: map[plugin.Pos]bool{}}
		for _, p := range problems {
			pr.problem(p)
		}
		if out := pr.out.String(); !utf8.ValidString(out) || strings.ContainsAny(out, "\x00\x07\x1b\r\t\u009b\u202e") {
			t.Errorf("printed: %q", out)
		}
	})
}

// A line is shown in bounds, with the mark inside it, whatever it holds.
func FuzzShow(f *testing.F) {
	f.Add("\tkey: \x1b[2J 名 e\u0301", 3, 5)
	f.Add(strings.Repeat("token: hunter2, ", 20), 120, 7)
	f.Fuzz(func(t *testing.T, line string, from, width int) {
		from, width = min(max(0, from), len(line)), max(1, width%1000)
		text, before, marked := show(line, from, width)
		if n := utf8.RuneCountInString(text); before < 0 || marked < 1 || before > maxColumns+1 || before+marked > maxColumns+2 {
			t.Errorf("%q: %d before, %d marked, of %d characters", line, before, marked, n)
		}
		if !utf8.ValidString(text) || bytes.ContainsAny([]byte(text), "\x1b\n\r\t") {
			t.Errorf("%q is shown as %q", line, text)
		}
	})
}
