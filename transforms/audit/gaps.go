package audit

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// The kernel numbers its events without a hole, so a serial that never comes was
// lost before us: by a full backlog, a stopped daemon, or a file that was rotated
// away unread. The lane says so in-band (SCHEMA §3.2, audit-sequence-gap).
//
// Watched are files, and what an input says to be one kernel's (Batch.Serials):
// through a network several hosts may share a lane without a name of their own.
// The audit daemon's own records have a count of their own and are left out.
//
// Rules and filters make no gap: the kernel takes a number with the first record
// that it writes of an event, and what a filter leaves out takes none. Neither
// does what its backlog has no room for; what its rate limit, its queues or a
// socket drop has one (docs/decisions/0008).

// internal is the dataset of what tallyman says of itself.
const internal = "tallyman.internal"

const (
	// gapWait is how long a serial is waited for: longer than the kernel is asked what
	// it lost (every 10 s), so that what is counted there is not counted here as well.
	gapWait   = 12 * time.Second
	bootAfter = 5 * time.Second // records of other processors may come out of order for that long
	gapLimit  = 64              // ranges that are waited for, per series
	seriesMax = 16              // series per lane

	// countedFor is how long a loss that is counted elsewhere may show as a gap here.
	countedFor = time.Minute
)

// series is the serials of one node in one file, or in a source that is one
// kernel's, which has no path.
type series struct {
	node, path string
	kind       event.Serials
	unsure     bool   // others may have had what came since top: a jump is no gap
	top        uint64 // the highest serial so far
	ms         int64  // the latest time of one that was the highest
	gaps       []gap  // by age
	order
}

// gap is a range of serials that did not come yet.
type gap struct {
	from, to uint64
	ms       int64 // of the record that showed it
	seen     time.Time
	shared   event.Fields
}

// gaps watches the serials of a lane.
type gaps struct {
	born time.Time // records read before are held ones that come again
	list []series
	last int
	kind event.Serials // of the batch at hand

	// Records that another reason of loss counts, and may be missing here: since, and
	// by which.
	counted      uint64
	countedSince time.Time
	countedAs    event.LossReason

	shared event.Fields // of the record before, and its path: they are nearly always the same
	path   string

	// The record before, where it has the highest serial and nothing is missing: others
	// of its event tell nothing new.
	node   string
	serial uint64
	ms     int64
}

// watch takes the serial of a record that is about to be handled.
func (s *stage) watch(r *Record, typ uint16, e *event.Event) {
	g := &s.gaps
	ms := r.Sec*1000 + int64(r.Milli)
	if r.Serial == g.serial && r.Serial != 0 && ms == g.ms && r.Node == g.node && g.shares(e) {
		return
	}
	if typ >= 1200 && typ < 1300 || e.Seen.Before(s.gaps.born) {
		return
	}
	if !g.shares(e) {
		g.shared, g.path, g.serial = e.Shared, e.Shared.Get(schema.LogFilePath).Str(), 0
	}
	if g.path == "" && g.kind == event.SerialsUnknown {
		return
	}
	if r.Serial == g.serial && r.Serial != 0 && ms == g.ms && r.Node == g.node {
		return // of a source that shares nothing
	}
	g.serial = 0
	q := s.series(r.Node)
	switch n := r.Serial; {
	case q.top == 0, n == q.top+1, q.unsure && n > q.top:
		q.advance(n, ms)
	case n > q.top:
		if len(q.gaps) >= gapLimit {
			s.gapEvent(q)
		}
		from := q.top + 1
		q.advance(n, ms)
		q.gaps = append(q.gaps, gap{from: from, to: n - 1, ms: q.ms, seen: e.Seen, shared: e.Shared})
	case n < q.top && !q.fill(n) && q.anew(n, ms): // the host started anew and so does the count
		for len(q.gaps) > 0 {
			s.gapEvent(q)
		}
		q.unsure = ms < q.ms
		q.top, q.ms, q.order = n, ms, order{}
	}
	for len(q.gaps) > gapLimit || len(q.gaps) > 0 && ms-q.gaps[0].ms > gapWait.Milliseconds() {
		s.gapEvent(q)
	}
	if len(q.gaps) == 0 && q.top == r.Serial {
		g.serial, g.ms, g.node = r.Serial, ms, q.node
	}
}

// shares reports whether a record shares what the one before it does.
func (g *gaps) shares(e *event.Event) bool {
	return len(e.Shared) == len(g.shared) && len(g.shared) > 0 && &g.shared[0] == &e.Shared[0]
}

// told reports whether another record with the stamp of the one before tells nothing new.
func (g *gaps) told(key *stamp) bool {
	return g.serial == key.serial && g.serial != 0 && g.ms == key.ms && g.node == key.node
}

// series returns the series of a node in the file at hand, made at first use. The
// one that it takes the place of tells its gaps.
func (s *stage) series(node string) *series {
	g := &s.gaps
	if g.last < len(g.list) && g.list[g.last].node == node && g.list[g.last].path == g.path {
		return &g.list[g.last]
	}
	for i := range g.list {
		if g.list[i].node == node && g.list[i].path == g.path {
			g.last = i
			return &g.list[i]
		}
	}
	if len(g.list) >= seriesMax {
		for q := &g.list[0]; len(q.gaps) > 0; {
			s.gapEvent(q)
		}
		g.list = slices.Delete(g.list, 0, 1)
	}
	kind := g.kind
	if g.path != "" {
		kind = event.SerialsOurs // its position is ours alone
	}
	g.last = len(g.list)
	g.list = append(g.list, series{node: strings.Clone(node), path: strings.Clone(g.path), kind: kind})
	return &g.list[g.last]
}

// note takes what was lost and is counted where it was noticed. A gap that it may
// be the reason of is told, and not counted again: an event has a record at least.
func (g *gaps) note(losses []event.Loss, now time.Time) {
	for i := range losses {
		n := &losses[i]
		switch n.Reason {
		case event.KernelLost, event.Dispatched, event.ReceiveDrop, event.Overrun:
		default:
			continue
		}
		if n.Count == 0 {
			continue // how many is not known: the gap is the number
		}
		if now.Sub(g.countedSince) > countedFor {
			g.counted = 0
		}
		g.counted += n.Count
		g.countedSince, g.countedAs = now, n.Reason
	}
}

// elsewhere takes up to n of what is counted elsewhere.
func (g *gaps) elsewhere(n uint64, now time.Time) uint64 {
	if g.counted == 0 || now.Sub(g.countedSince) > countedFor {
		return 0
	}
	n = min(n, g.counted)
	g.counted -= n
	return n
}

// fill takes a serial that came late out of the gap that it belongs to.
func (q *series) fill(n uint64) bool {
	for i := range q.gaps {
		g := &q.gaps[i]
		if n < g.from || n > g.to {
			continue
		}
		switch {
		case g.from == g.to:
			q.gaps = slices.Delete(q.gaps, i, i+1)
		case n == g.from:
			g.from++
		case n == g.to:
			g.to--
		default:
			rest := *g
			rest.from, g.to = n+1, n-1
			q.gaps = slices.Insert(q.gaps, i+1, rest)
		}
		return true
	}
	return false
}

// quiet reports the gaps that were waited for long enough, when there was
// nothing to read; all of them at the end of the source.
func (s *stage) quiet(limit time.Time, all bool) {
	for i := range s.gaps.list {
		q := &s.gaps.list[i]
		for len(q.gaps) > 0 && (all || !q.gaps[0].seen.After(limit)) {
			s.gapEvent(q)
		}
	}
}

// gapEvent reports the oldest gap and forgets it. The event is of our making and stands
// for no source record.
func (s *stage) gapEvent(q *series) {
	g := q.gaps[0]
	q.gaps = slices.Delete(q.gaps, 0, 1)
	n := g.to - g.from + 1
	s.t.count.missing.Add(n)
	known := s.gaps.elsewhere(n, s.t.env.Now())
	if g.shared == nil {
		g.shared = s.t.env.Shared // it was waited for at the last stop
	}
	f := &s.f
	f.reset(s.out)
	out := &f.out
	out.AddString(schema.EventKind, "event")
	out.AddString(schema.EventModule, "tallyman")
	out.AddString(schema.EventAction, "audit-sequence-gap")
	out.AddString(schema.EventCategory, "process")
	out.AddString(schema.EventType, "info")
	out.AddString(schema.EventOutcome, "unknown")
	out.Add(schema.EventSeverity, event.Int(8))
	out.AddString(schema.TallymanComponent, s.input)
	out.AddString(schema.HostName, strings.Clone(q.node))
	f.leftover("first", strconv.FormatUint(g.from, 10))
	f.leftover("last", strconv.FormatUint(g.to, 10))
	f.leftover("missing", strconv.FormatUint(n, 10))
	text := "audit events " + strconv.FormatUint(g.from, 10) + " to " + strconv.FormatUint(g.to, 10) + " were lost before they could be read"
	if known > 0 {
		f.leftover("counted", strconv.FormatUint(known, 10))
		f.leftover("counted_as", s.gaps.countedAs.String())
		text += "; " + strconv.FormatUint(known, 10) + " of them may be counted as " + s.gaps.countedAs.String()
	}
	*out = append(*out, f.data...)
	out.AddString(schema.Message, text)
	id := s.t.env.HostID + "\x00" + internal + "\x00audit-sequence-gap\x00" + q.node + "\x00" + q.path + "\x00" +
		strconv.FormatUint(g.from, 10) + "\x00" + strconv.FormatUint(g.to, 10) + "\x00" + strconv.FormatInt(g.ms, 10)
	s.out.Events = append(s.out.Events, event.Event{ID: event.NewID([]byte(id)), Time: time.UnixMilli(g.ms).UTC(), Seen: g.seen,
		Dataset: internal, Fields: f.give(s.out), Shared: g.shared})
	if n > known {
		s.out.Losses = append(s.out.Losses, event.Loss{Reason: event.SerialGap, Count: n - known, Said: true})
	}
}

// lostBy returns what the kernel log says of records that the kernel dropped:
//
//	kernel: audit: audit_lost=14778 audit_rate_limit=0 audit_backlog_limit=8192
func lostBy(line string) (string, bool) {
	rest, ok := strings.CutPrefix(line, "audit: ")
	if !ok {
		if rest, _, _, ok = unwrap(line); !ok {
			return "", false
		}
		if rest, ok = strings.CutPrefix(rest, "audit: "); !ok {
			return "", false
		}
	}
	for _, p := range [...]string{"audit_lost=", "backlog limit exceeded", "rate limit exceeded", "kauditd hold queue overflow"} {
		if strings.HasPrefix(rest, p) {
			return rest, true
		}
	}
	return "", false
}
