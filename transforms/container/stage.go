package container

// The batch: what its events teach, and where each was. What is read from an event is in read.go.

import (
	"context"
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// dataset is that of the events that are attributed by their process.
const dataset = "auditd.log"

// engineDataset is that of an engine's own events, which name containers.
const engineDataset = "docker.events"

// internal is the dataset of what tallyman says of itself, and gapAction what it
// says when records are missing in a log.
const (
	internal  = "tallyman.internal"
	gapAction = "audit-sequence-gap"
)

// stage is the transform in one lane.
type stage struct {
	t *Transform

	// Kept for their memory; empty between batches.
	args  []string        // of the event at hand
	adds  adder           // what is added to it
	todo  []pending       // the audit events of the batch
	until int64           // when the wait for the batch at hand ends; 0: nothing was waited for
	ids   [32]named       // texts of ids, by their first byte
	text  strings.Builder // ids; a new one when it is full
	found counted         // events by how their container was found
}

// pending is an audit event of the batch at hand that was learnt from.
type pending struct {
	at     int // in the batch
	seen   seen
	life   *life // nil where the event names no process, or the kernel's table has all
	answer answer
	early  bool // the connector had not told of its time yet
	held   bool // it was waited for
	waited int64
}

// Apply stamps every decoded audit event, and completes events of other sources
// that name their container. Everything else goes through as it is. A batch is
// first learnt from as a whole and then stamped: what a later event of the
// batch tells of a process, such as the end of a parent that never did anything
// else, serves the earlier ones.
func (s *stage) Apply(ctx context.Context, in, out *event.Batch) error {
	if len(in.Events) == 0 {
		return nil
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	out.Events = append(out.Events, in.Events...)
	s.take(ctx, out, nil)
	s.finish(ctx, out)
	return nil
}

// take learns from a batch, the first of whose events were learnt from before,
// and finds its containers.
func (s *stage) take(ctx context.Context, out *event.Batch, before []keptEvent) {
	t := s.t
	t.listen(ctx)
	t.start()
	if t.proc != nil {
		t.proc.setBoot()
	}
	t.tally.note(t.env.Now(), t.total)
	for i := 0; i < len(out.Events); {
		if e := &out.Events[i]; !audited(e) {
			if i >= len(before) {
				s.other(e, out)
			}
			i++
			continue
		}
		from := len(s.todo)
		for ; i < len(out.Events) && audited(&out.Events[i]) && len(s.todo) < from+atOnce; i++ {
			s.read(&out.Events[i], &s.next(i).seen)
		}
		some := s.todo[from:]
		t.table.fetch(some)
		for j := range some {
			p := &some[j]
			s.note(&p.seen)
			if p.at < len(before) {
				p.holds(t.table, before[p.at].life)
			}
			if p.life == nil {
				p.holds(t.table, t.again(&out.Events[p.at], &p.seen))
			}
			s.words(&out.Events[p.at], &p.seen)
			s.learn(ctx, p)
		}
	}
	now := t.env.Now().UnixNano()
	s.settle(now)
	s.hold(ctx, now)
	s.until = 0
}

// audited reports whether e is attributed by its process.
func audited(e *event.Event) bool { return e.Decode == "" && e.Dataset == dataset }

// other takes an event that is no record of an audit log.
func (s *stage) other(e *event.Event, out *event.Batch) {
	t := s.t
	switch {
	case e.Decode != "":
	case !e.Fields.Get(schema.ContainerID).IsZero() && e.Fields.Get(schema.TallymanContainerMethod).IsZero():
		t.complete(e, out)
	case t.ofPod(e, out):
		t.complete(e, out)
	case e.Dataset == internal:
		t.missed(e)
	}
}

// finish stamps what is left of a batch.
func (s *stage) finish(ctx context.Context, out *event.Batch) {
	t := s.t
	all := s.todo
	for len(s.todo) > 0 && s.todo[len(s.todo)-1].at >= len(out.Events) {
		s.todo = s.todo[:len(s.todo)-1]
	}
	s.introduce(ctx)
	for i := range s.todo {
		if i%atOnce == 0 {
			t.table.fetchAbove(s.todo[i:min(i+atOnce, len(s.todo))])
		}
		p := &s.todo[i]
		s.stamp(&out.Events[p.at], out, p)
		p.holds(t.table, nil) // while it is at hand
	}
	s.done(all)
	s.adds = adder{}
	s.found.flush()
	t.vain.flush()
	t.processes.Set(int64(t.table.count))
	t.known.Set(int64(len(t.reg.byID)))
}

// done lets go of the events of a batch and of their lives.
func (s *stage) done(all []pending) {
	for i := range all {
		s.t.table.unpin(all[i].life)
	}
	s.t.table.sweep()
	clear(all)
	s.todo = s.todo[:0]
	clear(s.args)
}

// holds says which life an event is of, and keeps it as it is until the event is done
// with: it may be forgotten meanwhile.
func (p *pending) holds(t *table, l *life) {
	if l != nil {
		l.pin()
	}
	t.unpin(p.life)
	p.life = l
}

// settle finds the containers of the batch's audit events, but of those of which only
// the connector is to tell.
func (s *stage) settle(now int64) {
	t := s.t
	for i := range s.todo {
		if p := &s.todo[i]; !t.early(p, now) {
			t.settleOn(p)
		} else if p.early = true; i > 0 && s.todo[i-1].early && s.todo[i-1].seen.who() == p.seen.who() && s.todo[i-1].seen.ppid == p.seen.ppid {
			p.seen.peeked = s.todo[i-1].seen.peeked // the same process a moment ago
		} else {
			t.peekAt(p)
		}
	}
}

// next adds an audit event to those of the batch, where it lies: it is larger
// than what is worth to be copied.
func (s *stage) next(at int) *pending {
	if len(s.todo) == cap(s.todo) {
		s.todo = slices.Grow(s.todo, max(64, len(s.todo)))
	}
	s.todo = s.todo[:len(s.todo)+1]
	p := &s.todo[len(s.todo)-1]
	p.at = at // the rest is clear: Apply leaves no event behind
	return p
}

// learn takes from an event what it tells of its process, as far as the kernel's
// table does not know it all and it was not learnt from before.
func (s *stage) learn(ctx context.Context, p *pending) {
	t := s.t
	if p.seen.pid <= 0 {
		return
	}
	t.ask(p)
	if p.seen.kin.found == foundLater && p.seen.act == actExec && engineName(base(p.seen.exe)) {
		s.await(ctx, p) // what a command is worth is to be known when it is learnt
	}
	if p.seen.kernel && p.life == nil && !p.seen.kin.sure() {
		p.holds(t.table, t.table.observe(&p.seen))
		if p.life.id.IsZero() { // now, before a batch tells more: it does not depend on how events are batched
			p.life.id = t.newID(p.seen.node, p.seen.pid, p.life.first)
		}
	}
}

// settleOn finds the container of an audit event.
func (t *Transform) settleOn(p *pending) {
	if p.seen.pid <= 0 {
		return
	}
	if p.seen.kin.sure() {
		if p.answer = t.reply(&p.seen.kin.at); p.answer.found() {
			return
		}
	}
	if !p.seen.kernel {
		p.holds(t.table, t.bystander(&p.seen))
	}
	t.ask(p)
	if p.answer = t.reply(&p.seen.kin.at); p.answer.found() {
		return
	}
	if p.life != nil {
		p.answer = t.resolve(p.life, &p.seen)
		t.tell(p)
	}
}

// stamp adds to an event what was found.
func (s *stage) stamp(e *event.Event, out *event.Batch, p *pending) {
	t, a := s.t, p.answer
	s.found.add(t.events[a.method][a.conf])
	if a.in != nil {
		a.in.used = max(a.in.used, e.Time.UnixNano())
		t.describe(a.in)
	}
	s.adds = adder{fields: e.Fields, out: out}
	s.family(&s.adds, p)
	a.stamp(&s.adds)
	t.drifted(&s.adds, a.in, &p.seen)
	if p.held {
		s.adds.next(schema.TallymanContainerWaitedMS).SetValue(event.Int(p.waited))
	}
	e.Fields = s.adds.fields
}

// complete adds what is known of the container that an event names itself.
func (t *Transform) complete(e *event.Event, out *event.Batch) {
	t.events[methodSource][confExact].Inc()
	if e.Dataset == engineDataset {
		t.reg.told(e)
	}
	c := t.mentioned(e.Fields.Get(schema.ContainerID).Str())
	adds := adder{fields: e.Fields, out: out}
	if c != nil {
		t.describe(c)
		for i := range c.fields {
			if e.Fields.Get(c.fields[i].Key).IsZero() {
				adds.all(c.fields[i : i+1])
			}
		}
	}
	answer{method: methodSource, conf: confExact}.stamp(&adds)
	e.Fields = adds.fields
}
