package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tallyman/pipeline/journal"
)

// said runs a verb in this process and returns its exit code and all it said.
func said(t *testing.T, stdin string, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(args, strings.NewReader(stdin), &out, &out)
	return code, out.String()
}

// conf writes a configuration whose parts a case replaces.
func conf(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "tallyman.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `journal: {dir: journal}
admin: {listen: off}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  out: {type: file, path: out.json, format: json}
`

// TestMessages: what people get wrong gets a message that says what, where and
// what to do, and the exit code that scripts rely on.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name, from, to string // the replacement in the good configuration
		verb           string
		code           int
		want           []string
	}{
		{"wrong key", "path: out.json", "pth: out.json", "validate", exitConfig,
			[]string{"tallyman.yaml:8:21", "pth", `did you mean "path"`, "^"}},
		{"wrong type", "type: file", "type: fil", "validate", exitConfig, []string{"tallyman.yaml:8:15", "fil", `"file"`}},
		{"wrong value", "format: json", "format: jason", "validate", exitConfig, []string{"tallyman.yaml:8:", "jason", "json"}},
		{"unset variable", "path: out.json", "path: \"${TALLYMAN_NOT_SET}/o\"", "validate", exitConfig, []string{"tallyman.yaml:8:", "TALLYMAN_NOT_SET"}},
		{"typo in when", "format: json", "format: json, when: process.nmae == \"x\"", "validate", exitConfig,
			[]string{"tallyman.yaml:8:", "process.nmae", "process.name"}},
		{"rule file missing", "- {type: audit}", "- {type: audit}\n  - {type: rules, files: [nowhere.yaml]}", "validate", exitConfig, []string{"tallyman.yaml:7:", "nowhere.yaml"}},
		{"typo in a rule", "- {type: audit}", "- {type: audit}\n  - {type: rules, files: [rule.yaml]}", "validate", exitConfig,
			[]string{"rule.yaml:", "process.executabel", "process.executable"}},
		{"two at once", "path: out.json, format: json", "pth: out.json, format: jason", "validate", exitConfig, []string{"pth", "jason"}},
		{"valid", "", "", "validate", exitOK, []string{"is valid"}},
		{"input missing", "audit.log", "nowhere.log", "run", exitFailure, []string{"nowhere.log", "no such file"}},
		{"folder of the output missing", "out.json", "no/such/out.json", "run", exitLeft, []string{"no/such"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			text := good + "grace: 1s\n"
			if c.from != "" {
				text = strings.ReplaceAll(text, c.from, c.to)
			}
			path := conf(t, dir, text)
			write(t, filepath.Join(dir, "audit.log"), "type=DAEMON_START msg=audit(1795231896.861:8354): op=start ver=3.0.9 res=success\n")
			write(t, filepath.Join(dir, "rule.yaml"), badRule)
			args := []string{c.verb, "--config", path}
			if c.verb == "run" {
				args = append(args, "--once")
			}
			code, text := said(t, "", args...)
			if code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("the message does not say %q", w)
				}
			}
			if t.Failed() {
				t.Logf("it said:\n%s", text)
			}
		})
	}
}

// TestAFileWithoutItsFlag: a verb that takes no argument says where the name of a
// file belongs.
func TestAFileWithoutItsFlag(t *testing.T) {
	for want, args := range map[string][]string{
		"tallyman rules lint takes no argument, and got \"mine.yaml\"; a file is named with --file mine.yaml": {"rules", "lint", "mine.yaml"},
		"tallyman run takes no argument, and got \"./t.yaml\"; a file is named with --config ./t.yaml":        {"run", "./t.yaml"},
		"tallyman ledger takes no argument, and got \"now\"\n":                                                {"ledger", "now"},
		"unknown command \"lnt\" for \"tallyman rules\"; did you mean \"lint\"?\n":                            {"rules", "lnt"},
		"unknown command \"drop\" for \"tallyman rules import\"\n":                                            {"rules", "import", "drop"},
	} {
		if code, text := said(t, "", args...); code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%v: exit %d: %s", args, code, text)
		}
	}
}

const badRule = `pack: test
version: 1
rules:
  - id: TM-TEST-001
    title: A test
    description: Somebody ran the test.
    severity: high
    sources: [auditd]
    condition: process.executabel == "/bin/x"
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMissingConfiguration(t *testing.T) {
	code, text := said(t, "", "run", "--config", "/nowhere/tallyman.yaml")
	if code != exitConfig || !strings.Contains(text, "/nowhere/tallyman.yaml") || !strings.Contains(text, "--config") {
		t.Errorf("exit %d: %s", code, text)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"rnu"}, {"run", "--onec"}, {"validate", "a", "b"}, {"explain", "--as", "smoke"}} {
		if code, text := said(t, "x\n", args...); code != exitUsage && args[0] != "explain" || code == exitOK || text == "" {
			t.Errorf("%v: exit %d: %s", args, code, text)
		}
	}
}

func TestVersionFlag(t *testing.T) {
	code, text := said(t, "", "version")
	if flagCode, flag := said(t, "", "--version"); code != exitOK || flagCode != exitOK || flag != text || !strings.HasPrefix(flag, "tallyman ") {
		t.Errorf("--version: exit %d, %q; version: exit %d, %q", flagCode, flag, code, text)
	}
}

// --grace is written as in the file, and refused in the same words.
func TestGrace(t *testing.T) {
	const words = `not a duration with its unit, like "250ms" or "10s"`
	for _, c := range []struct {
		name, flag, env string
		code            int
		want            string
	}{
		{"days", "1d", "", exitOK, "out"},
		{"a flag of no unit", "7", "", exitUsage, words},
		{"a negative flag", "-1s", "", exitUsage, words},
		{"a variable of no unit", "", "7", exitConfig, words},
		{"the flag wins", "1d", "7", exitOK, "out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := conf(t, dir, good)
			write(t, filepath.Join(dir, "audit.log"), "")
			args := []string{"run", "--once", "--config", path}
			if c.flag != "" {
				args = append(args, "--grace="+c.flag)
			}
			if c.env != "" {
				t.Setenv("TALLYMAN_GRACE", c.env)
			}
			if code, text := said(t, "", args...); code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d, want %d: %s", code, c.code, text)
			}
		})
	}
}

func TestExplainOfTooMuch(t *testing.T) {
	dir := t.TempDir()
	code, text := said(t, strings.Repeat("x", mostExplained+1), "explain", "--config", conf(t, dir, good))
	if code != exitFailure || !strings.Contains(text, "more than 16MiB") || strings.Contains(text, "bufio") {
		t.Errorf("exit %d: %s", code, text)
	}
}

func TestSecondInstance(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, good)
	write(t, filepath.Join(dir, "audit.log"), "")
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), Owner: "pid 4711, tallyman run"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	code, text := said(t, "", "run", "--once", "--config", path)
	if code != exitFailure || !strings.Contains(text, "pid 4711") || !strings.Contains(text, filepath.Join(dir, "journal")) ||
		!strings.Contains(text, "stop it") || !strings.Contains(text, "--journal-dir") {
		t.Errorf("exit %d: %s", code, text)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dir := t.TempDir()
	path := conf(t, dir, strings.Replace(good, "listen: off", fmt.Sprintf("listen: %q", l.Addr()), 1))
	write(t, filepath.Join(dir, "audit.log"), "")
	code, text := said(t, "", "run", "--once", "--config", path)
	if code != exitFailure || !strings.Contains(text, l.Addr().String()) || !strings.Contains(text, "admin.listen") {
		t.Errorf("exit %d: %s", code, text)
	}
}

// TestUnreadable runs as a user without rights, where this one has them.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, good)
	write(t, filepath.Join(dir, "audit.log"), "x\n")
	if err := os.Chmod(filepath.Join(dir, "audit.log"), 0); err != nil {
		t.Fatal(err)
	}
	cmd := tallyman(t, "run", "--once", "--config", path)
	if os.Geteuid() == 0 {
		for _, p := range []string{dir, path, filepath.Join(dir, "audit.log")} {
			if err := os.Chown(p, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the test's own folder
			t.Fatal(err)
		}
		exe := filepath.Join(dir, "tallyman.test")
		copyFile(t, cmd.Path, exe)
		cmd.Path = exe
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitPermission || !bytes.Contains(out, []byte("audit.log")) || !bytes.Contains(out, []byte("permission denied")) {
		t.Errorf("exit %d: %s", code, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755) //nolint:gosec // a program to run
	}
	if err != nil {
		t.Fatal(err)
	}
}
