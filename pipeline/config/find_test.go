package config

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestFind(t *testing.T) {
	cases := []struct {
		name string
		env  map[string]string
		args []string
		path string
		want []Override
	}{
		{name: "nothing is said", path: DefaultPath},
		{name: "the file by a variable", env: map[string]string{"TALLYMAN_CONFIG": "/e.yaml"}, path: "/e.yaml"},
		{name: "the file by a flag, which wins", env: map[string]string{"TALLYMAN_CONFIG": "/e.yaml"}, args: []string{"--config=/f.yaml"}, path: "/f.yaml"},
		{name: "an empty variable is none", env: map[string]string{"TALLYMAN_CONFIG": "", "TALLYMAN_LOG_LEVEL": ""}, path: DefaultPath},
		{name: "values by variables", env: map[string]string{"TALLYMAN_LOG_LEVEL": "debug", "TALLYMAN_JOURNAL_MAX_SIZE": "1GiB"}, path: DefaultPath,
			want: []Override{{Key: []string{"journal", "max_size"}, Value: "1GiB", Source: "TALLYMAN_JOURNAL_MAX_SIZE"},
				{Key: []string{"log", "level"}, Value: "debug", Source: "TALLYMAN_LOG_LEVEL"}}},
		{name: "a value by a flag, which wins", env: map[string]string{"TALLYMAN_LOG_LEVEL": "debug"}, args: []string{"--log-level=warn"}, path: DefaultPath,
			want: []Override{{Key: []string{"log", "level"}, Value: "warn", Source: "--log-level"}}},
		{name: "an empty flag is said", args: []string{"--log-level="}, path: DefaultPath,
			want: []Override{{Key: []string{"log", "level"}, Value: "", Source: "--log-level"}}},
		{name: "a key that no flag may set", env: map[string]string{"TALLYMAN_OUTPUTS": "x", "TALLYMAN_JOURNAL_MIN_FREE": "1GiB"}, path: DefaultPath},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			flags.String("config", "", "")
			flags.String("log-level", "info", "")
			if err := flags.Parse(c.args); err != nil {
				t.Fatal(err)
			}
			path, got, err := Find(flags)
			if err != nil || path != c.path {
				t.Errorf("path %q, error %v; want %q", path, err, c.path)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if path, got, err := Find(nil); path != DefaultPath || got != nil || err != nil {
		t.Errorf("without flags: %q %v %v", path, got, err)
	}
}

func TestOverride(t *testing.T) {
	level := Override{Key: []string{"log", "level"}, Value: "debug", Source: "--log-level"}
	cases := []struct {
		name, text string
		o          []Override
		want       []string
		level      string
		dir        string
	}{
		{name: "it wins over the file", text: hec + "log: {level: error}\n", o: []Override{level}, level: "debug", dir: "/j"},
		{name: "the section is absent", text: hec, o: []Override{level}, level: "debug", dir: "/j"},
		{name: "the file's mistake does not matter", text: hec + "log: {level: loud}\n", o: []Override{level}, level: "debug", dir: "/j"},
		{name: "the rest of the section stays", text: hec + "log: {levl: error}\n", o: []Override{level},
			want: []string{`FILE:8:7: unknown key "levl" in "log" (did you mean "level"? known keys: format, level)`}},
		{name: "the section is merged in", text: hec + "<<: {log: {level: error}}\n", o: []Override{level}, level: "debug", dir: "/j"},
		{name: "the section is an alias", text: hec + "    headers: &h {level: error}\nlog: *h\n", o: []Override{level}, level: "debug", dir: "/j"},
		{name: "a required key is given", text: "inputs: {d: {type: docker}}\noutputs: {o: {type: hec, url: 'https://h'}}\n",
			o: []Override{{Key: []string{"journal", "dir"}, Value: "/k", Source: "--journal-dir"}}, level: "info", dir: "/k"},
		{name: "a path starts at the working directory", text: hec,
			o: []Override{{Key: []string{"journal", "dir"}, Value: "k", Source: "--journal-dir"}}, level: "info", dir: "CWD/k"},
		{name: "a wrong value names the flag", text: hec, o: []Override{{Key: []string{"log", "level"}, Value: "loud", Source: "--log-level"}},
			want: []string{`--log-level: "log.level" cannot be "loud" (it is one of: debug, error, info, warn)`}},
		{name: "a wrong size names the variable", text: hec, o: []Override{{Key: []string{"journal", "max_size"}, Value: "5", Source: "TALLYMAN_JOURNAL_MAX_SIZE"}},
			want: []string{`TALLYMAN_JOURNAL_MAX_SIZE: "journal.max_size" is the text "5", not a size with its unit, like "16MiB" (add a unit: B, KiB, MiB, GiB, TiB, KB, MB, GB or TB)`}},
		{name: "no room by a flag names the flag", text: hec, o: []Override{{Key: []string{"journal", "max_size"}, Value: "1MiB", Source: "--journal-max-size"}},
			want: []string{"--journal-max-size: the journal's max_size has no room for two segments (max_size is 1MiB, segment_size is 16MiB, and what is not segments takes 276KiB)"}},
		{name: "a key that is unknown", text: hec, o: []Override{{Key: []string{"log", "log"}, Value: "x", Source: "--set"}},
			want: []string{`--set: unknown key "log" in "log" (known keys: format, level)`}},
		{name: "a path into a component", text: hec, o: []Override{{Key: []string{"outputs", "o", "batch", "count"}, Value: "9", Source: "--set"}}, level: "info", dir: "/j"},
		{name: "dollars are dollars", text: hec, o: []Override{{Key: []string{"host", "name"}, Value: "${NOPE}", Source: "--host-name"}}, level: "info", dir: "/j"},
		{name: "a section that is no map", text: head + "outputs: {o: {type: hec, url: 'https://h'}}\nlog: 5\n", o: []Override{level},
			want: []string{`FILE:5:6: "log" is the number 5, not a map (its keys are level, format)`}},
	}
	cwd, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := expect(t, c.text, Options{Override: c.o}, c.want)
			if cfg == nil {
				return
			}
			if rel, err := filepath.Rel(cwd, cfg.Journal.Dir); err == nil && rel == "k" {
				cfg.Journal.Dir = "CWD/k"
			}
			if cfg.Log.Level != c.level || cfg.Journal.Dir != c.dir {
				t.Errorf("level %q, dir %q; want %q, %q", cfg.Log.Level, cfg.Journal.Dir, c.level, c.dir)
			}
			if c.o[0].Key[0] == "outputs" && cfg.Outputs[0].Settings.(*hecSettings).Batch.Count != 9 {
				t.Errorf("%+v", cfg.Outputs[0].Settings)
			}
			if c.o[0].Source == "--host-name" && cfg.Host.Name != "${NOPE}" {
				t.Errorf("the host is %q", cfg.Host.Name)
			}
		})
	}
}
