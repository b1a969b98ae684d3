package container

// From an event to an answer: the sources in their order, and when /proc is asked.

// resolve finds where the process of an event was, by the source that proves
// most: the kernel's record, then what the table knows, then /proc.
func (t *Transform) resolve(l *life, s *seen) answer {
	if t.history != nil && s.node == 0 {
		switch a := t.history.answer(s.pid, s.ppid, s.t); {
		case a.in != nil:
			if !a.ambiguous {
				l.got = a
			}
			return a
		case a.host:
			l.got = answer{}
			return a
		case a.ambiguous:
			return a
		}
	}
	if !l.got.found() {
		t.table.inherit(l, s.t, 0)
	}
	if t.proc != nil && s.node == 0 && (!l.got.found() || l.stale) {
		t.look(l, s)
	}
	return l.got
}

// maxLooks is how often /proc is asked for one process that it does not tell
// of, between two programs.
const maxLooks = 3

// look asks /proc for a process, and for its parent where it is gone.
func (t *Transform) look(l *life, s *seen) {
	if l.looks >= maxLooks {
		return
	}
	l.looks++
	if l.got.host {
		l.got = answer{}
	}
	g, a := t.glance(s.pid, s.t, s.ppid)
	if a.found() {
		l.first, l.got, l.looks = min(l.first, g.start), a, 0
		if l.ppid == 0 {
			l.ppid = g.ppid // records of programs, such as a login, name no parent
		}
		// The kernel moves what an engine started into the container at any time.
		l.stale = a.host && (engine(l.exe) || engine(g.comm) || t.parentIsEngine(l.ppid, s.t))
		return
	}
	p := t.table.alive(s.node, s.ppid, s.t)
	if s.ppid <= 1 || p != nil && (p.got.found() || p.looks >= maxLooks) {
		return
	}
	if p != nil {
		p.looks++
	}
	if g, a = t.glance(s.ppid, s.t, 0); !a.found() {
		return
	}
	if p == nil {
		p = t.meet(s.ppid, g)
	}
	p.got, p.stale = a, a.host
	if in := a.child(); in.found() {
		l.got = in
	}
}

// glance reads one process of /proc that an event is of, and what it tells.
func (t *Transform) glance(pid int32, at int64, ppid int32) (glance, answer) {
	g, ok := t.proc.look(pid)
	st := state{}
	if ok && g.was(at, ppid) {
		st = g.state(t.reg)
	}
	if !st.known() {
		t.looks[0].Inc()
		return g, answer{}
	}
	t.looks[1].Inc()
	return g, answer{in: st.in, host: st.host, method: methodProc, conf: confHigh}
}

// meet makes the life of a process that no event was of yet, as /proc shows it.
func (t *Transform) meet(pid int32, g glance) *life {
	l := t.table.add(&seen{t: g.start, pid: pid, ppid: g.ppid})
	l.name = t.table.intern(g.comm)
	l.exe = t.table.intern(t.proc.exe(pid))
	l.execAt = t.proc.now().UnixNano() // from now on at the latest
	return l
}

// parentIsEngine reports whether a process of this host was started by an
// engine's program: then "host" holds for this moment only.
func (t *Transform) parentIsEngine(ppid int32, at int64) bool {
	p := t.table.alive(0, ppid, at)
	if p != nil && (p.exe != "" || p.name != "") {
		return p.started != nil || engine(p.exe) || engine(p.name)
	}
	if ppid <= 1 {
		return false
	}
	g, ok := t.proc.look(ppid)
	if !ok || !g.was(at, 0) {
		return false // an engine outlives the moving of what it started
	}
	if p == nil {
		t.meet(ppid, g)
	}
	return engine(g.comm)
}

// engine reports whether a program, by its path or name, is one whose children
// may be moved into a container after they were seen on the host.
func engine(program string) bool {
	switch base(program) {
	case "runc", "crun", "docker-runc", "conmon", "exe":
		return true
	}
	return false
}

// vouch says whether the command line of an engine's program is to be believed:
// not inside a container, where anyone may run a program of that name. It is
// proven where the kernel shows the process, or its parent, on the host.
func (t *Transform) vouch(l *life, s *seen) (believed, proven bool) {
	if t.history != nil && s.node == 0 {
		if a := t.history.answer(s.pid, s.ppid, s.t); a.found() || a.ambiguous {
			return a.host, a.host
		}
	}
	if l.got.in != nil {
		return false, false
	}
	if s.told.method == methodProc {
		return s.told.host, s.told.host
	}
	if t.proc != nil && s.node == 0 && !l.got.host {
		t.look(l, s)
	}
	if l.got.found() {
		return l.got.host, l.got.host
	}
	if p := t.table.alive(s.node, s.ppid, s.t); p != nil && p.got.host {
		return true, true
	}
	return true, false
}

// parent returns the parent's life where its program at the time is known.
func (t *Transform) parent(s *seen) *life {
	p := t.table.alive(s.node, s.ppid, s.t)
	if p == nil || p.exe == "" && p.name == "" || p.execAt > s.t || p.first > s.t+slack {
		return nil
	}
	if _, sure := t.table.still(p, s.t); !sure {
		return nil
	}
	return p
}

// check asks the timeline, else /proc, whether a life still has its pid.
func (t *Transform) check(l *life, at int64) verdict {
	if l.node != 0 {
		return verdictNone
	}
	if t.history != nil {
		switch sp, _ := t.history.find(l.pid, l.ppid, at); {
		case sp == nil:
			return verdictNone
		case sp.start > l.last+slack:
			return verdictOther
		}
		return verdictSame
	}
	if t.proc == nil {
		return verdictNone
	}
	switch g, ok := t.proc.look(l.pid); {
	case !ok:
		return verdictGone
	case g.start > l.last+slack+grain:
		return verdictOther
	}
	return verdictSame
}

// began returns when the process that has the pid of l now started.
func (t *Transform) began(l *life) (start int64, ok bool) {
	if t.proc == nil || l.node != 0 {
		return 0, false
	}
	g, ok := t.proc.look(l.pid)
	return g.start, ok
}
