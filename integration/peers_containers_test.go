//go:build peers

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPeersContainers prints what a line of Docker's json-file driver costs in
// processor time from the file on disk to a file of JSON, beside the bare limit: the
// prototype among the yardsticks, which reads the three members of the line and
// writes them as JSON, to the null device and to a file; and beside Fluent Bit where
// that is installed, with all fields of an event and with those that Fluent Bit writes.
// It asserts first that each line comes once, in order, with its text, its stream and its time.
func TestPeersContainers(t *testing.T) {
	dir := t.TempDir()
	gen, bare := yardstick(t, dir, "gen"), yardstick(t, dir, "protobench")
	path, log, lines := dockerLog(t, dir, gen)
	list, peer := toFile(t, path, bare)
	u := newUsed()
	for round := range rounds(t) {
		for _, c := range list {
			dir := t.TempDir()
			out := &counter{path: filepath.Join(dir, "out.json")}
			inMemory(t, path)
			u.process(t, c.name, dir, c.run(dir))
			if n := out.count(); n != lines && (out.at > 0 || c.same != nil) {
				t.Errorf("%s wrote %d lines of %d", c.name, n, lines)
			}
			u.bytes[c.name] = out.at
			if round == 0 && c.same != nil {
				inOrder(t, out.path, log, c.same)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	u.print("docker json-file", len(log), lines, namesOf(list))
	if peer {
		for _, c := range list[len(list)-3:] {
			u.beside(c.name, namesOf(list)[:3]...)
		}
	}
}

// toFile are the programs that write the lines of a container to a file of JSON, and
// whether Fluent Bit is among them.
func toFile(t *testing.T, path, bare string) (list []shipper, peer bool) {
	t.Helper()
	conf := func(more, fields string) string {
		return fmt.Sprintf("journal: {dir: journal, max_size: 2GiB}\n%sadmin: {listen: off}\nlog: {level: error}\n"+
			"inputs: {logs: {type: containers, path: [\"%s\"]}}\noutputs: {file: {type: file, path: out.json, format: json%s}}\n", more, path, fields)
	}
	off := conf("redact: off\n", "")
	whole := func(got, line []byte) error { return sameContainer(got, line, containerID) }
	some := func(got, line []byte) error { return sameContainer(got, line, "") }
	list = []shipper{{"tallyman", readOnce(t, program(t), off), whole}}
	if b := before(); b != "" {
		return append(list, shipper{"tallyman before", readOnce(t, b, off), whole}), false
	}
	list = append(list, shipper{ofFluentBit, readOnce(t, program(t), conf("redact: off\n", fluentBitFields)), some},
		shipper{"tallyman, secrets replaced", readOnce(t, program(t), conf("", "")), nil},
		shipper{"bare prototype, to a file", func(string) []string { return []string{bare, "-mode", "docker", "-o", "out.json", path} }, nil},
		shipper{"bare prototype, to the null device", func(string) []string { return []string{bare, "-mode", "docker", path} }, nil})
	if b := fluentBit(t); b != "" {
		output := func(dir string) string { return fmt.Sprintf(fluentBitFile, dir) }
		return append(list, shipper{"Fluent Bit", runFluentBit(t, b, path, "", output), sameRecord},
			shipper{"Fluent Bit, reads of 1 MiB", runFluentBit(t, b, path, fluentBitReads, output), sameRecord},
			shipper{"Fluent Bit, buffer on disk", runFluentBit(t, b, path, fluentBitStored, output), sameRecord}), true
	}
	return list, false
}

// inMemory reads a log to its end, so that each program finds it in the page cache: Fluent Bit
// takes it out of there where it has read it (file_cache_advise), and whoever came after it paid
// for the reading from the disk, which was a third of that program's time.
func inMemory(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Fatal(err)
	}
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
