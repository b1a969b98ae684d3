package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const tapConfig = `journal: {dir: journal}
admin: {listen: off}
inputs: {audit: {type: auditd, path: audit.log}}
transforms:
- {type: audit}
- {type: rules, files: [mine.yaml]}
outputs:
  siem: {type: file, path: out.cef, format: cef, when: 'event.kind == "alert"'}
  all:  {type: file, path: out.json}
`

// watched runs tap until it has shown what it is to show, while records come.
func watched(t *testing.T, path, log string, args ...string) string {
	t.Helper()
	cmd := tallyman(t, append([]string{"tap", "--config", path}, args...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	n := 0
	until(t, "tap ends", func() bool {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		n++
		_, err = f.WriteString(strings.ReplaceAll(strings.ReplaceAll(trialRecords, "    type", "type"), ":7)", fmt.Sprintf(":%d)", 1000+n)))
		if err = firstOf(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v: %s", err, talk.String())
			}
			return true
		default:
			return false
		}
	})
	return out.String()
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestTapOfAProcess(t *testing.T) {
	dir := t.TempDir()
	path, log := conf(t, dir, tapConfig), filepath.Join(dir, "audit.log")
	write(t, filepath.Join(dir, "mine.yaml"), trialRules)
	write(t, log, "")
	start(t, path)
	for _, c := range []struct {
		name       string
		args       []string
		want, lack string
	}{
		{"judged", []string{"--limit", "4", "--format", "json"}, `"kind":"alert"`, ""},
		{"normalised", []string{"--stage", "normalised", "--limit", "3", "--format", "json"}, `"action":"executed"`, `"kind":"alert"`},
		{"read", []string{"--stage", "read", "--input", "audit", "--limit", "3"}, "type=SYSCALL msg=audit(", "action"},
		{"a transform", []string{"--stage", "audit", "--limit", "1", "--format", "json"}, `"action":"executed"`, `"kind":"alert"`},
		{"rendered", []string{"--stage", "rendered", "--output", "siem", "--limit", "2"}, "CEF:0|", `"`},
		{"an expression", []string{`rule.id == "MY-001"`, "--limit", "1", "--format", "json"}, `"id":"MY-001"`, ""},
		{"the past first", []string{"--since", "2020-01-01T00:00:00Z", "--limit", "2", "--format", "json"}, "(1001)", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := watched(t, path, log, c.args...)
			if c.name == "the past first" {
				c.want = `"sequence":1001`
			}
			if !strings.Contains(out, c.want) || c.lack != "" && strings.Contains(out, c.lack) {
				t.Errorf("it shows\n%s", out)
			}
		})
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--input", "adit"}, `there is no input "adit"; there are audit`},
		{[]string{"--output", "seim"}, `there is no output "seim"; there are siem, all`},
		{[]string{"--stage", "raed"}, `there is no stage "raed"; there are read, normalised`},
		{[]string{"--stage", "rendered"}, "needs --output"},
		{[]string{"--stage", "read", "--output", "siem"}, "an output gets nothing of the stage read"},
		{[]string{"--stage", "read", "--since", "1h"}, "--since is for the stage judged"},
		{[]string{"--format", "xml"}, `no format "xml"`},
		{[]string{"process.nmae"}, `did you mean "process.name"?`},
	} {
		_, talk := expect(t, exitUsage, append([]string{"tap", "--config", path}, c.args...)...)
		if !strings.Contains(talk, c.want) {
			t.Errorf("%v: %s", c.args, talk)
		}
	}
}

func TestTapWithoutAProcess(t *testing.T) {
	dir := t.TempDir()
	_, talk := expect(t, exitFailure, "tap", "--config", conf(t, dir, tapConfig))
	if !strings.Contains(talk, "does not run there") {
		t.Errorf("it says %s", talk)
	}
}
