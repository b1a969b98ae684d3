package container

import (
	"strings"
	"testing"
)

func TestCommandLines(t *testing.T) {
	for name, c := range map[string]struct {
		exe, line string
		want      command
	}{
		"docker create": {"/usr/bin/runc", "runc --root /var/run/docker/runtime-runc/moby --log /l --log-format json create --bundle /b --pid-file /p " + idA,
			command{id: idA, runtime: "docker"}},
		"docker exec": {"/usr/bin/runc", "runc --root /var/run/docker/runtime-runc/moby --log /l --log-format json exec --process /tmp/p --detach --pid-file /run/" + idB + ".pid " + idA,
			command{id: idA, runtime: "docker"}},
		"containerd create": {"/usr/bin/runc", "runc --root /run/containerd/runc/k8s.io --log /l --log-format json --systemd-cgroup create --bundle /run/containerd/io.containerd.runtime.v2.task/k8s.io/" + idA + " " + idA,
			command{id: idA, runtime: "containerd"}},
		"podman, crun": {"/usr/bin/crun", "/usr/bin/crun --systemd-cgroup --log-format=json --log /l create --bundle /var/lib/containers/storage/overlay-containers/x/userdata --pid-file /p " + idA,
			command{id: idA}},
		"with equals":         {"/usr/bin/runc", "runc --root=/run/runc exec --process=/p -d=true " + idA + " sh -c x", command{id: idA}},
		"run by hand":         {"/usr/sbin/runc", "runc run web", command{id: "web"}},
		"after two dashes":    {"/usr/sbin/runc", "runc exec -t -- web sh", command{id: "web"}},
		"start is none":       {"/usr/sbin/runc", "runc start web", command{}},
		"init is none":        {"/usr/sbin/runc", "runc init", command{}},
		"no id":               {"/usr/sbin/runc", "runc create --bundle", command{}},
		"value missing":       {"/usr/sbin/runc", "runc --root", command{}},
		"unknown option":      {"/usr/sbin/runc", "runc --other x create web", command{}},
		"unknown verb option": {"/usr/sbin/runc", "runc create --other x web", command{}},
		"an id is no path":    {"/usr/sbin/runc", "runc create ../web", command{}},
		"another program":     {"/usr/bin/run", "runc create web", command{}},
		"podman's conmon": {"/usr/bin/conmon", "/usr/bin/conmon --api-version 1 -c " + idA + " -u " + idB + " -r /usr/bin/crun -b /b -p /p -n web --exit-dir /run/libpod/exits --full-attach -s -l k8s-file:/x --exit-command-arg -c --exit-command-arg " + idB,
			command{id: idA, runtime: "podman", monitor: true}},
		"CRI-O's conmon": {"/usr/libexec/crio/conmon", "conmon -b /run/containers/storage/overlay-containers/x/userdata -c " + idA + " --exit-dir /var/run/crio/exits -l /var/log/pods/x -n k8s_api -P /c --syslog -u " + idA,
			command{id: idA, runtime: "cri-o", monitor: true}},
		"conmon, long options":    {"/usr/bin/conmon", "conmon --cid=" + idA + " --cuuid=" + idB, command{id: idA, monitor: true}},
		"conmon's version":        {"/usr/bin/conmon", "/usr/bin/conmon --version", command{}},
		"a -c that is a value":    {"/usr/bin/conmon", "conmon --exit-command-arg -c --exit-command-arg x", command{}},
		"docker's shim":           {"/usr/bin/containerd-shim-runc-v2", "s -namespace moby -id " + idA + " -address /s", command{id: idA, runtime: "docker", monitor: true}},
		"docker's shim, starting": {"/usr/bin/containerd-shim-runc-v2", "s -namespace moby -address /s -publish-binary /c -id " + idA + " start", command{id: idA, runtime: "docker", monitor: true}},
		"docker's old shim":       {"/usr/bin/containerd-shim", "s -namespace moby -workdir /var/lib/x/moby/" + idA + " -address /s", command{id: idA, runtime: "docker", monitor: true}},
		"a pod's shim":            {"/usr/bin/containerd-shim-runc-v2", "s -namespace k8s.io -id " + idA + " -address /s", command{}},
	} {
		got, ok := parseCommand(c.exe, strings.Fields(c.line))
		if ok != (c.want.id != "") || ok && got != c.want {
			t.Errorf("%s: %v %+v, want %+v", name, ok, got, c.want)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("runc", "runc --root /r create --bundle /b "+idA)
	f.Add("conmon", "conmon -c "+idA+" -u "+idB)
	f.Add("containerd-shim-runc-v2", "s -namespace moby -id "+idA+" start")
	f.Fuzz(func(t *testing.T, exe, line string) {
		if c, ok := parseCommand("/usr/bin/"+exe, strings.Split(line, " ")); ok && (!validID(c.id) || !strings.Contains(line, c.id)) {
			t.Fatalf("%q became %+v", line, c)
		}
	})
}
