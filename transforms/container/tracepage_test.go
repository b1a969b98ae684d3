package container

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// moveFormatText is the format file of a kernel 6.18 on x86_64.
const moveFormatText = `name: cgroup_attach_task
ID: 538
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int dst_root;	offset:8;	size:4;	signed:1;
	field:int dst_level;	offset:12;	size:4;	signed:1;
	field:u64 dst_id;	offset:16;	size:8;	signed:0;
	field:int pid;	offset:24;	size:4;	signed:1;
	field:__data_loc char[] dst_path;	offset:28;	size:4;	signed:0;
	field:__data_loc char[] comm;	offset:32;	size:4;	signed:0;

print fmt: "dst_root=%d dst_id=%llu dst_level=%d dst_path=%s pid=%d comm=%s", REC->dst_root
`

func testFormat(t testing.TB) moveFormat {
	t.Helper()
	f, err := parseMoveFormat(moveFormatText)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// diffMoves compares changes, whose fields nobody else sees.
func diffMoves(want, got []change) string { return cmp.Diff(want, got, cmp.AllowUnexported(change{})) }

// TestCapturedPage reads what a kernel wrote when a shell moved itself.
func TestCapturedPage(t *testing.T) {
	if !littleEndian() {
		t.Skip("the page was captured on a little-endian machine")
	}
	b, err := hex.DecodeString("0ee814b1b33b00003c00000000000000" + "0e0000001a020101c739000004000000" +
		"01000000d4d8000000000000c7390000" + "24000a002e0003002f746d7465737463" + "670073680000000000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 4096)
	copy(page, b)
	f := testFormat(t)
	got, lost, ok := f.page(nil, page)
	if d := diffMoves([]change{{t: 0x3bb3b114e80e, kind: changeMove, pid: 14791, path: "/tmtestcg"}}, got); d != "" || lost || !ok {
		t.Errorf("lost %v, ok %v\n%s", lost, ok, d)
	}
}

// pageOf writes a page as the kernel does.
type pageOf struct{ b []byte }

func (p *pageOf) words(v ...uint32) {
	for _, w := range v {
		p.b = binary.NativeEndian.AppendUint32(p.b, w)
	}
}

func head(kind, delta uint32) uint32 {
	if littleEndian() {
		return kind | delta<<5
	}
	return kind<<deltaBits | delta
}

// moved is the event itself, filled up to whole words.
func moved(id uint16, pid uint32, path string) []byte {
	b := make([]byte, 36, 64)
	ne := binary.NativeEndian
	ne.PutUint16(b, id)
	ne.PutUint32(b[24:], pid)
	ne.PutUint32(b[28:], 36|uint32(len(path)+1)<<16)
	b = append(append(b, path...), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func (p *pageOf) event(delta uint32, b []byte) {
	if len(b) <= 28*4 {
		p.words(head(uint32(len(b)/4), delta))
	} else {
		p.words(head(0, delta), uint32(len(b)+4))
	}
	p.b = append(p.b, b...)
}

func (p *pageOf) bytes(at, flags uint64) []byte {
	b := binary.NativeEndian.AppendUint64(nil, at)
	b = binary.NativeEndian.AppendUint64(b, uint64(len(p.b))|flags)
	return append(append(b, p.b...), make([]byte, 64)...)
}

func TestPage(t *testing.T) {
	long := "/kubepods.slice/kubepods-burstable.slice/" + string(slices.Repeat([]byte("x"), 200))
	var p pageOf
	p.event(0, moved(538, 1, "/a"))
	p.event(5, moved(538, 2, long))
	p.words(head(entryExtend, 7), 2) // 7 + 2<<27 later
	p.event(0, moved(538, 3, "/c"))
	p.words(head(entryStamp, 11), 3) // at 11 + 3<<27
	p.event(1, moved(538, 4, "/d"))
	p.event(1, moved(99, 5, "/of another event"))
	p.words(head(entryPadding, 9), 8, 0) // discarded: itself and a word
	p.event(1, moved(538, 6, "/f\n0::/docker/"))
	p.event(1, moved(538, 0, "/g"))
	p.event(1, moved(538, 8, ""))
	p.event(1, moved(538, 9, "/i"))
	p.words(head(entryPadding, 0), 0)
	p.event(1, moved(538, 10, "/after the end"))
	want := []change{{t: 1000, kind: changeMove, pid: 1, path: "/a"}, {t: 1005, kind: changeMove, pid: 2, path: long},
		{t: 1012 + 2<<27, kind: changeMove, pid: 3, path: "/c"}, {t: 12 + 3<<27, kind: changeMove, pid: 4, path: "/d"},
		{t: 12 + 3<<27 + 14, kind: changeMove, pid: 9, path: "/i"}}
	f := testFormat(t)
	got, lost, ok := f.page(nil, p.bytes(1000, 0))
	if d := diffMoves(want, got); d != "" || lost || !ok {
		t.Errorf("lost %v, ok %v\n%s", lost, ok, d)
	}
	if _, lost, ok := f.page(nil, p.bytes(1000, 1<<31)); !lost || !ok {
		t.Errorf("events that were overwritten: lost %v, ok %v", lost, ok)
	}
	if _, _, ok := f.page(nil, p.bytes(1000, 1<<16)); ok {
		t.Error("a page that says it holds more than it does is taken for one")
	}
	p.words(head(28, 0))
	p.b = p.b[len(p.b)-8:]
	if _, _, ok := f.page(nil, p.bytes(1000, 0)[:16+len(p.b)]); ok {
		t.Error("an event that is longer than its page is taken for one")
	}
}

func TestMoveFormat(t *testing.T) {
	if f := testFormat(t); f != (moveFormat{538, slot{24, 4}, slot{28, 4}}) {
		t.Errorf("%+v", f)
	}
	for name, text := range map[string]string{"nothing": "", "no path": "ID: 5\n\tfield:int pid;\toffset:24;\tsize:4;\tsigned:1;\n", "no number": "ID: x\n",
		"another size": "ID: 5\n\tfield:long pid;\toffset:24;\tsize:8;\tsigned:1;\n\tfield:__data_loc char[] dst_path;\toffset:28;\tsize:4;\n", "odd": "ID: 5\n\tfield:x;\n"} {
		if _, err := parseMoveFormat(text); !errors.Is(err, errFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPage(f *testing.F) {
	form := testFormat(f)
	var p pageOf
	p.event(0, moved(538, 1, "/a"))
	p.words(head(entryExtend, 7), 2, head(entryPadding, 3), 8, 0)
	f.Add(p.bytes(1, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _, _ := form.page(nil, b)
		for _, c := range got {
			if c.pid <= 0 || c.path[0] != '/' || len(c.path) > len(b) {
				t.Errorf("%+v", c)
			}
		}
	})
}

func TestNoTracefs(t *testing.T) {
	if _, err := openMoves([]string{t.TempDir()}); !errors.Is(err, errTracefs) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	root := t.TempDir()
	dir := filepath.Join(root, "events/cgroup/cgroup_attach_task")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("ID: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openMoves([]string{root}); !errors.Is(err, errTracefs) || !errors.Is(err, errFormat) {
		t.Errorf("%v", err)
	}
}

// TestMovesOfThisHost reads the trace of the kernel that runs the test: a shell that
// moves itself is told of with where it went, and nothing is left behind.
func TestMovesOfThisHost(t *testing.T) {
	group := filepath.Join(cgroupRoot(t), fmt.Sprintf("tallyman-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o700); err != nil {
		t.Skipf("NOT RUN: no control group can be made: %v", err)
	}
	defer func() { _ = os.Remove(group) }()
	if err := probeMoves(tracingRoots()); err != nil {
		t.Skipf("NOT RUN: %v", err)
	}
	m, err := openMoves(tracingRoots())
	if err != nil {
		t.Fatal(err)
	}
	dir := m.dir
	cmd := exec.Command("/bin/sh", "-c", "echo $$ > "+group+"/cgroup.procs && echo $$ > "+filepath.Dir(group)+"/cgroup.procs && echo $$")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, lost, err := m.read(nil, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	there := slices.ContainsFunc(got, func(c change) bool {
		return c.kind == changeMove && c.pid == int32(pid) && strings.HasSuffix(c.path, "/"+filepath.Base(group)) && c.t > 0
	})
	if err != nil || lost || !there {
		t.Errorf("%+v, lost %v, %v: process %d is not among them", got, lost, err, pid)
	}
	if err := m.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind: %v", dir, err)
	}
}

// cgroupRoot is a hierarchy that this process is in the root of, or near it.
func cgroupRoot(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			return dir
		}
	}
	t.Skip("NOT RUN: there is no /sys/fs/cgroup")
	return ""
}

// TestMoves: a move into a container is the last word, from then on, and neither what
// was read before it nor a fork without one says that a process is on the host: the
// kernel tells of no move where a process is made in another control group at once
// (clone3, CLONE_INTO_CGROUP).
func TestMoves(t *testing.T) {
	k := newKernel(100)
	k.clock = 1
	box := "/docker/" + strings.Repeat("ab", 32)
	host := []byte("0::/system.slice/x.service\n")
	k.met(10, &reading{start: 20, at: 100, outer: true, text: host, name: "sh"})
	fork := func(at int64, pid, ppid int32) *klife {
		return k.take(&change{t: at, kind: changeFork, pid: pid, ppid: ppid})
	}
	moveTo := func(at int64, pid int32, path string) *klife {
		return k.take(&change{t: at, kind: changeMove, pid: pid, path: path})
	}
	where := func(pid int32, at int64) string {
		s := k.climb(k.at(pid, at), at, 0)
		switch {
		case s.host:
			return "host " + confidenceNames[s.conf]
		case s.in != nil:
			return s.in.id[:2] + " " + confidenceNames[s.conf]
		}
		return "unknown"
	}
	want := func(what, got, wanted string) {
		t.Helper()
		if got != wanted {
			t.Errorf("%s: %s, want %s", what, got, wanted)
		}
	}
	if fork(200, 12, 10) == nil {
		t.Error("/proc is not read for the child of a process of the host")
	}
	want("the child of a process of the host", where(12, 300), "unknown")
	if moveTo(320, 12, box) != nil {
		t.Error("/proc is read for a process whose container is known")
	}
	want("moved into a container", where(12, 330), "ab exact")
	want("before", where(12, 310), "ab high")
	k.saw(k.lives[12], &reading{start: 200, at: 315, outer: true, text: host, name: "sh"})
	want("after a reading from before the move", where(12, 330), "ab exact")
	if fork(340, 13, 12) != nil {
		t.Error("/proc is read for the child of a process of a container")
	}
	want("its child", where(13, 350), "ab exact")
	k.saw(k.lives[10], &reading{start: 20, at: 360, outer: true, text: host, name: "sh"})
	if moveTo(365, 10, "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-"+strings.Repeat("cd", 32)+".scope") == nil || k.lives[10].host != 0 {
		t.Error("a process that was moved to a place that only /proc tells of counts as one of the host")
	}
}
