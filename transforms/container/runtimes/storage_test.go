package runtimes

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// podmanHome is a folder of containers/storage with the state beside it.
type podmanHome struct {
	t        *testing.T
	dir, run string
	list     []map[string]any
}

func newPodmanHome(t *testing.T) *podmanHome {
	d := t.TempDir()
	p := &podmanHome{t: t, dir: filepath.Join(d, "storage"), run: filepath.Join(d, "run")}
	p.write(filepath.Join(p.run, "x"), "")
	p.save()
	return p
}

func (p *podmanHome) write(path, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		p.t.Fatal(err)
	}
}

func (p *podmanHome) save() {
	b, _ := json.Marshal(p.list)
	if p.list == nil {
		b = []byte("[]")
	}
	p.write(filepath.Join(p.dir, "overlay-containers", "containers.json"), string(b))
}

func (p *podmanHome) add(id, name, manager string, pid int) {
	meta, _ := json.Marshal(map[string]string{"image-name": "localhost/bb:1", "image-id": strings.Repeat("a", 64), "name": name})
	p.list = append(p.list, map[string]any{"id": id, "names": []string{name}, "image": strings.Repeat("a", 64), "created": "2023-11-14T22:13:20Z", "metadata": string(meta)})
	p.write(filepath.Join(p.dir, "overlay-containers", id, "userdata", "config.json"),
		fmt.Sprintf(`{"annotations":{"io.container.manager":%q},"linux":{"cgroupsPath":"/libpod_parent/libpod-%s"}}`, manager, id))
	if pid > 0 {
		p.write(filepath.Join(p.run, "overlay-containers", id, "userdata", "pidfile"), fmt.Sprint(pid))
	}
	p.save()
}

// source returns what reads the folder, not started.
func (p *podmanHome) source(user uint32) *storage {
	s, c := testStore(100)
	r := (&Options{Now: c.now}).runner(s, Podman, p.dir, true)
	r.part.user = user
	if user != 0 {
		r.part.rank = rankUser
	}
	st := newStorage(r, p.dir)
	st.run, st.seen = p.run, map[string]stamp{}
	return st
}

func (s *storage) once(t *testing.T) {
	t.Helper()
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := s.look(root); err != nil {
		t.Fatal(err)
	}
}

func TestPodmanFiles(t *testing.T) {
	p := newPodmanHome(t)
	s := p.source(0)
	s.once(t)
	p.add(far(1), "web", "libpod", 42)
	p.add(far(2), "stopped", "libpod", 0)
	p.add(far(3), "k8s_x", "cri-o", 7)
	s.once(t)
	c := s.store.Lookup(far(1))
	if c == nil || c.Name != "web" || c.Runtime != Podman || c.Image != "localhost/bb" || c.ImageTag != "1" || c.ImageID != "sha256:"+strings.Repeat("a", 64) ||
		c.InitPID != 42 || c.CgroupParent != "/libpod_parent" || c.Created.IsZero() {
		t.Errorf("%+v", c)
	}
	if c := s.store.Lookup(far(2)); c == nil || c.InitPID != 0 {
		t.Errorf("%+v", c)
	}
	if c := s.store.Lookup(far(3)); c != nil {
		t.Errorf("CRI-O's container is taken for Podman's: %+v", c)
	}
	reads := s.events.Value()
	p.write(filepath.Join(p.run, "overlay-containers", far(1), "userdata", "pidfile"), "43")
	s.once(t)
	if c := s.store.Lookup(far(1)); c.InitPID != 43 || s.events.Value() != reads {
		t.Errorf("pid %d; the list was read %d times, and did not change", c.InitPID, s.events.Value()-reads)
	}
	p.list = p.list[1:]
	p.save()
	s.once(t)
	if c := s.store.Lookup(far(1)); c.Gone.IsZero() || c.InitPID != 0 {
		t.Errorf("%+v", c)
	}
}

func TestPodmanFilesAreFollowed(t *testing.T) {
	p := newPodmanHome(t)
	w := follow(t, Options{Sources: []Source{{Runtime: Podman, Path: p.dir}}})
	p.add(far(1), "web", "libpod", 0)
	w.Store().Want(far(1))
	w.until("it is read", far(1), named("web"))
}

// TestPodmanFilesOfAUser has what a user may put into a folder of their own.
func TestPodmanFilesOfAUser(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(secret, []byte(`[{"id":"`+far(9)+`","names":["from elsewhere"]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		make func(path string) error
	}{
		{"a link out of the folder", func(path string) error { return os.Symlink(secret, path) }},
		{"a pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"no list", func(path string) error { return os.WriteFile(path, []byte(`{"id":`), 0o600) }},
		{"no end", func(path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, maxFile+1)
		}},
	} {
		p := newPodmanHome(t)
		path := filepath.Join(p.dir, "overlay-containers", "containers.json")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := c.make(path); err != nil {
			t.Fatal(err)
		}
		s := p.source(1000)
		root, err := os.OpenRoot(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.look(root); err == nil {
			t.Errorf("%s is read", c.what)
		}
		_ = root.Close()
		if s.store.Lookup(far(9)) != nil {
			t.Errorf("%s: what is elsewhere is known", c.what)
		}
	}
	p := newPodmanHome(t)
	s := p.source(1000)
	p.add(far(1), "mine", "libpod", 1)
	p.add("../../etc", "path", "libpod", 0)
	s.once(t)
	if c := s.store.Lookup(far(1)); c == nil || c.UserUID != 1000 {
		t.Errorf("%+v", c)
	}
	if s.store.Lookup("../../etc") != nil {
		t.Error("a path is an id")
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	s.part.user = uint32(os.Geteuid()) + 1
	if err := s.owned(root); err == nil {
		t.Error("another user's folder is taken for that user's word")
	}
	s.part.user = uint32(os.Geteuid())
	if err := s.owned(root); err != nil {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	all := []string{Docker, Containerd, CRIO, Podman}
	paths := func(list []Source) string {
		var out []string
		for _, s := range list {
			out = append(out, fmt.Sprintf("%s %s %d", s.Runtime, strings.TrimPrefix(s.Path, root), s.User))
		}
		return strings.Join(out, "; ")
	}
	if got := paths(Find(root, all)); got != "" {
		t.Errorf("where nothing is: %s", got)
	}
	for _, dir := range []string{"/var/lib/containers/storage", "/run/k3s/containerd", "/run/user/1000/podman", "/home/ann/.local/share/containers/storage"} {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/run/k3s/containerd/containerd.sock", "/run/user/1000/podman/podman.sock"} {
		if err := os.WriteFile(root+path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := paths(Find(root, []string{Containerd, Podman}))
	want := "containerd /run/k3s/containerd/containerd.sock 0; podman /var/lib/containers/storage 0; podman /run/user/1000/podman/podman.sock 1000"
	if os.Geteuid() != 0 { // the home folder is this user's, who is none of those above
		want += fmt.Sprintf("; podman /home/ann/.local/share/containers/storage %d", os.Geteuid())
	}
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if list := Find(root, nil); len(list) != 0 {
		t.Errorf("nothing is asked for: %v", list)
	}
}
