package audit

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// stage is the transform in one lane: the open events and the memory that turns
// them into fields. One goroutine calls it.
//
// An event ends
//   - at once, where its record is of a type that stands alone,
//   - with PROCTITLE, the last record of a system call in a log file; in a stream
//     that has EOE records (a plugin's, not a file's) with EOE,
//   - when more than Settings.Window events are open, or they hold more than
//     windowBytes, oldest first,
//   - when a record of its node is Settings.Timeout younger, or when nothing was
//     read for that long.
type stage struct {
	t      *Transform
	input  string
	gaps   gaps
	win    window
	eoe    eoe      // whether this stream has EOE records
	wait   *pending // ended by PROCTITLE before that is known: the next record tells
	last   *pending // what the record before belongs to, while that is all that has to be known of another with its stamp
	solo   pending  // the event of a record that stands alone
	memo   stampMemo
	idHead struct { // what the ids of a node's events have in common
		id   event.ID // zero before the first
		node string
	}
	seq  uint64
	out  *event.Batch
	f    facts
	held []held // scratch of Held
	fell bool   // a defect was met, and said
}

// eoe says whether a stream has EOE records.
type eoe uint8

const (
	eoeUnknown eoe = iota
	eoeNo
	eoeYes
)

func newStage(t *Transform, input string) *stage {
	s := &stage{t: t, input: input, gaps: gaps{born: t.env.Now()}}
	s.f.init(t)
	return s
}

// Apply joins records to events. What is no audit record passes as it is.
func (s *stage) Apply(_ context.Context, in, out *event.Batch) error {
	s.out = out
	s.f.users.refresh()
	if s.gaps.kind = in.Serials; len(in.Losses) > 0 {
		s.gaps.note(in.Losses, s.t.env.Now())
	}
	if len(in.Events) == 0 {
		if s.wait != nil { // EOE comes with its event or not at all: silence tells
			s.eoe = eoeNo
		}
		s.settle()
		s.idle()
		s.quiet(s.t.env.Now().Add(-gapWait), false)
	}
	for i := 0; i < len(in.Events); {
		i = s.some(in.Events, i)
	}
	s.own()
	s.win.clean()
	clear(s.solo.parts)
	s.f.letGo()
	s.out, s.memo, s.last, s.gaps.shared = nil, stampMemo{}, nil, nil // views of a chunk that is not ours any longer
	return nil
}

// sender returns the host that an input says a record came from, "" for this one:
// its serials, processes and users are not ours.
func (s *stage) sender(e *event.Event) string {
	if name := e.Fields.Get(schema.HostName).Str(); name != s.t.host {
		return name
	}
	return ""
}

// record takes one source record. It is read to where it stays until its event
// ends, or to solo: a part is too large to be handed on as a value.
func (s *stage) record(e *event.Event) {
	if at := s.last; at != nil && len(e.Fields) == 0 && s.gaps.shares(e) {
		if typ, body := s.memo.same(e.Raw); typ != "" { // four of five
			s.seq++
			p := s.part(at, e)
			p.typ = s.t.tables.kinds.of(typ)
			r := &p.rec
			r.Node, r.Type, r.Body, r.Enriched = "", typ, body, ""
			r.Sec, r.Milli, r.Serial, r.torn, r.parted = s.memo.sec, s.memo.milli, s.memo.serial, false, false
			s.join(at, p.typ, e)
			return
		}
	}
	s.last = nil
	var rec Record
	bare := false
	if !rec.parse(e.Raw, &s.memo) {
		if s.recall(e) {
			return
		}
		if rec, bare = s.unstamped(e); !bare {
			s.foreign(e)
			return
		}
	}
	if rec.Node == "" && len(e.Fields) > 0 {
		rec.Node = s.sender(e)
	}
	if s.memo.host != "" {
		if rec.Node == "" {
			rec.Node = s.elsewhere(s.memo.host)
		}
		s.memo.host = ""
	}
	s.seq++
	typ := s.t.tables.kinds.of(rec.Type)
	key := stampOf(&rec)
	if bare {
		s.alone(&key, &rec, typ, e, true)
		return
	}
	s.watch(&rec, typ, e)
	at := s.win.find(&key)
	if s.wait != nil && (at != s.wait || typ != typeEOE) {
		s.eoe = eoeNo
		s.settle()
		at = s.win.find(&key)
	}
	if at == nil {
		s.expire(&key, e.Seen)
		if single(typ) {
			s.alone(&key, &rec, typ, e, false)
			return
		}
		at = s.open(&key)
	}
	if s.wait == nil && key.node == "" && s.gaps.told(&key) {
		s.last = at
	}
	p := s.part(at, e)
	p.rec, p.typ = rec, typ
	s.join(at, typ, e)
}

// part adds a record to an event, whose rec and typ may be those of another before.
func (s *stage) part(at *pending, e *event.Event) *part {
	if n := len(at.parts); n < cap(at.parts) {
		at.parts = at.parts[:n+1]
	} else {
		at.parts = append(at.parts, part{})
	}
	p := &at.parts[len(at.parts)-1]
	p.owned, p.seq, p.e = false, s.seq, e
	at.records += e.Records
	at.inherits = at.inherits || len(e.Fields) > 0
	return p
}

// join counts a record that was added to an open event, and ends what that ends.
func (s *stage) join(at *pending, typ uint16, e *event.Event) {
	at.seen = e.Seen
	s.win.grow(at, len(e.Raw))
	for s.win.size > windowBytes {
		full := s.win.first
		s.t.count.overflow.Inc()
		s.end(full)
		if full == at {
			return
		}
	}
	switch {
	case typ == typeEOE:
		s.eoe = eoeYes
		s.end(at)
	case typ != typeProctitle:
	case s.eoe == eoeNo:
		s.end(at)
	case s.eoe == eoeUnknown:
		s.wait, s.last = at, nil
	}
}

// settle ends the event that waits to learn whether EOE comes.
func (s *stage) settle() {
	if p := s.wait; p != nil {
		s.end(p)
	}
}

// alone makes an event of one record.
func (s *stage) alone(key *stamp, rec *Record, typ uint16, e *event.Event, bare bool) {
	s.solo.stamp, s.solo.bare, s.solo.late = *key, bare, !bare && s.win.gone(key)
	s.solo.parts, s.solo.records, s.solo.inherits = s.solo.parts[:0], 0, false
	p := s.part(&s.solo, e)
	p.rec, p.typ = *rec, typ
	if !bare {
		s.win.remember(key)
	}
	s.emit(&s.solo)
}

// open starts an event, and ends the oldest when there are too many.
func (s *stage) open(key *stamp) *pending {
	if s.win.n >= s.t.set.Window {
		s.t.count.overflow.Inc()
		s.end(s.win.first)
	}
	return s.win.open(key)
}

// expire ends what a record of the same node shows to be over. Events of another
// node have another clock, and one of a later time is of before the clock was set
// back: for them the time of reading is compared.
func (s *stage) expire(key *stamp, seen time.Time) {
	for p := s.win.first; p != nil; p = s.win.first {
		if p.node == key.node && key.ms >= p.ms {
			if key.ms-p.ms <= s.t.set.Timeout.Milliseconds() {
				return
			}
		} else if seen.Sub(p.seen) <= s.t.set.Timeout {
			return
		}
		s.t.count.timeout.Inc()
		s.end(p)
	}
}

// idle ends what has waited long enough, when there was nothing to read.
func (s *stage) idle() {
	limit := s.t.env.Now().Add(-s.t.set.Timeout)
	for p := s.win.first; p != nil; {
		next := p.next
		if !p.seen.After(limit) {
			s.t.count.timeout.Inc()
			s.end(p)
		}
		p = next
	}
}

func (s *stage) end(p *pending) {
	if p == s.wait {
		s.wait = nil
	}
	if p == s.last {
		s.last = nil
	}
	s.win.close(p)
	s.emit(p)
	s.win.recycle(p)
}

// own makes copies of what stays open, because the chunk that the strings are
// views of is not ours beyond this batch.
func (s *stage) own() {
	for p := s.win.first; p != nil; p = p.next {
		for i := range p.parts {
			if !p.parts[i].owned {
				p.parts[i].own()
			}
		}
		p.node = p.parts[0].rec.Node
		if p.used > len(p.parts) { // of the event that was here before
			clear(p.parts[len(p.parts):p.used])
		}
		p.used = 0
	}
}

func (p *part) own() {
	e := &event.Event{Decode: Decoder, Raw: strings.Clone(p.e.Raw), Records: p.e.Records, Offset: p.e.Offset, Seen: p.e.Seen, Shared: p.e.Shared}
	if len(p.e.Fields) > 0 {
		e.Fields = slices.Clone(p.e.Fields)
		for i := range e.Fields {
			e.Fields[i] = e.Fields[i].Clone()
		}
	}
	p.e, p.owned = e, true
	if r, err := parse(e.Raw); err == nil {
		if r.Node == "" {
			r.Node = strings.Clone(p.rec.Node) // of sender
		}
		p.rec = r
	}
}

type held struct {
	seq uint64
	p   *part
}

// Held appends the records of the open events in the order of their arrival, and
// what is known of the serials.
func (s *stage) Held(dst []event.Event) []event.Event {
	s.held = s.held[:0]
	for p := s.win.first; p != nil; p = p.next {
		for i := range p.parts {
			s.held = append(s.held, held{p.parts[i].seq, &p.parts[i]})
		}
	}
	slices.SortFunc(s.held, func(a, b held) int { return cmp.Compare(a.seq, b.seq) })
	for _, h := range s.held {
		dst = append(dst, *h.p.e)
	}
	clear(s.held)
	return s.gaps.keep(dst, s.boot())
}

// Flush ends everything that is open, oldest first.
func (s *stage) Flush(out *event.Batch) {
	s.out = out
	for s.win.first != nil {
		s.end(s.win.first)
	}
	s.quiet(time.Time{}, true)
	s.gaps.list = nil
	s.win.clean()
	s.out = nil
}
