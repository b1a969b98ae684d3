package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournalVerify(t *testing.T) {
	dir, path := journalled(t)
	out, talk := expect(t, exitOK, "journal", "verify", "--config", path)
	if !strings.HasPrefix(out, "ok: ") || strings.Count(out, "\n") != 1 || talk != "" {
		t.Errorf("a whole journal: %s%s", out, talk)
	}
	name := segmentsOf(t, dir)[1]
	spoil(t, name, func(b []byte) { b[len(b)/2] ^= 4 })
	out, talk = expect(t, exitCheck, "journal", "verify", "--config", path)
	for _, w := range []string{"damage: " + filepath.Base(name), " at byte ", "sequence", "records", "which an output still waits for", "NOT OK"} {
		if !strings.Contains(out, w) {
			t.Errorf("it does not say %q: %s", w, out)
		}
	}
	if !strings.Contains(talk, "1 damaged place") {
		t.Errorf("it said %s", talk)
	}
	out, _ = expect(t, exitCheck, "journal", "verify", "--json", "--config", path)
	var r struct {
		OK     bool
		Damage []struct {
			Segment string
			Records int
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.OK || len(r.Damage) != 1 || r.Damage[0].Records == 0 || r.Damage[0].Segment != filepath.Base(name) {
		t.Errorf("%v: %s", err, out)
	}
	for _, args := range [][]string{{"journal", "dump"}, {"query", "true"}, {"journal", "export", filepath.Join(dir, "x")}} {
		_, out, talk := spoke(append(args, "--config", path)...)
		if code, _, _ := spoke(append(args, "--config", path)...); code != exitCheck && args[1] != "export" {
			t.Errorf("%v over damage: exit %d", args, code)
		}
		if !strings.Contains(talk, filepath.Base(name)) || !strings.Contains(talk, "journal verify") || out == "" && args[1] != "export" {
			t.Errorf("%v over damage: %s", args, talk)
		}
	}
}
