package container

import (
	"context"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// dataset is that of the events that are attributed by their process.
const dataset = "auditd.log"

// stage is the transform in one lane.
type stage struct {
	t    *Transform
	args []string // of the event at hand; kept for its memory
}

// Apply stamps every decoded audit event, and completes events of other sources
// that name their container. Everything else goes through as it is.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	t := s.t
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range in.Events {
		e := out.Add(in.Events[i])
		if e.Decode != "" {
			continue
		}
		switch {
		case e.Dataset == dataset:
			s.attribute(e, out)
		case !e.Fields.Get(schema.ContainerID).IsZero() && e.Fields.Get(schema.TallymanContainerMethod).IsZero():
			t.complete(e, out)
		}
	}
	if len(in.Events) > 0 {
		t.processes.Set(int64(t.table.count))
		t.known.Set(int64(len(t.reg.byID)))
	}
	return nil
}

// attribute finds the container of an audit event.
func (s *stage) attribute(e *event.Event, out *event.Batch) {
	t := s.t
	var a answer
	var parent *life
	if sn, ok := s.read(e); ok {
		a = t.resolve(&sn)
		parent = t.parent(&sn)
	}
	t.events[a.method].Inc()
	n := spare
	if a.in != nil {
		a.in.used = max(a.in.used, e.Time.UnixNano())
		t.describe(a.in)
		n += len(a.in.fields)
	}
	room(e, out, n)
	if parent != nil {
		e.Fields.AddString(schema.ProcessParentName, parent.name)
		e.Fields.AddString(schema.ProcessParentExecutable, parent.exe)
	}
	a.stamp(&e.Fields)
}

// room makes sure that n more fields can be added without an allocation.
func room(e *event.Event, out *event.Batch, n int) {
	if cap(e.Fields)-len(e.Fields) < n {
		e.Fields = out.Take(e.Fields, n)
	}
}

// read takes from an event what the table needs; it is false where the event
// names no process.
func (s *stage) read(e *event.Event) (seen, bool) {
	sn := seen{t: e.Time.UnixNano()}
	s.args = s.args[:0]
	var action, call string
	failed := false
	for i := range e.Fields {
		f := &e.Fields[i]
		switch f.Key {
		case schema.ProcessPID:
			sn.pid = number(f.Val)
		case schema.ProcessParentPID:
			sn.ppid = number(f.Val)
		case schema.ProcessName:
			sn.name = f.Val.Str()
		case schema.ProcessExecutable:
			sn.exe = f.Val.Str()
		case schema.ProcessArgs:
			s.args = append(s.args, f.Val.Str())
		case schema.EventAction:
			action = f.Val.Str()
		case schema.EventOutcome:
			failed = failed || f.Val.Str() == "failure"
		case schema.AuditdResult:
			failed = failed || f.Val.Str() == "fail"
		case schema.AuditdData:
			if f.Name == "syscall" {
				call = f.Val.Str()
			}
		}
	}
	switch {
	case action == "end", call == "exit_group":
		sn.act = actEnd
	case failed:
	case action == "executed", call == "execve", call == "execveat":
		sn.act, sn.args = actExec, s.args
	case action == "setsid", call == "setsid":
		sn.act = actSetsid
	}
	return sn, sn.pid > 0
}

// number returns a pid, 0 for what is none.
func number(v event.Value) int32 {
	n, ok := v.Int64()
	if !ok || n < 0 || n > 1<<22 { // PID_MAX_LIMIT
		return 0
	}
	return int32(n)
}

// resolve finds where the process of an event was, by the source that proves
// most: the kernel's record, then what the table knows, then /proc.
func (t *Transform) resolve(s *seen) answer {
	l := t.table.observe(s)
	if t.history != nil {
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
	if t.proc != nil && (!l.got.found() || l.stale) {
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
	if a, g, ok := t.glance(s.pid, s.t, s.ppid); ok {
		l.first = min(l.first, g.start)
		l.got = a
		l.looks = 0
		// What an engine started may yet be moved into a container.
		p := t.table.alive(s.ppid, s.t)
		l.stale = a.host && (engine(l.exe) || p != nil && (p.started != nil || engine(p.exe)))
		return
	}
	p := t.table.alive(s.ppid, s.t)
	if s.ppid <= 1 || p != nil && (p.got.found() || p.looks >= maxLooks) {
		return
	}
	if p != nil {
		p.looks++
	}
	if a, g, ok := t.glance(s.ppid, s.t, 0); ok {
		if p == nil {
			p = t.table.add(&seen{t: g.start, pid: s.ppid, ppid: g.ppid})
		}
		p.got = a
		p.stale = a.host
		if in := a.child(); in.found() {
			l.got = in
		}
	}
}

// glance reads one process of /proc that an event is of.
func (t *Transform) glance(pid int32, at int64, ppid int32) (answer, glance, bool) {
	g, ok := t.proc.look(pid)
	st := state{}
	if ok && g.was(at, ppid) {
		st = g.state(t.reg)
	}
	if !st.known() {
		t.looks[0].Inc()
		return answer{}, g, false
	}
	t.looks[1].Inc()
	return answer{in: st.in, host: st.host, method: methodProc, conf: confHigh}, g, true
}

// engine reports whether a program is one whose children may be moved into a
// container after they were seen on the host.
func engine(exe string) bool {
	switch base(exe) {
	case "runc", "crun", "docker-runc", "conmon", "":
		return true
	}
	return false
}

// parent returns the parent's life where its program at the time is known.
func (t *Transform) parent(s *seen) *life {
	p := t.table.alive(s.ppid, s.t)
	if p == nil || p.exe == "" || p.execAt > s.t {
		return nil
	}
	if t.history != nil {
		if sp, _ := t.history.find(p.pid, 0, s.t); sp != nil && sp.start > p.last {
			return nil
		}
	}
	return p
}

// complete adds what is known of the container that an event names itself.
func (t *Transform) complete(e *event.Event, out *event.Batch) {
	t.events[methodSource].Inc()
	n := spare
	c := t.reg.byID[e.Fields.Get(schema.ContainerID).Str()]
	if c != nil {
		t.describe(c)
		n += len(c.fields)
	}
	room(e, out, n)
	own := len(e.Fields)
	if c != nil {
		for _, f := range c.fields {
			if e.Fields[:own].Get(f.Key).IsZero() {
				e.Fields = append(e.Fields, f)
			}
		}
	}
	answer{method: methodSource, conf: confExact}.stamp(&e.Fields)
}
