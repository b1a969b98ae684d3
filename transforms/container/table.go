package container

// The processes as the stream of events shows them: whose life an event belongs
// to, and what a life has from its parent or from an engine's command.

import "time"

// table holds the lives. It joins on event time, so events may come late.
type table struct {
	places
	lives index // the newest of each pid
	count int
	max   int
	reg   *registry
	progs programs
	boxes numbered[*container]
	roles numbered[*role]

	fetched ref // what touch read, which is nothing to know

	looked int // how many lives evictions looked at

	engines []string // where only root can put programs

	// vouch says how far the command line of an engine's program is believed:
	// exact where the process is proven to be on the host, unknown not at all.
	vouch func(l *life, s *seen) confidence

	// check asks the kernel whether a life that was quiet is still the one that
	// has its pid.
	check func(l *life, at int64) verdict

	// began returns when the process that has a life's pid now started; ok is
	// false where there is none, or it cannot be asked.
	began func(l *life) (start int64, ok bool)
}

func newTable(most int, reg *registry) *table {
	return &table{max: most, reg: reg, progs: newPrograms(),
		boxes: numbered[*container]{list: []*container{nil}}, roles: numbered[*role]{list: []*role{{}}},
		vouch: func(*life, *seen) confidence { return confUnknown },
		check: func(*life, int64) verdict { return verdictNone },
		began: func(*life) (int64, bool) { return 0, false }}
}

// newest returns the newest life of w, nil for none.
func (t *table) newest(w who) *life { return t.at(t.lives.get(w)) }

// older returns the life of the same pid before l, nil for none.
func (t *table) older(l *life) *life { return t.at(l.prev) }

// observe returns the life that an event belongs to, made at its first event,
// with what the event says of it taken over.
func (t *table) observe(s *seen) *life {
	newest := t.newest(s.who())
	l := t.among(newest, s)
	if l != nil && l.has(markOld) {
		l = t.renew(l, s)
	}
	if l == nil {
		l = t.begin(newest, s)
	}
	t.identify(l, s)
	t.take(l, s)
	t.watched(l, s)
	return l
}

// find returns the life of s.pid that s belongs to, nil for one not seen yet.
func (t *table) find(s *seen) *life { return t.among(t.newest(s.who()), s) }

// among is find among a life of s.pid and those before it. Another parent makes
// another life, unless the process was handed over.
func (t *table) among(l *life, s *seen) *life {
	for ; l != nil; l = t.older(l) {
		switch {
		case s.t > l.end+slack && l.end != never:
			return nil
		case s.kin.began > l.last+slack: // the kernel knows better whose the pid is
			l.end = min(l.end, s.kin.began)
			return nil
		case l.ppid == s.ppid || l.ppid == 0 || s.ppid == 0:
			if s.t+slack >= l.first || l.prev == 0 && !l.has(markBorn) {
				if l.ppid == 0 {
					l.ppid = s.ppid
				}
				return l
			}
		case s.t+slack >= l.first && t.handed(l, s):
			l.ppid = s.ppid
			return l
		case s.t+slack >= l.first && t.adopted(l, s):
			t.adopt(l, s)
			return l
		case s.t >= l.first:
			l.end = min(l.end, s.t)
			return nil
		}
	}
	return nil
}

// renew asks, at the first event of a life that is known from before a restart,
// whether its pid is another's since. It returns nil when the event is of that
// other one.
func (t *table) renew(l *life, s *seen) *life {
	l.set(markOld, false)
	start, ok := t.began(l)
	if !ok || start <= l.last+slack+grain {
		return l
	}
	l.end = min(l.end, start)
	if s.t+slack+grain < start {
		return l // read late: of the one before
	}
	return nil
}

// comeRound is the time in which no pid is given out twice: the kernel counts
// through all pids before it starts again, at least 32,768 of them, and a fork
// takes tens of microseconds.
const comeRound = int64(250 * time.Millisecond)

// alive returns the life of pid that ran at an event of stamp at, nil where none
// is known to. A life whose first event is later is taken only when its pid
// cannot have been another's at the time.
func (t *table) alive(node uint32, pid int32, at int64) *life {
	if pid <= 1 {
		return nil
	}
	var later *life
	for l := t.newest(who{node, pid}); l != nil; l = t.older(l) {
		switch {
		case l.first > at+slack:
			later = l
			continue
		case l.end == never || at <= l.end+slack || l.ended && later == nil && at <= l.end+comeRound:
			return l // it ends some time after the call that ends it
		}
		break
	}
	if later != nil && !later.has(markBorn) && later.first-at <= comeRound {
		return later
	}
	return nil
}

// above is alive for the parent of l. Most lives have the parent that they had
// when it was last looked up, and every event asks up to eight levels of them: to
// look them up in the map each time took 8 % of a run.
//
// The place may be of another life by now. Whichever it is of, it is the parent if it
// has the pid and the time is its own. What is forgotten is the parent of nobody but
// what is forgotten as well, while events of that are still to be judged.
func (t *table) above(l *life, at int64) *life {
	if p := t.at(l.up); p != nil && p.pid == l.ppid && p.pid > 1 && p.node == l.node && (!p.has(markGone) || l.has(markGone)) &&
		p.first <= at+slack && at+slack < p.until && (p.end == never || at <= p.end+slack) {
		return p
	}
	p := t.alive(uint32(l.node), l.ppid, at)
	if l.up = 0; p != nil {
		l.up = p.at
	}
	return p
}

// parent returns the life that ran as the parent of l at an event of it.
func (t *table) parent(l *life, s *seen) *life {
	if l.ppid == s.ppid {
		return t.above(l, s.t)
	}
	return t.alive(s.node, s.ppid, s.t)
}

// holder returns the life that has a pid at an event of stamp at, whose parent
// is not known; nil where none is known to.
func (t *table) holder(w who, at int64) *life {
	for l := t.newest(w); l != nil; l = t.older(l) {
		if l.first <= at+slack {
			if l.end == never || at <= l.end+slack {
				return l
			}
			return nil
		}
	}
	return nil
}

// verdict is what the kernel says of a life.
type verdict uint8

const (
	verdictNone  verdict = iota // it cannot be asked
	verdictGone                 // the pid is nobody's now
	verdictSame                 // it is the same process
	verdictOther                // the pid is another's by now
)

// quiet is how long a process that ended unseen may be taken for alive: a host
// that forks a thousand times a second gives a pid out again after 33 s at the
// earliest.
const quiet = int64(30 * time.Second)

// still reports whether a process that names l as its parent at a time means
// that life and not one that has its pid since, and whether that is sure enough
// to build on. A life that proves to be over ends here.
func (t *table) still(l *life, at int64) (same, sure bool) {
	if at-l.last <= comeRound {
		return true, true
	}
	return t.asked(l, at)
}

// asked is still for a life that was quiet for so long that its pid may be another's.
func (t *table) asked(l *life, at int64) (same, sure bool) {
	gap := at - l.last
	if l.said == verdictNone || at < l.checked || at-l.checked > comeRound {
		l.said, l.checked = t.check(l, at), at
	}
	switch l.said {
	case verdictSame:
		l.last = at
		return true, true
	case verdictOther:
		l.end = min(l.end, l.last)
		return false, false
	case verdictGone:
		return gap <= quiet, gap <= quiet
	}
	return true, gap <= quiet
}

// add makes a life for the first event of it.
func (t *table) add(s *seen) *life { return t.begin(t.newest(s.who()), s) }

// begin is add where the newest life of the pid was looked up.
func (t *table) begin(at *life, s *seen) *life {
	if t.count >= t.max {
		t.evict()
		at = t.newest(s.who())
	}
	l := t.fresh()
	l.node, l.pid, l.ppid, l.first, l.last = uint16(s.node), s.pid, s.ppid, s.t, s.t
	if at == nil || at.first <= s.t {
		t.lead(l, at)
	} else {
		for p := t.older(at); p != nil && p.first > s.t; p = t.older(at) {
			at = p
		}
		l.end, l.until = at.first, min(at.until, at.first)
		t.follow(at, t.older(at), l)
	}
	t.bound(l)
	t.count++
	return l
}

// lead makes l the newest life of its pid, before which at was.
func (t *table) lead(l, at *life) {
	if at != nil {
		l.prev, at.next = at.at, l.at
	}
	t.lives.set(l.who(), l.at)
}

// follow puts l between two lives of its pid, of which there may be no earlier one.
func (t *table) follow(later, earlier, l *life) {
	l.next, later.prev = later.at, l.at
	if earlier != nil {
		l.prev, earlier.next = earlier.at, l.at
	}
}

// earlier notes that l was there at a time already.
func (t *table) earlier(l *life, at int64) {
	if at < l.first {
		l.first = at
		t.bound(l)
	}
}

// bound tells the lives before l of its pid when it began. Those before one that
// began no later know of that one.
func (t *table) bound(l *life) {
	for p := t.older(l); p != nil && p.until > l.first; p = t.older(p) {
		if p.until = l.first; p.first <= l.first {
			return
		}
	}
}

// take notes what s changes in l.
func (t *table) take(l *life, s *seen) {
	t.earlier(l, s.t)
	l.last = max(l.last, s.t)
	switch s.act {
	case actEnd:
		l.end, l.ended = min(l.end, s.t), true
	case actExec:
		if s.t < l.execAt {
			return
		}
		l.execAt = s.t
		l.stale = l.got.host
		l.looks = 0
		l.set(markShown, false)
		if l.role != 0 {
			r := t.part(l)
			r.started, r.watches, r.brought = nil, nil, false
		}
		l.set(markEngine, !s.user && engineName(base(s.exe)) && t.trusts(s.exe))
	default:
		if l.execAt != 0 || t.program(l).exe == s.exe {
			return
		}
	}
	t.rename(l, s)
	if s.act == actExec {
		t.command(l, s)
	}
}

// rename notes which program l runs.
func (t *table) rename(l *life, s *seen) {
	is := t.program(l)
	name, exe := s.name, s.exe
	if name == "" {
		name = is.name
	}
	if exe == "" {
		exe = is.exe
	}
	if is.name != name || is.exe != exe {
		t.starts(l, name, exe)
	}
}
