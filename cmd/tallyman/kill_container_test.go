package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What ends the wait of an event for its parent is the log itself and not the
// silence between two runs: wait is as long as it may be.
const killContainerConfig = `
journal: {dir: journal, max_size: 512MiB, segment_size: 256KiB, commit_interval: 2ms, commit_bytes: 16KiB}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container, wait: 10s, offline: {inspect: [inspect.json], events: [docker-events.jsonl, podman-events.jsonl]}}
outputs:
  all: {type: file, path: all.json, format: json}
`

// TestKillChangesNoContainer kills the program at random moments while its log
// grows: every event is given the container that it is given without a kill.
func TestKillChangesNoContainer(t *testing.T) {
	kills := 40
	if testing.Short() {
		kills = 10
	}
	whole := containerHost(t)
	whole.grow(t, len(whole.lines))
	whole.once(t)
	want := containersIn(t, filepath.Join(whole.dir, "all.json"))

	k := containerHost(t)
	for n := range kills {
		k.grow(t, 1+k.rnd.IntN(2*len(k.lines)/kills))
		k.kill(t, n, 150*time.Millisecond)
	}
	k.grow(t, len(k.lines))
	k.once(t)
	got := containersIn(t, filepath.Join(k.dir, "all.json"))
	if len(got) != len(want) {
		t.Errorf("%d events came of it, want %d", len(got), len(want))
	}
	inside, bad := 0, 0
	for id, w := range want {
		if w.Container.ID != "" {
			inside++
		}
		if got[id] != w {
			if bad++; bad <= 5 {
				t.Errorf("event %s is given %+v, without a kill %+v", id, got[id], w)
			}
		}
	}
	if inside < 4000 {
		t.Errorf("only %d of %d events are in a container: little was compared", inside, len(want))
	}
	t.Logf("%d events, %d of them in containers, %d given another one over %d kills", len(want), inside, bad, kills)
}

// containerHost is the captured host, whose log is still empty.
func containerHost(t *testing.T) *killer {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tallyman.yaml"), killContainerConfig)
	write(t, filepath.Join(dir, "audit.log"), "")
	for _, f := range []string{"inspect.json", "docker-events.jsonl", "podman-events.jsonl"} {
		unpack(t, filepath.Join("../../configs/demo", f), filepath.Join(dir, f))
	}
	return &killer{dir: dir, lines: demoLines(t), rnd: rand.New(rand.NewPCG(5, 17))}
}

func (k *killer) once(t *testing.T) {
	t.Helper()
	out, err := tallyman(t, "run", "--config", filepath.Join(k.dir, "tallyman.yaml"), "--once").CombinedOutput()
	if err != nil {
		t.Fatalf("run --once: %v\n%s", err, out)
	}
}

// given is what an event says of where it happened. How that was found is not
// compared: a source that proves more may come a batch later.
type given struct {
	Container struct{ ID, Name string }
	Tallyman  struct {
		Container struct{ Host bool }
	}
}

// containersIn reads what each event of a file was given, by its id. What is
// there twice after a kill has to say the same.
func containersIn(t *testing.T, path string) map[string]given {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all := map[string]given{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var e struct {
			given
			Event struct{ ID string }
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil || e.Event.ID == "" {
			t.Fatalf("%s holds the line %q: %v", path, s.Text(), err)
		}
		if before, twice := all[e.Event.ID]; twice && before != e.given {
			t.Errorf("event %s is there as %s", e.Event.ID, fmt.Sprintf("%+v and %+v", before, e.given))
		}
		all[e.Event.ID] = e.given
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
