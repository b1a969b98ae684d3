package container

// Whether an executable is part of its container's image: a file that was added or
// changed after the container was made lies in the writable layer, which an engine
// with overlay mounts keeps in a folder of its own on the host (overlayfs, Kernel
// documentation: the upper directory). It is looked for there, while the container
// lives; no link is followed out of that folder.
//
// Only events of now are looked at: what the folder holds says nothing of what it
// held an hour ago.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const (
	// driftFresh is how old an event may be whose executable is looked for.
	driftFresh = time.Minute

	// driftHeld is how long an answer is good. A file that is in the image can be
	// overwritten in the container at any time, and then runs from the layer: that
	// it was not there is soon asked anew.
	driftHeld, driftHeldNot = int64(time.Minute), int64(time.Second)

	// maxDrift is how many answers are remembered; then all are forgotten.
	maxDrift = 16384

	// maxMounts is how many bytes of a mountinfo are read.
	maxMounts = 1 << 20
)

// drifted names an executable of a container.
type drifted struct{ id, exe string }

// judged is an answer, and until when it is good.
type judged struct {
	until int64
	upper bool
}

// drift is what is known of the writable layers. Transform.mu guards it.
type drift struct {
	proc  string // where procfs is
	known map[drifted]judged
	dirs  map[string]judgedDir // by container
}

// judgedDir is the writable layer of a container, "" where it has none that can be
// found, and until when it is not looked for again.
type judgedDir struct {
	dir   string
	until int64
}

// drifted adds tallyman.exe_upper_layer to an event of a program that was run in a
// container, when that program lies in the container's writable layer.
func (t *Transform) drifted(f *adder, c *container, sn *seen) {
	if c == nil || sn.act != actExec || c.known.told == nil || t.proc == nil || len(sn.exe) < 2 || sn.exe[0] != '/' {
		return
	}
	now := t.env.Now().UnixNano()
	if now-sn.t > int64(driftFresh) {
		return
	}
	if t.lore.layers == nil {
		t.lore.layers = &drift{proc: t.proc.root, known: map[drifted]judged{}, dirs: map[string]judgedDir{}}
	}
	x := c.known.told
	dir := ""
	if x.UserUID == 0 {
		dir = x.UpperDir
	}
	if t.lore.layers.has(c.id, dir, x.InitPID, sn.exe, now) {
		f.next(schema.TallymanExeUpperLayer).SetValue(event.Bool(true))
	}
}

// has reports whether the writable layer of a container holds an executable. The
// layer is in dir, or where pid's mounts say.
func (d *drift) has(id, dir string, pid int, exe string, now int64) bool {
	if j, ok := d.known[drifted{id, exe}]; ok && now < j.until {
		return j.upper
	}
	if dir == "" {
		dir = d.layer(id, pid, now)
	}
	upper := dir != "" && d.holds(dir, exe)
	if len(d.known) >= maxDrift {
		clear(d.known)
	}
	held := driftHeldNot
	if upper {
		held = driftHeld
	}
	d.known[drifted{strings.Clone(id), strings.Clone(exe)}] = judged{now + held, upper}
	return upper
}

// layer returns the writable layer of a container by the mounts of its first
// process.
func (d *drift) layer(id string, pid int, now int64) string {
	if j, ok := d.dirs[id]; ok && now < j.until {
		return j.dir
	}
	if len(d.dirs) >= maxContainers {
		clear(d.dirs)
	}
	j := judgedDir{until: now + driftHeldNot}
	if pid > 0 {
		if text, err := readSome(filepath.Join(d.proc, strconv.Itoa(pid), "mountinfo"), maxMounts); err == nil {
			j.dir = upperOf(text)
		}
	}
	if j.dir != "" {
		j.until = now + driftHeld
	}
	d.dirs[strings.Clone(id)] = j
	return j.dir
}

// holds reports whether a folder of the host holds a regular file. Where the
// folder is not to be seen it is looked for in the host's own root, which is that
// of the first process.
func (d *drift) holds(dir, exe string) bool {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		root, err = os.OpenRoot(filepath.Join(d.proc, "1", "root", dir))
	}
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }() // it was only read
	in, err := root.Lstat(filepath.Clean(exe)[1:])
	return err == nil && in.Mode().IsRegular()
}

// upperOf returns the upper directory of the mount at the root, by the text of a
// mountinfo (proc_pid_mountinfo(5)); "" where that is no overlay. Of several mounts
// at the root the last is on top.
func upperOf(text string) string {
	dir := ""
	for line := range strings.Lines(text) {
		head, tail, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		at, rest := strings.Fields(head), strings.Fields(tail)
		if !ok || len(at) < 6 || at[4] != "/" || len(rest) < 3 {
			continue
		}
		dir = ""
		if rest[0] != "overlay" && rest[0] != "fuse.fuse-overlayfs" {
			continue
		}
		for _, o := range strings.Split(rest[2], ",") {
			if s, ok := strings.CutPrefix(o, "upperdir="); ok {
				dir = unmount(s)
			}
		}
	}
	if !filepath.IsAbs(dir) {
		return "" // of the folder of whoever mounted it
	}
	return dir
}

// unmount undoes the escapes of a mountinfo: a backslash and three octal digits.
func unmount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// readSome reads the beginning of a file.
func readSome(path string, most int) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 0, 16<<10)
	for len(b) < most {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil || n == 0 {
			break // its end, most often; what was read counts
		}
	}
	return string(b), nil
}
