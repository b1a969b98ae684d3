package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
	"tallyman/transforms/container/runtimes"
)

// layered makes the writable layer of a container, and a /proc whose process 1 has
// the test's root and whose process 41 has the layer at its root.
func layered(t *testing.T) (upper, proc string) {
	t.Helper()
	dir := t.TempDir()
	upper, proc = filepath.Join(dir, "up per", "diff"), filepath.Join(dir, "proc")
	for path, text := range map[string]string{
		filepath.Join(upper, "usr/bin/added"): "x", filepath.Join(dir, "outside"): "x", filepath.Join(upper, "d/e/f"): "x",
		filepath.Join(proc, "41", "mountinfo"): "22 1 0:20 / / rw - overlay overlay rw,lowerdir=/l,upperdir=" + strings.ReplaceAll(upper, " ", `\040`) + ",workdir=/w\n23 22 0:21 / /proc rw - proc proc rw\n",
		filepath.Join(proc, "42", "mountinfo"): "22 1 0:20 / / rw - ext4 /dev/vda rw\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out": filepath.Join(dir, "outside"), "up": "../../outside", "etc": dir, "near": "usr/bin/added"} {
		if err := os.Symlink(to, filepath.Join(upper, name)); err != nil {
			t.Fatal(err)
		}
	}
	return upper, proc
}

// TestDriftLooksIntoTheLayer: a regular file of the layer is found, whichever way
// the layer is known, and nothing outside of it is, by links or by dots.
func TestDriftLooksIntoTheLayer(t *testing.T) {
	upper, proc := layered(t)
	for _, way := range []struct {
		name, dir string
		pid       int
	}{{"said by the engine", upper, 0}, {"by the mounts", "", 41}} {
		for exe, want := range map[string]bool{"/usr/bin/added": true, "/d/e/f": true, "/usr/bin": false, "/usr/bin/sh": false, "/out": false, "/up": false,
			"/near": false, "/etc/outside": false, "/../../outside": false, "/usr/../../../outside": false} {
			d := &drift{proc: proc, known: map[drifted]judged{}, dirs: map[string]judgedDir{}}
			if got := d.has("c", way.dir, way.pid, exe, 1); got != want {
				t.Errorf("%s: %s is %v", way.name, exe, got)
			}
		}
	}
	d := &drift{proc: proc, known: map[drifted]judged{}, dirs: map[string]judgedDir{}}
	for _, pid := range []int{0, 42, 43} {
		if d.has("c", "", pid, "/usr/bin/added", int64(pid)*driftHeld) {
			t.Errorf("process %d has a layer", pid)
		}
	}
	// Where the folder is not to be seen it is looked for in the host's root.
	if err := os.MkdirAll(filepath.Join(proc, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(upper), filepath.Join(proc, "1", "root")); err != nil {
		t.Fatal(err)
	}
	if !d.has("other", "/diff", 0, "/usr/bin/added", 1) {
		t.Error("the host's root was not looked into")
	}
}

// TestDriftAnswersAreHeldForAWhile: an answer is not asked for again at once, and
// that a file was not there is soon asked anew; there are only so many answers.
func TestDriftAnswersAreHeldForAWhile(t *testing.T) {
	upper, proc := layered(t)
	d := &drift{proc: proc, known: map[drifted]judged{}, dirs: map[string]judgedDir{}}
	file := filepath.Join(upper, "late")
	if d.has("c", upper, 0, "/late", 1) {
		t.Fatal("it is there already")
	}
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if d.has("c", upper, 0, "/late", driftHeldNot) {
		t.Error("the answer was not held")
	}
	if !d.has("c", upper, 0, "/late", driftHeldNot+2) {
		t.Error("what was added is not found")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if !d.has("c", upper, 0, "/late", driftHeldNot+3) || d.has("c", upper, 0, "/late", driftHeldNot+3+driftHeld) {
		t.Error("the answer was not held, or for ever")
	}
	for i := range maxDrift + 10 {
		d.known[drifted{id: string(rune(i + 1))}] = judged{}
	}
	if d.has("c", upper, 0, "/x", 1); len(d.known) > 1 {
		t.Errorf("%d answers are remembered", len(d.known))
	}
}

// TestDriftIsSaidOfNow: only of a program that was run in a container that an
// engine tells of, and only of an event of now.
func TestDriftIsSaidOfNow(t *testing.T) {
	upper, proc := layered(t)
	now := time.Unix(1_795_227_901, 0)
	in := func(told *runtimes.Container) *container {
		return &container{id: strings.Repeat("ab", 32), known: facts{told: told}}
	}
	engine := &runtimes.Container{UpperDir: upper}
	run := seen{t: now.UnixNano(), act: actExec, exe: "/usr/bin/added"}
	for _, c := range []struct {
		name   string
		in     *container
		change func(*seen)
		want   bool
	}{
		{"said by the engine", in(engine), func(*seen) {}, true},
		{"by the mounts", in(&runtimes.Container{InitPID: 41}), func(*seen) {}, true},
		{"of the image", in(engine), func(s *seen) { s.exe = "/bin/sh" }, false},
		{"a user's engine is not believed about a folder", in(&runtimes.Container{UpperDir: upper, UserUID: 1000}), func(*seen) {}, false},
		{"no container", nil, func(*seen) {}, false},
		{"no engine tells of it", in(nil), func(*seen) {}, false},
		{"not run, or in vain", in(engine), func(s *seen) { s.act = 0 }, false},
		{"old", in(engine), func(s *seen) { s.t -= int64(driftFresh) + 1 }, false},
		{"no path", in(engine), func(s *seen) { s.exe = "memfd:x" }, false},
	} {
		env := plugintest.Env(t.TempDir())
		env.Now = func() time.Time { return now }
		tr := &Transform{env: env, proc: newProcfs(proc, env.Now)}
		f := adder{out: &event.Batch{}}
		sn := run
		c.change(&sn)
		tr.drifted(&f, c.in, &sn)
		if got := f.fields.Get(schema.TallymanExeUpperLayer).True(); got != c.want || !c.want && len(f.fields) > 0 {
			t.Errorf("%s: %v", c.name, f.fields)
		}
	}
}

// TestUpperOf: the mount on top of the root decides, escapes are undone, and what
// is not absolute is none.
func TestUpperOf(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "x\n": "", "1 2 0:1 / / rw - overlay\n": "",
		"1 2 0:1 / / rw shared:1 - overlay overlay rw,upperdir=/a\\040b\\134,workdir=/w":               `/a b\`,
		"1 2 0:1 / / rw - overlay o rw,upperdir=/a\n3 2 0:2 / / rw - tmpfs tmpfs rw\n":                 "",
		"1 2 0:1 / / rw - overlay o rw,upperdir=a\n":                                                   "",
		"1 2 0:1 / /merged rw - overlay o rw,upperdir=/a\n":                                            "",
		"1 2 0:1 / / ro - overlay o ro,lowerdir=/a:/b\n":                                               "",
		"1 2 0:1 / / rw - fuse.fuse-overlayfs o rw,user_id=0,upperdir=/home/u/x\\0\\999,allow_other\n": `/home/u/x\0\999`,
	} {
		if got := upperOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
