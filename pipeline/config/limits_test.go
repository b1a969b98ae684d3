package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimits(t *testing.T) {
	const use = "\ninputs: {d: {type: docker}}\noutputs: {o: {type: hec, url: 'https://h'}}\n"
	const own = " (name a folder of its own, like /var/lib/tallyman)"
	const listen = " (write HOST:PORT, like 127.0.0.1:9099, or off)"
	cases := []struct {
		name, text string
		want       []string
	}{
		{"no room for two segments", "journal: {dir: /j, max_size: 1MiB}" + use,
			[]string{"FILE:1:30: the journal's max_size has no room for two segments (max_size is 1MiB, segment_size is 16MiB, and what is not segments takes 276KiB)"}},
		{"no room, by the segment", "journal: {dir: /j, segment_size: 2GiB}" + use,
			[]string{"FILE:1:10: the journal's max_size has no room for two segments (max_size is 2GiB, segment_size is 2GiB, and what is not segments takes 229508KiB)"}},
		{"just enough room", "journal: {dir: /j, max_size: 304KiB, segment_size: 64KiB, commit_bytes: 64KiB}" + use, nil},
		{"not quite enough", "journal: {dir: /j, max_size: 300KiB, segment_size: 64KiB}" + use,
			[]string{"FILE:1:30: the journal's max_size has no room for two segments (max_size is 300KiB, segment_size is 64KiB, and what is not segments takes 178368B)"}},
		{"more in memory than a segment", "journal: {dir: /j, commit_bytes: 9223372036854775807B}" + use,
			[]string{"FILE:1:34: the journal's commit_bytes is too large (the most is 16MiB)"}},
		{"small segments", "journal: {dir: /j, segment_size: 64KB}" + use,
			[]string{"FILE:1:34: the journal's segment_size is too small (the least is 64KiB)"}},
		{"nothing to commit", "journal: {dir: /j, commit_bytes: 0}" + use,
			[]string{"FILE:1:34: the journal's commit_bytes is too small (the least is 1B, which makes every batch durable at once)"}},
		{"each batch at once", "journal: {dir: /j, commit_interval: 0s, commit_bytes: 1B}" + use, nil},
		{"the root", "journal: {dir: /}" + use, []string{`FILE:1:16: the journal needs a folder for itself, and "/" is in use by others` + own}},
		{"a folder of everybody", "journal: {dir: /var/lib/}" + use, []string{`FILE:1:16: the journal needs a folder for itself, and "/var/lib/" is in use by others` + own}},
		{"the folder of the file", "journal: {dir: x/..}" + use, []string{`FILE:1:16: the journal needs a folder for itself, and "x/.." is in use by others` + own}},
		{"no port", "journal: {dir: /j}\nadmin: {listen: localhost}" + use, []string{`FILE:2:17: "admin.listen" is "localhost", not an address with a port` + listen}},
		{"a port that is none", "journal: {dir: /j}\nadmin: {listen: 'localhost:http'}" + use,
			[]string{`FILE:2:17: "admin.listen" has the port "http", which is not a number from 0 to 65535` + listen}},
		{"a port that is too large", "journal: {dir: /j}\nadmin: {listen: '[::1]:65536'}" + use,
			[]string{`FILE:2:17: "admin.listen" has the port "65536", which is not a number from 0 to 65535` + listen}},
		{"off", "journal: {dir: /j}\nadmin: {listen: off}" + use, nil},
		{"an address of version 6", "journal: {dir: /j}\nadmin: {listen: '[::1]:9099'}" + use, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, c.text, Options{}, c.want) })
	}
}

func TestLoadGivesWhatTheFileSays(t *testing.T) {
	cfg := expect(t, `grace: 1m
journal: {dir: j, max_size: 1GiB, commit_interval: 5ms}
host: {name: a, id: b}
labels: {Team: x, a.b: 1}
log: {level: debug, format: json}
inputs:
  z: {type: docker}
  audit: {type: file, path: /a}
transforms: [{type: audit}, {type: rules, files: [r.yaml]}, {type: audit}]
outputs:
  o: {type: hec, url: "https://h", when: 'a == "b"', when_full: drop_oldest, ratio: 0.5, routes: [{index: x, if: y}], tls: {cert: c}}
  p: {type: hec, url: "https://p"}
`, Options{}, nil)
	if cfg.Grace != time.Minute || cfg.Journal.CommitInterval != 5*time.Millisecond || cfg.Journal.MaxSize != 1<<30 || cfg.Journal.SegmentSize != 16<<20 {
		t.Errorf("%+v", cfg)
	}
	if cfg.Dir != filepath.Dir(cfg.Path) || cfg.Journal.Dir != filepath.Join(cfg.Dir, "j") {
		t.Errorf("dir %q, journal %q, path %q", cfg.Dir, cfg.Journal.Dir, cfg.Path)
	}
	if diff := cmp.Diff(map[string]string{"Team": "x", "a.b": "1"}, cfg.Labels); diff != "" {
		t.Errorf("labels: %s", diff)
	}
	var names []string
	for _, c := range cfg.Inputs {
		names = append(names, c.Name)
	}
	for _, c := range cfg.Transforms {
		names = append(names, c.Name)
	}
	for _, c := range cfg.Outputs {
		names = append(names, c.Name+" "+c.When.Value+" "+c.WhenFull)
	}
	if diff := cmp.Diff([]string{"z", "audit", "audit", "rules", "audit_2", `o a == "b" drop_oldest`, "p  block"}, names); diff != "" {
		t.Errorf("components: %s", diff)
	}
	o := cfg.Outputs[0].Settings.(*hecSettings)
	if o.Ratio != 0.5 || !o.Ack || o.Batch.Count != 500 || o.TLS.Cert.Value != "c" || o.Routes[0].If.Value != "y" {
		t.Errorf("%+v", o)
	}
	if p := cfg.Outputs[0].When.Pos; p.Line != 11 || p.Col != 43 {
		t.Errorf("the expression begins at %v", p)
	}
	if len(cfg.Hash) != 64 {
		t.Errorf("hash %q", cfg.Hash)
	}
}

// The place of an expression is where its first character stands, however it is
// written, so that a column in it can be told.
func TestPlaceOfTexts(t *testing.T) {
	cases := []struct {
		name, line string
		row, col   int
	}{
		{"plain", "when: x == 1", 8, 11},
		{"single quotes", "when: 'x == 1'", 8, 12},
		{"double quotes", `when: "x == 1"`, 8, 12},
		{"behind an anchor", "when: &w x == 1", 8, 14},
		{"behind an anchor and a quote", "when: &w 'x == 1'", 8, 15},
		{"behind a tag", "when: !!str x == 1", 8, 17},
		{"a block", "when: |\n      x == 1", 9, 7},
		{"a folded block behind an empty line", "when: >-\n\n       x == 1", 10, 8},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := expect(t, hec+"    "+c.line+"\n", Options{}, nil)
			if p := cfg.Outputs[0].When.Pos; p.Line != c.row || p.Col != c.col {
				t.Errorf("at %d:%d, want %d:%d", p.Line, p.Col, c.row, c.col)
			}
		})
	}
	cfg := expect(t, head+"outputs: {o: {type: hec, headers: {ä: ö}, url: https://h, when: x}}\n", Options{}, nil)
	if p := cfg.Outputs[0].When.Pos; p.Col != 67 {
		t.Errorf("columns are not bytes: %v", p)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"absent", filepath.Join(dir, "no"), "FILE: the configuration file does not exist (name one with --config FILE or TALLYMAN_CONFIG)"},
		{"a folder", dir, "FILE: the configuration file cannot be read: read FILE: is a directory"},
		{"too large", big, "FILE: the configuration file is larger than 1MiB (is it the right file?)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, problems := Load(c.path, Options{Plugins: fakes()})
			if cfg != nil {
				t.Error("a configuration came back")
			}
			if diff := cmp.Diff([]string{c.want}, found(problems, c.path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
