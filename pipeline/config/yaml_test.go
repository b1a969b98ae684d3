package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatYAMLRefuses(t *testing.T) {
	const empty = "FILE: the configuration is empty (it needs journal, inputs and outputs)"
	cases := []struct {
		name, text string
		want       []string
	}{
		{"nothing in the file", "", []string{empty}},
		{"only a comment", "# later\n", []string{empty}},
		{"only null", "~\n", []string{empty}},
		{"a list", "- a\n", []string{"FILE:1:1: the configuration is a list, not a map of keys (it needs the keys journal, inputs and outputs)"}},
		{"a word", "word\n", []string{`FILE:1:1: the configuration is the text "word", not a map of keys (it needs the keys journal, inputs and outputs)`}},
		{"a tab in the indentation", hec + "\tack: true\n", []string{"FILE:8:1: a tab in the indentation (YAML is indented with spaces only)"}},
		{"a tab behind spaces", hec + "  \tack: true\n", []string{"FILE:8:3: a tab in the indentation (YAML is indented with spaces only)"}},
		{"two documents", hec + "---\na: b\n", []string{"FILE:8:1: a second document begins in the file (a configuration is one document: remove the line `---` and what follows)"}},
		{"two documents and an unknown key", hec + "    rato: 1\n---\na: b\n", []string{
			`FILE:8:5: unknown key "rato" in output "o" (did you mean "ratio"? ` + hecKeys + `)`,
			"FILE:9:1: a second document begins in the file (a configuration is one document: remove the line `---` and what follows)"}},
		{"a document that was begun", "---\n" + hec, nil},
		{"a document that was ended", hec + "...\n", nil},
		{"not UTF-8", hec + "    ack: \xff\n", []string{`FILE:8:10: the file holds a byte that is not UTF-8 (write "\x.." in double quotes where such a character is meant)`}},
		{"not UTF-8 behind wide characters", hec + "    # häß \xe4\n", []string{`FILE:8:13: the file holds a byte that is not UTF-8 (write "\x.." in double quotes where such a character is meant)`}},
		{"a control character", hec + "# \x1b[2J\n", []string{`FILE:8:3: the file holds the control character U+001B (write "\x.." in double quotes where such a character is meant)`}},
		{"a NUL", "a: \x00\n", []string{`FILE:1:4: the file holds the control character U+0000 (write "\x.." in double quotes where such a character is meant)`}},
		{"a byte order mark", "\ufeff" + hec, nil},
		{"line ends of Windows", strings.ReplaceAll(hec, "\n", "\r\n"), nil},
		{"a colon in a value", "a: b: c\n", []string{"FILE:1:1: the file is not YAML: mapping values are not allowed in this context (a value with `: ` in it needs quotes, and keys of one level need the same indentation)"}},
		{"a key between two levels", "a:\n  b: c\n d: e\n", []string{"FILE:3:2: the file is not YAML: did not find expected key (keys of one level need the same indentation, and each a `:` and a value behind it)"}},
		{"a bracket that stays open", "a: [b\nc: d\n", []string{"FILE:2:1: the file is not YAML: did not find expected ',' or ']' (a { or [ before this line is not closed, or a value in it needs quotes)"}},
		{"a quote that stays open", "a: 'b\nc: d\n", []string{"FILE:3:1: the file is not YAML: found unexpected end of stream (a quote before this line is not closed)"}},
		{"an escape that is none", `a: "\q"`, []string{`FILE:1:1: the file is not YAML: found unknown escape character (in double quotes \ begins an escape; single quotes keep it as it is)`}},
		{"a character that begins nothing", "a: @x\n", []string{"FILE:1:1: the file is not YAML: found character that cannot start any token (a value that begins with such a character needs quotes)"}},
		{"a variable in braces", "a: {b: ${X}}\n", []string{`FILE:1:8: the file is not YAML: did not find expected ',' or '}' (inside { } a value with ${…} needs quotes: "${NAME}")`}},
		{"an alias of nothing", hec + "    headers: *nope\n", []string{"FILE:8:14: the alias *nope has no anchor before it (an anchor is written &nope; a value that begins with * needs quotes)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, c.text, Options{}, c.want) })
	}
}

func TestAnchors(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"a value that is used twice", hec + "    headers: &h {A: b}\n  p: {type: hec, url: 'https://p', headers: *h}\n", nil},
		{"a mistake in an anchor is said where it stands, for each that uses it", hec + "    routes: &r [{index: 1, fi: b}]\n  p: {type: hec, url: 'https://p', routes: *r}\n", []string{
			`FILE:8:28: unknown key "fi" in "routes[0]" of output "o" (known keys: if, index)`,
			`FILE:8:28: unknown key "fi" in "routes[0]" of output "p" (known keys: if, index)`}},
		{"a map that is merged", hec + "    batch: &b {count: 7}\n  p: {type: hec, url: 'https://p', batch: {<<: *b, bytes: 1KiB}}\n", nil},
		{"a wrong key that is merged", hec + "    <<: {ack: false, rato: 4}\n", []string{`FILE:8:22: unknown key "rato" in output "o" (did you mean "ratio"? ` + hecKeys + `)`}},
		{"what cannot be merged", hec + "    <<: 5\n", []string{"FILE:8:9: what output \"o\" merges in is the number 5, not a map (write `<<: *name`)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, c.text, Options{}, c.want) })
	}
	cfg := expect(t, cases[2].text, Options{}, nil)
	if got, want := cfg.Outputs[1].Settings.(*hecSettings).Batch, (batchSettings{Bytes: 1 << 10, Count: 7}); got != want {
		t.Errorf("merged: %+v, want %+v", got, want)
	}
}

func TestMergedKeyLosesToItsOwn(t *testing.T) {
	cfg := expect(t, hec+"    headers: &h {A: merged, B: merged}\n  p: {type: hec, url: 'https://p', headers: {A: own, <<: *h}}\n", Options{}, nil)
	if diff := cmp.Diff(map[string]string{"A": "own", "B": "merged"}, cfg.Outputs[1].Settings.(*hecSettings).Headers); diff != "" {
		t.Error(diff)
	}
}

// A file of a few hundred bytes must not stand for a billion values.
func TestAliasesOfAliasesEnd(t *testing.T) {
	var b strings.Builder
	b.WriteString(head + "outputs:\n  o:\n    type: hec\n    url: https://h\n    routes: &a0 [{index: x}]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "    k%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	b.WriteString("    also: *a12\n    tenants: {a: &m {<<: *m}}\n")
	deep := hec + "    headers: " + strings.Repeat("{<<: ", 60) + "{}" + strings.Repeat("}", 60) + "\n"
	loop := hec + "    headers: &m {<<: [*m, *m, *m]}\n"
	for name, text := range map[string]string{"wide": b.String(), "deep": deep, "a map that merges itself": loop} {
		t.Run(name, func(t *testing.T) {
			path := write(t, text)
			cfg, problems := Load(path, Options{Plugins: fakes(), LookupEnv: environment(nil)})
			if cfg != nil {
				t.Fatal("it was taken")
			}
			if len(problems) > 100 {
				t.Errorf("%d problems for one mistake", len(problems))
			}
		})
	}
}
