package container

// From an event to an answer: the sources in their order, and when /proc is asked.

// resolve finds where the process of an event was, by the source that proves
// most: the kernel's record, then what the table knows, then /proc.
func (t *Transform) resolve(l *life, s *seen) answer {
	if t.history != nil && s.node == 0 {
		switch a := t.history.answer(s.pid, s.ppid, s.t); {
		case a.in != nil:
			if !a.ambiguous {
				t.table.give(l, a)
			}
			return a
		case a.host:
			t.table.give(l, answer{})
			return a
		case a.ambiguous:
			return a
		}
	}
	if !l.got.found() && t.reg.any { // else there is nothing to have, up to the first ancestor
		t.table.inherit(l, s.t, 0)
	}
	if t.proc != nil && s.node == 0 && (!l.got.found() || l.stale) {
		t.look(l, s)
	}
	if l.got.method == methodLineage && !l.has(markConfirmed) && t.proc != nil && s.node == 0 {
		t.confirm(l, s)
	}
	a := t.table.answer(l)
	a.ambiguous = a.ambiguous || l.has(markDisputed)
	return a
}

// confirm looks once whether /proc says the same of a process as the engine's
// commands do. Where it says something else, it is believed: the kernel knows
// where a process is, a command line only where it was to be.
func (t *Transform) confirm(l *life, s *seen) {
	if l.looks >= maxLooks {
		return
	}
	l.looks++
	var g glance
	a := t.glance(&g, s.pid, s.t, s.ppid)
	switch {
	case !a.found():
		return // gone, or nothing that is known
	case a.in == t.table.in(l):
		l.mark(markConfirmed)
	case a.host && l.entered && l.got.conf == confExact && t.table.runtime(l):
		return // what the engine brings in is moved a little later
	default:
		t.table.give(l, a)
		l.stale = a.host
		l.mark(markDisputed)
	}
}

// bystander returns the life of a process that a program's own record names: a
// login, a change of account. Such a record begins, ends and moves no life; its
// pid is the kernel's word, everything else in it the program's.
func (t *Transform) bystander(s *seen) *life {
	s.ppid = 0
	l := t.table.holder(s.who(), s.t)
	if l != nil {
		if same, _ := t.table.still(l, s.t); !same {
			l = nil
		}
	}
	switch {
	case l != nil:
		s.ppid = l.ppid
	case t.history != nil && s.node == 0:
		return &life{pid: s.pid, first: s.t, last: s.t, end: never}
	case t.proc != nil && s.node == 0:
		var g glance
		a := t.glance(&g, s.pid, s.t, 0)
		if !a.found() {
			return nil
		}
		l = t.meet(s.pid, g)
		t.table.give(l, a)
		s.ppid = g.ppid
		l.stale = a.host && t.mayMove(l, g.comm, s.t)
	}
	return l
}

// mayMove reports whether a process that is on the host may be moved into a
// container at any time: the kernel does so with what an engine started.
func (t *Transform) mayMove(l *life, comm string, at int64) bool {
	return engine(t.table.program(l).exe) || engine(comm) || t.parentIsEngine(l.ppid, at)
}

// maxLooks is how often /proc is asked for one process that it does not tell
// of, between two programs.
const maxLooks = 3

// look asks /proc for a process, and for its parent where it is gone.
func (t *Transform) look(l *life, s *seen) {
	if l.looks >= maxLooks {
		return
	}
	if l.got.host {
		t.table.give(l, answer{})
	}
	if s.peeked == nil && t.proc.outlived(s.t) {
		return // nor is its parent there any more
	}
	l.looks++
	var g glance
	a := t.glance(&g, s.pid, s.t, s.ppid)
	if !a.found() && s.peeked.of(s.kin.life) {
		g, a = s.peeked.glance, s.peeked.answer
	}
	if a.ambiguous && !a.found() {
		l.mark(markDisputed)
	}
	if a.found() {
		t.table.earlier(l, g.start)
		t.table.give(l, a)
		l.looks = 0
		if l.ppid == 0 {
			l.ppid = g.ppid // records of programs, such as a login, name no parent
		}
		l.stale = a.host && t.mayMove(l, g.comm, s.t)
		return
	}
	p := t.table.parent(l, s)
	if s.ppid <= 1 || p != nil && (p.got.found() || p.looks >= maxLooks) {
		return
	}
	if p != nil {
		p.looks++
	}
	if a = t.glance(&g, s.ppid, s.t, 0); !a.found() {
		return
	}
	if p == nil {
		p = t.meet(s.ppid, g)
	}
	t.table.give(p, a)
	p.stale = a.host
	if in := a.child(); in.found() {
		t.table.give(l, in)
	}
}

// glance reads one process of /proc that an event is of into g, and returns what it
// tells.
func (t *Transform) glance(g *glance, pid int32, at int64, ppid int32) (a answer) {
	*g = glance{}
	if t.proc.outlived(at) {
		return answer{} // it is not read, and so no reading
	}
	ok := false
	if *g, ok = t.proc.look(pid); ok && g.was(at, ppid) {
		a = g.answer(t.reg)
	}
	if !a.found() {
		t.vain.add(t.looks[0])
		return a
	}
	t.looks[1].Inc()
	return a
}

// meet makes the life of a process that no event was of yet, as /proc shows it.
func (t *Transform) meet(pid int32, g glance) *life {
	l := t.table.add(&seen{t: g.start, pid: pid, ppid: g.ppid})
	t.table.starts(l, g.comm, t.proc.exe(pid))
	l.mark(markShown)
	l.execAt = t.proc.now().UnixNano() // from now on at the latest
	return l
}

// parentIsEngine reports whether a process of this host was started by an
// engine's program: then "host" holds for this moment only.
func (t *Transform) parentIsEngine(ppid int32, at int64) bool {
	p := t.table.alive(0, ppid, at)
	if p != nil && p.runs != 0 {
		return t.table.role(p).started != nil || t.table.program(p).moves()
	}
	if ppid <= 1 {
		return false
	}
	g, ok := t.proc.lookAt(ppid, at)
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

// parent returns the parent's life where its program at the time is known: from
// events, or from /proc, which is asked once for each process and shows the
// program of the moment when it is read.
func (t *Transform) parent(l *life, s *seen) *life {
	p := t.table.parent(l, s)
	if (p == nil || p.runs == 0) && !l.has(markParentRead) && s.ppid > 1 && t.proc != nil && s.node == 0 {
		l.mark(markParentRead)
		g, ok := t.proc.lookAt(s.ppid, s.t)
		switch {
		case !ok || !g.was(s.t, 0):
		case p == nil:
			p = t.meet(s.ppid, g)
		default:
			t.table.starts(p, g.comm, t.proc.exe(s.ppid))
			p.mark(markShown)
			p.execAt = t.proc.now().UnixNano()
		}
	}
	if p == nil || p.runs == 0 || p.execAt > s.t && !p.has(markShown) || p.first > s.t+slack {
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
	if v := t.kernelCheck(l, at); v != verdictNone {
		return v
	}
	if t.proc == nil {
		return verdictNone
	}
	switch g, ok := t.proc.lookAt(l.pid, at); {
	case !ok:
		return verdictGone
	case g.start > l.last+slack+grain:
		return verdictOther
	}
	return verdictSame
}

// kernelCheck is check by the kernel's table.
func (t *Transform) kernelCheck(l *life, at int64) verdict {
	if t.kernel == nil {
		return verdictNone
	}
	t.kernel.mu.Lock()
	defer t.kernel.mu.Unlock()
	k, f := t.kernel.find(l.pid, 0, at)
	switch {
	case f != foundOne:
		return verdictNone
	case k.start > l.last+slack+k.grain():
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
