package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

// TestMain lets the test binary stand in for the program: with TALLYMAN_MAIN set
// it is tallyman.
func TestMain(m *testing.M) {
	if os.Getenv("TALLYMAN_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// tallyman returns the program as a command of its own process.
func tallyman(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "TALLYMAN_MAIN=1")
	return cmd
}

// demoLines are the lines of the captured audit log.
func demoLines(t testing.TB) []string {
	t.Helper()
	f, err := os.Open("../../configs/demo/audit.log.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for s := bufio.NewScanner(z); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}

const killConfig = `
journal: {dir: journal, max_size: 512MiB, segment_size: 256KiB, commit_interval: 2ms, commit_bytes: 16KiB}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  all: {type: file, path: all.json, format: json}
  some: {type: file, path: some.json, format: json, when: 'event.outcome == "failure"'}
`

// TestKill kills the program at random moments while its log grows and is
// rotated, then lets it finish: every record is in the files, in the journal
// each event is there once, and the books balance.
func TestKill(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 20
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "tallyman.yaml")
	if err := os.WriteFile(conf, []byte(killConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &killer{dir: dir, lines: demoLines(t), rnd: rand.New(rand.NewPCG(3, 9))}
	// A source that was never read is begun at its path, whatever was rotated
	// before: the first position has to be there before the first rotation.
	k.grow(t, 10)
	if out, err := tallyman(t, "run", "--config", conf, "--once").CombinedOutput(); err != nil {
		t.Fatalf("the first run: %v\n%s", err, out)
	}
	for n := range kills {
		k.grow(t, 1+k.rnd.IntN(2*len(k.lines)/kills))
		if n%10 == 9 {
			k.rotate(t)
		}
		k.kill(t, n, 60*time.Millisecond)
	}
	k.grow(t, len(k.lines))
	out, err := tallyman(t, "run", "--config", conf, "--once").CombinedOutput()
	if err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	if !regexp.MustCompile(fmt.Sprintf(`received +%d +%d`, k.wrote, k.wrote)).Match(out) {
		t.Errorf("%d records were written; the books say:\n%s", k.wrote, out)
	}
	want := k.inJournal(t)
	got := idsOf(t, filepath.Join(dir, "all.json"))
	for id := range want {
		if got[id] == 0 {
			t.Errorf("event %s is in the journal and not in the file", id)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the file holds %d events, the journal %d", len(got), len(want))
	}
}

// killer writes the log as auditd does.
type killer struct {
	dir   string
	lines []string
	at    int
	wrote int
	rnd   *rand.Rand
}

func (k *killer) log() string { return filepath.Join(k.dir, "audit.log") }

// kill lets the program run, for the n-th time, and kills it within a time.
func (k *killer) kill(t *testing.T, n int, within time.Duration) {
	t.Helper()
	cmd := tallyman(t, "run", "--config", filepath.Join(k.dir, "tallyman.yaml"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(k.rnd.Int64N(int64(within)))) // the random moment is the test
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("run %d ended before it was killed: %v", n, err)
	}
}

func (k *killer) grow(t *testing.T, n int) {
	t.Helper()
	n = min(n, len(k.lines)-k.at)
	f, err := os.OpenFile(k.log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range k.lines[k.at : k.at+n] {
		if _, err := f.WriteString(l + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	k.at += n
	k.wrote += n
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func (k *killer) rotate(t *testing.T) {
	t.Helper()
	for n := 30; n > 0; n-- {
		from, to := fmt.Sprintf("%s.%d", k.log(), n-1), fmt.Sprintf("%s.%d", k.log(), n)
		if n == 1 {
			from = k.log()
		}
		if err := os.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// inJournal reads the whole journal with a cursor that nobody had, and returns
// its event ids; one that is there twice, or a sum of records that is not what
// was written, fails.
func (k *killer) inJournal(t *testing.T) map[string]int {
	t.Helper()
	dir := filepath.Join(k.dir, "journal")
	// Without its state the journal hands everything to a new cursor.
	if err := os.Remove(filepath.Join(dir, "state")); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: dir, MaxSize: 512 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := j.Cursor("fresh")
	if err != nil {
		t.Fatal(err)
	}
	ids, records := map[string]int{}, 0
	for d := codec.NewDecoder(); ; {
		e, ok, err := c.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		var b event.Batch
		if err := d.Decode(e.Payload, &b); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			records += int(b.Events[i].Records)
			id := b.Events[i].ID.String()
			if ids[id]++; ids[id] > 1 {
				t.Errorf("event %s is in the journal %d times", id, ids[id])
			}
		}
	}
	if records != k.wrote {
		t.Errorf("the journal's events stand for %d records, %d were written", records, k.wrote)
	}
	return ids
}

// idsOf returns how often each event.id is in a file of JSON lines; a line that
// is no whole event fails.
func idsOf(t *testing.T, path string) map[string]int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	ids := map[string]int{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var e struct{ Event struct{ ID string } }
		if err := json.Unmarshal(s.Bytes(), &e); err != nil || e.Event.ID == "" {
			t.Fatalf("%s holds the line %q: %v", path, s.Text(), err)
		}
		ids[e.Event.ID]++
	}
	return ids
}
