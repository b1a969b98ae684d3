package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// fakeProc is a folder that looks like /proc, of a host that booted an hour
// before the stories of tell begin, a second after their begin.
type fakeProc struct {
	t   *testing.T
	dir string
	now time.Time
}

const storyStart = int64(1_795_231_898_000)

func newFakeProc(t *testing.T) *fakeProc {
	p := &fakeProc{t: t, dir: t.TempDir(), now: time.UnixMilli(storyStart + 1000)}
	p.write("uptime", "3601.00 12.00\n")
	p.space(1, "host")
	return p
}

func (p *fakeProc) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// process adds a process that started at a time of the story, with a comm,
// a state, flags and the lines of its cgroup file.
func (p *fakeProc) process(pid, ppid int, startMS int64, comm, state string, flags uint64, groups ...string) {
	p.t.Helper()
	p.write(fmt.Sprintf("%d/stat", pid), fmt.Sprintf("%d (%s) %s %d 1 1 0 -1 %d%s %d 1 2\n", pid, comm, state, ppid, flags,
		strings.Repeat(" 0", 12), (3600_000+startMS)/10))
	p.write(fmt.Sprintf("%d/cgroup", pid), strings.Join(groups, "\n")+"\n")
	p.space(pid, "host")
}

// space puts a process into a pid namespace.
func (p *fakeProc) space(pid int, name string) {
	p.t.Helper()
	path := filepath.Join(p.dir, fmt.Sprint(pid), "ns", "pid")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	if err := os.Symlink("pid:["+name+"]", path); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fakeProc) clock() time.Time { return p.now }

func (p *fakeProc) transform() plugin.Transform {
	s := Default()
	s.Procfs.Value, s.DockerRoot.Value = p.dir, ""
	tr, err := New(&s, plugin.Env{Now: func() time.Time { return p.now }})
	if err != nil {
		p.t.Fatal(err)
	}
	return tr
}

// told says in one word what an event was given: its container and method.
func told(e *event.Event) string {
	id := short(e.Fields.Get(schema.ContainerID).Str())
	if e.Fields.Get(schema.TallymanContainerHost).True() {
		id += "host"
	}
	return fmt.Sprintf("%.4s %s %s", id, e.Fields.Get(schema.TallymanContainerMethod).Str(), e.Fields.Get(schema.TallymanContainerConfidence).Str())
}

func TestProc(t *testing.T) {
	const in, host = "0::/docker/" + idA, "0::/system.slice/ssh.service"
	for name, c := range map[string]struct {
		set   func(p *fakeProc)
		story string
		want  string
	}{
		"in a container": {func(p *fakeProc) { p.process(30, 29, 0, "app", "S", 0, in) },
			"at 500: 30 of 29 openat", "4c07 proc high"},
		"of v1, all hierarchies": {func(p *fakeProc) {
			p.process(30, 29, 0, "app", "S", 0, "12:memory:/docker/"+idA, "1:name=systemd:/docker/"+idA, "0::/")
		}, "at 500: 30 of 29 openat", "4c07 proc high"},
		"a name with parentheses": {func(p *fakeProc) { p.process(30, 29, 0, "a) Z 1 (b", "S", 0, in) },
			"at 500: 30 of 29 openat", "4c07 proc high"},
		"of a pid namespace that its parent left": {func(p *fakeProc) { p.process(30, 1, 0, "app", "S", 0, in) },
			"at 500: 30 of 29 openat", "4c07 proc high"},
		"on the host": {func(p *fakeProc) { p.process(30, 29, 0, "sshd", "S", 0, host) },
			"at 500: 30 of 29 openat", "host proc high"},
		"dead and not reaped": {func(p *fakeProc) { p.process(30, 29, 0, "app", "Z", 0, "1:name=systemd:/", "0::/") },
			"at 500: 30 of 29 openat", " none unknown"},
		"exiting": {func(p *fakeProc) { p.process(30, 29, 0, "app", "R", 0x40404, "1:name=systemd:/", "0::/") },
			"at 500: 30 of 29 openat", " none unknown"},
		"the pid is another's by now": {func(p *fakeProc) { p.process(30, 29, 600, "app", "S", 0, in) },
			"at 500: 30 of 29 openat", " none unknown"},
		"just started, right parent": {func(p *fakeProc) { p.process(30, 29, 500, "app", "S", 0, in) },
			"at 500: 30 of 29 openat", "4c07 proc high"},
		"just started, another parent": {func(p *fakeProc) { p.process(30, 28, 500, "app", "S", 0, in) },
			"at 500: 30 of 29 openat", " none unknown"},
		"hierarchies that disagree": {func(p *fakeProc) {
			p.process(30, 29, 0, "app", "S", 0, "2:memory:/docker/"+idA, "1:name=systemd:/docker/"+idB)
		},
			"at 500: 30 of 29 openat", "4c07 proc high"},
		"a path of no known shape": {func(p *fakeProc) { p.process(30, 29, 0, "app", "S", 0, "0::/lxc.payload.web") },
			"at 500: 30 of 29 openat", " none unknown"},
		"a damaged cgroup file": {func(p *fakeProc) { p.process(30, 29, 0, "app", "S", 0, in, "what") },
			"at 500: 30 of 29 openat", " none unknown"},
		"gone, its parent is in a container": {func(p *fakeProc) { p.process(29, 28, 0, "sh", "S", 0, in) },
			"at 500: 30 of 29 openat", "4c07 parent medium"},
		"gone, its parent is on the host": {func(p *fakeProc) { p.process(29, 28, 0, "sh", "S", 0, host) },
			"at 500: 30 of 29 openat", " none unknown"},
		"gone, the parent's pid is another's": {func(p *fakeProc) { p.process(29, 28, 495, "sh", "S", 0, in) },
			"at 500: 30 of 29 openat", " none unknown"},
		"gone, as its parent": {func(*fakeProc) {}, "at 500: 30 of 29 openat", " none unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newFakeProc(t)
			c.set(p)
			out := run(t, p.transform(), []capturedEvent{tell(t, c.story)}, 1)
			if got := told(&out[0]); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestHostOfAnEngineHoldsForAMoment is the story of runc exec: its process is on
// the host until it is moved.
func TestHostOfAnEngineHoldsForAMoment(t *testing.T) {
	p := newFakeProc(t)
	p.process(20, 10, 0, "runc", "S", 0, "0::/system.slice/docker.service")
	p.process(21, 20, 100, "runc:[1:CHILD]", "S", 0, "0::/system.slice/docker.service")
	tr := p.transform()
	if got := told(&run(t, tr, []capturedEvent{tell(t, "at 500: 21 of 20 openat /")}, 1)[0]); got != "host proc high" {
		t.Errorf("before the move: %q", got)
	}
	p.process(21, 20, 100, "sh", "S", 0, "0::/docker/"+idA)
	if got := told(&run(t, tr, []capturedEvent{tell(t, "at 700: 21 of 20 openat /")}, 1)[0]); got != "4c07 proc high" {
		t.Errorf("after the move: %q", got)
	}
}

// TestHostIsLookedAtAgainAfterAnExec and not before: a process that was on the
// host and is gone after its exec is not known any more.
func TestHostIsLookedAtAgainAfterAnExec(t *testing.T) {
	p := newFakeProc(t)
	p.process(29, 1, -9000, "bash", "S", 0, "0::/user.slice/session-1.scope")
	p.process(30, 29, 0, "bash", "S", 0, "0::/user.slice/session-1.scope")
	tr := p.transform()
	var got []string
	for i, line := range []string{"at 500: 30 of 29 openat", "at 510: 30 of 29 openat", "at 520: 30 of 29 execve /bin/ls ls"} {
		if i == 1 {
			if err := os.RemoveAll(filepath.Join(p.dir, "30")); err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, told(&run(t, tr, []capturedEvent{tell(t, line)}, 1)[0]))
	}
	if s := strings.Join(got, ", "); s != "host proc high, host proc high,  none unknown" {
		t.Error(s)
	}
}

// TestEnginesAreBelievedOnlyOnTheHost runs a program called runc inside a
// container whose processes are not known otherwise.
func TestEnginesAreBelievedOnlyOnTheHost(t *testing.T) {
	story := []string{"at 500: 20 of 10 execve /usr/sbin/runc runc create --bundle /b " + idB, "at 510: 22 of 20 setsid / [runc:[2:INIT]]"}
	for group, want := range map[string]string{
		"0::/docker/" + idA:               "4c07 parent medium",
		"0::/system.slice/docker.service": "eaca lineage exact",
		"0::/odd":                         "eaca lineage medium",
	} {
		p := newFakeProc(t)
		p.process(20, 10, 100, "runc", "S", 0, group)
		out := run(t, p.transform(), []capturedEvent{tell(t, story[0]), tell(t, story[1])}, 1)
		if got := told(&out[1]); got != want {
			t.Errorf("%s: %q, want %q", group, got, want)
		}
	}
}

// TestAQuietParentIsTheSameProcess asks /proc whether a parent that was not heard
// of for long still is the process that it was.
func TestAQuietParentIsTheSameProcess(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(p *fakeProc)
		at   string
		want string
	}{
		"it is":                 {func(p *fakeProc) { p.process(22, 10, 5, "app", "S", 0, "0::/odd") }, "at 90000: 30 of 22 openat", "A lineage high"},
		"it is another":         {func(p *fakeProc) { p.process(22, 10, 50_000, "app", "S", 0, "0::/odd") }, "at 90000: 30 of 22 openat", " none unknown"},
		"it is gone, just now":  {func(*fakeProc) {}, "at 9000: 30 of 22 openat", "A lineage high"},
		"it is gone, long ago":  {func(*fakeProc) {}, "at 90000: 30 of 22 openat", " none unknown"},
		"another, in another":   {func(p *fakeProc) { p.process(22, 10, 50_000, "app", "S", 0, "0::/docker/"+idB) }, "at 90000: 30 of 22 openat", "eaca parent medium"},
		"no time to come round": {func(p *fakeProc) { p.process(22, 10, 50_000, "app", "S", 0, "0::/odd") }, "at 250: 30 of 22 openat", "A lineage high"},
	} {
		p := newFakeProc(t)
		p.now = time.UnixMilli(storyStart + 91_000)
		p.write("uptime", "3691.00 12.00\n")
		p.process(10, 1, -9000, "containerd-shim", "S", 0, "0::/system.slice/containerd.service")
		c.set(p)
		out := run(t, p.transform(), []capturedEvent{tell(t, create), tell(t, setsid), tell(t, c.at)}, 1)
		if got := told(&out[2]); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDockerRootNamesContainers(t *testing.T) {
	p := newFakeProc(t)
	p.process(30, 29, 0, "app", "S", 0, "0::/docker/"+idA)
	p.write("docker/containers/"+idA+"/config.v2.json", `{"ID":"`+idA+`","Name":"/web","Image":"sha256:`+idB+`",
		"Config":{"Image":"registry.example:5000/shop/api:1.4","Labels":{"com.docker.compose.project":"shop","com.docker.compose.service":"api"}}}`)
	s := Default()
	s.Procfs.Value, s.DockerRoot.Value = p.dir, filepath.Join(p.dir, "docker")
	tr, err := New(&s, plugin.Env{Now: func() time.Time { return p.now }})
	if err != nil {
		t.Fatal(err)
	}
	f := run(t, tr, []capturedEvent{tell(t, "at 500: 30 of 29 openat")}, 1)[0].Fields
	for k, want := range map[schema.Key]string{schema.ContainerName: "web", schema.ContainerRuntime: "docker", schema.ContainerImageName: "registry.example:5000/shop/api",
		schema.ContainerImageTag: "1.4", schema.ContainerImageHashAll: "sha256:" + idB, schema.ContainerImageRegistry: "registry.example:5000",
		schema.OrchestratorType: "compose", schema.OrchestratorNamespace: "shop", schema.OrchestratorResourceName: "api"} {
		if got := f.Get(k).Str(); got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	if got := f.GetNamed(schema.ContainerLabels, "com.docker.compose.project").Str(); got != "shop" {
		t.Errorf("the label is %q", got)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("1 (a) b) S 2 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 0 0 0 0 77 0")
	f.Add(") (")
	f.Fuzz(func(t *testing.T, s string) {
		if g, ok := parseStat(s); ok && !strings.Contains(s, "("+g.comm+")") {
			t.Fatalf("%q became %+v", s, g)
		}
	})
}

// TestTheRealProc reads this very process from the kernel.
func TestTheRealProc(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("SKIPPED, /proc was NOT read: this system has none")
	}
	p := newProcfs("/proc", time.Now)
	g, ok := p.look(int32(os.Getpid()))
	if !ok || int(g.ppid) != os.Getppid() || g.comm == "" || len(g.where) == 0 {
		t.Fatalf("%+v, %v", g, ok)
	}
	now := time.Now().UnixNano()
	if age := now - g.start; age < -grain || age > int64(time.Hour) {
		t.Errorf("this process seems to be %v old", time.Duration(age))
	}
	if !g.was(now, 0) && now-g.start > 2*grain {
		t.Error("this process is not taken for itself")
	}
	if exe, err := os.Executable(); err == nil && p.exe(int32(os.Getpid())) != exe {
		t.Errorf("the program is %q, want %q", p.exe(int32(os.Getpid())), exe)
	}
	if _, ok := p.look(0); ok {
		t.Error("there is no process 0")
	}
}
