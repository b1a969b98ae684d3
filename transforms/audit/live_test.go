package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// captures are our own recordings, with the number of events that they hold.
var captures = []struct {
	dir    string
	files  []string
	events int
	lossy  bool
}{
	{"small-raw", []string{"audit.log.gz"}, 5100, false},
	{"small-enriched", []string{"audit.log.gz"}, 5290, false},
	{"medium-raw", []string{"audit.log.gz"}, 53801, false},
	{"rotating", []string{"audit.log.5.gz", "audit.log.4.gz", "audit.log.3.gz", "audit.log.2.gz", "audit.log.1.gz", "audit.log.gz"}, 6162, false},
	{"lossy-enriched", []string{"audit.log.gz"}, 5079, true},
}

func captureLines(t testing.TB, dir string, files []string) []string {
	t.Helper()
	var lines []string
	for _, f := range files {
		name := filepath.Join(shared, "audit-live", dir, f)
		if _, err := os.Stat(name); err != nil {
			t.Skipf("SKIPPED, NO capture was read: %v", err)
		}
		lines = append(lines, readLines(t, name)...)
	}
	return lines
}

// TestCapturesAgreeWithASecondDecoder compares argv, program and result of every
// execution, and counts every record, in every capture.
func TestCapturesAgreeWithASecondDecoder(t *testing.T) {
	for _, c := range captures {
		t.Run(c.dir, func(t *testing.T) {
			if testing.Short() && c.dir == "medium-raw" {
				t.Skip("SKIPPED: the long capture, because of -short")
			}
			lines := captureLines(t, c.dir, c.files)
			in := records(lines)
			want := oracle(lines)
			got := run(t, build(t, nil), in, 300)
			if total(got) != len(in) || len(got) != c.events {
				t.Fatalf("%d records became %d events of %d records, want %d events", len(in), len(got), total(got), c.events)
			}
			execs := 0
			for i := range got {
				e := &got[i]
				key := fmt.Sprintf("|%d.%03d:%s", e.Time.Unix(), e.Time.UnixMilli()%1000, e.Fields.Get(schema.EventSequence).Append(nil))
				w := want[key]
				if w == nil {
					t.Fatalf("%s is no event of the capture", key)
				}
				if e.Fields.Get(schema.EventAction).Str() == "executed" {
					execs++
				}
				if w.sys == nil {
					continue
				}
				compareExec(t, key, e, w)
			}
			if execs < 100 {
				t.Errorf("only %d executions", execs)
			}
		})
	}
}

func compareExec(t *testing.T, key string, e *event.Event, w *oracleEvent) {
	t.Helper()
	for _, c := range []struct {
		name      string
		got, want string
	}{
		{"exe", e.Fields.Get(schema.ProcessExecutable).Str(), oracleText(w.sys["exe"])},
		{"comm", e.Fields.Get(schema.ProcessName).Str(), oracleText(w.sys["comm"])},
		{"pid", string(e.Fields.Get(schema.ProcessPID).Append(nil)), w.sys["pid"]},
		{"uid", e.Fields.Get(schema.UserID).Str(), w.sys["uid"]},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s is %q, want %q", key, c.name, c.got, c.want)
		}
	}
	if w.types[0] == "SYSCALL" && e.Fields.Get(schema.EventAction).Str() != "connected-to" {
		if got := e.Fields.Get(schema.EventOutcome).Str(); got != w.outcome() {
			t.Errorf("%s: outcome is %s, want %s", key, got, w.outcome())
		}
	}
	if w.argc < 0 {
		return
	}
	var args []string
	for v := range e.Fields.All(schema.ProcessArgs) {
		args = append(args, v.Str())
	}
	if !slices.Equal(args, w.argv()) || len(args) != w.argc {
		t.Errorf("%s: args are\n%q, want\n%q", key, args, w.argv())
	}
}

// TestOnlyLossyCapturesHaveHoles wants the flag on events with records missing,
// and on no other.
func TestOnlyLossyCapturesHaveHoles(t *testing.T) {
	for _, c := range captures {
		if c.dir == "medium-raw" {
			continue // the others have all that it has
		}
		t.Run(c.dir, func(t *testing.T) {
			got := run(t, build(t, nil), records(captureLines(t, c.dir, c.files)), 1000)
			flagged, late := 0, 0
			for i := range got {
				for v := range got[i].Fields.All(schema.Tags) {
					switch v.Str() {
					case TagIncomplete:
						flagged++
						if got[i].Raw == "" || strings.Count(got[i].Raw, "\n")+1 != int(got[i].Records) {
							t.Errorf("an incomplete event of %d records has the original %q", got[i].Records, got[i].Raw)
						}
					case TagLate:
						late++
					}
				}
			}
			if c.lossy != (flagged > 200) || !c.lossy && flagged > 0 {
				t.Errorf("%d events are flagged as incomplete", flagged)
			}
			if late > 0 {
				t.Errorf("%d events are late", late)
			}
		})
	}
}
