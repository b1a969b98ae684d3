package container

// The host's /proc: which control groups a process is in, and whether it is the
// one that is meant.

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// procfs reads processes from a mounted /proc of the host's pid namespace.
type procfs struct {
	root string
	read func(path string) ([]byte, error)
	link func(path string) (string, error)
	now  func() time.Time
	boot int64 // wall clock of the boot, ns
	at   int64 // wall clock when boot was taken, ns
}

// glance is what /proc says of a process at the moment it was read.
type glance struct {
	ppid  int32
	comm  string
	start int64 // wall clock, ns, give or take grain
	where []place
}

func newProcfs(root string, now func() time.Time) *procfs {
	return &procfs{root: root, read: os.ReadFile, link: os.Readlink, now: now}
}

// exe returns the program that a process runs, "" where it may not be known.
func (p *procfs) exe(pid int32) string {
	exe, err := p.link(filepath.Join(p.root, strconv.Itoa(int(pid)), "exe"))
	if err != nil {
		return "" // kernel threads have none, others may be gone
	}
	return exe
}

// bootID returns what tells this boot from every other, "" where it may not be
// known.
func (p *procfs) bootID() string {
	b, err := p.read(filepath.Join(p.root, "sys", "kernel", "random", "boot_id"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// grain is how far a start time may be off: the kernel gives it in hundredths
// of a second since the boot, and the boot is known as exactly.
const grain = int64(20 * time.Millisecond)

// The flags of proc_pid_stat(5) that matter, from linux/sched.h.
const exiting = 0x4 // PF_EXITING: it left its control groups or is about to

// look reads a process; it is false where the process is gone, or dead and not
// reaped. The control groups are read before the state, so that a process that
// was not exiting at the second reading was not at the first either: a dead
// task shows "/" in every hierarchy, which is not the host.
func (p *procfs) look(pid int32) (glance, bool) {
	dir := filepath.Join(p.root, strconv.Itoa(int(pid)))
	groups, err := p.read(filepath.Join(dir, "cgroup"))
	if err != nil {
		return glance{}, false
	}
	stat, err := p.read(filepath.Join(dir, "stat"))
	if err != nil {
		return glance{}, false
	}
	g, ok := parseStat(string(stat))
	if !ok || !p.setBoot() {
		return glance{}, false
	}
	g.start += p.boot
	for line := range strings.Lines(string(groups)) {
		// 0::/path (v2) or 7:cpu,cpuacct:/path (v1)
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(part) != 3 {
			return glance{}, false
		}
		g.where = append(g.where, parseCgroup(strings.TrimSuffix(part[2], " (deleted)")))
	}
	return g, len(g.where) > 0
}

// parseStat reads proc_pid_stat(5): pid (comm) state ppid … flags … starttime.
// The name may hold spaces and parentheses, so the last one counts. start is
// given since the boot. It is false for a dead process and for what is no stat.
func parseStat(s string) (glance, bool) {
	begin, i := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if begin < 0 || i < begin {
		return glance{}, false
	}
	f := strings.Fields(s[i+1:])
	const state, ppid, flags, start = 0, 1, 6, 19 // fields 3, 4, 9 and 22
	if len(f) <= start {
		return glance{}, false
	}
	switch f[state] {
	case "Z", "X", "x":
		return glance{}, false
	}
	pp, err1 := strconv.ParseInt(f[ppid], 10, 32)
	fl, err2 := strconv.ParseUint(f[flags], 10, 64)
	ticks, err3 := strconv.ParseInt(f[start], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || fl&exiting != 0 {
		return glance{}, false
	}
	return glance{ppid: int32(pp), comm: s[begin+1 : i], start: ticks * int64(time.Second/100)}, true
}

// setBoot takes the wall clock of the boot, again every second: the wall clock
// may be set.
func (p *procfs) setBoot() bool {
	now := p.now().UnixNano()
	if p.at != 0 && now >= p.at && now-p.at < int64(time.Second) {
		return true
	}
	b, err := p.read(filepath.Join(p.root, "uptime"))
	if err != nil {
		return false
	}
	up, _, _ := bytes.Cut(b, []byte(" "))
	sec, err := strconv.ParseFloat(strings.TrimSpace(string(up)), 64)
	if err != nil {
		return false
	}
	p.at, p.boot = now, now-int64(sec*float64(time.Second))
	return true
}

// was reports whether the process that was read is the one that an event of
// stamp t and parent ppid is of: it ran before the event, or it started about
// then and has that parent. A parent of 0 is not compared.
func (g glance) was(t int64, ppid int32) bool {
	return g.start+grain < t || g.start <= t+slack+grain && ppid != 0 && g.ppid == ppid
}

// state returns where the process was, in the containers of reg. Hierarchies
// that name different containers, or a path of no known shape, tell nothing.
func (g glance) state(reg *registry) state {
	var st state
	host := true
	for _, p := range g.where {
		host = host && p.host
		c := reg.at(p)
		if c == nil {
			continue
		}
		if st.in != nil && st.in != c {
			return state{}
		}
		st.in = c
	}
	st.host = host
	return st
}
