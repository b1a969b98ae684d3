package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

const killRotateConfig = `
journal: {dir: journal, max_size: 512MiB, segment_size: 256KiB, commit_interval: 2ms, commit_bytes: 16KiB}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  all: {type: file, path: out/all.json, rotate: {size: 48KiB, compress: zstd}}
`

var rotatedZstd = regexp.MustCompile(`^all\.json\.\d{8}T\d{6}\.\d{3}Z\.zst$`)

// TestKillWhileFilesRotate kills the program at random moments while its output
// rotates and compresses: in the end the files together hold the events of the
// journal, none more and none less, and nothing is left half done. An event may
// be there twice where a kill took its acknowledgement.
func TestKillWhileFilesRotate(t *testing.T) {
	kills := 60
	if testing.Short() {
		kills = 10
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "tallyman.yaml")
	if err := errors.Join(os.WriteFile(conf, []byte(killRotateConfig), 0o600), os.Mkdir(filepath.Join(dir, "out"), 0o700)); err != nil {
		t.Fatal(err)
	}
	k := &killer{dir: dir, lines: demoLines(t), rnd: rand.New(rand.NewPCG(11, 26))}
	for n := range kills {
		k.grow(t, 1+k.rnd.IntN(2*len(k.lines)/kills))
		k.kill(t, n, 150*time.Millisecond)
	}
	k.grow(t, len(k.lines))
	if out, err := tallyman(t, "run", "--config", conf, "--once").CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	want := k.inJournal(t)
	got := map[string]int{}
	entries, err := os.ReadDir(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	packed := 0
	for _, e := range entries {
		if rotatedZstd.MatchString(e.Name()) {
			packed++
		} else if strings.HasSuffix(e.Name(), ".part") {
			t.Logf("%s is under way at the stop, for the next start", e.Name())
			continue
		}
		idsIn(t, filepath.Join(dir, "out", e.Name()), entries, got)
	}
	if packed < 3 {
		t.Errorf("only %d files were rotated and compressed: the kills met nothing", packed)
	}
	for id := range want {
		if got[id] == 0 {
			t.Errorf("event %s is in the journal and in no file", id)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the files hold %d events, the journal %d", len(got), len(want))
	}
	t.Logf("%d events in %d files, %d of them compressed", len(got), len(entries), packed)
}

// idsIn adds how often each event.id is in a file of JSON lines; a line that is
// no whole event fails. Of a file and its copy that are both there, the copy counts.
func idsIn(t *testing.T, path string, beside []os.DirEntry, ids map[string]int) {
	t.Helper()
	for _, e := range beside {
		if e.Name() == filepath.Base(path)+".zst" {
			return
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(path, ".zst") {
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var e struct{ Event struct{ ID string } }
		if err := json.Unmarshal(s.Bytes(), &e); err != nil || e.Event.ID == "" {
			t.Fatalf("%s holds the line %q: %v", path, s.Text(), err)
		}
		ids[e.Event.ID]++
	}
	if err := s.Err(); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}
