package runtimes

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// sockets are where the engines listen. k3s and
// RKE2 bring a containerd of their own, MicroK8s too.
var sockets = []Source{
	{Runtime: Docker, Path: "/run/docker.sock"},
	{Runtime: Docker, Path: "/var/run/docker.sock"},
	{Runtime: Containerd, Path: "/run/containerd/containerd.sock"},
	{Runtime: Containerd, Path: "/run/k3s/containerd/containerd.sock"},
	{Runtime: Containerd, Path: "/var/snap/microk8s/common/run/containerd.sock"},
	{Runtime: CRIO, Path: "/run/crio/crio.sock"},
	{Runtime: CRIO, Path: "/var/run/crio/crio.sock"},
	{Runtime: Podman, Path: "/run/podman/podman.sock"},
}

// podmanStorage is where root's Podman keeps its containers; it is read where
// the socket is not there.
const podmanStorage = "/var/lib/containers/storage"

// Find returns what there is of the runtimes that are named, at the usual
// places below root: "" for this host's own, "/host" where its root is mounted
// there. Podman's sockets and storages of users are those in /run/user and /home.
func Find(root string, names []string) []Source {
	want := map[string]bool{}
	for _, n := range names {
		want[n] = true
	}
	var out []Source
	var met []os.FileInfo
	for _, s := range sockets {
		st, err := os.Stat(root + s.Path)
		if err != nil || !want[s.Runtime] || slices.ContainsFunc(met, func(o os.FileInfo) bool { return os.SameFile(st, o) }) {
			continue // /var/run is /run, mostly
		}
		met = append(met, st)
		out = append(out, Source{Runtime: s.Runtime, Path: root + s.Path, Quiet: true})
	}
	if !want[Podman] {
		return out
	}
	if isFolder(root+podmanStorage) && !exists(root+"/run/podman/podman.sock") {
		out = append(out, Source{Runtime: Podman, Path: root + podmanStorage, Quiet: true})
	}
	return append(out, users(root)...)
}

// maxUsers bounds the users whose Podman is followed.
const maxUsers = 64

// users returns where users have a Podman of their own. Its socket is where its
// containers are, if it is there; that only root may open it is not so, and what
// it says is that user's word.
func users(root string) []Source {
	var out []Source
	taken := map[uint32]bool{}
	socks, _ := filepath.Glob(root + "/run/user/[0-9]*/podman/podman.sock")
	for _, path := range socks {
		uid, err := strconv.ParseUint(filepath.Base(filepath.Dir(filepath.Dir(path))), 10, 32)
		if err == nil && uid != 0 && !taken[uint32(uid)] && len(out) < maxUsers {
			taken[uint32(uid)] = true
			out = append(out, Source{Runtime: Podman, Path: path, User: uint32(uid), Quiet: true})
		}
	}
	homes, _ := filepath.Glob(root + "/home/*/.local/share/containers/storage")
	for _, path := range homes {
		uid, ok := ownerOf(path)
		if ok && uid != 0 && !taken[uid] && len(out) < maxUsers {
			taken[uid] = true
			out = append(out, Source{Runtime: Podman, Path: path, User: uid, Quiet: true})
		}
	}
	return out
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
