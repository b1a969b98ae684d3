package container

// The host's /proc: which control groups a process is in, and whether it is the
// one that is meant.

import (
	"bytes"
	"errors"
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
	list func(path string) ([]string, error)
	now  func() time.Time
	own  string // the pid namespace of process 1, "" not read yet
	boot int64  // wall clock of the boot, ns
	at   int64  // wall clock when boot was taken, ns
}

// glance is what /proc says of a process at the moment it was read.
type glance struct {
	ppid  int32
	comm  string
	start int64 // wall clock, ns, give or take grain
	where []hierarchy
	outer bool // it is in the pid namespace of process 1
}

// hierarchy is one line of /proc/PID/cgroup.
type hierarchy struct {
	controllers string // "" of v2
	place
}

func newProcfs(root string, now func() time.Time) *procfs {
	return &procfs{root: root, read: os.ReadFile, link: os.Readlink, list: listNames, now: now}
}

// listNames returns what is in a folder.
func listNames(path string) ([]string, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	return names, errors.Join(err, d.Close())
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

// lookAt is look for a process that an event of stamp t is of.
func (p *procfs) lookAt(pid int32, t int64) (glance, bool) {
	if p.outlived(t) {
		return glance{}, false
	}
	return p.look(pid)
}

// outlived reports whether an event of stamp t was before the boot. Its process is
// not asked for: a log that is read again names thousands.
func (p *procfs) outlived(t int64) bool {
	return (p.at != 0 || p.setBoot()) && t < p.boot-int64(time.Second) // Apply keeps it of now
}

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
	if g.where, ok = parseGroups(string(groups)); !ok {
		return glance{}, false
	}
	for i := range g.where {
		if g.where[i].id == "" {
			g.outer = p.outer(pid)
			break
		}
	}
	return g, len(g.where) > 0
}

// parseGroups reads the text of a /proc/PID/cgroup; it is false for what is none.
func parseGroups(text string) (where []hierarchy, ok bool) {
	for line := range strings.Lines(text) {
		// 0::/path (v2) or 7:cpu,cpuacct:/path (v1)
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(part) != 3 {
			return nil, false
		}
		where = append(where, hierarchy{part[1], parseCgroup(strings.TrimSuffix(part[2], " (deleted)"))})
	}
	return where, true
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
	// A reader that is stopped in between would be wrong by as long.
	least := int64(never)
	for range 5 {
		before := p.now().UnixNano()
		b, err := p.read(filepath.Join(p.root, "uptime"))
		if err != nil {
			return false
		}
		took := p.now().UnixNano() - before
		up, _, _ := bytes.Cut(b, []byte(" "))
		sec, err := strconv.ParseFloat(strings.TrimSpace(string(up)), 64)
		if err != nil {
			return false
		}
		if took < least {
			p.at, p.boot, least = now, before+took/2-int64(sec*float64(time.Second)), took
		}
		if least < int64(time.Millisecond) {
			break
		}
	}
	return true
}

// was reports whether the process that was read is the one that an event of
// stamp t and parent ppid is of: it ran before the event, or it started about
// then and has that parent. A parent of 0 is not compared.
func (g glance) was(t int64, ppid int32) bool {
	return g.start+grain < t || g.start <= t+slack+grain && ppid != 0 && g.ppid == ppid
}

// bare reports whether nothing speaks for a container: the process is in the pid
// namespace of process 1, and no path has an id. It is less than a proof, for
// engines that we do not know have paths of their own.
func (g glance) bare() bool {
	for i := range g.where {
		if g.where[i].id != "" {
			return false
		}
	}
	return g.outer
}

// outer reports whether a process is in the pid namespace of process 1: the
// other half of a proof that it is on the host. Where it may not be read, it is
// not proven.
func (p *procfs) outer(pid int32) bool {
	if p.own == "" {
		own, err := p.link(filepath.Join(p.root, "1", "ns", "pid"))
		if err != nil {
			return p.single(pid)
		}
		p.own = own
	}
	space, err := p.link(filepath.Join(p.root, strconv.Itoa(int(pid)), "ns", "pid"))
	if err != nil {
		return p.single(pid)
	}
	return space == p.own
}

// single reports whether a process has one pid alone: one more for each
// namespace below that of /proc. This may be read without a privilege.
func (p *procfs) single(pid int32) bool {
	b, err := p.read(filepath.Join(p.root, strconv.Itoa(int(pid)), "status"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return len(strings.Fields(rest)) == 1
		}
	}
	return false
}

// answer returns where the process was, in the containers of reg. Of v1 the
// hierarchy of pids or memory is meant; where another one names another
// container, or none although engines always join it, that is ambiguous.
func (g glance) answer(reg *registry) answer {
	main := g.main()
	in := reg.at(g.where[main].place)
	a := answer{in: in, method: methodProc, conf: confHigh, ambiguous: g.where[main].nested}
	if g.where[main].weak {
		a.conf = confMedium
	}
	host := true
	for i := range g.where {
		h := &g.where[i]
		host = host && h.host
		if i == main || h.controllers == "" && h.host {
			continue
		}
		if h.id != g.where[main].id && (h.id != "" || strings.Contains(joined, ","+h.controllers+",")) {
			a.ambiguous = true
			if h.controllers == g.where[main].controllers {
				return answer{ambiguous: true}
			}
		}
	}
	switch {
	case in != nil:
		return a
	case host && g.outer:
		return answer{host: true, method: methodProc, conf: confHigh}
	}
	return answer{ambiguous: a.ambiguous}
}

// joined are hierarchies of v1 that every engine joins.
const joined = ",pids,memory,devices,freezer,name=systemd,"

// main returns the hierarchy that counts: that of pids, else of memory, else v2.
func (g glance) main() int {
	best, rank := 0, 0
	for i := range g.where {
		at := 1
		for name := range strings.SplitSeq(g.where[i].controllers, ",") {
			switch name {
			case "pids":
				at = max(at, 4)
			case "memory":
				at = max(at, 3)
			case "":
				at = max(at, 2)
			}
		}
		if at > rank {
			best, rank = i, at
		}
	}
	return best
}
