package cef

import (
	"bytes"
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/outputs/format/formattest"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// A strict parser that others wrote, liblognorm, takes every event, whatever is
// in it, and finds in it the texts that ours finds.
func TestLiblognormReadsEveryEvent(t *testing.T) {
	bin, err := osexec.LookPath("lognormalizer")
	if err != nil {
		t.Skip("lognormalizer (Debian: liblognorm-utils) is not installed: no other parser has read the events")
	}
	rules := filepath.Join(t.TempDir(), "cef.rulebase")
	if err := os.WriteFile(rules, []byte("version=2\nrule=:%f:cef%\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	var want []*formattest.Flat
	c, list := New(Options{MaxBytes: 8000}), plain()
	rapid.Check(t, func(t *rapid.T) {
		e := with(set{schema.RuleID: "R", schema.RuleName: text(1).Draw(t, "rule")})
		for _, p := range list {
			e.Fields.AddString(p.from[0], text(rapid.SampledFrom([]int{1, 1, 300}).Draw(t, "long")).Draw(t, p.key))
		}
		e.Fields.Add(schema.ProcessPID, event.Int(7))
		out, _ := c.Append(nil, e)
		p, err := formattest.CEF(string(out))
		if err != nil {
			t.Fatal(err)
		}
		// It wants a blank before the first key, which the standard does not have.
		ext := 0
		for range 7 {
			ext += formattest.Bare(string(out[ext:]), '|') + 1
		}
		in.Write(out[:ext])
		in.WriteByte(' ')
		in.Write(out[ext:])
		in.WriteByte('\n')
		want = append(want, p)
	})
	compare(t, bin, rules, &in, want)
}

// compare has liblognorm read in and holds what it finds against want.
func compare(t *testing.T, bin, rules string, in *bytes.Buffer, want []*formattest.Flat) {
	t.Helper()
	cmd := osexec.Command(bin, "-r", rules)
	cmd.Stdin = in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d answers to %d events", len(lines), len(want))
	}
	for i, line := range lines {
		var got struct {
			F *struct{ Extensions map[string]string }
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.F == nil {
			t.Fatalf("event %d is not CEF to liblognorm: %v, %s", i, err, line)
		}
		for key, value := range want[i].Attr {
			if have := strings.TrimRight(got.F.Extensions[key], " "); have != strings.TrimRight(value, " ") {
				t.Fatalf("%s is %q to liblognorm, want %q", key, have, value)
			}
		}
	}
}
