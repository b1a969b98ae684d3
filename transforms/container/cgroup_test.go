package container

import (
	"strings"
	"testing"
)

const (
	idA = "4c07bbad986df9787e0c32909c5d1b331f718cbf385d4efbee728e3dbfba3fd3"
	idB = "eaca95b31436072f405ca64529d342516df3f7e0e2f4b13a8133b1721107a988"
	uid = "0f7c1d7e-6a0d-4a53-9ff1-1c0a5d0b7a11"
)

func TestCgroupPaths(t *testing.T) {
	slice := "kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice"
	for name, c := range map[string]struct {
		path string
		want place
	}{
		"docker, cgroupfs":               {"/docker/" + idA, place{id: idA, runtime: "docker"}},
		"docker, cgroupfs below systemd": {"/system.slice/docker/" + idA, place{id: idA, runtime: "docker"}},
		"docker, systemd":                {"/system.slice/docker-" + idA + ".scope", place{id: idA, runtime: "docker"}},
		"docker rootless":                {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + idA + ".scope", place{id: idA, runtime: "docker", parent: "user.slice/user-1000.slice/user@1000.service/user.slice"}},
		"docker, systemd inside":         {"/system.slice/docker-" + idA + ".scope/init.scope", place{id: idA, runtime: "docker"}},
		"docker, own cgroup parent":      {"/builds/" + idA, place{id: idA, parent: "builds"}},
		"docker seen from a namespace":   {"/../" + idA, place{id: idA}},
		"systemd seen from a namespace":  {"/../../system.slice/docker-" + idA + ".scope", place{id: idA, runtime: "docker"}},
		"docker in docker":               {"/docker/" + idA + "/docker/" + idB, place{id: idA, runtime: "docker", nested: true}},
		"docker in docker, systemd":      {"/system.slice/docker-" + idA + ".scope/docker/" + idB, place{id: idA, runtime: "docker", nested: true}},
		"pod in docker":                  {"/docker/" + idA + "/kubelet/kubepods/besteffort/pod" + uid + "/" + idB, place{id: idA, runtime: "docker", nested: true}},
		"pod in docker, systemd":         {"/docker/" + idA + "/kubelet.slice/kubelet-kubepods.slice/cri-containerd-" + idB + ".scope", place{id: idA, runtime: "docker", nested: true}},
		"kubepods besteffort, cgroupfs":  {"/kubepods/besteffort/pod" + uid + "/" + idA, place{id: idA, pod: uid, kube: true}},
		"kubepods guaranteed, cgroupfs":  {"/kubepods/pod" + uid + "/" + idA, place{id: idA, pod: uid, kube: true}},
		"static pod":                     {"/kubepods/burstable/pod" + idA[:32] + "/" + idA, place{id: idA, pod: idA[:32], kube: true}},
		"kubepods crio":                  {"/kubepods.slice/kubepods-burstable.slice/" + slice + "/crio-" + idA + ".scope", place{id: idA, runtime: "cri-o", pod: uid, kube: true}},
		"kubepods crio, cgroupfs":        {"/kubepods/burstable/pod" + uid + "/crio-" + idA, place{id: idA, runtime: "cri-o", pod: uid, kube: true}},
		"kubepods crio, container below": {"/kubepods.slice/" + slice + "/crio-" + idA + ".scope/container", place{id: idA, runtime: "cri-o", pod: uid, kube: true}},
		"kubepods containerd":            {"/kubepods.slice/kubepods-burstable.slice/" + slice + "/cri-containerd-" + idA + ".scope", place{id: idA, runtime: "containerd", pod: uid, kube: true}},
		"kubepods docker":                {"/kubepods.slice/kubepods-burstable.slice/" + slice + "/docker-" + idA + ".scope", place{id: idA, runtime: "docker", pod: uid, kube: true}},
		"mixed drivers":                  {"/system.slice/containerd.service/" + slice + ":cri-containerd:" + idA, place{id: idA, runtime: "containerd", pod: uid, kube: true}},
		"mixed drivers, crio":            {"/" + slice + ":crio:" + idA, place{id: idA, runtime: "cri-o", pod: uid, kube: true}},
		"containerd namespace":           {"/k8s.io/" + idA, place{id: idA, runtime: "containerd", kube: true}},
		"nerdctl":                        {"/system.slice/nerdctl-" + idA + ".scope", place{id: idA, runtime: "containerd"}},
		"podman, cgroupfs":               {"/libpod_parent/libpod-" + idA, place{id: idA, runtime: "podman"}},
		"podman, systemd":                {"/machine.slice/libpod-" + idA + ".scope", place{id: idA, runtime: "podman"}},
		"podman rootless, crun":          {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container", place{id: idA, runtime: "podman", weak: true}},
		"podman, split":                  {"/system.slice/web.service/libpod-payload-" + idA, place{id: idA, runtime: "podman", weak: true}},
		"conmon of podman is the host":   {"/machine.slice/libpod-conmon-" + idA + ".scope", place{host: true}},
		"conmon of crio is the host":     {"/system.slice/crio-conmon-" + idA + ".scope", place{host: true}},
		"conmon in a container is not":   {"/docker/" + idA + "/libpod-conmon-" + idB + ".scope", place{id: idA, runtime: "docker", nested: true}},
		"root":                           {"/", place{host: true}},
		"service":                        {"/system.slice/sshd.service", place{host: true}},
		"docker's own service":           {"/system.slice/docker.service", place{host: true}},
		"session":                        {"/user.slice/user-1000.slice/session-3.scope", place{host: true}},
		"init":                           {"/init.scope", place{host: true}},
		"ours, in a namespace":           {"/..", place{}},
		"empty":                          {"", place{}},
		"not absolute":                   {"system.slice/sshd.service", place{}},
		"machine":                        {"/machine.slice/machine-web.scope", place{}},
		"lxc":                            {"/lxc.payload.web", place{}},
		"buildkit":                       {"/system.slice/docker.service/buildkit/k1a2b3c4d5e6f7g8h9i0j1k2l", place{}},
		"a delegated folder":             {"/system.slice/app.service/worker", place{}},
		"short id":                       {"/docker/" + idA[:63], place{}},
		"upper case is no id":            {"/docker/" + strings.ToUpper(idA), place{}},
		"unknown prefix":                 {"/system.slice/other-" + idA + ".scope", place{}},
		"unknown colon prefix":           {"/system.slice:other:" + idA, place{}},
		"odd pod":                        {"/kubepods/podxyz/" + idA, place{id: idA, kube: true}},
		"forged pod of a user":           {"/user.slice/user-1000.slice/" + slice + "/cri-containerd-" + idB + ".scope", place{id: idB, runtime: "containerd", parent: "user.slice/user-1000.slice/" + slice}},
		"forged folder of a service":     {"/system.slice/app.service/docker/" + idB, place{id: idB, parent: "system.slice/app.service/docker"}},
		"forged slice of a service":      {"/system.slice/app.service/" + slice + ":cri-containerd:" + idB, place{id: idB, runtime: "containerd", parent: "system.slice/app.service"}},
		"forged monitor below a payload": {"/user.slice/user-1000.slice/libpod-" + idB + ".scope/libpod-conmon-" + idA + ".scope", place{id: idB, runtime: "podman", weak: true, nested: true}},
		"forged below lxc":               {"/lxc.payload.x/docker/" + idB, place{id: idB, parent: "lxc.payload.x/docker"}},
	} {
		if got := parseCgroup(c.path); got != c.want {
			t.Errorf("%s: %s\n got %+v\nwant %+v", name, c.path, got, c.want)
		}
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add("/docker/" + idA)
	f.Add("/a:crio:" + idA)
	f.Add("/machine.slice/libpod-conmon-" + idA + ".scope")
	f.Fuzz(func(t *testing.T, path string) {
		p := parseCgroup(path)
		if p.id != "" && (p.host || !isID(p.id) || !strings.Contains(path, p.id)) {
			t.Fatalf("%q became %+v", path, p)
		}
	})
}
