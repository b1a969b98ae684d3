package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSecretsThatAreAway: a secret that is not where the configuration says is worth a
// warning with its place, its file and its key; one that is there is not, and a pipe is
// not read.
func TestSecretsThatAreAway(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("full"), "s3cret\n")
	write(t, in("empty"), "")
	write(t, in("closed"), "s3cret\n")
	for _, err := range []error{os.Chmod(in("closed"), 0), os.Mkdir(in("folder"), 0o700), syscall.Mkfifo(in("pipe"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TALLYMAN_SET_TOKEN", "s3cret")
	for secret, want := range map[string]string{
		"file: full": "", "file: pipe": "", "env: TALLYMAN_SET_TOKEN": "",
		"file: none":              in("none") + ", which does not exist",
		"file: /none/none":        "/none/none, which does not exist",
		"file: empty":             in("empty") + ", which is empty",
		"file: folder":            in("folder") + ", which is a folder",
		"file: closed":            in("closed") + ", which may not be read by this user",
		"env: TALLYMAN_NONE_SUCH": "variable TALLYMAN_NONE_SUCH, which is not set",
	} {
		if secret == "file: closed" && os.Getuid() == 0 {
			continue // root may read all
		}
		path := conf(t, dir, strings.ReplaceAll(`journal: {dir: journal}
inputs: {audit: {type: auditd, path: audit.log}}
transforms: [{type: audit}]
outputs:
  siem: {type: splunk, url: ["https://splunk.example:8088"], token: {SECRET}}
`, "SECRET", secret))
		code, text := said(t, "", "validate", path)
		if code != exitOK || (want == "") == strings.Contains(text, "warning") || !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: exit %d, want %q:\n%s", secret, code, want, text)
		}
		if want != "" && !strings.Contains(text, `: warning: "token" of output "siem"`) || want != "" && !strings.Contains(text, `tallyman.yaml:5:7`) {
			t.Errorf("%s has no place:\n%s", secret, text)
		}
	}
}
