package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sigmaRule = `title: A shell by name
id: 11112222-0b1d-4c2e-9a3f-1234567890ab
level: low
logsource: {product: linux, category: process_creation}
detection:
  s: {Image|endswith: /id}
  condition: s
`

// TestImportSigma: what is translated goes into a file that lint takes and that finds
// what the rule is about; what is not is named.
func TestImportSigma(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good.yml":   sigmaRule,
		"twice.yml":  sigmaRule,
		"other.yml":  strings.Replace(sigmaRule, "linux", "windows", 1),
		"broken.yml": "a: [",
		"README.md":  "no rule",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	out := filepath.Join(t.TempDir(), "sigma.yaml")
	_, talk := expect(t, exitCheck, "rules", "import", "sigma", dir, "--output", out)
	for _, want := range []string{"broken.yml: : yaml", `other.yml: A shell by name: not translated: its log source is product "windows"`, "twice.yml: A shell by name: its id SIGMA-11112222-", "1 rule translated, 3 not"} {
		if !strings.Contains(talk, want) {
			t.Errorf("nothing is said of %q:\n%s", want, talk)
		}
	}
	listed, _ := expect(t, exitOK, "rules", "list", "--file", out)
	if !strings.Contains(listed, "SIGMA-11112222-") {
		t.Errorf("it lists\n%s", listed)
	}
	_, path := journalled(t)
	found, _ := expect(t, exitOK, "rules", "backtest", "--config", path, "--file", out, "--json")
	if !strings.Contains(found, `"events"`) {
		t.Errorf("it found %s", found)
	}
	_, talk = expect(t, exitFailure, "rules", "import", "sigma", filepath.Join(dir, "good.yml"), "--output", out)
	if !strings.Contains(talk, "exists") {
		t.Errorf("a file that is there: %s", talk)
	}
	text, _ := expect(t, exitOK, "rules", "import", "sigma", filepath.Join(dir, "good.yml"))
	if b, err := os.ReadFile(out); err != nil || string(b) != text {
		t.Errorf("on standard output it is another:\n%s", text)
	}
}
