//go:build sizing

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The bars of an idle process.
const (
	idleMemory = 30 << 10 // KiB resident
	idleCPU    = 0.5      // percent of one core
)

// usage is what the kernel says of a process. Memory is in KiB.
type usage struct {
	at              time.Time
	cpu             time.Duration
	resident        int
	anonymous, file int // of resident: its own, and pages of the program's file
	written         int64
}

// used reads it from /proc.
func used(t *testing.T, pid int) usage {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	value := func(text, name string) int64 {
		_, rest, _ := strings.Cut(text, name+":")
		n, err := strconv.ParseInt(strings.Fields(rest + " ?")[0], 10, 64)
		if err != nil {
			t.Fatalf("%s of process %d: %v", name, pid, err)
		}
		return n
	}
	stat := read("stat")
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // proc(5): the 14th and 15th of all are ticks of 10 ms
	var ticks int64
	for _, text := range f[11:13] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	status := read("status")
	return usage{time.Now(), time.Duration(ticks) * 10 * time.Millisecond, int(value(status, "VmRSS")), int(value(status, "RssAnon")),
		int(value(status, "RssFile")), value(read("io"), "write_bytes")}
}

// share is the processor time between two looks, in percent of one core.
func (u usage) share(before usage) float64 {
	return 100 * float64(u.cpu-before.cpu) / float64(u.at.Sub(before.at))
}

// sized is a process that is measured.
type sized struct {
	dir   string
	admin string
	cmd   *exec.Cmd
}

// size starts one with the transforms and outputs of a host of containers. The
// connector tells of every process of the machine, so with it an idle process is as
// busy as the machine is.
func size(t *testing.T, connector string) *sized {
	t.Helper()
	rules, err := filepath.Abs("../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	s := &sized{dir: t.TempDir(), admin: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	write(t, filepath.Join(s.dir, "audit.log"), "")
	conf := write(t, filepath.Join(s.dir, "tallyman.yaml"), fmt.Sprintf(`
journal: { dir: journal, max_size: 512MiB }
admin: { listen: %q }
log: { level: error }
inputs: { audit: { type: auditd, path: audit.log } }
transforms:
  - { type: audit }
  - { type: container, connector: %q }
  - { type: rules, files: ["%s/*.yaml"] }
outputs: { archive: { type: file, path: events.json, format: json } }
`, s.admin, connector, rules))
	s.cmd = exec.Command(program(t), "run", "--lifecycle", "--config", conf)
	start(t, s.cmd)
	eventually(t, "the process has said that it started", 30*time.Second, func() bool {
		b, err := os.ReadFile(filepath.Join(s.dir, "events.json"))
		return err == nil && strings.Contains(string(b), "agent-started")
	})
	return s
}

// TestSizing measures what a host has to have for tallyman: idle, and at SIZING_RATE
// audit events a second, as often as SIZING_TRIES says, and prints the medians. It
// asserts the bars of the idle process, and of the load that each event arrived.
func TestSizing(t *testing.T) {
	tries := number(t, "SIZING_TRIES", 3)
	t.Run("idle", func(t *testing.T) {
		for _, connector := range []string{"off", "auto"} {
			idle(t, connector, tries, time.Duration(number(t, "SIZING_IDLE_SECONDS", 60))*time.Second)
		}
	})
	t.Run("load", func(t *testing.T) {
		rate, length := number(t, "SIZING_RATE", 5000), time.Duration(number(t, "SIZING_SECONDS", 60))*time.Second
		var all []loaded
		for range tries {
			all = append(all, load(t, rate, length))
		}
		table := loadTable(all)
		t.Logf("%d events a second for %s, %d times; the median, and all:\n%s", rate, length, tries, table)
	})
}

// idle measures processes that nothing is written for, one after the other.
func idle(t *testing.T, connector string, tries int, length time.Duration) {
	t.Helper()
	var cpu, memory, anonymous, file []float64
	for range tries {
		s := size(t, connector)
		settle(5 * time.Second) // the work of the start is not idling
		before := used(t, s.cmd.Process.Pid)
		settle(length)
		after := used(t, s.cmd.Process.Pid)
		s.end(t)
		cpu, memory = append(cpu, after.share(before)), append(memory, float64(after.resident))
		anonymous, file = append(anonymous, float64(after.anonymous)), append(file, float64(after.file))
	}
	t.Logf("idle for %s, connector %s: CPU %s %% of a core; resident %s MiB, of that its own %s and the program's file %s", length, connector,
		spread(cpu, 1, 2), spread(memory, 1024, 1), spread(anonymous, 1024, 1), spread(file, 1024, 1))
	if connector != "off" {
		return // it hears of what the machine does besides
	}
	if m := middle(memory); m >= idleMemory {
		t.Errorf("an idle process has %.1f MiB resident, the bar is %d", m/1024, idleMemory/1024)
	}
	if c := middle(cpu); c >= idleCPU {
		t.Errorf("an idle process takes %.2f %% of a core, the bar is %.1f", c, idleCPU)
	}
}

// settle is time that passes: what is measured here is a process that is left alone.
func settle(d time.Duration) { <-time.After(d) }

// end stops the process and takes away what it wrote.
func (s *sized) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process has ended", 60*time.Second, func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d/io", s.cmd.Process.Pid))
		return err != nil
	})
	for _, name := range []string{"journal", "audit.log", "events.json"} {
		if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func middle(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// spread is the median with the others behind it, in units of so much.
func spread(list []float64, unit float64, digits int) string {
	var all []string
	for _, v := range list {
		all = append(all, strconv.FormatFloat(v/unit, 'f', digits, 64))
	}
	return fmt.Sprintf("%.*f (%s)", digits, middle(list)/unit, strings.Join(all, ", "))
}
