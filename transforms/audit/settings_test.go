package audit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"no window":  func(s *Settings) { s.Window = 0 },
		"no timeout": func(s *Settings) { s.Timeout = 0 },
	} {
		s := Plugin.Settings().(*Settings)
		change(s)
		if _, err := Plugin.Transform(s, plugin.Env{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	tr, err := Plugin.Transform(Plugin.Settings(), plugin.Env{})
	if err != nil || Plugin.Type != "audit" || Plugin.Kind != plugin.KindTransform {
		t.Fatalf("the defaults are refused: %v", err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
}

// TestNamesAreOfTheHostOnly looks ids up where the log has no name, for this
// host's records, and sees a change of the database.
func TestNamesAreOfTheHostOnly(t *testing.T) {
	dir := t.TempDir()
	passwd := filepath.Join(dir, "passwd")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(passwd, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbroken\n")
	now := start
	tr := build(t, func(s *Settings) { s.Passwd = passwd })
	tr.env.Now = func() time.Time { return now }
	st := tr.Lane("x").(*stage)
	name := func(line string) string {
		t.Helper()
		e := apply(t, st, records([]string{line}))
		if len(e) != 1 {
			t.Fatalf("%d events", len(e))
		}
		return e[0].Fields.Get(schema.UserName).Str()
	}
	const crash = `type=ANOM_ABEND msg=audit(1795227901.123:7): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=4242 comm="app" sig=11 res=1`
	for line, want := range map[string]string{
		crash:                            "root",
		"node=node-7 " + crash:           "root",
		"node=web-1 " + crash:            "",
		crash + "\x1dUID=\"admin\"":      "admin",
		crash + "\x1dUID=\"unknown(0)\"": "root",
	} {
		if got := name(line); got != want {
			t.Errorf("%q is named %q, want %q", line, got, want)
		}
	}
	write("chief:x:0:0::/:/bin/sh\n")
	if got := name(crash); got != "root" {
		t.Errorf("the database was read again too early: %q", got)
	}
	now = now.Add(lookAgain)
	if got := name(crash); got != "chief" {
		t.Errorf("a changed database gives %q", got)
	}
	if err := os.Remove(passwd); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookAgain)
	if got := name(crash); got != "" {
		t.Errorf("a removed database gives %q", got)
	}
}
