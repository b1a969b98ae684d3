package container

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// story is what a host did: lines "MS kind PID …" are of the kernel, such as
// "5 fork 20 10", "7 attach 20 /docker/ID" and "-9 scan 10 1 /"; lines "at MS: …"
// are audit events, which are read late after they happened. The line "overrun"
// loses what the kernel told since the line before it, "late" sets how late, and
// "run" what a process runs.
type story struct {
	t    testing.TB
	r    *replayed
	late time.Duration
	out  []event.Event
}

// play plays a story and returns what its events were given.
func play(t testing.TB, lines ...string) (*story, []string) {
	t.Helper()
	var ticks []tick
	for _, line := range lines {
		if k, ok := tickOf(t, line); ok {
			ticks = append(ticks, k)
		}
	}
	sim := simOf(ticks)
	s := &story{t: t, r: &replayed{t: t, sim: sim, tr: simulated(t, sim)}}
	for _, line := range lines {
		if f := strings.Fields(line); f[0] == "run" {
			var pid int32
			if _, err := fmt.Sscan(f[1], &pid); err != nil {
				t.Fatal(err)
			}
			sim.runs[pid] = append(sim.runs[pid], ran{t: sim.boot, name: f[2], exe: f[3]})
		}
	}
	sim.at = sim.begin
	s.r.follow(connectorOf(ticks, sim, 300*time.Microsecond))
	return s, s.on(lines...)
}

// on goes on with the events of a story.
func (s *story) on(lines ...string) []string {
	s.t.Helper()
	var got []string
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "at "):
			s.out = s.r.send([]capturedEvent{tell(s.t, line)}, s.late)
			got = append(got, said(&s.out[0]))
		case strings.HasPrefix(line, "late "):
			d, err := time.ParseDuration(strings.TrimPrefix(line, "late "))
			if err != nil {
				s.t.Fatal(err)
			}
			s.late = d
		case strings.HasPrefix(line, "overrun "):
			var ms int64
			if _, err := fmt.Sscanf(line, "overrun %d", &ms); err != nil {
				s.t.Fatal(err)
			}
			s.r.sim.at = max(s.r.sim.at, time.UnixMilli(storyStart+ms).UnixNano())
			s.r.conn.(*simConnector).fail = errOverrun
			if err := s.r.tr.follow.step(); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return got
}

func tickOf(t testing.TB, line string) (tick, bool) {
	t.Helper()
	f := strings.Fields(line)
	if len(f) < 3 || f[0] == "at" || f[0] == "run" {
		return tick{}, false
	}
	var k tick
	var ms float64
	if _, err := fmt.Sscanf(f[0]+" "+f[2], "%g %d", &ms, &k.PID); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	k.T, k.K = time.UnixMilli(storyStart).UnixNano()+int64(ms*1e6), f[1]
	for _, s := range f[3:] {
		if strings.HasPrefix(s, "/") {
			k.CG = strings.ReplaceAll(strings.ReplaceAll(s, "/A", "/"+idA), "/B", "/"+idB)
		} else if _, err := fmt.Sscan(s, &k.PPID); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return k, true
}

// TestTheKernelsWord plays hosts on which only the kernel's connector can tell.
func TestTheKernelsWord(t *testing.T) {
	host := []string{"-9000 scan 1 0 /", "-9000 scan 10 1 /system.slice/ssh.service"}
	box := append([]string{"-8000 scan 20 1 /docker/A"}, host...)
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"a fork that is gone when its event comes": {append(box, "100 fork 30 20", "101 exit 30", "late 1s", "at 98: 30 of 20 openat"), []string{"4c07 connector exact"}},
		"a chain whose middle is gone": {append(box, "100 fork 30 20", "101 fork 31 30", "101.5 exit 30", "102 exit 31", "late 1s", "at 98: 31 of 30 openat"),
			[]string{"4c07 connector exact"}},
		"an orphan that init took over": {append(box, "100 fork 30 20", "101 fork 31 30", "101.5 exit 30", "400 exit 31", "late 1s", "at 200: 31 of 20 openat"),
			[]string{"4c07 connector exact"}},
		"a pid that comes again": {append(box, "50 fork 21 10", "100 fork 30 20", "150 exit 30", "400 fork 30 21", "450 exit 30", "late 1s",
			"at 98: 30 of 20 openat", "at 410: 30 of 21 openat"), []string{"4c07 connector exact", "host connector high"}},
		"a pid that comes again at once, the parent decides": {append(box, "50 fork 21 10", "100 fork 30 20", "102 exit 30", "104 fork 30 21", "106 exit 30", "late 1s",
			"at 98: 30 of 20 openat", "at 99: 30 of 21 openat"), []string{"4c07 connector exact", "host connector high"}},
		"the same, and the parent is another": {append(box, "50 fork 21 10", "100 fork 30 20", "102 exit 30", "104 fork 30 21", "106 exit 30", "late 1s",
			"at 99: 30 of 5 openat"), []string{" none unknown"}},
		"on the host, read after the event":                    {append(box, "100 fork 30 10", "115 exec 30", "200 exit 30", "late 1s", "at 98: 30 of 10 openat"), []string{"host connector exact"}},
		"of a host's process that was gone before it was read": {append(box, "100 fork 30 10", "100.1 exit 30", "late 1s", "at 98: 30 of 10 openat"), []string{" none unknown"}},
		"an engine moves what it has made": {append(box, "100 fork 30 10", "150 attach 30 /docker/B", "200 exec 30", "210 exit 30", "late 1s",
			"at 160: 30 of 10 setsid / [runc:[2:INIT]]", "at 196: 30 of 10 execve /bin/app app"), []string{"eaca connector high", "eaca connector exact"}},
		"a host in a folder of no known shape, and an engine's command": {[]string{"-9000 scan 10 1 /odd", "90 fork 20 10", "95 exec 20", "run 20 runc /usr/sbin/runc",
			"at 91: 20 of 10 execve /usr/sbin/runc runc exec A", "100 fork 30 20", "at 96: 30 of 20 setsid / [runc:[2:INIT]]", "150 attach 30 /docker/A", "200 exec 30",
			"200.02 fork 31 30", "200.05 exit 30", "200.06 exit 31", "late 100ms", "at 195: 30 of 20 execve /bin/true true", "at 196: 31 of 30 openat"},
			[]string{" none unknown", "A lineage medium", "A lineage medium", "A lineage medium"}},
		"a thread takes the place of the first": {append(box, "100 fork 30 20", "150 exit 30", "151 exec 30", "300 exit 30", "late 1s",
			"at 200: 30 of 20 openat", "at 280: 30 of 20 openat"), []string{"4c07 connector exact", "4c07 connector exact"}},
		"threads live on after the first":   {append(box, "100 fork 30 20", "150 exit 30", "late 1s", "at 300: 30 of 20 openat"), []string{"4c07 connector exact"}},
		"it began before anything was told": {append(box, "at 100: 20 of 1 openat", "at 101: 10 of 1 openat"), []string{"4c07 connector exact", "host connector high"}},
		"read before the connector told":    {append(box, "99 fork 30 20", "250 exit 30", "at 95: 30 of 20 openat"), []string{"4c07 connector exact"}},
	} {
		_, got := play(t, c.lines...)
		if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestOverrun loses what the kernel told for a time: of that time only those are
// known who lived before and after.
func TestOverrun(t *testing.T) {
	s, got := play(t, "-9000 scan 10 1 /system.slice/ssh.service", "-9000 scan 20 1 /docker/A",
		"10 fork 30 20", "20 fork 31 20", // both run; 30 ends in the gap, unseen, and its pid is another's at once
		"110 exit 30", "120 fork 30 10", "130 exit 30", "140 fork 32 20", "500 exit 32", "600 fork 33 32",
		"at 30: 31 of 20 openat", "at 50: 30 of 20 openat", "overrun 300", "late 1s",
		"at 40: 30 of 20 openat", // before the gap
		"at 122: 30 of 10 openat",
		"at 126: 31 of 20 openat",
		"at 160: 32 of 20 openat", // began in the gap, and was found by the scan
		"at 350: 31 of 20 openat")
	want := "4c07 connector exact, 4c07 connector exact, 4c07 connector exact,  none unknown, 4c07 connector exact, 4c07 connector high, 4c07 connector exact"
	if g := strings.Join(got, ", "); g != want {
		t.Errorf("%s, want\n%s", g, want)
	}
	if n, r := s.r.tr.follow.overruns.Value(), s.r.tr.rescans.Value(); n != 1 || r != 2 {
		t.Errorf("%d overruns and %d scans are counted", n, r)
	}
}

// TestWaited holds an event until the connector has told of its process, and says
// how long that was; what is old is not waited for.
func TestWaited(t *testing.T) {
	s, _ := play(t, "-9000 scan 20 1 /docker/A", "100 fork 30 20", "100.1 fork 31 30", "100.2 exit 30", "100.3 exit 31")
	s.r.conn.(*simConnector).lag = int64(50 * time.Millisecond)
	if got := s.on("at 96: 31 of 30 openat"); got[0] != "4c07 connector exact" {
		t.Fatalf("%q", got)
	}
	if ms, _ := s.out[0].Fields.Get(schema.TallymanContainerWaitedMS).Int64(); ms < 45 || ms > 55 {
		t.Errorf("it waited %d ms", ms)
	}
	if n := s.r.tr.held.Value(); n != 1 {
		t.Errorf("%d events are counted as held", n)
	}
	before := s.r.sim.at
	s.late = 3 * time.Second
	if got := s.on("at 300: 77 of 76 openat"); got[0] != " none unknown" || s.r.sim.at-before > int64(3200*time.Millisecond) {
		t.Errorf("an old event: %q after %v", got, time.Duration(s.r.sim.at-before))
	}
	if !s.out[0].Fields.Get(schema.TallymanContainerWaitedMS).IsZero() {
		t.Error("an old event was waited for")
	}
}

// TestTheKernelsTableSurvivesARestart stops, loses what happens meanwhile, and
// goes on: what lived before and after is the same process with the same id.
func TestTheKernelsTableSurvivesARestart(t *testing.T) {
	lines := []string{"-9000 scan 10 1 /", "-9000 scan 20 1 /docker/A", "10 fork 30 20", "20 fork 31 20", "30 fork 35 20", "40 exit 35",
		"600 exit 31", "610 fork 31 10", "900 exit 31", "620 fork 33 20"}
	s, _ := play(t, append(lines, "at 100: 30 of 20 openat")...)
	id := s.out[0].Fields.Get(schema.ProcessEntityID).Str()
	for _, c := range []struct {
		name, boot string
		want       []string
	}{
		{"the same boot", "boot-1", []string{"4c07 connector exact", "4c07 connector exact", "4c07 connector exact", " none unknown", "4c07 connector exact"}},
		{"the host has booted since", "boot-2", []string{"4c07 parent medium", "4c07 connector high", "4c07 connector high", " none unknown", "4c07 connector exact"}},
	} {
		s.r.tr.proc.read = s.r.sim.withBoot("boot-1")
		snapshot, err := s.r.tr.Snapshot(nil)
		if err != nil {
			t.Fatal(err)
		}
		var ticks []tick
		for _, line := range lines {
			k, _ := tickOf(t, line)
			ticks = append(ticks, k)
		}
		sim := simOf(ticks)
		n := &story{t: t, late: time.Second, r: &replayed{t: t, sim: sim, tr: simulated(t, sim)}}
		n.r.tr.proc.read = sim.withBoot(c.boot)
		sim.at = time.UnixMilli(storyStart + 1000).UnixNano()
		conn := connectorOf(ticks, sim, 300*time.Microsecond)
		conn.skip()
		n.r.follow(conn)
		if err := n.r.tr.Restore(snapshot); err != nil {
			t.Fatal(err)
		}
		got := n.on("at 38: 35 of 20 openat", // it ended before the stop
			"at 90: 30 of 20 openat", "at 700: 30 of 20 openat", "at 700: 31 of 10 openat", "at 1200: 33 of 20 openat")
		if g, w := strings.Join(got, ", "), strings.Join(c.want, ", "); g != w {
			t.Errorf("%s: %s, want\n%s", c.name, g, w)
		}
		n.on("at 1210: 30 of 20 openat")
		if again := n.out[0].Fields.Get(schema.ProcessEntityID).Str(); c.boot == "boot-1" && again != id || id == "" {
			t.Errorf("%s: the id of the process was %q and is %q", c.name, id, again)
		}
	}
}

// TestNothingButTheKernelMovesAProcess: forged control group paths, names and
// command lines inside a container change nothing (RELIABILITY.md N10).
func TestNothingButTheKernelMovesAProcess(t *testing.T) {
	box := []string{"-9000 scan 10 1 /system.slice/ssh.service", "-8000 scan 20 1 /docker/A", "-8000 scan 21 1 /docker/B"}
	for name, lines := range map[string][]string{
		"it makes a container's group below its own": {"100 fork 30 20", "120 attach 30 /docker/A/docker/B", "130 exec 30", "at 140: 30 of 20 openat"},
		"it moves itself to another's":               {"100 fork 30 20", "120 attach 30 /docker/B", "130 exec 30", "at 140: 30 of 20 openat"},
		"it moves itself to the host's":              {"100 fork 30 20", "120 attach 30 /system.slice/ssh.service", "130 exec 30", "at 140: 30 of 20 openat"},
		"it calls itself runc's": {"100 fork 30 20", "130 exec 30", "at 126: 30 of 20 execve /usr/bin/runc runc create --bundle /b B",
			"140 fork 31 30", "at 138: 31 of 30 setsid / [runc:[2:INIT]]", "150 exec 31", "at 148: 31 of 30 execve /bin/app app"},
		"it calls itself a monitor":    {"100 fork 30 20", "130 exec 30", "at 126: 30 of 20 execve /usr/bin/conmon conmon -c B", "140 fork 31 30", "at 138: 31 of 30 openat /bin/app"},
		"it has a shim's command line": {"100 fork 30 20", "130 exec 30", "at 126: 30 of 20 execve /usr/bin/containerd-shim-runc-v2 s -namespace moby -id B", "140 fork 31 30", "at 138: 31 of 30 openat /bin/app"},
	} {
		_, got := play(t, append(slices.Clone(box), lines...)...)
		for _, g := range got {
			if g != "4c07 connector exact" {
				t.Errorf("%s: %q", name, got)
				break
			}
		}
	}
	// A forged group of a user's own on the host is no container and no proof.
	_, got := play(t, append(slices.Clone(box), "100 fork 30 10", "105 attach 30 /user.slice/user-1000.slice/docker/B", "106 exec 30", "late 1s", "at 110: 30 of 10 openat")...)
	if got[0] != " none unknown" {
		t.Errorf("a user's own folder: %q", got)
	}
}

// TestTheKernelsTableIsBounded forks more than is kept, and then more that run.
func TestTheKernelsTableIsBounded(t *testing.T) {
	k := newKernel(1000)
	k.clock = 1
	for i := range int64(5000) {
		pid := int32(i%30_000) + 2
		k.take(&change{t: i * 10, kind: changeFork, pid: pid, ppid: 1})
		if i%3 > 0 {
			k.take(&change{t: i*10 + 1, kind: changeExit, pid: pid})
		}
		if n := k.size(); n != k.count || n > 1000 {
			t.Fatalf("%d lives after %d forks, %d counted", n, i, k.count)
		}
	}
	if l, f := k.find(4000, 1, 3998*10); f != foundOne && l != nil {
		t.Errorf("a process that was not kept: %v %v", l, f)
	}
}

func (k *kernel) size() int {
	n := 0
	for _, l := range k.lives {
		for ; l != nil; l = l.prev {
			n++
		}
	}
	return n
}
