package docker

import (
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestInspect: what a container may do goes on the events of create and start, with the
// digests that registries know its image by,
// whether a command is the health check on that of exec; one that is gone is
// told without it.
func TestInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	f := engineAt(t, path)
	id := strings.Repeat("ab", 32)
	image, pushed := "sha256:"+strings.Repeat("cc", 32), "sha256:"+strings.Repeat("dd", 32)
	f.inspect[image] = `{"RepoDigests":["shop/api@` + pushed + `","mirror.example/shop/api@` + pushed + `"]}`
	f.inspect[id] = `{"Id":"` + id + `","Image":"` + image + `","Mounts":[{"Source":"/var/run/docker.sock","Destination":"/s","RW":true}],
		"HostConfig":{"Privileged":true,"CapAdd":["sys_admin","CAP_NET_RAW","SYS_ADMIN"],"SecurityOpt":["seccomp=unconfined"],"NetworkMode":"host","PidMode":"host"},
		"Config":{"Healthcheck":{"Test":["CMD-SHELL","curl -f localhost"]}}}`
	say := func(action, id string) string {
		return `{"Type":"container","Action":"` + action + `","Actor":{"ID":"` + id + `","Attributes":{}},"timeNano":1795231588000000001}`
	}
	pinned := strings.Replace(say("create", id), `"Attributes":{}`, `"Attributes":{"image":"shop/api@`+pushed+`"}`, 1)
	f.tell(pinned, say("create", id), say("exec_create: /bin/sh -c curl -f localhost", id), say("exec_start: sh", id), say("create", strings.Repeat("cd", 32)), say("die", id), say("create", "../../x"))
	s := settings(t, path)
	s.Inspect = true
	in, err := build(s, plugintest.Env(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var b event.Batch
	for len(b.Events) < 7 {
		if err := in.Read(t.Context(), &b, 20_000_000_000); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	var got []string
	for i := range b.Events {
		line := ""
		for _, f := range b.Events[i].Fields {
			line += strings.TrimSuffix(f.Key.String()+"."+f.Name(), ".") + "=" + string(f.Value().Append(nil)) + " "
		}
		got = append(got, line)
	}
	may := "docker.container.mounts.0.source=/var/run/docker.sock docker.container.mounts.0.destination=/s docker.container.mounts.0.rw=true docker.container.capabilities_added=CAP_NET_RAW docker.container.capabilities_added=CAP_SYS_ADMIN docker.container.security_opt=seccomp=unconfined docker.container.network_mode=host docker.container.pid_mode=host "
	want := []string{"container.security_context.privileged=true container.image.hash.all=" + image + " " + may, // the line has the digest
		"container.security_context.privileged=true container.image.hash.all=" + pushed + " container.image.hash.all=" + image + " " + may,
		"docker.exec.healthcheck=true ", "docker.exec.healthcheck=false ", "", "", ""}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %q, want %q", i, got[i], want[i])
		}
	}
	if b.Events[0].Get(schema.ContainerSecurityContextPrivileged).IsZero() {
		t.Error("not a boolean")
	}
}
