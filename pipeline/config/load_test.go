package config

import (
	"path/filepath"
	"testing"
)

// Parts of a file that is right; head is lines 1 to 3, hec up to line 7.
const (
	head = "journal: {dir: /j}\ninputs: {audit: {type: file, path: /a}}\ntransforms: [{type: audit}]\n"
	hec  = head + "outputs:\n  o:\n    type: hec\n    url: https://h\n"
)

const hecKeys = "known keys: ack, also, batch, headers, limit, max_lag, max_rate, offset, ratio, routes, tenants, tls, token, type, url, when, when_full"

// What is right of a file that is not can be looked at further.
func TestLoadPart(t *testing.T) {
	text := hec + "    rato: 1\n  p: {type: hec, url: 'https://p'}\n  q: {type: hec, url: 'http://q'}\n  r: {type: hce}\n"
	o := Options{Plugins: fakes(), LookupEnv: environment(nil)}
	path := write(t, text)
	cfg, problems := LoadPart(path, o)
	if !problems.Bad() || len(problems) != 3 {
		t.Errorf("%d problems:\n%v", len(problems), problems)
	}
	if cfg == nil || len(cfg.Outputs) != 1 || cfg.Outputs[0].Name != "p" || len(cfg.Inputs) == 0 || cfg.Dir != filepath.Dir(path) {
		t.Errorf("the part is %+v", cfg)
	}
	if cfg, _ := Load(path, o); cfg != nil {
		t.Errorf("a configuration with problems is loaded: %+v", cfg)
	}
	// Where the bounds of aliases are met, what follows is not decoded.
	text = hec + "    <<: &m {<<: [*m, *m]}\n  p: {type: hec, url: 'https://p'}\n"
	if cfg, problems := LoadPart(write(t, text), o); !problems.Bad() || cfg == nil || len(cfg.Inputs)+len(cfg.Outputs) > 0 {
		t.Errorf("there is %+v of a file that was not read to its end: %v", cfg, problems)
	}
}

func TestProblems(t *testing.T) {
	cases := []struct {
		name string
		text string
		want []string
	}{
		{name: "nothing is wrong", text: hec, want: []string{}},
		{name: "unknown key", text: hec + "    rato: 1\n",
			want: []string{`FILE:8:5: unknown key "rato" in output "o" (did you mean "ratio"? ` + hecKeys + `)`}},
		{name: "unknown key like no other", text: hec + "    xyzzy: 1\n",
			want: []string{`FILE:8:5: unknown key "xyzzy" in output "o" (` + hecKeys + `)`}},
		{name: "unknown key of another case", text: hec + "    URL: https://h\n",
			want: []string{`FILE:8:5: unknown key "URL" in output "o" (did you mean "url"? ` + hecKeys + `)`}},
		{name: "unknown key at the top", text: hec + "jornal: {}\n",
			want: []string{`FILE:8:1: unknown key "jornal" in the configuration (did you mean "journal"? known keys: admin, console, grace, host, inputs, journal, labels, log, outputs, redact, transforms)`}},
		{name: "a section that is misspelt, and what is in it", text: "journal: {dir: /j}\ninput: {d: {type: dockr}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:2:1: unknown key "input" in the configuration (did you mean "inputs"? known keys: admin, console, grace, host, inputs, journal, labels, log, outputs, redact, transforms)`,
				`FILE:2:19: unknown type "dockr" of input "d" (did you mean "docker"? the types of inputs are: docker, file)`}},
		{name: "a decoder that is misspelt", text: "journal: {dir: /j}\ninputs: {a: {type: file, path: /a}}\ntransforms: [{type: audt}]\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:3:21: unknown type "audt" of transform 1 (did you mean "audit"? the types of transforms are: audit, rules)`}},
		{name: "unknown key in a list of maps", text: hec + "    routes: [{index: a, fi: b}]\n",
			want: []string{`FILE:8:25: unknown key "fi" in "routes[0]" of output "o" (known keys: if, index)`}},
		{name: "unknown key of a transform", text: "journal: {dir: /j}\ninputs: {d: {type: docker}}\ntransforms: [{type: audit, x: 1}]\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:3:28: unknown key "x" in transform 1 (audit) (known keys: type)`}},

		{name: "not a boolean", text: hec + "    ack: yes\n", want: []string{`FILE:8:10: "ack" of output "o" is the text "yes", not true or false`}},
		{name: "not a number", text: hec + "    ratio: x\n", want: []string{`FILE:8:12: "ratio" of output "o" is the text "x", not a number`}},
		{name: "not a finite number", text: hec + "    ratio: .inf\n", want: []string{`FILE:8:12: "ratio" of output "o" is the number .inf, not a number (write a number like 0.5)`}},
		{name: "a number below 0", text: hec + "    limit: -1\n",
			want: []string{`FILE:8:12: "limit" of output "o" is the number -1, not a whole number from 0 (it goes from 0 to 18446744073709551615)`}},
		{name: "a fraction", text: hec + "    batch: {count: 1.5}\n",
			want: []string{`FILE:8:20: "batch.count" of output "o" is the number 1.5, not a whole number (it goes from -9223372036854775808 to 9223372036854775807)`}},
		{name: "a number that may be octal", text: hec + "    offset: 010\n",
			want: []string{`FILE:8:13: "offset" of output "o" is the number 010, not a whole number (write it without the zeros before it)`}},
		{name: "a map that is a number", text: hec + "    batch: 5\n", want: []string{`FILE:8:12: "batch" of output "o" is the number 5, not a map (its keys are bytes, count)`}},
		{name: "a map that is a list", text: hec + "    headers: [a]\n", want: []string{`FILE:8:14: "headers" of output "o" is a list, not a map (a map is written {name: value})`}},
		{name: "a list that is a text", text: hec + "    also: a\n", want: []string{`FILE:8:11: "also" of output "o" is the text "a", not a list (a list is written [a, b], or with - on a line for each)`}},
		{name: "a text that is a map", text: hec + "    also: [{a: b}]\n", want: []string{`FILE:8:12: "also[0]" of output "o" is a map, not a text`}},
		{name: "a text that is a boolean", text: hec + "    when: true\n", want: []string{`FILE:8:11: "when" of output "o" is the boolean true, not a text (write "true" where text is meant)`}},
		{name: "a text with a tag", text: hec + "    when: !!binary aGk=\n", want: []string{`FILE:8:11: "when" of output "o" has the tag !!binary, which means nothing here (remove the tag)`}},
		{name: "no value", text: hec + "    ratio:\n", want: []string{`FILE:8:11: "ratio" of output "o" has no value (give it one, or remove the key)`}},
		{name: "a key that is a list", text: hec + "    ? [a]\n    : b\n", want: []string{`FILE:8:7: a key of output "o" is a list, not a word`}},

		{name: "a size without a unit", text: hec + "    batch: {bytes: 5}\n",
			want: []string{`FILE:8:20: "batch.bytes" of output "o" is the number 5, not a size with its unit, like "16MiB" (add a unit: B, KiB, MiB, GiB, TiB, KB, MB, GB or TB)`}},
		{name: "a size with a unit that is none", text: hec + "    batch: {bytes: 5XB}\n",
			want: []string{`FILE:8:20: "batch.bytes" of output "o" is the text "5XB", not a size with its unit, like "16MiB" (the units are B, KiB, MiB, GiB, TiB, KB, MB, GB and TB)`}},
		{name: "a duration without a unit", text: hec + "grace: 10\n",
			want: []string{`FILE:8:8: "grace" is the number 10, not a duration with its unit, like "250ms" or "10s" (the units are ms, s, m, h and d)`}},
		{name: "a duration below 0", text: hec + "grace: -1s\n",
			want: []string{`FILE:8:8: "grace" is the text "-1s", not a duration with its unit, like "250ms" or "10s" (a duration is not negative)`}},

		{name: "a required key is missing", text: "journal: {dir: /j}\ninputs: {audit: {type: file, decode: audit}}\ntransforms: [{type: audit}]\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:2:10: input "audit" lacks the key "path" (The log file to follow. Example: path: /var/log/audit/audit.log)`}},
		{name: "a required key is empty", text: "journal: {dir: ''}\ninputs: {d: {type: docker}}\noutputs: {o: {type: hec, url: ''}}\n",
			want: []string{`FILE:1:16: "journal.dir" is empty (The folder that holds the journal; nobody else writes there. Example: dir: /var/lib/tallyman)`,
				`FILE:3:31: "url" of output "o" is empty (Where the receiver is. Example: url: https://hec:8088)`}},
		{name: "a required list is empty", text: "journal: {dir: /j}\ninputs: {d: {type: docker}}\ntransforms: [{type: rules, files: []}]\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:3:35: "files" of transform 1 (rules) is empty (The files with the rules.)`}},
		{name: "a required key of an optional map", text: hec + "    tls: {}\n", want: []string{`FILE:8:10: "tls" of output "o" lacks the key "cert" (A PEM file.)`}},
		{name: "a required key that is misspelt", text: "journal: {dirr: /j}\ninputs: {d: {type: docker}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:1:11: unknown key "dirr" in "journal" (did you mean "dir"? known keys: commit_bytes, commit_interval, compress, dir, max_age, max_size, min_free, segment_size)`}},
		{name: "no journal", text: "inputs: {d: {type: docker}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:1:1: the configuration lacks the key "journal.dir" (The folder that holds the journal; nobody else writes there. Example: dir: /var/lib/tallyman)`}},
		{name: "no inputs and no outputs", text: "journal: {dir: /j}\n",
			want: []string{"FILE:1:1: the configuration has no inputs (write inputs: {NAME: {type: …}})", "FILE:1:1: the configuration has no outputs (write outputs: {NAME: {type: …}})"}},

		{name: "a word that is not allowed", text: hec + "log: {level: warning}\n", want: []string{`FILE:8:14: "log.level" cannot be "warning" (it is one of: debug, error, info, warn)`}},
		{name: "a word that is nearly right", text: hec + "log: {level: Infos}\n", want: []string{`FILE:8:14: "log.level" cannot be "Infos" (did you mean "info"? it is one of: debug, error, info, warn)`}},
		{name: "when_full that is no policy", text: hec + "    when_full: drop\n",
			want: []string{`FILE:8:16: "when_full" of output "o" cannot be "drop" (it is one of: block, drop_newest, drop_oldest)`}},
		{name: "when of an input", text: "journal: {dir: /j}\ninputs: {d: {type: docker, when: 'true'}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:2:28: unknown key "when" in input "d" (known keys: type)`}},

		{name: "duplicate key", text: hec + "    url: https://y\n", want: []string{`FILE:8:5: duplicate key "url" in output "o" (the first is at line 7; remove one of them)`}},
		{name: "duplicate name", text: hec + "  o: {type: hec, url: 'https://y'}\n", want: []string{`FILE:8:3: duplicate key "o" in "outputs" (the first is at line 5; remove one of them)`}},
		{name: "duplicate section", text: hec + "journal: {dir: /k}\n", want: []string{`FILE:8:1: duplicate key "journal" in the configuration (the first is at line 1; remove one of them)`}},

		{name: "inputs as a list", text: "journal: {dir: /j}\ninputs: [{type: docker}]\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:2:1: "inputs" is a list, but each input has a name (write inputs: {NAME: {type: …}})`}},
		{name: "transforms as a map", text: "journal: {dir: /j}\ninputs: {d: {type: docker}}\ntransforms: {a: {type: audit}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`FILE:3:1: "transforms" is a map, not a list (transforms is a list in order: - {type: …})`}},
		{name: "no name of a component", text: hec + "  a b: {type: hec}\n",
			want: []string{`FILE:8:3: "a b" cannot be the name of an output (letters, digits, _ . and -, at most 64, a letter or digit first)`}},
		{name: "no type", text: hec + "  b: {url: 'https://h'}\n", want: []string{`FILE:8:3: output "b" has no type (the types of outputs are: hec)`}},
		{name: "unknown type", text: hec + "  b: {type: hecc}\n", want: []string{`FILE:8:13: unknown type "hecc" of output "b" (did you mean "hec"? the types of outputs are: hec)`}},
		{name: "a type of another kind", text: hec + "  b: {type: docker}\n", want: []string{`FILE:8:13: unknown type "docker" of output "b" (the types of outputs are: hec)`}},
		{name: "a type that is a list", text: hec + "  b: {type: [hec]}\n", want: []string{`FILE:8:13: the type of output "b" is a list, not a word (the types of outputs are: hec)`}},

		{name: "what a plugin checks, at its place", text: head + "outputs:\n  o: {type: hec, url: \"http://h\"}\n",
			want: []string{`FILE:5:24: the url is not https (write https://HOST:PORT)`}},
		{name: "what a plugin checks by key", text: hec + "    batch: {count: 1001}\n", want: []string{`warning: FILE:8:20: batch.count is over 1000`}},
		{name: "what a plugin checks by a key that is absent", text: hec + "    headers: {}\n    limit: 13\n", want: []string{`warning: FILE:5:3: the offset is absent`}},
		{name: "nobody decodes", text: "journal: {dir: /j}\ninputs: {a: {type: file, path: /a, decode: plain}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			want: []string{`warning: FILE:2:10: the records of input "a" stay undecoded (add - {type: plain} to transforms)`}},

		{name: "all in one run, by place", text: hec + "    ack: 1\n    rato: 1\nlog: {level: x}\ngrace: 5\nadmin: {listen: 9}\n",
			want: []string{`FILE:8:10: "ack" of output "o" is the number 1, not true or false (write true or false)`,
				`FILE:9:5: unknown key "rato" in output "o" (did you mean "ratio"? ` + hecKeys + `)`,
				`FILE:10:14: "log.level" cannot be "x" (it is one of: debug, error, info, warn)`,
				`FILE:11:8: "grace" is the number 5, not a duration with its unit, like "250ms" or "10s" (the units are ms, s, m, h and d)`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, c.text, Options{}, c.want) })
	}
}
