package container

// What is learned from events that were stamped before, as they stand in the
// journal: the same as when they were stamped, but that /proc, which shows the
// present, is not asked; what it said then is on the event.

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// stamped is what an event was given when it was judged.
type stamped struct {
	set     bool // it has a stamp at all
	process event.ID
	id      string
	answer
}

// Learn takes events as they were journalled.
func (t *Transform) Learn(events []event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	proc := t.proc
	t.proc = nil
	defer func() { t.proc = proc }()
	if t.learner == nil {
		t.learner = &stage{t: t}
	}
	s := t.learner
	said := make([]stamped, 0, len(events))
	for i := range events {
		e := &events[i]
		switch {
		case e.Decode != "" || e.Records == 0 && e.Fields.Get(schema.EventKind).Str() == "alert":
		case e.Dataset == dataset:
			p := pending{at: i}
			s.read(e, &p.seen)
			s.words(e, &p.seen)
			s.note(&p.seen)
			said = append(said, stampOf(&e.Fields))
			p.seen.told = &said[len(said)-1]
			if p.seen.pid > 0 && p.seen.kernel && (p.seen.node != 0 || p.seen.t >= t.since) {
				l := t.again(e, &p.seen)
				if l == nil {
					l = t.table.observe(&p.seen)
				}
				p.life = l.pin()
			}
			s.todo = append(s.todo, p)
		case e.Dataset == engineDataset && !e.Fields.Get(schema.ContainerID).IsZero():
			t.reg.told(e)
		}
	}
	for i := range s.todo {
		t.settle(&events[s.todo[i].at], &s.todo[i])
	}
	s.done(s.todo)
	t.vain.flush()
	t.processes.Set(int64(t.table.count))
	t.known.Set(int64(len(t.reg.byID)))
}

// settle takes over what an event was given.
func (t *Transform) settle(e *event.Event, p *pending) {
	st := p.seen.told
	var in *container
	switch l := p.life; {
	case l == nil:
		in = t.reg.byID[st.id]
	case t.history != nil || !st.set:
		in = t.resolve(l, &p.seen).in
	default:
		if !l.got.found() {
			t.table.inherit(l, p.seen.t, 0)
		}
		if got := t.table.answer(l); !st.same(&got) {
			a := st.answer
			if st.id != "" {
				a.in = t.reg.get(st.id)
			}
			t.table.give(l, a)
			l.stale = st.host && t.movable(l, &p.seen)
		}
		in = t.table.in(l)
	}
	if p.life != nil {
		p.life.mark(markOld)
		if !st.process.IsZero() {
			p.life.id = st.process
		}
	}
	if in == nil {
		return
	}
	in.used = max(in.used, e.Time.UnixNano())
	if f := factsOf(&e.Fields); in.id == st.id && in.lacks(&f) {
		in.learn(f, t.reg.kubernetes)
	}
}

// same reports whether a is what the stamp says.
func (s *stamped) same(a *answer) bool {
	id := ""
	if a.in != nil {
		id = a.in.id
	}
	return s.id == id && s.host == a.host && s.method == a.method && s.conf == a.conf && s.hops == a.hops
}

// movable reports whether a process that was seen on the host may be in a
// container since: an engine's, or one whose parent is not known not to be.
func (t *Transform) movable(l *life, s *seen) bool {
	if is := t.table.program(l); is.moves() {
		return true
	}
	if p := t.table.alive(0, l.ppid, s.t); p != nil && p.runs != 0 {
		return t.table.role(p).started != nil || t.table.program(p).moves()
	}
	return l.ppid > 1
}

// stampOf reads the fields that stamp adds.
func stampOf(f *event.Fields) stamped {
	var s stamped
	for i := range *f {
		v := (*f)[i].Value()
		switch (*f)[i].Key {
		case schema.ContainerID:
			s.id = v.Str()
		case schema.ProcessEntityID:
			s.process = parseID(v.Str())
		case schema.TallymanContainerMethod:
			s.set = true
			s.method = method(max(slices.Index(methodNames[:], v.Str()), 0))
		case schema.TallymanContainerConfidence:
			s.conf = confidence(max(slices.Index(confidenceNames[:], v.Str()), 0))
		case schema.TallymanContainerHost:
			s.host = v.True()
		case schema.TallymanContainerHops:
			n, _ := v.Int64()
			s.hops = uint8(min(max(n, 0), 255))
		}
	}
	if s.method == methodNone {
		s.answer = answer{}
	}
	return s
}

// factsOf reads back what build made of a container. The strings are copies.
func factsOf(f *event.Fields) facts {
	var k facts
	var hashes []string
	tag := ""
	for i := range *f {
		at := &(*f)[i]
		s := at.Str()
		switch at.Key {
		case schema.ContainerName:
			k.name = strings.Clone(s)
		case schema.ContainerRuntime:
			k.runtime = strings.Clone(s)
		case schema.ContainerImageName:
			k.image = strings.Clone(s)
		case schema.ContainerImageTag:
			tag = s
		case schema.ContainerImageHashAll:
			hashes = append(hashes, strings.Clone(s))
		case schema.OrchestratorType:
			k.kube = s == "kubernetes"
		case schema.KubernetesPodUID:
			k.pod = strings.Clone(s)
		case schema.ContainerSecurityContextPrivileged:
			yes := at.Value().True()
			k.privileged = &yes
		case schema.ContainerLabels:
			if k.labels == nil {
				k.labels = map[string]string{}
			}
			k.labels[strings.Clone(at.Name())] = strings.Clone(s)
		}
	}
	if k.image != "" && tag != "" {
		k.image += ":" + tag
	}
	switch len(hashes) {
	case 0:
	case 1:
		k.imageID = hashes[0]
	default:
		k.digest, k.imageID = hashes[0], hashes[1]
	}
	return k
}

// lacks reports whether f says something that is not known.
func (c *container) lacks(f *facts) bool {
	k := &c.known
	for _, pair := range [...][2]string{{k.name, f.name}, {k.runtime, f.runtime}, {k.image, f.image}, {k.pod, f.pod}} {
		if pair[0] == "" && pair[1] != "" {
			return true
		}
	}
	return k.privileged == nil && f.privileged != nil || k.labels == nil && f.labels != nil ||
		k.imageID == "" && k.digest == "" && f.imageID != "" && !strings.Contains(k.image, f.imageID)
}
