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
// Only files are watched: through a network several hosts may share a lane
// without a name of their own. The audit daemon's own records have a count of
// their own and are left out.

// internal is the dataset of what tallyman says of itself.
const internal = "tallyman.internal"

const (
	gapWait   = 5 * time.Second // records of other processors may come out of order for that long
	gapLimit  = 64              // ranges that are waited for, per series
	seriesMax = 16              // series per lane
)

// series is the serials of one node in one file.
type series struct {
	node, path string
	top        uint64 // the highest serial so far
	ms         int64  // its time
	gaps       []gap  // by age
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
	if typ >= 1200 && typ < 1300 || e.Seen.Before(s.gaps.born) {
		return
	}
	if g := &s.gaps; len(e.Shared) == 0 || len(g.shared) != len(e.Shared) || &g.shared[0] != &e.Shared[0] {
		g.shared, g.path, g.serial = e.Shared, e.Shared.Get(schema.LogFilePath).Str(), 0
	}
	if s.gaps.path == "" {
		return
	}
	ms := r.Sec*1000 + int64(r.Milli)
	g := &s.gaps
	if r.Serial == g.serial && r.Serial != 0 && ms == g.ms && r.Node == g.node {
		return
	}
	g.serial = 0
	q := g.find(r.Node, g.path)
	switch n := r.Serial; {
	case q.top == 0:
		q.top, q.ms = n, ms
	case n == q.top+1:
		q.top, q.ms = n, ms
	case n > q.top:
		if len(q.gaps) >= gapLimit {
			s.gapEvent(q)
		}
		q.gaps = append(q.gaps, gap{from: q.top + 1, to: n - 1, ms: ms, seen: e.Seen, shared: e.Shared})
		q.top, q.ms = n, ms
	case n < q.top && !q.fill(n) && ms-q.ms > gapWait.Milliseconds():
		for len(q.gaps) > 0 {
			s.gapEvent(q)
		}
		q.top, q.ms = n, ms // the host started anew and so does the count
	}
	for len(q.gaps) > 0 && ms-q.gaps[0].ms > gapWait.Milliseconds() {
		s.gapEvent(q)
	}
	if len(q.gaps) == 0 && q.top == r.Serial && q.ms == ms {
		g.serial, g.ms, g.node = r.Serial, ms, q.node
	}
}

// find returns the series of a node and a file, made at first use.
func (g *gaps) find(node, path string) *series {
	if g.last < len(g.list) && g.list[g.last].node == node && g.list[g.last].path == path {
		return &g.list[g.last]
	}
	for i := range g.list {
		if g.list[i].node == node && g.list[i].path == path {
			g.last = i
			return &g.list[i]
		}
	}
	if len(g.list) >= seriesMax {
		g.list = slices.Delete(g.list, 0, 1)
	}
	g.last = len(g.list)
	g.list = append(g.list, series{node: strings.Clone(node), path: strings.Clone(path)})
	return &g.list[g.last]
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
	*out = append(*out, f.data...)
	out.AddString(schema.Message, "audit events "+strconv.FormatUint(g.from, 10)+" to "+strconv.FormatUint(g.to, 10)+" were lost before they could be read")
	id := s.t.env.HostID + "\x00" + internal + "\x00audit-sequence-gap\x00" + q.node + "\x00" + q.path + "\x00" +
		strconv.FormatUint(g.from, 10) + "\x00" + strconv.FormatUint(g.to, 10) + "\x00" + strconv.FormatInt(g.ms, 10)
	s.out.Events = append(s.out.Events, event.Event{ID: event.NewID([]byte(id)), Time: time.UnixMilli(g.ms).UTC(), Seen: g.seen,
		Dataset: internal, Fields: f.give(s.out), Shared: g.shared})
	s.out.Losses = append(s.out.Losses, event.Loss{Reason: event.SerialGap, Count: n, Said: true})
}

// lostBy returns what the kernel log says of records that the kernel dropped:
//
//	kernel: audit: audit_lost=14778 audit_rate_limit=0 audit_backlog_limit=8192
func lostBy(line string) (string, bool) {
	rest, ok := strings.CutPrefix(line, "audit: ")
	if !ok {
		if rest, _, ok = unwrap(line); !ok {
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
