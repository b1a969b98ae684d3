package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
	code, text := said(t, "", "run", "--once", "--config", path)
	if code != exitFailure || !strings.Contains(text, "output gram refused events for good, ") || strings.Contains(text, "output file refused") {
		t.Fatalf("exit %d: %s", code, text)
	}
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK { // that was another run's
		t.Fatalf("the next run: exit %d: %s", code, text)
	}
	return dir, path, texts
}

// deadLife is one dead letter on its way.
type deadLife struct {
	dir, path string
	texts     chan string
	id        string
	time      time.Time
}

// TestDeadLetterLife: of a batch one event is refused for good, and only that. It is listed
// and shown with the reason and its text, stays with the reason as long as it is
// refused, and is delivered once its output is mended. The books stay as they were.
func TestDeadLetterLife(t *testing.T) {
	dir, path, texts := refusedOne(t)
	until(t, "the 19 others arrive", func() bool { return len(texts) == 19 })
	for len(texts) > 0 {
		<-texts
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
	d := deadLife{dir, path, texts, one.ID, one.Time}
	d.seen(t)
	d.refused(t)
	d.mended(t)
	if after, _ := expect(t, exitOK, "ledger", "--json", "--config", path); after != books || !strings.Contains(books, `"dead_lettered": {`) {
		t.Errorf("the books were %s and are %s", books, after)
	}
}

// seen looks at the letter in every way.
func (d *deadLife) seen(t *testing.T) {
	out, _ := expect(t, exitOK, "deadletter", "list", "--config", d.path)
	for _, w := range []string{"gram", d.id, "too large", d.time.UTC().Format(time.RFC3339), "letters"} {
		if !strings.Contains(out, w) {
			t.Errorf("the list has no %q: %s", w, out)
		}
	}
	for _, as := range formats() {
		out, _ = expect(t, exitOK, "deadletter", "show", strings.ToLower(d.id), "--format", as, "--config", d.path)
		if !strings.Contains(out, "too large") || !strings.Contains(out, "raw     type=SYSCALL") || strings.Contains(out, "does not decode") {
			t.Errorf("as %s: %.500s", as, out)
		}
	}
	out, _ = expect(t, exitOK, "deadletter", "show", d.id, "--json", "--config", d.path)
	var shown deadList
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Letters) != 1 || !strings.Contains(string(shown.Letters[0].Event), "unluckyzzz") ||
		!strings.HasPrefix(shown.Letters[0].Raw, "type=SYSCALL") {
		t.Errorf("%v: %.500s", err, out)
	}
}

// refused replays while the destination still does not take it.
func (d *deadLife) refused(t *testing.T) {
	_, talk := expect(t, exitFailure, "deadletter", "replay", "--config", d.path)
	if !strings.Contains(talk, d.id+" is refused again") || !strings.Contains(talk, "1 dead letter refused again") {
		t.Errorf("refused again: %s", talk)
	}
	if l := listed(t, d.path); len(l.Letters) != 1 || l.Letters[0].ID != d.id || !l.Letters[0].Time.After(d.time) {
		t.Errorf("after it was refused again: %+v", l)
	}
}

// mended makes the output's messages shorter and replays.
func (d *deadLife) mended(t *testing.T) {
	conf(t, d.dir, fmt.Sprintf(deadConfig, filepath.Join(d.dir, "gram"), "8KiB"))
	_, talk := expect(t, exitOK, "deadletter", "replay", "--config", d.path)
	if !strings.Contains(talk, "1 dead letter sent") {
		t.Errorf("it said %s", talk)
	}
	if text := <-d.texts; !strings.Contains(text, d.id) || len(d.texts) != 0 {
		t.Errorf("replay sent %.300s and %d more", text, len(d.texts))
	}
	if l := listed(t, d.path); len(l.Letters) != 0 || l.Damaged != 0 {
		t.Errorf("after the replay: %+v", l)
	}
	if _, talk = expect(t, exitOK, "deadletter", "replay", "--config", d.path); !strings.Contains(talk, "There are no dead letters.") {
		t.Errorf("nothing to replay: %s", talk)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "journal", "deadletter", "gram.jsonl")); !os.IsNotExist(err) {
		t.Errorf("the empty file: %v", err)
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

// TestDeadLetterExamples runs every example of the verbs.
func TestDeadLetterExamples(t *testing.T) {
	n := 0
	examples(newDeadletter(streams{}), func(_ *cobra.Command, line string) {
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
