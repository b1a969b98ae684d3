package container

// What the engines' own commands tell of the processes that they start: which
// process is a container's first, or was brought in by exec, and into which.

import "strings"

// initName is what runc calls the process that is about to become a container's.
const initName = "runc:[2:INIT]"

// identify recognises the first process of a container, and one that is brought
// in by exec: the child of the engine's command that makes itself a session
// leader while it still is the engine's program. Its name proves nothing, for
// any program may give itself that one: bind looks who its parent is.
func (t *table) identify(l *life, s *seen) {
	if l.got.in != 0 {
		return
	}
	if !l.entered {
		if s.name != initName || s.exe != "/" && !memoryFile(s.exe) && !t.trusts(s.exe) {
			if s.act != actSetsid {
				return
			}
			p := t.alive(s.node, s.ppid, s.t)
			if p == nil || t.role(p).started == nil || t.program(p).exe == "" || t.program(p).exe != s.exe {
				return
			}
		}
		l.entered = true
		r := t.part(l)
		r.from, r.since = s.ppid, s.t
	}
	t.bind(l)
}

// bind gives l, which entered a container, the one that its engine's command or
// its monitor names, as soon as that is known: records may come out of order.
func (t *table) bind(l *life) {
	if l.got.in != 0 {
		return
	}
	r := t.role(l)
	p := t.alive(uint32(l.node), r.from, r.since)
	if p == nil || p.execAt > r.since+slack { // its command line is of another time
		return
	}
	switch q := t.role(p); {
	case q.started != nil:
		// A command brings one process in. Another one is of a command whose
		// record is missing and that has the pid of an earlier one.
		if q.brought {
			return
		}
		q.brought = true
		t.part(l).giver = p.ppid
		t.give(l, answer{in: q.started, method: methodLineage, conf: q.trust()})
	case q.watches != nil:
		t.taken(l, p, q)
	case p.has(markEngine):
		// The arguments of the command are lost, but not who ran it.
		if m := t.alive(uint32(l.node), p.ppid, p.first); m != nil && t.role(m).watches != nil {
			t.taken(l, m, t.role(m))
		}
	}
}

// taken gives l to the monitor m.
func (t *table) taken(l, m *life, r *role) {
	t.part(l).giver = m.pid
	t.give(l, answer{in: r.watches, method: methodLineage, conf: min(r.trust(), confHigh)})
}

// handed reports whether s is of the same process as l although its parent is
// another: the first process of a container goes from the engine's command to
// the monitor when the command ends.
func (t *table) handed(l *life, s *seen) bool {
	if !l.entered {
		return false
	}
	t.bind(l)
	if giver := t.role(l).giver; giver != 0 && giver == s.ppid {
		return true
	}
	m := t.alive(s.node, s.ppid, s.t)
	if m == nil || t.role(m).watches == nil {
		return false
	}
	r := t.role(m)
	if l.got.in == 0 {
		t.give(l, answer{in: r.watches, method: methodLineage, conf: min(r.trust(), confHigh)})
	}
	return t.in(l) == r.watches
}

// runtime reports whether l runs what an engine brings a process in with.
func (t *table) runtime(l *life) bool {
	exe := t.program(l).exe
	return exe == "/" || memoryFile(exe) || t.trusts(exe) && engineName(base(exe))
}

// payload reports whether l, a child of a monitor, is no process of the engine
// itself: those that a monitor takes over were started in its container, also
// where the record of how is lost.
func (t *table) payload(l *life) bool {
	exe, r := t.program(l).exe, t.role(l)
	return exe != "" && exe != "/" && !memoryFile(exe) && !engineName(base(exe)) && !engine(exe) && r.started == nil && r.watches == nil
}

// watched notes the monitor of a container, by whose child the container's first
// process is, where its own record is lost or older than the log. Docker's shims
// watch one container each; others may watch all of a pod.
func (t *table) watched(l *life, s *seen) {
	if !l.entered || l.got.in == 0 || t.in(l).known.runtime != runtimeDocker || s.ppid <= 1 || s.ppid == t.role(l).from || l.got.hops > 0 {
		return
	}
	p := t.alive(s.node, s.ppid, s.t)
	if p == nil {
		p = t.add(&seen{t: s.t, node: s.node, pid: s.ppid})
	} else if q, exe := t.role(p), t.program(p).exe; q.started != nil || q.watches != nil || p.got.in != 0 || exe != "" && !strings.HasPrefix(base(exe), "containerd-shim") {
		return
	}
	r := t.part(p)
	t.unpin(r.ward)
	r.watches, r.ward, r.doubted = t.in(l), l.pin(), l.got.conf < confHigh
}

// trusts reports whether a program stands where only root can put one.
func (t *table) trusts(exe string) bool {
	for _, dir := range t.engines {
		if rest, ok := strings.CutPrefix(exe, dir); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// memoryFile reports whether a program is the copy in memory that runc makes of
// itself.
func memoryFile(exe string) bool { return strings.HasPrefix(exe, "/memfd:runc_cloned:") }

// engineName reports whether a program's name is that of an engine.
func engineName(name string) bool {
	switch name {
	case "runc", "crun", "docker-runc", "conmon", "containerd", "dockerd", "podman", "crio", "docker-containerd-shim":
		return true
	}
	return strings.HasPrefix(name, "containerd-shim")
}

// command reads the command line of an engine's program. It is believed only
// from a program that root put there, of a process that is not in a container:
// inside one, anyone may run a program of that name. Of a command that is not
// believed nothing is learnt.
func (t *table) command(l *life, s *seen) {
	c, ok := parseCommand(s.exe, s.args)
	if !ok || !t.trusts(s.exe) || c.runtime != "" && !t.reg.runtimes[c.runtime] {
		return
	}
	in := t.reg.byID[c.id]
	if !isID(c.id) && (in == nil || !in.named) || in != nil && in.known.runtime != "" && !t.reg.runtimes[in.known.runtime] {
		return
	}
	if !l.got.found() {
		t.inherit(l, s.t, 0)
	}
	if l.got.in != 0 {
		return
	}
	conf := t.vouch(l, s)
	if l.got.in != 0 || conf == confUnknown || conf != confExact && t.older(l).maybe(l) || s.user && t.reg.rooted(c.id) {
		return
	}
	in = t.reg.get(c.id)
	if !s.user && c.runtime != "" && in.known.runtime == "" {
		in.learn(facts{runtime: c.runtime}, t.reg.kubernetes)
	}
	in.rooted = in.rooted || conf == confExact
	r := t.part(l)
	r.vouched, r.doubted = conf == confExact, conf == confMedium
	if c.monitor {
		r.watches = in
	} else {
		r.started = in
	}
}
