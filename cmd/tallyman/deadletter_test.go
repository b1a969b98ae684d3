package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
)

// deadConfig delivers to a receiver of datagrams, and to a file.
const deadConfig = `
journal: {dir: journal, segment_size: 256KiB, max_size: 256MiB, min_free: 0B}
admin: {listen: off}
log: {level: warn}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit, keep_original: always}
outputs:
  gram: {type: syslog, address: "unixgram://%s", format: json, max_bytes: %s}
  file: {type: file, path: out.json, format: json}
`

// receiver takes datagrams and keeps their texts, in order.
func receiver(t *testing.T, name string) (texts chan string) {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	texts = make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 1<<20); ; {
			n, err := l.Read(buf)
			if err != nil {
				return
			}
			texts <- string(buf[:n])
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return texts
}

type deadList struct {
	Letters []struct {
		ID, Output, Reason, Raw string
		Bytes                   int
		Time                    time.Time
		Event                   json.RawMessage
	}
	Damaged int
}

func listed(t *testing.T, path string, args ...string) (l deadList) {
	t.Helper()
	out, _ := expect(t, exitOK, append([]string{"deadletter", "list", "--json", "--config", path}, args...)...)
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return l
}

// refusedOne runs the program over a log of which one event is too large for a
// datagram.
func refusedOne(t *testing.T) (dir, path string, texts chan string) {
	t.Helper()
	dir = t.TempDir()
	texts = receiver(t, filepath.Join(dir, "gram"))
	path = conf(t, dir, fmt.Sprintf(deadConfig, filepath.Join(dir, "gram"), "8MiB"))
	var log strings.Builder
	for i := range 20 {
		args := []string{"prog", fmt.Sprint("small", i)}
		if i == 13 {
			args = append(args, "unlucky"+strings.Repeat("z", 700000))
		}
		log.WriteString(execution(100+i, args...))
	}
	write(t, filepath.Join(dir, "audit.log"), log.String())
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	return dir, path, texts
}

// TestDeadLetterLife: of a batch one event is refused for good, and only that. It is listed
// and shown with the reason and its text, stays with the reason as long as it is
// refused, and is delivered once its output is mended. The books stay as they were.
func TestDeadLetterLife(t *testing.T) {
	dir, path, texts := refusedOne(t)
	got := len(texts)
	if got != 19 {
		t.Errorf("%d of the 19 others were delivered", got)
	}
	books, _ := expect(t, exitOK, "ledger", "--json", "--config", path)
	l := listed(t, path)
	if len(l.Letters) != 1 {
		t.Fatalf("%+v", l)
	}
	one := l.Letters[0]
	if one.Output != "gram" || !strings.Contains(one.Reason, "too large") || one.ID == "" || one.Bytes < 700000 {
		t.Errorf("the letter: %+v", one)
	}
	out, _ := expect(t, exitOK, "deadletter", "list", "--config", path)
	for _, w := range []string{"gram", one.ID, "too large", one.Time.UTC().Format(time.RFC3339), "letters"} {
		if !strings.Contains(out, w) {
			t.Errorf("the list has no %q: %s", w, out)
		}
	}
	for _, as := range formats() {
		out, _ = expect(t, exitOK, "deadletter", "show", strings.ToLower(one.ID), "--format", as, "--config", path)
		if !strings.Contains(out, "too large") || !strings.Contains(out, "raw     type=SYSCALL") || strings.Contains(out, "does not decode") {
			t.Errorf("as %s: %.500s", as, out)
		}
	}
	out, _ = expect(t, exitOK, "deadletter", "show", one.ID, "--json", "--config", path)
	var shown deadList
	if err := json.Unmarshal([]byte(out), &shown); err != nil || !strings.Contains(string(shown.Letters[0].Event), "unluckyzzz") || !strings.HasPrefix(shown.Letters[0].Raw, "type=SYSCALL") {
		t.Errorf("%v: %.500s", err, out)
	}

	_, talk := expect(t, exitFailure, "deadletter", "replay", "--config", path)
	if !strings.Contains(talk, one.ID+" is refused again") || !strings.Contains(talk, "1 dead letter refused again") {
		t.Errorf("refused again: %s", talk)
	}
	if again := listed(t, path); len(again.Letters) != 1 || again.Letters[0].ID != one.ID || !again.Letters[0].Time.After(one.Time) {
		t.Errorf("after it was refused again: %+v", again)
	}

	conf(t, dir, fmt.Sprintf(deadConfig, filepath.Join(dir, "gram"), "8KiB"))
	for range got {
		<-texts
	}
	_, talk = expect(t, exitOK, "deadletter", "replay", "--config", path)
	if !strings.Contains(talk, "1 dead letter sent") {
		t.Errorf("it said %s", talk)
	}
	if text := <-texts; !strings.Contains(text, one.ID) || len(texts) != 0 {
		t.Errorf("replay sent %.300s and %d more", text, len(texts))
	}
	if l := listed(t, path); len(l.Letters) != 0 || l.Damaged != 0 {
		t.Errorf("after the replay: %+v", l)
	}
	if after, _ := expect(t, exitOK, "ledger", "--json", "--config", path); after != books || !strings.Contains(books, `"dead_lettered": {`) {
		t.Errorf("the books were %s and are %s", books, after)
	}
	_, talk = expect(t, exitOK, "deadletter", "replay", "--config", path)
	if !strings.Contains(talk, "There are no dead letters.") {
		t.Errorf("nothing to replay: %s", talk)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal", "deadletter", "gram.jsonl")); !os.IsNotExist(err) {
		t.Errorf("the empty file: %v", err)
	}
}

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

// planted returns a configuration whose journal has letters of output gram.
func planted(t *testing.T, names ...string) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = conf(t, dir, fmt.Sprintf(deadConfig, filepath.Join(dir, "gram"), "8KiB"))
	write(t, filepath.Join(dir, "audit.log"), "")
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	if err := os.MkdirAll(filepath.Join(dir, "journal", "deadletter"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, name := range names {
		text += letterLine(t, "gram", name, "why "+name)
	}
	plant(t, dir, "gram", text)
	return dir, path
}

func plant(t *testing.T, dir, output, text string) {
	t.Helper()
	write(t, filepath.Join(dir, "journal", "deadletter", output+".jsonl"), text)
}

// letterLine is a letter as a running process writes it.
func letterLine(t *testing.T, output, raw, reason string) string {
	t.Helper()
	e := event.Event{ID: event.NewID([]byte(raw)), Time: time.Unix(1795232000, 0), Dataset: "auditd.log", Raw: raw, Records: 1}
	b, err := json.Marshal(map[string]any{"time": time.Unix(1795232000, 0).UTC(), "output": output, "id": e.ID.String(), "reason": reason, "raw": raw,
		"event": codec.NewEncoder().Append(nil, []event.Event{e})})
	if err != nil {
		t.Fatal(err)
	}
	var first, rest string // a letter begins with its time
	if m := regexp.MustCompile(`^\{(.*),("time":"[^"]*")\}$`).FindSubmatch(b); m != nil {
		first, rest = string(m[2]), string(m[1])
	} else {
		t.Fatalf("%s", b)
	}
	return "{" + first + "," + rest + "}\n"
}

// TestDeadLetterHostile: nothing that a destination said or a log wrote acts on a
// terminal, in any verb.
func TestDeadLetterHostile(t *testing.T) {
	dir, path := planted(t)
	hostile := "\x1b]0;pwned\x07\x1b[31m\u009b2J\r\n\tfake\x7f \xc2\x85 \xff"
	plant(t, dir, "gram", letterLine(t, "gram", hostile, hostile)+"\x1b[2Jgarbage\n")
	id := event.NewID([]byte(hostile)).String()
	acts := regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f]")
	calls := [][]string{{"list"}, {"list", "--json"}, {"show", id, "--json"}, {"show", "\x1b[31m\u009b"}, {"drop", "\x1b[31m"}, {"list", "--output", "\x1b[31m"}}
	for _, as := range formats() {
		calls = append(calls, []string{"show", id, "--format", as})
		calls = append(calls, []string{"show", id, "--json", "--format", as})
	}
	calls = append(calls, []string{"drop", "--all"})
	for _, c := range calls {
		_, out, talk := spoke(append([]string{"deadletter", "--config", path}, c...)...)
		if m := acts.FindString(out + talk); m != "" {
			t.Errorf("%q writes %q: %s%s", c, m, out, talk)
		}
		if c[0] == "list" && len(c) == 1 && (!strings.Contains(out, `\x1b]0;pwned\x07`) || strings.Count(out, "\n") != 5 || !strings.Contains(out, `\x09fake`)) {
			t.Errorf("the table: %s", out)
		}
		if c[0] == "show" && len(c) == 4 && !strings.Contains(out, `raw     \x1b]0;pwned\x07`) && !strings.Contains(out, `"raw"`) {
			t.Errorf("%q shows %s", c, out)
		}
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

// TestDeadLetterExamples runs every example of the verbs.
func TestDeadLetterExamples(t *testing.T) {
	cmd := newDeadletter(streams{})
	n := 0
	examples(cmd, func(cmd *cobra.Command, line string) {
		n++
		dir, path := planted(t)
		plant(t, dir, "file", letterLine(t, "file", "one", "why"))
		plant(t, dir, "gram", "")
		t.Setenv("TALLYMAN_CONFIG", path)
		line = strings.ReplaceAll(line, "1B4P5ZYHXM0J8Q7RGW2T3N6VKD", event.NewID([]byte("one")).String())
		line = strings.ReplaceAll(line, "--output json", "--output file")
		if code, out, talk := spoke(words(line)[1:]...); code != exitOK {
			t.Errorf("%s: exit %d: %s%s", line, code, out, talk)
		}
	})
	if n < 8 {
		t.Errorf("%d examples", n)
	}
}
