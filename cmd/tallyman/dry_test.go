package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// secretLine has redact make a key.
const secretLine = "type=USER_CMD msg=audit(1795227999.000:501): pid=1 uid=0 auid=1000 ses=1 msg='cwd=\"/\" cmd=\"mysql -phunter2\" terminal=x res=success'\n"

// created is what differs between two runs over the same log.
var created = regexp.MustCompile(`,"created":"[^"]*"`)

// TestDryRun: the events are those that an output would get, and nothing is left
// behind.
func TestDryRun(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, good)
	write(t, filepath.Join(dir, "audit.log"), oneByOne(0, 500)+secretLine+"type=SYSCALL msg=audit(1.000:9): arch=c000003e syscall=59")
	out, err := tallyman(t, "run", "--once", "--dry-run", "--as", "json", "--config", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 {
		t.Errorf("the folder holds %v, %v", list, err)
	}
	if !strings.Contains(string(out), "[redacted:") {
		t.Error("the secret stands in the dry run's events")
	}
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	want, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	clean := func(b []byte) string {
		return regexp.MustCompile(`redacted:[0-9a-f]*`).ReplaceAllString(created.ReplaceAllString(string(b), ""), "")
	}
	if clean(out) != clean(want) || strings.Count(string(out), "\n") != 502 {
		t.Errorf("the dry run gave\n%.2000s\nand the output\n%.2000s", clean(out), clean(want))
	}
}

// TestDryRunOfALiveSource prints what comes until it is told to stop.
func TestDryRunOfALiveSource(t *testing.T) {
	dir := t.TempDir()
	path := conf(t, dir, good)
	write(t, filepath.Join(dir, "audit.log"), oneByOne(0, 3))
	cmd := tallyman(t, "run", "--dry-run", "--config", path)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for n := range 3 {
		if !lines.Scan() || lines.Text() == "" {
			t.Fatalf("line %d is %q", n, lines.Text())
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "audit.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(oneByOne(3, 2)); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if !lines.Scan() {
			t.Fatalf("line %d did not come", n+3)
		}
	}
	if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestDryRunIsToldWhatToPrint(t *testing.T) {
	path := conf(t, t.TempDir(), good)
	for _, args := range [][]string{{"--dry-run", "--as", "xml"}, {"--as", "json"}} {
		if code, text := said(t, "", append([]string{"run", "--once", "--config", path}, args...)...); code != exitUsage || !strings.Contains(text, "--as") {
			t.Errorf("%v: exit %d: %s", args, code, text)
		}
	}
	if code, text := said(t, "", "run", "--once", "--dry-run", "--config", path); code != exitFailure || !strings.Contains(text, "audit.log") {
		t.Errorf("without its log: exit %d: %s", code, text)
	}
}
