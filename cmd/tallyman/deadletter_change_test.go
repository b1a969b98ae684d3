package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDeadLetterDrop: drop removes what is named, says what, and nothing at all when
// one of the names is wrong.
func TestDeadLetterDrop(t *testing.T) {
	dir, path := planted(t, "one", "two", "three")
	plant(t, dir, "other", letterLine(t, "other", "one", "why"))
	l := listed(t, path, "--output", "gram")
	if len(l.Letters) != 3 || len(listed(t, path).Letters) != 4 {
		t.Fatalf("%+v", l)
	}
	for name, c := range map[string]struct {
		code int
		want string
		args []string
	}{
		"nothing named": {exitUsage, "--all", nil}, "both": {exitUsage, "--all", []string{"--all", l.Letters[0].ID}},
		"one is not there": {exitFailure, "there is no dead letter NONE", []string{l.Letters[1].ID, "NONE"}},
		"of two outputs":   {exitUsage, "say which with --output", []string{l.Letters[0].ID}},
		"none has no id":   {exitFailure, "there is no dead letter ;", []string{""}},
	} {
		if _, talk := expect(t, c.code, append([]string{"deadletter", "drop", "--config", path}, c.args...)...); !strings.Contains(talk, c.want) {
			t.Errorf("%s: %s", name, talk)
		}
	}
	if l := listed(t, path); len(l.Letters) != 4 {
		t.Fatalf("what was refused dropped something: %+v", l)
	}
	out, talk := expect(t, exitOK, "deadletter", "drop", "--config", path, "--output", "gram", l.Letters[0].ID, l.Letters[2].ID)
	if strings.Count(out, "dropped ") != 2 || !strings.Contains(out, l.Letters[2].ID+" of output gram") || !strings.Contains(talk, "2 dead letters dropped") {
		t.Errorf("%s%s", out, talk)
	}
	if left := listed(t, path); len(left.Letters) != 2 || left.Letters[0].ID != l.Letters[1].ID || left.Letters[1].Output != "other" {
		t.Errorf("left is %+v", left)
	}
	plant(t, dir, "other", letterLine(t, "other", "four", "why")+"no letter\n")
	if out, _ := expect(t, exitOK, "deadletter", "drop", "--config", path, "--all"); strings.Count(out, "dropped ") != 3 || !strings.Contains(out, "1 part of output other that could not be read") {
		t.Errorf("%s", out)
	}
	if left := listed(t, path); len(left.Letters) != 0 || left.Damaged != 0 {
		t.Errorf("left is %+v", left)
	}
	if _, talk := expect(t, exitOK, "deadletter", "drop", "--config", path, "--all"); !strings.Contains(talk, "There are no dead letters.") {
		t.Errorf("nothing to drop: %s", talk)
	}
}

// TestDeadLettersOfARunningProcess: list, show and drop work beside it, replay says
// who has the journal, and what is dropped makes room for it.
func TestDeadLettersOfARunningProcess(t *testing.T) {
	dir, path, _ := refusedOne(t)
	write(t, filepath.Join(dir, "audit.log"), "")
	b := start(t, path)
	id := listed(t, path).Letters[0].ID
	expect(t, exitOK, "deadletter", "show", id, "--config", path)
	answers(t, exitFailure, []string{"the journal is in use", fmt.Sprintf("pid %d, tallyman run", b.cmd.Process.Pid), "stop it, replay, and start it again"}, "deadletter", "replay", "--config", path)
	if l := listed(t, path); len(l.Letters) != 1 {
		t.Errorf("a replay that was refused: %+v", l)
	}
	answers(t, exitOK, []string{"dropped " + id}, "deadletter", "drop", id, "--config", path)
	write(t, filepath.Join(dir, "audit.log"), execution(501, "prog", strings.Repeat("z", 700000)))
	until(t, "the process keeps another letter", func() bool { return len(listed(t, path).Letters) == 1 })
	if l := listed(t, path); l.Letters[0].ID == id || l.Damaged != 0 {
		t.Errorf("after the drop: %+v", l)
	}
	info, err := os.Stat(filepath.Join(dir, "journal", "deadletter", "gram.jsonl"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the file is %v, %v", info.Mode(), err)
	}
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := b.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestReplayOfWhatCannot: an output that nobody answers for, one that is not
// configured, and a journal that is not there have each their exit code, and no
// letter goes.
func TestReplayOfWhatCannot(t *testing.T) {
	dir, path := planted(t, "one", "two") // nobody listens at gram
	if _, talk := expect(t, exitUnreachable, "deadletter", "replay", "--timeout", "300ms", "--config", path); !strings.Contains(talk, "does not take events now") || !strings.Contains(talk, "gram") {
		t.Errorf("nobody listens: %s", talk)
	}
	expect(t, exitFailure, "deadletter", "replay", "NONE", "--config", path)
	expect(t, exitUsage, "deadletter", "replay", "--timeout", "0s", "--config", path)
	conf(t, dir, strings.ReplaceAll(fmt.Sprintf(deadConfig, filepath.Join(dir, "gram"), "8KiB"), "  gram:", "  gone:"))
	if _, talk := expect(t, exitFailure, "deadletter", "replay", "--config", path); !strings.Contains(talk, "output gram: the configuration has no output of that name") {
		t.Errorf("not configured: %s", talk)
	}
	if l := listed(t, path); len(l.Letters) != 2 || l.Letters[0].Reason != "why one" {
		t.Errorf("left is %+v", l)
	}
	if _, talk := expect(t, exitFailure, "deadletter", "replay", "--config", path, "--journal-dir", filepath.Join(dir, "nowhere")); !strings.Contains(talk, "never ran") {
		t.Errorf("no journal: %s", talk)
	}
	if _, talk := expect(t, exitFailure, "deadletter", "list", "--journal-dir", filepath.Join(dir, "nowhere")); !strings.Contains(talk, "--journal-dir") {
		t.Errorf("no journal: %s", talk)
	}
	if _, err := os.Stat(filepath.Join(dir, "nowhere")); !os.IsNotExist(err) {
		t.Errorf("looking made a folder: %v", err)
	}
}

// TestDeadLetterSymlink: a link that somebody planted in the place of a file is not
// followed by any verb, nor by the program that would write there (S2).
func TestDeadLetterSymlink(t *testing.T) {
	dir, path, _ := refusedOne(t)
	name := filepath.Join(dir, "journal", "deadletter", "gram.jsonl")
	secret := filepath.Join(dir, "secret")
	if err := os.Rename(name, secret); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, name); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"drop", "--all"}, {"replay"}} {
		if out, talk := expect(t, exitFailure, append([]string{"deadletter", "--config", path}, args...)...); !strings.Contains(talk, "symbolic link") || strings.Contains(out, "unlucky") {
			t.Errorf("%q: %s%s", args, out, talk)
		}
	}
	write(t, filepath.Join(dir, "audit.log"), execution(500, "prog", strings.Repeat("z", 700000)))
	conf(t, dir, strings.Replace(fmt.Sprintf(deadConfig, filepath.Join(dir, "gram"), "8MiB"), "log:", "grace: 300ms\nlog:", 1))
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitLeft || !strings.Contains(text, "symbolic link") {
		t.Errorf("exit %d: %s", code, text)
	}
	if after, err := os.ReadFile(secret); err != nil || string(after) != string(before) {
		t.Errorf("what the link points to was written: %d bytes, %v", len(after), err)
	}
}
