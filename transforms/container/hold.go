package container

// The kernel's word on an event's process, and the wait for it.

import (
	"context"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// kin is what the kernel's table says of an event's process.
type kin struct {
	life  *klife
	at    standing
	found found
	began int64 // life: no sooner than then; 0 where that is not known
}

// sure reports whether the table says all that there is to say: nothing in the
// log can add to it.
func (k *kin) sure() bool { return k.found == foundOne && k.at.in != nil && k.at.in.strong }

// asks reports whether the kernel's table is there for an event.
func (t *Transform) asks(s *seen) bool { return t.kernel != nil && s.node == 0 }

// ask looks an event's process up in the kernel's table.
func (t *Transform) ask(p *pending) {
	if !t.asks(&p.seen) {
		return
	}
	s := &p.seen
	now := t.env.Now().UnixNano()
	t.kernel.mu.Lock()
	l, f := t.kernel.find(s.pid, s.ppid, s.t)
	s.kin = kin{found: f}
	if f == foundOne {
		s.kin.life = l
		if l.start != always {
			s.kin.began = l.start - l.grain()
		}
		t.kernel.hear(l, s)
		s.kin.at = t.kernel.stand(l, s.t, now)
	}
	t.kernel.mu.Unlock()
}

// hear notes which program an event's process runs.
func (k *kernel) hear(l *klife, s *seen) {
	if s.act == actExec && l.exec < s.t {
		l.exec = s.t + slack // the connector has not told of it yet
	}
	if s.kernel && s.exe != "" && (s.act == actExec || l.prog == nil || s.t >= l.exec) && (l.prog == nil || l.prog.exe != s.exe || l.prog.name != s.name) {
		l.prog = k.run(s.name, s.exe)
	}
	if s.ppid != 0 && l.ppid != s.ppid {
		l.keeper = s.ppid // its parent is gone
	}
}

// reply turns where a process was into an answer, none where its control group
// is not one that is known.
func (t *Transform) reply(s *standing) answer {
	switch {
	case s.host:
		return answer{host: true, method: methodConnector, conf: s.conf}
	case s.in != nil:
		a := s.in.said
		if a.in == nil || t.reg.byID[a.in.id] != a.in {
			if a = (glance{where: s.in.groups}).answer(t.reg); a.in == nil {
				return answer{ambiguous: a.ambiguous}
			}
			s.in.said = a
		}
		if a.conf != confMedium {
			a.conf = s.conf
		}
		a.method, a.hops = methodConnector, s.hops
		return a
	case s.told != nil:
		return answer{in: s.told, method: methodLineage, conf: s.conf, hops: s.hops}
	}
	return answer{}
}

// tell gives the kernel's table what was found without it, for the children of
// the process.
func (t *Transform) tell(p *pending) {
	if p.seen.kin.life == nil || p.answer.in == nil {
		return
	}
	t.kernel.mu.Lock()
	if l := p.seen.kin.life; l.in == nil || l.in.id == "" {
		l.told, l.conf, l.hops = p.answer.in, p.answer.conf, p.answer.hops
	}
	t.kernel.mu.Unlock()
}

const (
	// fresh is how old an event may be to be waited for: a reader that is behind
	// does not wait, it has to catch up.
	fresh = int64(2 * time.Second)

	// mostHeld bounds the events of a batch that are waited for.
	mostHeld = 1024
)

// early reports whether an event is of a time that the connector has not told of
// yet, so that nothing else is to answer: its pid may have been another's until a
// moment ago, and the log and /proc would tell of that one.
func (t *Transform) early(p *pending, now int64) bool {
	return t.wait > 0 && p.seen.kin.found == foundLater && now-p.seen.t <= fresh && p.seen.pid > 0 && t.asks(&p.seen)
}

// peekAt reads the process of an early event in /proc, where it may be gone by the
// time that the connector has told whose the pid is.
func (t *Transform) peekAt(p *pending) {
	if t.proc == nil || p.life != nil && p.life.got.found() {
		return
	}
	var g glance
	if a := t.glance(&g, p.seen.pid, p.seen.t, p.seen.ppid); a.found() {
		p.seen.peeked = &peeked{g, a}
	}
}

// peeked is what /proc said when an event came.
type peeked struct {
	glance
	answer
}

// of reports whether what was read is of the life that the event turned out to be
// of.
func (p *peeked) of(l *klife) bool {
	return p != nil && l != nil && l.start != always && p.start >= l.start-2*grain && p.start <= l.start+2*grain
}

// hopeful reports whether the connector may still tell where the process of an
// unresolved event was.
func (t *Transform) hopeful(p *pending, now int64) bool {
	switch {
	case p.answer.found() || p.seen.pid <= 0 || !t.asks(&p.seen) || now-p.seen.t > fresh:
		return false
	case p.seen.kin.found == foundLater:
		return true
	}
	l := p.seen.kin.life
	if l != nil && !l.vain && t.kernel.clock <= p.seen.t+slack {
		return true // it has not told of all that happened before the event
	}
	if l == nil || l.end != never || l.vain {
		return false
	}
	return l.in == nil || l.in.id == "" && l.prog != nil && l.prog.engine() // what an engine made is moved yet
}

// hold waits, once for the whole batch, until the kernel's word on its unresolved
// events has come, and looks them up again. The lane waits with them, so that
// their order is kept. It begins now.
func (s *stage) hold(ctx context.Context, begin int64) {
	t := s.t
	if t.kernel == nil || t.wait <= 0 {
		return
	}
	n := 0
	t.kernel.mu.Lock()
	for i := range s.todo {
		if p := &s.todo[i]; n < mostHeld && t.hopeful(p, begin) {
			p.held = true
			n++
		}
	}
	t.kernel.mu.Unlock()
	if n == 0 {
		return
	}
	t.held.Add(uint64(n))
	now, end := begin, s.deadline(begin)
	for n > 0 && ctx.Err() == nil && now < end {
		s.rest(ctx, now, end-now)
		now = t.env.Now().UnixNano()
		n = s.again(begin, now)
	}
	for i := range s.todo {
		p := &s.todo[i]
		if p.answer.found() {
			continue
		}
		if !p.held {
			if t.early(p, begin) { // more than may be held
				t.settleOn(p)
			}
			continue
		}
		if p.waited == 0 {
			p.waited = (now - begin) / int64(time.Millisecond)
		}
		t.settleOn(p)
		if l := p.seen.kin.life; l != nil && !p.answer.found() {
			t.kernel.mu.Lock()
			l.vain = true
			t.kernel.mu.Unlock()
		}
	}
}

// deadline returns when the wait for this batch ends; it is one for all.
func (s *stage) deadline(now int64) int64 {
	if s.until == 0 {
		s.until = now + int64(s.t.wait)
	}
	return s.until
}

// await waits for the kernel's word on one process.
func (s *stage) await(ctx context.Context, p *pending) {
	t := s.t
	begin := t.env.Now().UnixNano()
	if t.wait <= 0 || begin-p.seen.t > fresh {
		return
	}
	p.held = true
	t.held.Inc()
	now, end := begin, s.deadline(begin)
	for p.seen.kin.found == foundLater && ctx.Err() == nil && now < end {
		s.doze(ctx, max(p.seen.t+slack+int64(time.Millisecond)-now, 0), end-now)
		now = t.env.Now().UnixNano()
		t.ask(p)
	}
	p.waited = max(1, (now-begin)/int64(time.Millisecond))
}

// doze lets others go on for d, at most left, or until the table turns; where
// there is nothing to wait for but the connector, it is asked how far it is.
func (s *stage) doze(ctx context.Context, d, left int64) {
	t := s.t
	t.kernel.mu.Lock()
	turned := t.kernel.turned
	t.kernel.mu.Unlock()
	t.mu.Unlock()
	defer t.mu.Lock()
	if d == 0 {
		t.follow.from.kick()
		d = left
	}
	t.pause(ctx.Done(), turned, time.Duration(min(d, left)))
}

// rest waits for a turn of the kernel's table, at most left.
func (s *stage) rest(ctx context.Context, now, left int64) {
	later := left
	for i := range s.todo {
		if p := &s.todo[i]; p.held && !p.answer.found() && p.seen.kin.found == foundLater {
			// From then on all that belongs to it has happened.
			later = min(later, max(p.seen.t+slack+int64(time.Millisecond)-now, 0))
		}
	}
	s.doze(ctx, later, left)
}

// again looks up what is held, and returns how much still is.
func (s *stage) again(begin, now int64) int {
	t, n := s.t, 0
	for i := range s.todo {
		p := &s.todo[i]
		if !p.held || p.answer.found() || p.waited > 0 {
			continue
		}
		t.ask(p)
		p.answer = t.reply(&p.seen.kin.at)
		t.kernel.mu.Lock()
		wait := !p.answer.found() && t.hopeful(p, begin)
		t.kernel.mu.Unlock()
		if wait {
			n++
			continue
		}
		p.waited = max(1, (now-begin)/int64(time.Millisecond))
	}
	return n
}

// missed has /proc read anew where a log says that records are missing in it:
// the end of a process, or an engine's command, may be among them.
func (t *Transform) missed(e *event.Event) {
	if e.Fields.Get(schema.EventAction).Str() != gapAction {
		return
	}
	if t.follow != nil {
		t.follow.scan.Store(true)
		t.follow.from.kick()
		return
	}
	t.stocked, t.gapped = false, true
}
