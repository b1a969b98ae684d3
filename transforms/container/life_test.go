package container

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// tell is one event of a test, as text: "at 20: 31 of 30 execve /usr/bin/id id -u",
// in milliseconds; the program's name is the last part of its path, or what
// stands in brackets: "at 5: 31 of 30 setsid / [runc:[2:INIT]]".
func tell(t testing.TB, line string) capturedEvent {
	t.Helper()
	var ms, pid, ppid int
	var call string
	head, rest, _ := strings.Cut(line, ": ")
	if _, err := fmt.Sscanf(head, "at %d", &ms); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	f := strings.Fields(rest)
	if _, err := fmt.Sscanf(strings.Join(f[:4], " "), "%d of %d %s", &pid, &ppid, &call); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	e := event.Event{Time: time.UnixMilli(1_795_231_898_000 + int64(ms)), Dataset: dataset, Fields: make(event.Fields, 0, 64)}
	outcome := "success"
	if c, failed := strings.CutSuffix(call, "!"); failed {
		call, outcome = c, "failure"
	}
	action := callActions[call]
	if action == "" {
		action = call
	}
	e.Fields.AddString(schema.EventAction, action)
	e.Fields.AddString(schema.EventCode, "SYSCALL")
	e.Fields.AddString(schema.EventOutcome, outcome)
	e.Fields.Add(schema.ProcessPID, event.Int(int64(pid)))
	e.Fields.Add(schema.ProcessParentPID, event.Int(int64(ppid)))
	exe, args := "/bin/app", []string(nil)
	if len(f) > 4 {
		exe, args = f[4], f[5:]
	}
	name := base(exe)
	if len(args) == 1 && strings.HasPrefix(args[0], "[") {
		name, args = args[0][1:len(args[0])-1], nil
	}
	e.Fields.AddString(schema.ProcessName, name)
	e.Fields.AddString(schema.ProcessExecutable, exe)
	for _, a := range args {
		if len(a) == 1 && a[0] >= 'A' && a[0] <= 'F' {
			a = fullID(a)
		}
		e.Fields.Add(schema.ProcessArgs, event.String(a))
	}
	return capturedEvent{ev: e}
}

// fullID returns the id that a letter stands for in a story, short the letter.
func fullID(letter string) string { return strings.Repeat(strings.ToLower(letter), idLen) }

func short(id string) string {
	if isID(id) && id[0] >= 'a' && strings.Trim(id, id[:1]) == "" {
		return strings.ToUpper(id[:1])
	}
	return id
}

const (
	create = "at 0: 20 of 10 execve /usr/sbin/runc runc --root /var/run/docker/runtime-runc/moby create --bundle /b --pid-file /p A"
	setsid = "at 10: 22 of 20 setsid / [runc:[2:INIT]]"
	main   = "at 90: 22 of 10 execve /bin/app app"
)

// TestLives tells short stories and asks which container each event was given;
// "-" is none.
func TestLives(t *testing.T) {
	for name, c := range map[string]struct {
		story []string
		want  string // one word an event
	}{
		"a container starts":               {[]string{create, setsid, main}, "- A A"},
		"children inherit":                 {[]string{create, setsid, "at 20: 30 of 22 openat", "at 30: 31 of 30 openat"}, "- A A A"},
		"children inherit from a late one": {[]string{create, "at 12: 30 of 22 openat", setsid}, "- A A"},
		"the chain over a silent parent": {[]string{create, setsid, "at 20: 31 of 30 openat", "at 25: 30 of 22 exit_group"},
			"- A A A"},
		"the end of another time does not help": {[]string{create, setsid, "at 20: 31 of 30 openat", "at 900: 30 of 22 exit_group"},
			"- A - A"},
		"exec brings one in": {[]string{create, setsid, "at 200: 40 of 10 execve /usr/sbin/runc runc exec --process /x --detach A",
			"at 210: 42 of 40 setsid / [runc:[2:INIT]]", "at 290: 42 of 10 execve /bin/sh sh", "at 300: 43 of 42 openat"}, "- A - A A A"},
		"crun names its child like itself": {[]string{"at 0: 20 of 10 execve /usr/bin/crun crun --root /run/crun create --bundle /b A",
			"at 3: 21 of 20 setsid /usr/bin/crun", "at 9: 21 of 10 execve /bin/app app"}, "- A A"},
		"a hook is not the container": {[]string{create, setsid, "at 12: 23 of 20 execve /usr/bin/hook hook", "at 13: 23 of 20 setsid /usr/bin/hook",
			"at 14: 24 of 23 openat"}, "- A - - -"},
		"nor is what the monitor runs": {[]string{"at 0: 10 of 1 execve /usr/bin/containerd-shim-runc-v2 s -namespace moby -id A -address /s", create, setsid,
			main, "at 95: 25 of 10 execve /usr/bin/containerd containerd publish"}, "- - A A -"},
		"the command's record is lost, the monitor tells late": {[]string{"at 0: 10 of 1 execve /usr/bin/containerd-shim-runc-v2 s -namespace moby -id A -address /s",
			setsid, main, "at 91: 30 of 22 openat"}, "- A A A"},
		"a pod's shim does not name one": {[]string{"at 0: 10 of 1 execve /usr/bin/containerd-shim-runc-v2 s -namespace k8s.io -id A -address /s",
			setsid, main}, "- - -"},
		"but its commands do": {[]string{"at 0: 10 of 1 execve /usr/bin/containerd-shim-runc-v2 s -namespace k8s.io -id S -address /s",
			create, setsid, main}, "- - A A"},
		"conmon": {[]string{"at 0: 9 of 1 execve /usr/bin/conmon conmon --api-version 1 -c A -u A -r /usr/bin/runc -n web --exit-dir /run/libpod/exits",
			create, setsid, main}, "- - A A"},
		"a pid comes again under another parent": {[]string{create, setsid, "at 20: 30 of 22 openat", "at 500: 30 of 77 openat"}, "- A A -"},
		"a pid comes again after its end": {[]string{create, setsid, "at 20: 22 of 20 exit_group", "at 500: 30 of 22 openat"},
			"- A A -"},
		"the end is a little late": {[]string{create, setsid, "at 20: 22 of 20 exit_group", "at 30: 30 of 22 openat"},
			"- A A A"},
		"the container's first pid comes again": {[]string{create, setsid, main, "at 100: 22 of 10 exit_group", "at 400: 22 of 300 openat", "at 401: 50 of 22 openat"},
			"- A A A - -"},
		"an event comes late from before": {[]string{create, setsid, "at 500: 30 of 77 openat", "at 20: 30 of 22 openat", "at 501: 30 of 77 openat"},
			"- A - A -"},
		"init takes over an orphan of the host": {[]string{create, setsid, "at 20: 30 of 1 openat"}, "- A -"},
		"a failed exec starts no engine": {[]string{"at 0: 20 of 10 execve! /usr/sbin/runc runc create --bundle /b A", setsid},
			"- -"},
		"another program instead": {[]string{create, "at 5: 20 of 10 execve /bin/true true", setsid}, "- - -"},
		"other verbs start nothing": {[]string{"at 0: 20 of 10 execve /usr/sbin/runc runc start A", setsid},
			"- -"},
		"an engine inside a container is not believed": {[]string{create, setsid, "at 50: 60 of 22 execve /tmp/runc runc create --bundle /b B",
			"at 55: 61 of 60 setsid / [runc:[2:INIT]]", "at 60: 61 of 60 execve /bin/x x"}, "- A A A A"},
		"nor one in a name": {[]string{create, setsid, "at 50: 60 of 22 setsid / [runc:[2:INIT]]"}, "- A A"},
		"an id that is no id": {[]string{"at 0: 20 of 10 execve /usr/sbin/runc runc create --bundle /b ../A", setsid},
			"- -"},
		"an unknown option hides the id": {[]string{"at 0: 20 of 10 execve /usr/sbin/runc runc create --new-thing X A", setsid},
			"- -"},
	} {
		for _, size := range []int{1, 100} {
			if size == 1 && (strings.Contains(name, "late") || strings.Contains(name, "silent")) && !strings.Contains(name, "from before") {
				continue // what comes later is known in the same batch only
			}
			t.Run(fmt.Sprintf("%s, batches of %d", name, size), func(t *testing.T) {
				tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
				var events []capturedEvent
				for _, line := range c.story {
					events = append(events, tell(t, line))
				}
				var got []string
				for _, e := range run(t, tr, events, size) {
					id := short(e.Fields.Get(schema.ContainerID).Str())
					if id == "" {
						id = "-"
					}
					if m := e.Fields.Get(schema.TallymanContainerMethod).Str(); (m == "none") != (id == "-") {
						t.Errorf("container %s by method %s", id, m)
					}
					if e.Fields.Get(schema.TallymanContainerHost).True() {
						t.Error("host without proof")
					}
					got = append(got, id)
				}
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("got %s, want %s\n%s", s, c.want, strings.Join(c.story, "\n"))
				}
			})
		}
	}
}

// TestNodesAreKeptApart tells of two hosts with the same pids in one log.
func TestNodesAreKeptApart(t *testing.T) {
	on := func(node, line string) capturedEvent {
		e := tell(t, line)
		e.ev.Fields.AddString(schema.HostName, node)
		return e
	}
	env := plugin.Env{}
	env.Shared.AddString(schema.HostName, "web-1")
	for _, s := range []Settings{{Procfs: at(newSplitProc(t).dir)}, {Offline: &Offline{}, Node: "web-1"}} {
		s.Runtimes, s.Kubernetes, s.MaxProcesses = Default().Runtimes, "auto", 1000
		env.Now = func() time.Time { return time.UnixMilli(storyStart + 1000) }
		tr, err := New(&s, env)
		if err != nil {
			t.Fatal(err)
		}
		out := run(t, tr, []capturedEvent{on("db-1", create), on("web-1.example.org", setsid), on("db-1", "at 20: 22 of 20 openat"), on("db-1", setsid),
			on("db-1", "at 30: 30 of 22 openat"), on("web-1.example.org", "at 30: 30 of 22 openat"), on("db-1", "at 700: 40 of 22 openat"), on("web-1", "at 700: 40 of 23 openat")}, 1)
		want := "-,-,-,A,A,-,A,-"
		if s.Offline == nil {
			want = "-,-,-,A,A,-,A," + idA
		}
		var got []string
		for i := range out {
			id := short(out[i].Fields.Get(schema.ContainerID).Str())
			if id == "" {
				id = "-"
			}
			got = append(got, id)
		}
		if g := strings.Join(got, ","); g != want {
			t.Errorf("got %s, want %s", g, want)
		}
	}
}

// newSplitProc is the /proc of web-1, which has a process 40 in a container.
func newSplitProc(t *testing.T) *fakeProc {
	p := newFakeProc(t)
	p.process(40, 23, 0, "app", "S", 0, "0::/docker/"+idA)
	return p
}

func TestNamesOfHosts(t *testing.T) {
	n := newNodes(&Settings{Offline: &Offline{}}, plugin.Env{})
	var got []uint32
	for _, name := range []string{"a.example", "a", "b", "a.example", "ab", "b.example"} {
		var at uint32
		if !n.number(name, &at) {
			t.Fatal("too many")
		}
		got = append(got, at)
	}
	if fmt.Sprint(got) != "[0 0 3 0 4 5]" {
		t.Error(got)
	}
	for i := range maxNodes {
		n.number(fmt.Sprint("n", i), new(uint32))
	}
	if n.number("one more", new(uint32)) {
		t.Error("the number of hosts has no bound")
	}
}

// TestPidsEndWithTheirBoot reads a log over a restart of the host: only where
// the kernel's count of its records begins again is it one, for any program that
// may write to the audit log can say that the host booted.
func TestPidsEndWithTheirBoot(t *testing.T) {
	for serial, want := range map[int64]string{7: " none unknown", 60_005: "A lineage medium", 0: "A lineage medium"} {
		tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
		open := tell(t, "at 50: 30 of 22 openat")
		open.ev.Fields.Add(schema.EventSequence, event.Int(60_000))
		boot := tell(t, "at 90: 1 of 0 booted-system")
		boot.ev.Fields.Set(schema.EventCode, event.String("SYSTEM_BOOT"))
		boot.ev.Fields.Add(schema.EventSequence, event.Int(serial))
		out := run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid), open, boot, tell(t, "at 200: 30 of 22 openat")}, 1)
		if a, b := told(&out[2]), told(&out[4]); a != "A lineage medium" || b != want {
			t.Errorf("serial %d: before %q, after %q, want %q", serial, a, b, want)
		}
	}
}

// TestTheEndOfAThreadIsNotThatOfItsProcess: exit ends a thread, exit_group the process.
func TestTheEndOfAThreadIsNotThatOfItsProcess(t *testing.T) {
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
	end := tell(t, "at 50: 22 of 20 exit")
	end.ev.Fields.Set(schema.EventAction, event.String("end"))
	end.ev.Fields.AddNamed(schema.AuditdData, "syscall", event.String("exit"))
	out := run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid), end, tell(t, "at 200: 30 of 22 openat")}, 1)
	if got := told(&out[3]); got != "A lineage medium" {
		t.Errorf("%q", got)
	}
}

func TestRuntimesThatAreNotLookedForAreNotFound(t *testing.T) {
	tr := build(t, &Settings{Runtimes: []string{"podman"}, Kubernetes: "auto", MaxProcesses: 1000})
	out := run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid)}, 10)
	if m := out[1].Fields.Get(schema.TallymanContainerMethod).Str(); m != "none" {
		t.Errorf("a docker container was found by %s", m)
	}
}

func TestTheParentIsNamed(t *testing.T) {
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
	out := run(t, tr, []capturedEvent{tell(t, "at 0: 30 of 1 execve /usr/bin/node node app.js"), tell(t, "at 5: 31 of 30 execve /bin/sh sh"),
		tell(t, "at 9: 30 of 1 execve /bin/other other"), tell(t, "at 6: 31 of 30 openat")}, 1)
	if n, x := out[1].Fields.Get(schema.ProcessParentName).Str(), out[1].Fields.Get(schema.ProcessParentExecutable).Str(); n != "node" || x != "/usr/bin/node" {
		t.Errorf("the parent is %q, %q", n, x)
	}
	if n := out[3].Fields.Get(schema.ProcessParentName); !n.IsZero() {
		t.Errorf("an event from before the parent's exec names %q", n.Str())
	}
}

// TestTheTableIsBounded starts many processes and looks that the old go first
// and that the living stay.
func TestTheTableIsBounded(t *testing.T) {
	const most = 100
	var m meter.Registry
	tr, err := New(&Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: most}, plugin.Env{Meter: &m})
	if err != nil {
		t.Fatal(err)
	}
	events := []capturedEvent{tell(t, create), tell(t, setsid)}
	for i := range 5 * most {
		events = append(events, tell(t, fmt.Sprintf("at %d: %d of 22 openat", 20+i, 1000+i)), tell(t, fmt.Sprintf("at %d: %d of 22 exit_group", 20+i, 1000+i)))
	}
	events = append(events, tell(t, "at 900: 5000 of 22 openat"))
	out := run(t, tr, events, 64)
	if id := short(out[len(out)-1].Fields.Get(schema.ContainerID).Str()); id != "A" {
		t.Errorf("the living container was forgotten for dead processes: %q", id)
	}
	tab := tr.(*Transform).table
	n := 0
	for w := range tab.lives.all() {
		for l := tab.newest(w); l != nil; l = tab.older(l) {
			n++
		}
	}
	if n != tab.count || n > most {
		t.Errorf("%d lives are kept, %d counted, %d allowed", n, tab.count, most)
	}
	got := map[string]float64{}
	m.Each(func(s meter.Sample) {
		for _, l := range s.Labels {
			s.Name += " " + l.Value
		}
		got[s.Name] = s.Value
	})
	if got["tallyman_container_processes"] != float64(n) || got["tallyman_container_events_total medium lineage"] != float64(len(out)-1) ||
		got["tallyman_container_events_total unknown none"] != 1 || got["tallyman_container_containers"] != 1 {
		t.Errorf("the meters say %v", got)
	}
}
