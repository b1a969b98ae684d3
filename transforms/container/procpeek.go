package container

// What the follower of the connector reads in /proc.

import (
	"os"
	"path/filepath"
	"strconv"
)

// peek reads what the kernel's table keeps of a process, its program too where
// that is asked for. As with look, a process that ends is none.
func (p *procfs) peek(pid int32, program bool) (reading, bool) {
	dir := filepath.Join(p.root, strconv.Itoa(int(pid)))
	at := p.now().UnixNano() // before: it was there then or later
	text, err := p.read(filepath.Join(dir, "cgroup"))
	if err != nil {
		return reading{}, false
	}
	r := reading{text: text, outer: p.outer(pid), at: at}
	if program {
		r.exe = p.exe(pid)
	}
	stat, err := p.read(filepath.Join(dir, "stat"))
	if err != nil {
		return reading{}, false
	}
	g, ok := parseStat(string(stat))
	if !ok || !p.setBoot() {
		return reading{}, false
	}
	r.start, r.ppid, r.name = g.start+p.boot, g.ppid, g.comm
	return r, true
}

// initial is the first pid namespace of a host, whose number never changes
// (linux/proc_ns.h, PROC_PID_INIT_INO).
const initial = "pid:[4026531836]"

// ours reports whether this process is in the host's pid namespace and /proc is
// of it.
func (p *procfs) ours() bool {
	self, err := p.link(filepath.Join(p.root, "self"))
	if err != nil || self != strconv.Itoa(os.Getpid()) {
		return false
	}
	space, err := p.link(filepath.Join(p.root, "self", "ns", "pid"))
	return err == nil && space == initial
}

// pids returns the processes that there are.
func (p *procfs) pids() []int32 {
	names, err := p.list(p.root)
	if err != nil {
		return nil
	}
	var out []int32
	for _, name := range names {
		if n, err := strconv.ParseInt(name, 10, 32); err == nil && n > 0 {
			out = append(out, int32(n))
		}
	}
	return out
}
