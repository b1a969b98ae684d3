package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// A secret that stands in the file is refused, and neither a message nor the
// printed source line repeats it.
func TestSecretsAreNeverShown(t *testing.T) {
	const how = " (write {file: PATH} or {env: NAME})"
	cases := []struct {
		name, line string
		want       []string // nil: only that the secret is not shown
	}{
		{"as text", "token: hunter2", []string{`FILE:8:12: "token" of output "o" is a secret and is given by reference, never as text` + how}},
		{"as a number", "token: 31337", []string{`FILE:8:12: "token" of output "o" is a secret and is given by reference, never as text` + how}},
		{"as a block", "token: |\n      hunter2", []string{`FILE:8:12: "token" of output "o" is a secret and is given by reference, never as text` + how}},
		{"in a list", "token: [hunter2]", []string{`FILE:8:12: "token" of output "o" is a secret and is given by reference, never as text` + how}},
		{"as a variable", "token: ${hunter2}", []string{`FILE:8:12: "token" of output "o" is a secret and is given by reference, never as text` + how}},
		{"as a key", "token: {hunter2: x}", []string{`FILE:8:13: "token" of output "o" has a key that is neither file nor env` + how}},
		{"as a set", "token: {hunter2}", []string{`FILE:8:13: "token" of output "o" has a key that is neither file nor env` + how}},
		{"under another key", "token: {value: hunter2}", []string{`FILE:8:13: "token" of output "o" has a key that is neither file nor env` + how}},
		{"as the name of a variable", "token: {env: 'hunter2!'}",
			[]string{`FILE:8:12: "token" of output "o" refers to what cannot be the name of a variable (write {env: NAME}, with the name of the variable that holds the secret)`}},
		{"under a key that is misspelt", "tokne: hunter2", []string{`FILE:8:5: unknown key "tokne" in output "o" (did you mean "token"? ` + hecKeys + `)`}},
		{"beside another problem of the line", "<<: {token: hunter2, rato: 1}", nil},
		{"of a component that nobody knows", "x: 1\n  p: {type: hecc, token: hunter2}", nil},
		{"of another program", "password: \"hunter2\"", nil},
		{"in a URL", "xyzzy: https://me:hunter2@h/", nil},
		{"in a file that is not YAML", "token: hunter2\n     x: {", nil},
		{"behind a tab", "a: b\n\tapi_key: hunter2", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := hec + "    " + c.line + "\n"
			if c.want != nil {
				expect(t, text, Options{}, c.want)
			}
			_, problems := Load(write(t, text), Options{Plugins: fakes(), LookupEnv: environment(nil)})
			if !problems.Bad() {
				t.Fatal("nothing is wrong")
			}
			var out bytes.Buffer
			Print(&out, problems, false)
			for _, secret := range []string{"hunter2", "31337"} {
				if s := out.String(); strings.Contains(s, secret) {
					t.Errorf("the secret is shown:\n%s", s)
				}
			}
		})
	}
}

// Paths are shown: whoever mends them has to see them.
func TestPathsAreShown(t *testing.T) {
	for _, line := range []string{"passwd: /nope", "group: /nope", "key: tls/key.pem", "token_file: /nope"} {
		if got, _, _ := show(line, 0, 1); got != line {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
}

func TestReferencesToSecrets(t *testing.T) {
	const how = " (write {file: PATH} or {env: NAME})"
	cases := []struct {
		name, token string
		want        []string
		get         plugin.Secret
	}{
		{"a file", "{file: /run/s}", nil, plugin.Secret{File: "/run/s"}},
		{"a file beside the configuration", "{file: s/hec}", nil, plugin.Secret{File: "DIR/s/hec"}},
		{"a file that a variable names", "{file: '${CREDENTIALS}/hec'}", nil, plugin.Secret{File: "/cred/hec"}},
		{"a variable", "{env: HEC_TOKEN}", nil, plugin.Secret{Env: "HEC_TOKEN"}},
		{"nothing", "{}", []string{`FILE:8:12: "token" of output "o" refers to nothing` + how}, plugin.Secret{}},
		{"two", "{env: A, file: b}", []string{`FILE:8:12: "token" of output "o" refers to two places (keep one of file and env)`}, plugin.Secret{}},
		{"a file that is a list", "{file: [a]}", []string{`FILE:8:19: "token.file" of output "o" is a list, not a text`}, plugin.Secret{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := Options{LookupEnv: environment(map[string]string{"CREDENTIALS": "/cred"})}
			cfg := expect(t, hec+"    token: "+c.token+"\n", o, c.want)
			if cfg == nil {
				return
			}
			got := cfg.Outputs[0].Settings.(*hecSettings).Token
			if rel, err := filepath.Rel(cfg.Dir, got.File); err == nil && !strings.HasPrefix(rel, "..") {
				got.File = "DIR/" + rel
			}
			if got != c.get {
				t.Errorf("file %q env %q, want %q %q", got.File, got.Env, c.get.File, c.get.Env)
			}
			if s := fmt.Sprintf("%v %+v %#v", got, cfg.Outputs[0].Settings, got); strings.Contains(s, "HEC_TOKEN") || strings.Contains(s, "/run/s") {
				t.Errorf("it prints as %s", s)
			}
		})
	}
}
