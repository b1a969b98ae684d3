package main

import (
	"bytes"
	"errors"
	"testing"

	"tallyman/transforms/container"
)

// TestDoctorPrints compares what doctor prints with what was read and found good.
func TestDoctorPrints(t *testing.T) {
	good := []container.Finding{{Name: "pid namespace", Good: true, Text: "of the host"}}
	bad := append([]container.Finding{good[0]}, container.Finding{Name: "flush", Text: "SYNC: records come late", Hint: "set flush = INCREMENTAL_ASYNC"})
	for name, c := range map[string]struct {
		found []container.Finding
		json  bool
		code  int
		want  string
	}{
		"good": {good, false, exitOK, "ok       pid namespace: of the host\n"},
		"bad":  {bad, false, exitCheck, "ok       pid namespace: of the host\nMISSING  flush: SYNC: records come late\n         → set flush = INCREMENTAL_ASYNC\n"},
		"json": {bad, true, exitCheck, `{"area":"attribution","checks":[{"name":"pid namespace","ok":true,"text":"of the host"},` +
			`{"name":"flush","ok":false,"text":"SYNC: records come late","hint":"set flush = INCREMENTAL_ASYNC"}]}` + "\n"},
	} {
		var b bytes.Buffer
		err := showFindings(&b, "attribution", c.found, c.json)
		var e *exit
		if code := codeOf(err); code != c.code || b.String() != c.want || err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %d, %q", name, code, b.String())
		}
	}
	if code, text := said(t, "", "doctor", "nothing"); code != exitUsage {
		t.Errorf("an area that is none: %d, %s", code, text)
	}
}
