package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

const (
	userHost = "0::/user.slice/user-1000.slice/session-3.scope"
	shimHost = "0::/system.slice/containerd.service"
)

// by makes a story's event one of a user.
func by(user string, e capturedEvent) capturedEvent {
	e.ev.Fields.AddString(schema.UserID, user)
	e.ev.Fields.AddString(schema.UserEffectiveID, user)
	return e
}

// said is what an event was given, with "?" where that is ambiguous.
func said(e *event.Event) string {
	s := told(e)
	if e.Fields.Get(schema.TallymanContainerAmbiguous).True() {
		s += " ?"
	}
	return s
}

// TestForgedCommandLines runs programs that bear the names of engines and call
// out the id of another's container.
func TestForgedCommandLines(t *testing.T) {
	forged := func(exe string) []string {
		return []string{"at 500: 20 of 10 execve " + exe + " runc run --bundle /x B", "at 510: 22 of 20 setsid " + exe, "at 520: 22 of 20 execve /usr/bin/curl curl"}
	}
	named := []string{"at 500: 20 of 10 execve /tmp/runc runc run --bundle /x B", "at 510: 22 of 20 execve /tmp/x [runc:[2:INIT]]"}
	for name, c := range map[string]struct {
		user  string
		set   func(p *fakeProc)
		story []string
		want  string // of the last event
	}{
		"a user's own runc, gone": {"1000", func(p *fakeProc) { p.process(10, 1, -9000, "bash", "S", 0, userHost) }, forged("/tmp/runc"), " none unknown"},
		"a user's own runc": {"1000", func(p *fakeProc) {
			p.process(20, 10, 100, "runc", "S", 0, userHost)
			p.process(22, 20, 200, "curl", "S", 0, userHost)
		}, forged("/tmp/runc"), "host proc high"},
		"root's runc in /tmp":           {"0", func(p *fakeProc) { p.process(20, 10, 100, "runc", "S", 0, userHost) }, forged("/tmp/runc"), " none unknown"},
		"a folder named like a trusted": {"0", func(p *fakeProc) { p.process(20, 10, 100, "runc", "S", 0, userHost) }, forged("/usr/binary/runc"), " none unknown"},
		"a name alone":                  {"1000", func(p *fakeProc) { p.process(20, 10, 100, "runc", "S", 0, userHost) }, named, " none unknown"},
		"a user runs the host's runc":   {"1000", func(p *fakeProc) { p.process(20, 10, 100, "runc", "S", 0, userHost) }, forged("/usr/bin/runc"), "B lineage medium"},
		"the same, and the process is seen": {"1000", func(p *fakeProc) {
			p.process(20, 10, 100, "runc", "S", 0, userHost)
			p.process(22, 20, 200, "curl", "S", 0, userHost)
		}, forged("/usr/bin/runc"), "host proc high ?"},
		"a user's monitor": {"1000", func(p *fakeProc) { p.process(20, 10, 100, "conmon", "S", 0, userHost) },
			[]string{"at 500: 20 of 10 execve /tmp/conmon conmon -c B", "at 510: 22 of 20 setsid / [runc:[2:INIT]]"}, " none unknown"},
		"an id that is none": {"0", func(p *fakeProc) { p.process(20, 10, 100, "runc", "S", 0, shimHost) },
			[]string{"at 500: 20 of 10 execve /usr/bin/runc runc run my-prod-db", "at 510: 22 of 20 setsid / [runc:[2:INIT]]"}, " none unknown"},
		"in a container, all gone": {"0", func(*fakeProc) {}, forged("/usr/bin/runc"), " none unknown"},
		"in a container, its parent is there": {"0", func(p *fakeProc) { p.process(10, 9, -9000, "sh", "S", 0, "0::/docker/"+idA) },
			forged("/usr/bin/runc"), "4c07 parent medium"},
		"in a container, an engine's name between": {"0", func(p *fakeProc) { p.process(9, 8, -9000, "sh", "S", 0, "0::/docker/"+idA) },
			append([]string{"at 490: 10 of 9 execve /usr/bin/conmon conmon -c B"}, forged("/usr/bin/runc")...), "4c07 parent medium"},
		"a child of process 1, gone": {"0", func(*fakeProc) {},
			[]string{"at 500: 20 of 1 execve /usr/bin/runc runc run --bundle /x B", "at 510: 22 of 20 setsid /usr/bin/runc"}, " none unknown"},
		"on the host, the engine between is gone": {"0", func(p *fakeProc) { p.process(9, 8, -9000, "containerd", "S", 0, shimHost) },
			append([]string{"at 490: 10 of 9 execve /usr/bin/containerd-shim-runc-v2 s -namespace moby -id B start"}, forged("/usr/bin/runc")...), "B lineage medium"},
		"in an odd container": {"0", func(p *fakeProc) {
			p.process(20, 10, 100, "runc", "S", 0, "0::/lxc.payload.x/system.slice/docker.service")
			p.space(20, "x")
		}, forged("/usr/bin/runc"), " none unknown"},
		"on the host, in a folder of no known shape": {"0", func(p *fakeProc) { p.process(20, 10, 100, "runc", "S", 0, "0::/odd") },
			forged("/usr/bin/runc"), "B lineage medium"},
		"it was moved elsewhere": {"0", func(p *fakeProc) {
			p.process(10, 1, -9000, "containerd-shim", "S", 0, shimHost)
			p.process(22, 20, 100, "curl", "S", 0, "0::/docker/"+idA)
		}, forged("/usr/bin/runc"), "4c07 proc high ?"},
		"the engine's own, and /proc agrees": {"0", func(p *fakeProc) {
			p.process(10, 1, -9000, "containerd-shim", "S", 0, shimHost)
			p.process(22, 20, 100, "curl", "S", 0, "0::/docker/"+fullID("B"))
		}, forged("/usr/bin/runc"), "B lineage exact"},
	} {
		p := newFakeProc(t)
		c.set(p)
		tr := p.transform()
		var got string
		for _, line := range c.story {
			got = said(&run(t, tr, []capturedEvent{by(c.user, tell(t, line))}, 1)[0])
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestForgedControlGroups puts a process where its container or its user could
// have put it.
func TestForgedControlGroups(t *testing.T) {
	const user = "0::/user.slice/user-1000.slice/user@1000.service/"
	for name, c := range map[string]struct {
		space, want string
		groups      []string
	}{
		"docker's scope in a user's folder":       {"host", " none unknown", []string{user + "docker-" + idB + ".scope"}},
		"a pod's in a user's folder":              {"host", " none unknown", []string{user + "kubepods-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-" + idB + ".scope"}},
		"Podman's in a user's folder":             {"host", "eaca proc medium", []string{user + "user.slice/libpod-" + idB + ".scope/container"}},
		"another's below its own":                 {"A", "4c07 proc high ?", []string{"0::/docker/" + idA + "/docker/" + idB}},
		"a service below its own":                 {"A", "4c07 proc high", []string{"0::/docker/" + idA + "/system.slice/ssh.service"}},
		"a monitor below its own":                 {"A", "4c07 proc high ?", []string{"0::/docker/" + idA + "/crio-conmon-" + idB}},
		"two hierarchies, two containers":         {"A", "4c07 proc high ?", []string{"12:pids:/docker/" + idA, "1:name=systemd:/docker/" + idB, "0::/"}},
		"the root in systemd's hierarchy":         {"A", "4c07 proc high ?", []string{"12:pids:/docker/" + idA, "1:name=systemd:/", "0::/"}},
		"a hierarchy that no engine joins":        {"A", "4c07 proc high", []string{"12:pids:/docker/" + idA, "3:misc:/", "0::/"}},
		"only systemd's hierarchy":                {"host", " none unknown ?", []string{"12:pids:/", "1:name=systemd:/docker/" + idA, "0::/"}},
		"two lines of one hierarchy":              {"A", " none unknown ?", []string{"0::/docker/" + idA, "0::/docker/" + idB}},
		"moved itself into a service":             {"A", " none unknown", []string{"0::/system.slice/ssh.service"}},
		"moved itself to the root":                {"A", " none unknown", []string{"0::/"}},
		"a service":                               {"host", "host proc high", []string{"0::/system.slice/ssh.service"}},
		"a folder that an engine was told to use": {"A", "4c07 proc high", []string{"0::/builds/" + idA}},
		"a slice that an engine was told to use":  {"B", "eaca proc high", []string{"0::/ci.slice/ci-builds.slice/docker-" + idB + ".scope"}},
		"the same slice below a user":             {"B", " none unknown", []string{user + "ci-builds.slice/docker-" + idB + ".scope"}},
		"a folder that it was not told to use":    {"A", " none unknown", []string{"0::/other/" + idA}},
	} {
		p := newFakeProc(t)
		p.process(30, 29, 0, "evil", "S", 0, c.groups...)
		p.space(30, c.space)
		if strings.Contains(name, "slice") || strings.Contains(name, "told to use") {
			for id, parent := range map[string]string{idA: "/builds", idB: "ci-builds.slice"} {
				p.write("docker/containers/"+id+"/config.v2.json", `{"Name":"/x"}`)
				p.write("docker/containers/"+id+"/hostconfig.json", `{"CgroupParent":"`+parent+`"}`)
			}
		}
		s := Default()
		s.Procfs.Value, s.DockerRoot.Value = p.dir, filepath.Join(p.dir, "docker")
		tr, err := New(&s, plugin.Env{Now: p.clock})
		if err != nil {
			t.Fatal(err)
		}
		if got := said(&run(t, tr, []capturedEvent{tell(t, "at 500: 30 of 29 openat")}, 1)[0]); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestHostIsProvenWithoutAPrivilege reads NSpid, where the namespaces of others
// may not be read.
func TestHostIsProvenWithoutAPrivilege(t *testing.T) {
	for status, want := range map[string]string{"Name:\tx\nNSpid:\t30\n": "host proc high", "Name:\tx\nNSpid:\t30\t1\n": " none unknown", "": " none unknown"} {
		p := newFakeProc(t)
		p.process(30, 29, 0, "x", "S", 0, "0::/system.slice/ssh.service")
		p.write("30/status", status)
		for _, pid := range []string{"1", "30"} {
			if err := os.RemoveAll(filepath.Join(p.dir, pid, "ns")); err != nil {
				t.Fatal(err)
			}
		}
		if got := said(&run(t, p.transform(), []capturedEvent{tell(t, "at 500: 30 of 29 openat")}, 1)[0]); got != want {
			t.Errorf("%q: %q, want %q", status, got, want)
		}
	}
}

// TestAFakeEngineTeachesNothing lets a process of a container claim another
// container for another engine: that one keeps its name and runtime.
func TestAFakeEngineTeachesNothing(t *testing.T) {
	p := newFakeProc(t)
	p.process(40, 39, 0, "evil", "S", 0, "0::/docker/"+idA)
	p.process(41, 40, 100, "conmon", "S", 0, "0::/docker/"+idA)
	p.process(30, 29, 0, "app", "S", 0, "0::/builds/"+idB)
	p.write("docker/containers/"+idB+"/config.v2.json", `{"Name":"/web","Config":{"Image":"app:1","Labels":{"io.kubernetes.pod.namespace":"kube-system","io.kubernetes.pod.name":"dns"}}}`)
	p.write("docker/containers/"+idB+"/hostconfig.json", `{"CgroupParent":"/builds"}`)
	s := Default()
	s.Procfs.Value, s.DockerRoot.Value = p.dir, filepath.Join(p.dir, "docker")
	tr, err := New(&s, plugin.Env{Now: p.clock})
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, tr, []capturedEvent{tell(t, "at 500: 41 of 40 execve /usr/bin/conmon conmon --exit-dir /x/libpod/x -c "+idB), tell(t, "at 510: 30 of 29 openat")}, 1)
	f := out[1].Fields
	if got := said(&out[1]) + f.Get(schema.ContainerName).Str() + " " + f.Get(schema.ContainerRuntime).Str(); got != "eaca proc highweb docker" {
		t.Error(got)
	}
	if !f.Get(schema.OrchestratorType).IsZero() || !f.Get(schema.KubernetesPodName).IsZero() || f.GetNamed(schema.ContainerLabels, "io.kubernetes.pod.name").Str() != "dns" {
		t.Errorf("labels of an image made a pod: %v", f)
	}
}

// TestRecordsOfProgramsMoveNoLife sends the records that programs write: their
// pid is the kernel's, what else they say is theirs.
func TestRecordsOfProgramsMoveNoLife(t *testing.T) {
	login := func(line string) capturedEvent {
		e := tell(t, line)
		e.ev.Fields.Set(schema.EventCode, event.String("USER_LOGIN"))
		return e
	}
	p := newFakeProc(t)
	p.process(40, 1, -9000, "victim", "S", 0, "0::/docker/"+idB)
	p.process(41, 39, 0, "evil", "S", 0, "0::/docker/"+idA)
	p.process(1, 0, -9000, "systemd", "S", 0, "0::/init.scope")
	tr := p.transform()
	var got []string
	for _, e := range []capturedEvent{
		login("at 500: 41 of 40 openat"),     // names another's process as its parent
		login("at 510: 42 of 40 openat"),     // is gone
		tell(t, "at 520: 41 of 39 openat"),   // is still where it was
		login("at 530: 41 of 39 exit_group"), // says that it ended
		login("at 540: 41 of 1 execve /usr/bin/runc runc run B"),
		tell(t, "at 900: 43 of 41 openat"),
		login("at 910: 1 of 0 service"),
	} {
		got = append(got, said(&run(t, tr, []capturedEvent{e}, 1)[0]))
	}
	if s := strings.Join(got, ", "); s != "4c07 proc high,  none unknown, 4c07 proc high, 4c07 proc high, 4c07 proc high, 4c07 parent medium, host proc high" {
		t.Error(s)
	}
}

// TestTheParentOfAResolvedProcessIsNamed asks /proc for a parent that no event
// was of, once.
func TestTheParentOfAResolvedProcessIsNamed(t *testing.T) {
	p := newFakeProc(t)
	p.process(29, 1, -9000, "containerd-shim", "S", 0, shimHost)
	p.process(30, 29, 0, "app", "S", 0, "0::/docker/"+idA)
	if err := os.Symlink("/usr/bin/containerd-shim-runc-v2", filepath.Join(p.dir, "29", "exe")); err != nil {
		t.Fatal(err)
	}
	tr := p.transform()
	for range 2 {
		f := run(t, tr, []capturedEvent{tell(t, "at 500: 30 of 29 openat")}, 1)[0].Fields
		if n, x := f.Get(schema.ProcessParentName).Str(), f.Get(schema.ProcessParentExecutable).Str(); n != "containerd-shim" || x != "/usr/bin/containerd-shim-runc-v2" {
			t.Errorf("the parent is %q, %q", n, x)
		}
		if err := os.RemoveAll(filepath.Join(p.dir, "29", "exe")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOtherRecordsOfTheKernelFollowTheParent: a refusal by SELinux is an event of
// a system call, though its code is another; a program's is not.
func TestOtherRecordsOfTheKernelFollowTheParent(t *testing.T) {
	for code, want := range map[string]string{"AVC": "A lineage medium", "USER_AVC": " none unknown"} {
		tr := plain(t)
		e := tell(t, "at 30: 31 of 22 openat")
		e.ev.Fields.Set(schema.EventCode, event.String(code))
		e.ev.Fields.AddNamed(schema.AuditdData, "syscall", event.String("openat"))
		out := run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid), e}, 1)
		if got := told(&out[2]); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}
