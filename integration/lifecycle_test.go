//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// downBucket is how finely a report of gaps of a minute knows when a process that was
// killed read last: a twelfth of the gap.
const downBucket = 5 * time.Second

// oneLife starts the program, gives it a line, waits until that is delivered, and ends it.
func oneLife(t *testing.T, dir, line string, sig syscall.Signal, flags ...string) (ended time.Time) {
	t.Helper()
	cmd := exec.Command(program(t), append([]string{"run", "--config", filepath.Join(dir, "tallyman.yaml")}, flags...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := false
	defer func() {
		if !over {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	f, err := os.OpenFile(filepath.Join(dir, "app.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, line+" is delivered", 30*time.Second, func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "all.json"))
		return err == nil && strings.Contains(string(b), `"message":"`+line+`"`)
	})
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	over = true
	if err := cmd.Wait(); (err == nil) != (sig == syscall.SIGTERM) {
		t.Errorf("the end by %v: %v", sig, err)
	}
	return time.Now()
}

// gap is one of a report.
type gap struct{ Kind, Host, From, To string }

// reportOf makes a report and returns when it says that tallyman was down, and its page.
func reportOf(t *testing.T, from time.Time, dir, input, out string) (list []gap, page string) {
	t.Helper()
	says(t, program(t), "report", "--config", filepath.Join(dir, "tallyman.yaml"), "--pack", "pci-dss", "--gap", "1m", "--input", input, "--out", out,
		"--from", from.UTC().Format(time.RFC3339), "--to", time.Now().Add(time.Second).UTC().Format(time.RFC3339))
	var report struct{ Gaps []gap }
	b, err := os.ReadFile(filepath.Join(out, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	for _, g := range report.Gaps {
		if strings.HasPrefix(g.Kind, "tallyman was ") {
			list = append(list, g)
		}
	}
	if b, err = os.ReadFile(filepath.Join(out, "report.html")); err != nil {
		t.Fatal(err)
	}
	return list, string(b)
}

// TestDowntimeOfARealLife: the program is killed and started again, stopped in order
// and started again; a report of the delivered file and one of the journal say from
// when to when it was down. Without the flag the same life tells a report nothing.
func TestDowntimeOfARealLife(t *testing.T) {
	with, without := t.TempDir(), t.TempDir()
	for _, dir := range []string{with, without} {
		write(t, filepath.Join(dir, "tallyman.yaml"), `
journal: { dir: journal, max_size: 64MiB, min_free: 0B }
admin: { listen: off }
log: { level: error }
host: { name: h, id: h1 }
inputs: { app: { type: file, path: [app.log], decode: plain } }
outputs: { all: { type: file, path: all.json, format: json } }
`)
	}
	began := time.Now().Add(-time.Minute).Truncate(time.Second)
	killed := oneLife(t, with, "before the kill", syscall.SIGKILL, "--lifecycle")
	oneLife(t, without, "before the kill", syscall.SIGKILL)
	// The outage itself: long enough that the last line and the start are not in one bucket.
	eventually(t, "the outage is over", 3*downBucket, func() bool { return time.Since(killed) > downBucket+time.Second })
	again := time.Now()
	stopped := oneLife(t, with, "after the kill", syscall.SIGTERM, "--lifecycle")
	oneLife(t, without, "after the kill", syscall.SIGTERM)
	eventually(t, "the pause is over", 5*time.Second, func() bool { return time.Since(stopped) > 2*time.Second })
	third := time.Now()
	oneLife(t, with, "after the pause", syscall.SIGTERM, "--lifecycle")

	for _, input := range []string{filepath.Join(with, "all.json"), "journal"} {
		list, page := reportOf(t, began, with, input, filepath.Join(t.TempDir(), "report"))
		if len(list) < 2 {
			t.Fatalf("%s: the report says %+v, want an outage and a pause", input, list)
		}
		wasDown(t, list[0], "tallyman was killed, or the host was down", killed.Add(-downBucket), killed.Add(downBucket), again)
		wasDown(t, list[1], "tallyman was stopped", again, stopped, third)
		for _, g := range list[:2] {
			if !strings.Contains(page, `<td class="fail">`+g.Kind+`</td>`) {
				t.Errorf("%s: the page does not say %q", input, g.Kind)
			}
		}
	}
	if list, page := reportOf(t, began, without, "journal", filepath.Join(t.TempDir(), "report")); len(list) > 0 || strings.Contains(page, "tallyman was killed") {
		t.Errorf("without the flag a report says %+v", list)
	}
}

// wasDown holds a downtime to when it has to begin, give or take the second that a
// report rounds to, and to the start that ended it, which has a while to come.
func wasDown(t *testing.T, g gap, kind string, earliest, latest, start time.Time) {
	t.Helper()
	from, err := time.Parse(time.RFC3339, g.From)
	if err != nil {
		t.Fatal(err)
	}
	to, err := time.Parse(time.RFC3339, g.To)
	if err != nil {
		t.Fatal(err)
	}
	if g.Kind != kind || g.Host != "h" || from.Before(earliest.Add(-time.Second)) || from.After(latest.Add(time.Second)) ||
		to.Before(start.Add(-time.Second)) || to.After(start.Add(20*time.Second)) {
		t.Errorf("the report says %+v; want %q from %s to %s until soon after %s", g, kind,
			earliest.UTC().Format(time.TimeOnly), latest.UTC().Format(time.TimeOnly), start.UTC().Format(time.TimeOnly))
	}
}
