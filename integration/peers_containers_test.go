//go:build peers

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPeersContainers prints what a line of Docker's json-file driver costs in
// processor time from the file on disk to a file of JSON, beside the bare limit: the
// prototype among the yardsticks, which reads the three members of the line and
// writes them as JSON, to the null device and to a file. It asserts first that each
// line comes once, in order, with its text, its stream and its time.
func TestPeersContainers(t *testing.T) {
	dir := t.TempDir()
	gen, bare := yardstick(t, dir, "gen"), yardstick(t, dir, "protobench")
	id := strings.Repeat("5e", 32)
	path := filepath.Join(dir, id, id+"-json.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	log, lines := generated(t, gen, path, "-kind", "docker")
	conf := func(more string) string {
		return fmt.Sprintf("journal: {dir: journal, max_size: 2GiB}\n%sadmin: {listen: off}\nlog: {level: error}\n"+
			"inputs: {logs: {type: containers, path: [\"%s\"]}}\noutputs: {file: {type: file, path: out.json, format: json}}\n", more, path)
	}
	off := conf("redact: off\n")
	once := func(program, text string) func(string) []string {
		return func(dir string) []string {
			return []string{program, "run", "--once", "--config", write(t, filepath.Join(dir, "conf.yaml"), text)}
		}
	}
	type contender struct {
		name string
		run  func(dir string) []string
	}
	list := []contender{
		{"tallyman", once(program(t), off)},
		{"tallyman, secrets replaced", once(program(t), conf(""))},
		{"bare prototype, to a file", func(string) []string { return []string{bare, "-mode", "docker", "-o", "out.json", path} }},
		{"bare prototype, to the null device", func(string) []string { return []string{bare, "-mode", "docker", path} }},
	}
	if b := before(); b != "" {
		list = []contender{list[0], {"tallyman before", once(b, off)}}
	}
	u := newUsed()
	var names []string
	for _, c := range list {
		names = append(names, c.name)
	}
	for round := range rounds(t) {
		for _, c := range list {
			dir := t.TempDir()
			out := &counter{path: filepath.Join(dir, "out.json")}
			u.process(t, c.name, dir, c.run(dir))
			if n := out.count(); out.at > 0 && n != lines {
				t.Errorf("%s wrote %d lines of %d", c.name, n, lines)
			}
			u.bytes[c.name] = out.at
			if round == 0 && c.name == "tallyman" {
				inOrder(t, out.path, log, func(got, line []byte) error { return sameContainer(got, line, id) })
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	u.print("docker json-file", len(log), lines, names)
}

// process runs a program to its end and notes what it took.
func (u *used) process(t *testing.T, name, dir string, args []string) {
	t.Helper()
	cmd := onOneCore(args...)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, &said)
	}
	u.seconds[name] = append(u.seconds[name], (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
}

// sameContainer says what is wrong with the event of a line.
func sameContainer(got, line []byte, id string) error {
	var e struct {
		At        time.Time         `json:"@timestamp"`
		Message   string            `json:"message"`
		Labels    map[string]string `json:"labels"`
		Container struct{ ID string }
	}
	var l struct {
		Log, Stream string
		Time        time.Time
	}
	if err := errors.Join(json.Unmarshal(got, &e), json.Unmarshal(line, &l)); err != nil {
		return err
	}
	if e.Message != strings.TrimSuffix(l.Log, "\n") || !e.At.Equal(l.Time) || e.Labels["stream"] != l.Stream || e.Container.ID != id {
		return errors.New("it says something else")
	}
	return nil
}
