package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestQuery(t *testing.T) {
	_, path := journalled(t)
	dumped, _ := expect(t, exitOK, "journal", "dump", "--config", path)
	all := strings.Count(dumped, "\n")
	failures := strings.Count(dumped, `"outcome":"failure"`)
	var times []time.Time
	for line := range strings.Lines(dumped) {
		var e struct {
			At time.Time `json:"@timestamp"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		times = append(times, e.At)
	}
	middle := times[len(times)/2]
	older := 0
	for _, at := range times {
		if at.Before(middle) {
			older++
		}
	}
	ago := fmt.Sprintf("%dh", int(time.Since(times[0]).Hours())+1)
	stamp := middle.Format(time.RFC3339Nano)
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"everything", []string{"true"}, all},
		{"nothing", []string{"false"}, 0},
		{"some", []string{`event.outcome == "failure"`}, failures},
		{"limit", []string{"true", "--limit", "7"}, 7},
		{"since a time", []string{"true", "--since", stamp}, all - older},
		{"until a time", []string{"true", "--until", stamp}, older},
		{"both", []string{"true", "--since", stamp, "--until", stamp}, 0},
		{"since a while", []string{"true", "--since", ago}, all},
		{"until a while", []string{"true", "--until", ago}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, as := range []string{"text", "json"} {
				out, talk := expect(t, exitOK, append([]string{"query", "--config", path, "--format", as}, c.args...)...)
				if n := strings.Count(out, "\n"); n != c.want || talk != "" {
					t.Errorf("%s: %d lines, want %d; it said %s", as, n, c.want, talk)
				}
			}
		})
	}
	if failures == 0 || older == 0 || older == all {
		t.Errorf("%d failures and %d older of %d", failures, older, all)
	}
}

func TestQueryMessages(t *testing.T) {
	_, path := journalled(t)
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"two typos", []string{`process.nmae == "x" && event.knid == "y"`}, []string{"expression:1:1:", "process.nmae", `did you mean "process.name"?`,
			"    1 | process.nmae == \"x\" && event.knid == \"y\"\n      | ^~~~~~~~~~~~\n",
			"      |                        ^~~~~~~~~~\n", "expression:1:24:"}},
		{"a wide one before it", []string{`user.name == "漢é" && x`}, []string{"      | " + strings.Repeat(" ", 21) + "^\n"}},
		{"not finished", []string{"process.name =="}, []string{"expression:1:", "^"}},
		{"not a condition", []string{"process.name"}, []string{"expression:1:"}},
		{"control bytes", []string{"\x1b[31m"}, []string{`\x1b[31m`}},
		{"a second line", []string{"true &&\n  process.nmae == \"x\""}, []string{"    2 |   process.nmae == \"x\"\n"}},
		{"no time", []string{"true", "--since", "yesterday"}, []string{"--since", "yesterday", "RFC 3339"}},
		{"format", []string{"true", "--format", "smoke"}, []string{"smoke"}},
		{"none", nil, []string{"1 arg"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, talk := expect(t, exitUsage, append([]string{"query", "--config", path}, c.args...)...)
			for _, w := range c.want {
				if !strings.Contains(talk, w) {
					t.Errorf("it does not say %q", w)
				}
			}
			if out != "" || strings.Contains(talk, "\x1b") {
				t.Errorf("standard output: %q", out)
			}
			if t.Failed() {
				t.Logf("it said:\n%s", talk)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	p := &progress{w: &b, now: func() time.Time { return now }, first: 1 << 20, total: 3 << 20}
	p.at(1<<20, 0)
	now = now.Add(barEvery / 2)
	p.at(1<<20, 0)
	if b.Len() != 0 {
		t.Errorf("a short walk drew %q", b.String())
	}
	now = now.Add(barEvery)
	p.at(2<<20, 7)
	p.at(2<<20, 8)
	want := "\r\x1b[K 50% [===============               ] 1.0 MiB of 2.0 MiB, 7 events"
	if b.String() != want {
		t.Errorf("it drew %q", b.String())
	}
	p.clear()
	p.clear()
	if b.String() != want+"\r\x1b[K" {
		t.Errorf("it left %q", b.String())
	}
	var none *progress
	none.at(1, 1)
	none.clear()
}
