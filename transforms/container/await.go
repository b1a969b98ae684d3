package container

// Events that a later one may explain: what a process did before it was told
// who its parent's parent is.
//
// A process that only forks is in no record until it ends, and then the records
// of its children are in the log already. So whoever judges each event by what
// came before it, or with the rest of the batch that it happened to come in,
// loses those events, and loses others after a restart, which cuts the log into
// other batches. An event whose ancestry ends at a process that no record was of
// is therefore kept back until that one is told of, at most for a short part of
// the log, and what came after it with it, so that their order stays.

import (
	"context"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

const (
	// aheadTime and aheadEvents are how much of the log after an event is waited
	// for: in the captures all that explains one comes within 70 ms of it and 130
	// events.
	aheadTime   = int64(100 * time.Millisecond)
	aheadEvents = 256

	// mostAbsent bounds the processes of which it is known that nothing tells.
	mostAbsent = 1024

	// Where waiting is in vain, as in a log that tells of no fork and no end, it is not
	// worth what it costs: after mostVain times without one that was not, each of which
	// makes up for worth, there is another try only each retry events.
	mostVain = 128
	worth    = 32
	retry    = 16384
)

// patient is a stage that keeps events from one batch to the next.
type patient struct {
	stage
	kept   []keptEvent
	of     int           // the table that what is kept was learnt for, by its restores
	absent map[who]int64 // processes that were waited for in vain, and until when they are not again, in event time
	vain   int           // how often of late
	passed int           // events that did not wait for that reason
}

var _ plugin.Holder = (*patient)(nil)

// keptEvent is an event that was learnt from and not stamped yet.
type keptEvent struct {
	ev    event.Event // its fields are a copy
	life  *life
	since int64 // when it was kept, by the wall clock
}

// Apply is that of a stage, with what was kept before in front.
func (s *patient) Apply(ctx context.Context, in, out *event.Batch) error {
	if len(in.Events) == 0 && len(s.kept) == 0 {
		return nil
	}
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	s.pass(ctx, in, out, false)
	return nil
}

// Held appends what is kept. It is decoded: the records that it was made of are
// not there any more.
func (s *patient) Held(dst []event.Event) []event.Event {
	for i := range s.kept {
		dst = append(dst, s.kept[i].ev)
	}
	return dst
}

// Flush stamps what is kept, as good as it can be.
func (s *patient) Flush(out *event.Batch) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if len(s.kept) > 0 {
		s.pass(context.Background(), &event.Batch{}, out, true)
	}
}

// pass learns from a batch, and stamps what was kept and what came up to the
// first event that is to wait; last says that nothing waits.
func (s *patient) pass(ctx context.Context, in, out *event.Batch, last bool) {
	before := len(s.kept)
	for i := range s.kept {
		out.Events = append(out.Events, s.kept[i].ev)
	}
	out.Events = append(out.Events, in.Events...)
	if s.of != s.t.restores {
		s.of = s.t.restores
		for i := range s.kept {
			s.t.table.unpin(s.kept[i].life)
			s.kept[i].life = nil // another table has to learn from it
		}
	}
	s.take(ctx, out, s.kept)
	n := len(out.Events)
	if !last && s.t.kernel == nil {
		patience := int64(maxWait)
		if len(in.Events) == 0 {
			patience = int64(s.t.set.Wait)
		}
		n = s.ready(out.Events, patience)
	}
	now := s.t.env.Now().UnixNano()
	kept := s.kept
	s.kept = append([]keptEvent(nil), kept[min(n, before):]...)
	s.keep(out.Events[max(n, before):], now)
	for i := range kept {
		s.t.table.unpin(kept[i].life)
	}
	for i := range s.kept {
		s.kept[i].life = nil
	}
	for i := range s.todo {
		if p := &s.todo[i]; p.at >= n && p.life != nil {
			s.kept[p.at-n].life = p.life.pin()
		}
	}
	s.t.retain(kept, s.kept)
	clear(out.Events[n:])
	out.Events = out.Events[:n]
	s.finish(ctx, out)
}

// keep appends events to those that are kept. Their fields and texts lie in the memory of
// a batch and of a chunk that are used again, and are copied.
func (s *patient) keep(events []event.Event, now int64) {
	const spare = 16 // of what is added to an event
	room, size := 0, 0
	for i := range events {
		room += len(events[i].Fields) + spare
		size += events[i].TextSize()
	}
	fields, texts := make(event.Fields, 0, room), make([]byte, 0, size)
	s.kept = slices.Grow(s.kept, len(events))
	for i := range events {
		k, at := keptEvent{ev: events[i], since: now}, len(fields)
		fields = append(fields, k.ev.Fields...)
		end := len(fields)
		fields = fields[:end+spare]
		k.ev.Fields = fields[at:end:len(fields)]
		texts = k.ev.Move(texts)
		s.kept = append(s.kept, k)
	}
}

// ready returns how many events, from the first on, do not have to wait. What was
// kept for as long as patience waits no more: the source is silent, or its clock
// stands still.
func (s *patient) ready(events []event.Event, patience int64) int {
	now := s.t.env.Now().UnixNano()
	newest := int64(0)
	for i := range s.todo {
		newest = max(newest, s.todo[i].seen.t)
	}
	for i := range s.todo {
		p := &s.todo[i]
		if s.vain >= mostVain {
			if s.passed++; s.passed >= retry {
				s.passed, s.vain = 0, s.vain-1
			}
			continue
		}
		w, missing := s.t.missing(p)
		if !missing {
			if p.at < len(s.kept) && p.answer.found() {
				s.vain = max(0, s.vain-worth)
			}
			continue
		}
		late := newest-p.seen.t > aheadTime || len(events)-p.at > aheadEvents ||
			p.at < len(s.kept) && now-s.kept[p.at].since >= patience
		switch until, vain := s.absent[w]; {
		case vain && p.seen.t < until:
		case !late:
			return p.at
		default:
			s.inVain(w, p.seen.t+quiet)
		}
	}
	return len(events)
}

// inVain notes that nothing told of a process in time.
func (s *patient) inVain(w who, until int64) {
	if s.absent == nil || len(s.absent) >= mostAbsent {
		s.absent = map[who]int64{}
	}
	s.absent[w] = until
	s.vain++
}

// missing returns the process at which the ancestry of an unresolved event ends,
// and whether a later event may tell of it.
func (t *Transform) missing(p *pending) (who, bool) {
	const highest = 16
	if p.answer.found() || p.answer.ambiguous || p.life == nil || !p.seen.kernel {
		return who{}, false
	}
	l, at := p.life, p.seen.t
	for range highest {
		up := t.table.above(l, at)
		if up == nil {
			w := who{uint32(l.node), l.ppid}
			return w, l.ppid > 1 && !t.present(w, at)
		}
		if up == l || up.got.found() {
			break
		}
		l, at = up, min(at, up.last)
	}
	return who{}, false
}

// present reports whether /proc shows a process: then it needs no record.
func (t *Transform) present(w who, at int64) bool {
	if t.proc == nil || w.node != 0 {
		return false
	}
	_, ok := t.proc.lookAt(w.pid, at)
	return ok
}

// retain notes of which events the table has learnt that are not in the journal
// yet: after a restart they come again.
func (t *Transform) retain(before, now []keptEvent) {
	for i := range before {
		delete(t.learnt, before[i].ev.ID)
	}
	for i := range now {
		if id := now[i].ev.ID; !id.IsZero() {
			t.learnt[id] = struct{}{}
		}
	}
}

// again returns the life of an event that was learnt from before a restart, nil
// for any other.
func (t *Transform) again(e *event.Event, s *seen) *life {
	if len(t.resumed) == 0 {
		return nil
	}
	if _, ok := t.resumed[e.ID]; !ok {
		return nil
	}
	delete(t.resumed, e.ID)
	return t.table.find(s)
}
