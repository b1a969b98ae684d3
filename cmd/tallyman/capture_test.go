package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// captures is where the recorded hosts are.
const captures = "../../../shared/corpus/audit-live"

const captureConfig = `
journal: {dir: journal, max_size: 512MiB}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container, offline: {inspect: [inspect.json], events: [docker-events.jsonl, podman-events.jsonl], timeline: timeline.jsonl}}
  - {type: rules, files: [%s/*.yaml]}
outputs:
  all: {type: file, path: all.json, format: json}
`

// TestCaptures runs the whole program over every recorded host and holds what
// comes out against what was known of that host when it was recorded.
func TestCaptures(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(captures, "*", "truth.jsonl.gz"))
	if err != nil || len(dirs) == 0 {
		t.Skipf("NOT RUN: the captures are not here (%s); TestDemoCapture runs on the one that ships", captures)
	}
	for _, d := range dirs {
		t.Run(filepath.Base(filepath.Dir(d)), func(t *testing.T) { capture(t, filepath.Dir(d)) })
	}
}

// TestDemoCapture runs on the recorded host that ships: everything but the
// comparison with what is known of its containers.
func TestDemoCapture(t *testing.T) { capture(t, "../../configs/demo") }

// unpack copies a file of a capture, unpacked, to where the configuration names it.
func unpack(t *testing.T, from, to string) {
	t.Helper()
	text := readPlain(t, from)
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readPlain reads a file, or its .gz.
func readPlain(t *testing.T, path string) []byte {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		path += ".gz"
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// auditLog is the log of a capture, its rotated files oldest first.
func auditLog(t *testing.T, dir string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "audit.log*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(names, func(a, b string) int { return number(b) - number(a) })
	var text []byte
	for _, n := range names {
		text = append(text, readPlain(t, strings.TrimSuffix(n, ".gz"))...)
	}
	return text
}

var rotated = regexp.MustCompile(`\.log\.(\d+)`)

func number(name string) int {
	n := 0
	if m := rotated.FindStringSubmatch(name); m != nil {
		_, _ = fmt.Sscan(m[1], &n)
	}
	return n
}

type produced struct {
	Event struct {
		ID, Kind, Outcome, Action string
		Sequence                  uint64
	}
	Timestamp string `json:"@timestamp"`
	Container struct{ ID string }
	Process   struct {
		Args       []string
		Executable string
	}
	Tallyman struct {
		Container struct {
			Host               bool
			Method, Confidence string
		}
	}
}

func capture(t *testing.T, from string) {
	dir := t.TempDir()
	log := auditLog(t, from)
	if err := os.WriteFile(filepath.Join(dir, "audit.log"), log, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"inspect.json", "docker-events.jsonl", "podman-events.jsonl", "timeline.jsonl"} {
		unpack(t, filepath.Join(from, f), filepath.Join(dir, f))
	}
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "tallyman.yaml")
	if err := os.WriteFile(conf, fmt.Appendf(nil, captureConfig, rules), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := tallyman(t, "run", "--once", "--config", conf).CombinedOutput()
	if err != nil {
		t.Fatalf("run: %v\n%s", err, out)
	}
	records := bytes.Count(log, []byte("\n"))
	if !regexp.MustCompile(fmt.Sprintf(`received\s+%d\b`, records)).Match(out) || !bytes.Contains(out, []byte("ok")) {
		t.Errorf("the log has %d records; the books say:\n%s", records, out)
	}
	events := producedEvents(t, filepath.Join(dir, "all.json"))
	execs(t, decodeExecs(log), events)
	if _, err := os.Stat(filepath.Join(from, "truth.jsonl.gz")); err == nil {
		attribution(t, from, events)
	}
}

// producedEvents reads the events, but alerts, by time and serial.
func producedEvents(t *testing.T, path string) map[string]*produced {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	m := map[string]*produced{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		p := &produced{}
		if err := json.Unmarshal(s.Bytes(), p); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		if k := fmt.Sprintf("%s:%d", p.Timestamp, p.Event.Sequence); p.Event.Kind != "alert" && m[k] == nil { // a late record comes after its event
			m[k] = p
		}
	}
	return m
}

// execs compares with the second decoder.
func execs(t *testing.T, want map[string]*exec2, events map[string]*produced) {
	t.Helper()
	bad := 0
	for k, w := range want {
		p := events[k]
		switch {
		case p == nil:
			t.Errorf("exec event %s is missing", k)
		case !slices.Equal(p.Process.Args, w.args), p.Process.Executable != w.exe, p.Event.Outcome != w.outcome:
			t.Errorf("exec event %s: args %q, executable %q, outcome %s; the records say %q, %q, %s",
				k, p.Process.Args, p.Process.Executable, p.Event.Outcome, w.args, w.exe, w.outcome)
		default:
			continue
		}
		if bad++; bad > 10 {
			t.Fatal("and more")
		}
	}
	if len(want) == 0 {
		t.Error("the log has no exec event: nothing was compared")
	}
	t.Logf("%d exec events carry exactly the argv, executable and result of their records", len(want)-bad)
}

// attribution compares with what was known. An event of a container is right
// with that container's id; an event of the host is wrong with any.
func attribution(t *testing.T, from string, events map[string]*produced) {
	t.Helper()
	var all, right, wrong, none, hosts, hostsSeen int
	for line := range bytes.Lines(readPlain(t, filepath.Join(from, "truth.jsonl"))) {
		var w struct {
			Event     string
			Container string `json:"container_id"`
		}
		if err := json.Unmarshal(line, &w); err != nil {
			t.Fatal(err)
		}
		p := events[stamp(w.Event)]
		if p == nil {
			t.Errorf("event %s of the truth is missing", w.Event)
			continue
		}
		all++
		c := p.Tallyman.Container
		switch {
		case c.Method == "" || c.Confidence == "":
			t.Fatalf("event %s does not say how it knows", w.Event)
		case p.Container.ID != w.Container, w.Container != "" && c.Host:
			if p.Container.ID == "" && !c.Host {
				none++
				continue
			}
			wrong++
		default:
			right++
			if w.Container == "" {
				if hosts++; c.Host {
					hostsSeen++
				}
			}
		}
	}
	share := func(n int) float64 { return 100 * float64(n) / float64(all) }
	t.Logf("of %d events %.2f %% carry the right container, %.3f %% a wrong one, %d are unknown; %d of %d host events are proven to be",
		all, share(right), share(wrong), none, hostsSeen, hosts)
	if all == 0 || share(right) < 92 || share(wrong) > 0.2 {
		t.Error("want at least 92 % right and at most 0.2 % wrong")
	}
}

// stamp turns SEC.MS:SERIAL into the key of producedEvents.
func stamp(event string) string {
	at, serial, _ := strings.Cut(event, ":")
	var sec, ms int64
	if _, err := fmt.Sscanf(at, "%d.%d", &sec, &ms); err != nil {
		return event
	}
	return fmt.Sprintf("%s:%s", isoTime(sec, ms), serial)
}
