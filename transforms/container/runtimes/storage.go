package runtimes

// Podman without its socket: the files of containers/storage, which name the
// containers, their images and, while they run, their processes.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// storage follows one root folder of containers/storage, as
// /var/lib/containers/storage. What is in a user's folder is that user's word.
type storage struct {
	*runner
	dir  string
	run  string // where the containers' state is while they run
	kick chan struct{}

	seen map[string]stamp // of the files that list containers
}

// lists are the files that list containers: those that outlive a boot, and
// those of `podman run --rm`, in versions that have them apart.
var lists = []string{"overlay-containers/containers.json", "overlay-containers/volatile-containers.json",
	"vfs-containers/containers.json", "vfs-containers/volatile-containers.json"}

func newStorage(r *runner, dir string) *storage {
	s := &storage{runner: r, dir: dir, run: "/run/containers/storage", kick: make(chan struct{}, 1)}
	if r.part.user != 0 {
		s.run = filepath.Join("/run/user", strconv.Itoa(int(r.part.user)), "containers")
	}
	return s
}

// ask has the files read soon.
func (s *storage) ask(string) {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *storage) help() string { return "run as root, or leave podman out of the settings" }

// follow looks at the files every second and reads those that changed. The
// files are replaced as a whole, so a half-written one is never seen.
func (s *storage) follow(ctx context.Context, up func()) error {
	s.seen = map[string]stamp{}
	for first := true; ctx.Err() == nil; first = false {
		root, err := os.OpenRoot(s.dir)
		if err != nil {
			return fmt.Errorf("open %s: %w", s.dir, err)
		}
		if err = s.owned(root); err == nil {
			err = s.look(root)
		}
		_ = root.Close()
		if err != nil {
			return err
		}
		if first {
			up()
		}
		s.rest(ctx)
	}
	return ctx.Err()
}

// owned refuses a folder that is not, or no more, that of the user whose word
// it is taken for.
func (s *storage) owned(root *os.Root) error {
	st, err := root.Stat(".")
	if err != nil {
		return fmt.Errorf("look at %s: %w", s.dir, err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); s.part.user != 0 && (!ok || sys.Uid != s.part.user) {
		return fmt.Errorf("look at %s: %w: it is not the folder of user %d", s.dir, errDenied, s.part.user)
	}
	return nil
}

// rest waits for the next look.
func (s *storage) rest(ctx context.Context) {
	nap, cancel := context.WithCancel(ctx)
	defer cancel()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		select {
		case <-s.kick:
			cancel()
		case <-nap.Done():
		}
	}()
	s.pause(nap, poll)
	cancel()
	<-woken
}

// stored is an entry of a list.
type stored struct {
	ID       string    `json:"id"`
	Names    []string  `json:"names"`
	Image    string    `json:"image"`
	Created  time.Time `json:"created"`
	Metadata string    `json:"metadata"` // JSON again, of who made the container
}

// kept is the metadata that Podman and CRI-O put there.
type kept struct {
	ImageName string `json:"image-name"`
	Name      string `json:"name"`
	PodName   string `json:"pod-name"` // CRI-O
	PodID     string `json:"pod-id"`   // CRI-O
}

// look reads the lists if one changed, and tells of their containers.
func (s *storage) look(root *os.Root) error {
	stamps := make(map[string]stamp, len(lists))
	for _, name := range lists {
		if st, err := root.Lstat(name); err == nil {
			stamps[name] = stampOf(st)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at %s/%s: %w", s.dir, name, err)
		}
	}
	if same(stamps, s.seen) {
		s.pids(root)
		return nil
	}
	ids := map[string]bool{}
	for _, name := range lists {
		if _, there := stamps[name]; !there {
			continue
		}
		b, err := read(root, name)
		if err != nil {
			return fmt.Errorf("read %s/%s: %w", s.dir, name, err)
		}
		var list []stored
		if err := json.Unmarshal(b, &list); err != nil {
			return fmt.Errorf("decode %s/%s: %w", s.dir, name, err)
		}
		for i := range list {
			if s.tell(root, name, &list[i]) {
				ids[list[i].ID] = true
			}
		}
	}
	s.events.Inc()
	s.only(ids)
	s.seen = stamps
	s.pids(root)
	return nil
}

// spec is the part of a container's config.json that says more than the list.
type spec struct {
	Annotations map[string]string `json:"annotations"`
	Process     struct {
		Env []string `json:"env"`
	} `json:"process"`
	Linux struct {
		CgroupsPath string `json:"cgroupsPath"`
	} `json:"linux"`
}

// tell tells of one container; false where it is another engine's, or none.
func (s *storage) tell(root *os.Root, list string, c *stored) bool {
	if !isID(c.ID) {
		return false
	}
	if s.of(c.ID) != nil {
		s.revive(c.ID)
		return true
	}
	var k kept
	if err := json.Unmarshal([]byte(c.Metadata), &k); err != nil {
		k = kept{}
	}
	if k.PodName != "" || k.PodID != "" {
		return false // CRI-O's, which tells of it itself
	}
	out := &Container{ID: c.ID, Runtime: Podman, Name: k.Name, Created: c.Created}
	if out.Name == "" && len(c.Names) > 0 {
		out.Name = c.Names[0]
	}
	out.setImage(k.ImageName)
	out.setImageID(c.Image)
	var sp spec
	if b, err := read(root, filepath.Join(filepath.Dir(list), c.ID, "userdata", "config.json")); err == nil && json.Unmarshal(b, &sp) == nil {
		if m := sp.Annotations["io.container.manager"]; m != "" && m != "libpod" {
			return false
		}
		out.CgroupParent = parentOf(sp.Linux.CgroupsPath)
	}
	s.put(out)
	return true
}

// pids looks for the process of each container that has none yet, and for those
// whose process ended.
func (s *storage) pids(root *os.Root) {
	var list []*Container
	s.store.Each(func(c *Container) {
		if c.Runtime == Podman && c.Gone.IsZero() && c.UserUID == s.part.user {
			list = append(list, c)
		}
	})
	run, err := os.OpenRoot(s.run)
	if err != nil {
		run = root
	} else {
		defer func() { _ = run.Close() }()
	}
	for _, c := range list {
		if s.of(c.ID) == nil {
			continue
		}
		pid := pidOf(run, c.ID)
		if pid != c.InitPID {
			s.edit(c.ID, func(c *Container) { c.InitPID = pid })
		}
	}
}

// pidOf reads the file in which the runtime keeps a container's process; 0 where
// there is none.
func pidOf(root *os.Root, id string) int {
	for _, driver := range []string{"overlay-containers", "vfs-containers"} {
		b, err := read(root, filepath.Join(driver, id, "userdata", "pidfile"))
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}
