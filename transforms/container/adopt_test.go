package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// What is lost here is the record of the command that brings a process into a
// container by exec: 42 is what it brought in, 40 the command.
const (
	brought = "at 210: 42 of 40 setsid / [runc:[2:INIT]]"
	became  = "at 290: 42 of 40 execve /bin/sh sh"
	handed  = "at 300: 42 of 39 openat /bin/sh"
	child   = "at 310: 50 of 42 execve /bin/app app"
	mid     = "at 311: 51 of 50 execve /bin/app app"
	gone    = "at 314: 50 of 42 exit_group /bin/app"
	orphan  = "at 315: 51 of 22 openat /bin/app"
)

// TestOrphans tells what an orphan proves that goes to a container's first process.
func TestOrphans(t *testing.T) {
	infra := `[{"Id": "` + fullID("A") + `", "IsInfra": true}]`
	shared := `[{"Id": "` + fullID("B") + `", "HostConfig": {"PidMode": "container:` + fullID("A") + `"}}]`
	for name, c := range map[string]struct {
		inspect string
		story   []string
		want    string // one word an event
	}{
		"what was brought in, and all below": {"", []string{create, setsid, brought, became, handed, child, mid, gone, orphan}, "- A A A A A A A A"},
		"without the hand-over":              {"", []string{create, setsid, brought, became, child, mid, gone, orphan}, "- A A A A A A A"},
		"nothing where no engine brought it": {"", []string{create, setsid, "at 290: 42 of 40 execve /bin/sh sh", child, mid, gone, orphan}, "- A - - A - A"},
		"nothing after a time in which pids come again": {"", []string{create, setsid, brought, became, child, mid, gone, "at 900: 51 of 22 openat /bin/app"},
			"- A - - - - - A"},
		"nothing by another program":    {"", []string{create, setsid, brought, became, child, mid, gone, "at 315: 51 of 22 openat /bin/other"}, "- A - - - - - A"},
		"nothing by one that executes":  {"", []string{create, setsid, brought, became, child, mid, gone, "at 315: 51 of 22 execve /bin/app app"}, "- A - - - - - A"},
		"nothing while its parent runs": {"", []string{create, setsid, brought, became, child, mid, orphan}, "- A - - - - A"},
		"nothing after its end": {"", []string{create, setsid, brought, became, child, mid, "at 312: 51 of 50 exit_group", gone, orphan},
			"- A - - - - - - A"},
		"nothing where the parent is no container's": {"", []string{create, setsid, brought, became, child, mid, gone, "at 315: 51 of 77 openat /bin/app"}, "- A - - - - - -"},
		"nothing by a process that is elsewhere": {"", []string{create, setsid, create2, setsid2, "at 305: 51 of 62 openat /bin/app", orphan},
			"- A - B B A"},
		"nothing where a pod shares its processes":      {infra, []string{create, setsid, brought, became, child, mid, gone, orphan}, "- A - - - - - A"},
		"nothing where another container is in its own": {shared, []string{create, setsid, brought, became, child, mid, gone, orphan}, "- A - - - - - A"},
		"a parent that takes long to end": {"", []string{create, setsid, "at 20: 30 of 22 openat", "at 21: 30 of 22 exit_group", "at 50: 31 of 30 openat"},
			"- A A A A"},
		"one that is long over": {"", []string{create, setsid, "at 20: 30 of 22 openat", "at 21: 30 of 22 exit_group", "at 300: 31 of 30 openat"},
			"- A A A -"},
		"one whose pid is another's": {"", []string{create, setsid, "at 20: 30 of 22 openat", "at 21: 30 of 22 exit_group", "at 200: 31 of 30 openat",
			"at 240: 30 of 99 openat"}, "- A A A - -"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Default()
			s.Offline = &Offline{}
			if c.inspect != "" {
				path := filepath.Join(t.TempDir(), "inspect.json")
				if err := os.WriteFile(path, []byte(c.inspect), 0o600); err != nil {
					t.Fatal(err)
				}
				s.Offline.Inspect = []plugin.Text{{Value: path}}
			}
			var events []capturedEvent
			for _, line := range c.story {
				events = append(events, tell(t, line))
			}
			var got []string
			for _, e := range run(t, build(t, &s), events, 100) {
				word, _, _ := strings.Cut(told(&e), " ")
				if word == "" || word == "none" {
					word = "-"
				}
				got = append(got, word)
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("%s, want %s", g, c.want)
			}
		})
	}
}

// A second container, so that there is an elsewhere.
const (
	create2 = "at 30: 60 of 10 execve /usr/sbin/runc runc --root /var/run/docker/runtime-runc/moby create --bundle /b --pid-file /p B"
	setsid2 = "at 40: 62 of 60 setsid / [runc:[2:INIT]]"
)
