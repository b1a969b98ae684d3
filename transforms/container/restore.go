package container

import (
	"errors"
	"math"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
)

// Restore takes back a snapshot. The processes of this host are forgotten where
// it has booted since: their pids are others' now.
func (t *Transform) Restore(snapshot []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget()
	err := t.restore(snapshot)
	if err != nil {
		t.forget()
	}
	for t.table.count > t.table.max {
		t.table.evict()
	}
	t.sow()
	t.processes.Set(int64(t.table.count))
	t.known.Set(int64(len(t.reg.byID)))
	return err
}

// forget brings the transform to where it was before its first event, but for
// what sow adds.
func (t *Transform) forget() {
	t.table.reset()
	t.since = 0
	t.learnt, t.resumed = map[event.ID]struct{}{}, map[event.ID]struct{}{}
	t.restores++
	for id, c := range t.reg.byID {
		if !c.bound {
			delete(t.reg.byID, id)
		}
	}
	clear(t.nodes.byName)
	t.nodes.own, t.nodes.first = t.unnamed.own, t.unnamed.first
}

// sow adds the processes that offline files name and that are not known.
func (t *Transform) sow() {
	for _, s := range t.seeds {
		known := false
		for l := t.table.newest(who{0, s.pid}); l != nil; l = t.table.older(l) {
			// Its first event may be stamped a little before.
			known = known || l.has(markBorn) && l.first <= s.from && s.from-l.first <= comeRound
		}
		if !known {
			t.table.seed(s.seed, s.died)
		}
	}
}

// loaded reads a snapshot.
type loaded struct {
	*keep.Reader
	containers []*container // nil for one of an engine that is not looked for
	programs   []string
	from       int64
}

func (t *Transform) restore(snapshot []byte) error {
	kr, err := keep.NewReader(snapshot, keepMark, keepVersion)
	before := errors.Is(err, keep.ErrVersion)
	if before {
		kr, err = keep.NewReader(snapshot, keepMark, keepVersion-1)
	}
	if err != nil {
		return err
	}
	r := &loaded{Reader: kr}
	boot, same := r.Str(), t.hosts(r)
	for n := r.Count(13); n > 0 && !r.Bad(); n-- {
		r.containers = append(r.containers, t.take(r))
	}
	for n := r.Count(1); n > 0 && !r.Bad(); n-- {
		r.programs = append(r.programs, r.Str())
	}
	booted := false
	if now := t.boot(); now != "" && boot != "" && now != boot {
		booted, t.since = true, math.MaxInt64
		if t.proc.setBoot() {
			t.since = t.proc.boot
		}
	}
	for n := r.Count(3); n > 0 && !r.Bad(); n-- {
		node, pid := uint32(r.Below(maxNodes+1)), int32(r.Int())
		t.chain(r, node, pid, same && (!booted || node != 0))
	}
	if t.kernel != nil {
		t.kernel.mu.Lock()
		defer t.kernel.mu.Unlock()
	}
	t.kernelTable(r, same && !booted && boot != "")
	if !before {
		for n := r.Count(1); n > 0 && !r.Bad(); n-- {
			if id := r.id(); len(t.resumed) < t.table.max {
				t.resumed[id] = struct{}{}
			}
		}
	}
	return r.Close()
}

// hosts reads the numbers of hosts; it is false where this host has another name
// now, so that no number means what it meant.
func (t *Transform) hosts(r *loaded) bool {
	own, first := r.Str(), r.Bool()
	same := own == t.nodes.own || t.nodes.first
	if same {
		t.nodes.own, t.nodes.first = own, first
	}
	for n := r.Count(2); n > 0 && !r.Bad(); n-- {
		name := r.Str()
		if number := uint32(r.Below(maxNodes + 1)); same {
			t.nodes.byName[name] = number
		}
	}
	return same
}

// chain reads the lives of one pid, and keeps them unless they are of no use.
func (t *Transform) chain(r *loaded, node uint32, pid int32, use bool) {
	at := (*life)(nil)
	for n := r.Count(12); n > 0 && !r.Bad(); n-- {
		l := t.table.fresh()
		l.node, l.pid = uint16(node), pid
		r.life(t.table, l)
		if !use {
			t.table.discard(l)
			continue
		}
		if at == nil {
			for old := t.table.newest(l.who()); old != nil; old = t.table.newest(l.who()) {
				t.table.forget(old) // a snapshot names each pid once
			}
			t.table.lead(l, nil)
		} else {
			t.table.follow(at, nil, l)
			l.until = min(at.until, at.first)
		}
		at = l
		t.table.count++
	}
}

// take reads a container and what is known of it.
func (t *Transform) take(r *loaded) *container {
	kept := r.Bool()
	id, used := r.Str(), r.Int()
	flag := r.Below(8)
	f := facts{name: r.Str(), runtime: r.Str(), image: r.Str(), imageID: r.Str(), digest: r.Str(), pod: r.Str(), parent: r.Str(), kube: flag&4 != 0}
	if p := r.Below(3); p > 0 {
		yes := p == 2
		f.privileged = &yes
	}
	n := r.Count(2)
	if n > 0 {
		f.labels = make(map[string]string, n)
	}
	for ; n > 0 && !r.Bad(); n-- {
		name := r.Str()
		f.labels[name] = r.Str()
	}
	if r.Bad() || f.runtime != "" && !t.reg.runtimes[f.runtime] {
		return nil
	}
	c := t.reg.byID[id]
	if c == nil {
		c, t.reg.any = &container{id: id}, true
		if kept && len(t.reg.byID) < t.reg.max {
			t.reg.byID[id] = c
		}
	}
	c.used = max(c.used, used)
	c.rooted, c.named = c.rooted || flag&1 != 0, c.named || flag&2 != 0
	c.learn(f, t.reg.kubernetes)
	return c
}

// life reads one life of a pid into l.
func (r *loaded) life(t *table, l *life) {
	flag := r.Below(flags)
	is := func(bit uint64) bool { return flag&bit != 0 }
	l.entered, l.stale, l.ended = is(flagEntered), is(flagStale), is(flagEnded)
	l.mark(markOld)
	l.set(markBorn, is(flagBorn))
	l.set(markEngine, is(flagEngine))
	l.set(markShown, is(flagShown))
	l.ppid = int32(r.Int())
	l.first = r.from + r.Int()
	r.from = l.first
	l.last = l.first + r.Int()
	if !is(flagRuns) {
		l.end = l.first + r.Int()
	}
	if is(flagExec) {
		l.execAt = l.first + r.Int()
	}
	in := r.container()
	got := answer{in: in, host: is(flagHost), method: method(r.Below(uint64(methods))), conf: confidence(r.Below(uint64(confidences))),
		hops: uint8(r.Below(256)), ambiguous: is(flagAmbiguous)}
	if got.found() {
		t.give(l, got)
	}
	if started, watches := r.container(), r.container(); started != nil || watches != nil {
		p := t.part(l)
		p.started, p.watches = started, watches
	}
	if is(flagBrought | flagVouched | flagDoubted) {
		p := t.part(l)
		p.brought, p.vouched, p.doubted = is(flagBrought), is(flagVouched), is(flagDoubted)
	}
	if l.entered {
		p := t.part(l)
		p.from, p.since, p.giver = int32(r.Int()), l.first+r.Int(), int32(r.Int())
	}
	l.id = r.id()
	t.starts(l, r.program(), r.program())
}

// id reads the id of a process.
func (r *loaded) id() event.ID {
	var id event.ID
	if s := r.Str(); len(s) == len(id) {
		copy(id[:], s)
	}
	return id
}

// container reads the place of a container.
func (r *loaded) container() *container {
	if i := r.Below(uint64(len(r.containers)) + 1); i > 0 {
		return r.containers[i-1]
	}
	return nil
}

// program reads the place of a program's name.
func (r *loaded) program() string {
	if i := r.Below(uint64(len(r.programs)) + 1); i > 0 {
		return r.programs[i-1]
	}
	return ""
}
