package container

// What the engines' own commands tell of the processes that they start: which
// process is a container's first, or was brought in by exec, and into which.

// identify recognises the first process of a container, and one that is brought
// in by exec: the child of the engine's command that makes itself a session
// leader while it still is the engine's program.
func (t *table) identify(l *life, s *seen) {
	const initName = "runc:[2:INIT]"
	if l.got.in != nil {
		return
	}
	if !l.entered {
		if s.name != initName {
			p := t.alive(s.node, s.ppid, s.t)
			if s.act != actSetsid || p == nil || p.started == nil || p.exe == "" || p.exe != s.exe {
				return
			}
		}
		l.entered, l.from, l.since = true, s.ppid, s.t
	}
	t.bind(l)
}

// bind gives l, which entered a container, the one that its engine's command or
// its monitor names, as soon as that is known: records may come out of order.
func (t *table) bind(l *life) {
	if l.got.in != nil {
		return
	}
	switch p := t.alive(l.node, l.from, l.since); {
	case p == nil || p.execAt > l.since+slack: // its command line is of another time
	case p.started != nil:
		// A command brings one process in. Another one is of a command whose
		// record is missing and that has the pid of an earlier one.
		if p.brought {
			return
		}
		p.brought = true
		l.giver = p.ppid
		l.got = answer{in: p.started, method: methodLineage, conf: confHigh}
		if p.vouched {
			l.got.conf = confExact
		}
	case p.watches != nil:
		l.giver = p.pid
		l.got = answer{in: p.watches, method: methodLineage, conf: confHigh}
	}
}

// handed reports whether s is of the same process as l although its parent is
// another: the first process of a container goes from the engine's command to
// the monitor when the command ends.
func (t *table) handed(l *life, s *seen) bool {
	if !l.entered {
		return false
	}
	t.bind(l)
	if l.giver != 0 && l.giver == s.ppid {
		return true
	}
	m := t.alive(s.node, s.ppid, s.t)
	if m == nil || m.watches == nil {
		return false
	}
	if l.got.in == nil {
		l.got = answer{in: m.watches, method: methodLineage, conf: confHigh}
	}
	return l.got.in == m.watches
}

// command reads the command line of an engine's program. Inside a container it
// is not believed: there anyone may run a program of that name.
func (t *table) command(l *life, s *seen) {
	c, ok := parseCommand(s.exe, s.args)
	if !ok || c.runtime != "" && !t.reg.runtimes[c.runtime] {
		return
	}
	in := t.reg.get(c.id)
	if c.runtime != "" && in.known.runtime == "" {
		in.learn(facts{runtime: c.runtime}, t.reg.kubernetes)
	}
	if in.known.runtime != "" && !t.reg.runtimes[in.known.runtime] {
		return
	}
	if !l.got.found() {
		t.inherit(l, s.t, 0)
	}
	believed, proven := t.vouch(l, s)
	switch {
	case l.got.in != nil || !believed || !proven && l.prev.maybe(l):
	case c.monitor:
		l.watches, l.vouched = in, proven
	default:
		l.started, l.vouched = in, proven
	}
}
