package report

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the coverage.
const (
	maxHosts   = 200     // that have a map of their own
	maxBuckets = 1 << 20 // of one map, a bit each
	maxGaps    = 500     // that are listed
	stripCells = 120     // of the strip that is drawn of a host
	gapParts   = 12      // buckets of a gap of the least length
)

// Gap is a time without events.
type Gap struct {
	Kind string `json:"kind"` // one of the kinds below
	Host string `json:"host"`
	From string `json:"from"`
	To   string `json:"to"`
	Long string `json:"duration"`
	See  string `json:"query"` // shows that nothing is there
}

// The kinds of gaps.
const (
	silent = "no event of the host"
	unread = "nothing was read"
	halted = "tallyman was stopped"
	killed = "tallyman was killed, or the host was down"
)

// Strip is when a host has events: one number a cell, 0 where it has none and 9 where
// every part of it has.
type Strip struct {
	Host  string `json:"host"`
	Cells string `json:"cells"`
}

// coverage marks when there were events, in buckets of a twelfth of a gap: what comes
// in any order gives the same map, in memory that the period bounds.
type coverage struct {
	from, to time.Time
	limit    time.Duration
	width    time.Duration
	n        int
	hosts    map[string]*marks
	names    []string // in the order of their coming
	passed   bool     // there were more hosts than maxHosts
}

// marks are those of one host.
type marks struct {
	happened, read bits
	reads          uint64 // within the period
	first, last    time.Time
	lives          []life
}

type bits []uint64

func (b bits) set(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// ErrGap says that the period has too many parts.
var ErrGap = errors.New("the period is too long for so short a gap")

func newCoverage(from, to time.Time, limit time.Duration) (coverage, error) {
	width := max(limit/gapParts, time.Second)
	n := int((to.Sub(from) + width - 1) / width)
	if n > maxBuckets {
		return coverage{}, ErrGap
	}
	return coverage{from: from, to: to, limit: limit, width: width, n: n, hosts: map[string]*marks{}}, nil
}

func (c *coverage) of(host string) *marks {
	if m := c.hosts[host]; m != nil {
		return m
	}
	if len(c.hosts) >= maxHosts {
		c.passed = true
		return nil
	}
	words := (c.n + 63) / 64
	m := &marks{happened: make(bits, words), read: make(bits, words)}
	host = strings.Clone(host) // it may be a view of a batch
	c.hosts[host] = m
	c.names = append(c.names, host)
	return m
}

func (c *coverage) bucket(at time.Time) int { return int(at.Sub(c.from) / c.width) }

func (c *coverage) happened(host string, at time.Time) {
	if m := c.of(host); m != nil {
		m.happened.set(c.bucket(at))
	}
}

// read marks when an event was read, whenever it happened.
func (c *coverage) read(host string, at time.Time) {
	m := c.of(host)
	if m == nil {
		return
	}
	if m.first.IsZero() || at.Before(m.first) {
		m.first = at
	}
	if at.After(m.last) {
		m.last = at
	}
	if !at.Before(c.from) && at.Before(c.to) {
		m.read.set(c.bucket(at))
		m.reads++
	}
}

// gaps lists them by host and time, and says in words what else is to be known.
func (c *coverage) gaps() (list []Gap, notes []string) {
	list, notes = []Gap{}, []string{}
	slices.Sort(c.names)
	for _, name := range c.names {
		m := c.hosts[name]
		list = append(list, c.holes(silent, name, m.happened)...)
		if m.reads > 0 {
			list = append(list, c.holes(unread, name, m.read)...)
			list = append(list, c.downtimes(name, m)...)
			continue
		}
		notes = append(notes, fmt.Sprintf("%s: nothing was read in the period itself; what is reported was read from %s to %s, so when tallyman was down cannot be seen.", cell(name), stamp(m.first), stamp(m.last)))
	}
	if c.passed {
		notes = append(notes, fmt.Sprintf("There are more than %d hosts. Gaps of the others are not looked for.", maxHosts))
	}
	if len(list) > maxGaps {
		notes = append(notes, fmt.Sprintf("%d gaps were found; the first %d are listed.", len(list), maxGaps))
		list = list[:maxGaps]
	}
	return list, notes
}

func (c *coverage) holes(kind, host string, b bits) []Gap {
	var list []Gap
	for i := 0; i < c.n; {
		j := i
		for j < c.n && !b.has(j) {
			j++
		}
		from, to := c.from.Add(time.Duration(i)*c.width), c.from.Add(time.Duration(j)*c.width)
		if to.After(c.to) {
			to = c.to
		}
		if long := to.Sub(from); j > i && long >= c.limit-c.width {
			see := fmt.Sprintf("tallyman query 'host.name == %s' --since %s --until %s", strconv.Quote(cell(host)), rfc3339(from), rfc3339(to))
			if kind == unread {
				see = "" // when an event was read is no argument of query
			}
			list = append(list, Gap{kind, cell(host), rfc3339(from), rfc3339(to), duration(long), see})
			if len(list) > maxGaps {
				return list
			}
		}
		i = max(j, i+1)
	}
	return list
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// strips draws the hosts' maps coarser.
func (c *coverage) strips() []Strip {
	list := []Strip{}
	for _, name := range c.names {
		b, cells := c.hosts[name].happened, make([]byte, 0, stripCells)
		count := min(stripCells, c.n)
		for k := range count {
			from, to := k*c.n/count, (k+1)*c.n/count
			full := 0
			for i := from; i < to; i++ {
				if b.has(i) {
					full++
				}
			}
			level := 9 * full / max(to-from, 1)
			if full > 0 {
				level = max(level, 1)
			}
			cells = append(cells, '0'+byte(level))
		}
		list = append(list, Strip{cell(name), string(cells)})
	}
	return list
}

// timelineBars is how many bars the charts have.
const timelineBars = 48

// Timeline is how many events and alerts there were over the period.
type Timeline struct {
	Bar    string                `json:"bar"`
	Events []uint64              `json:"events"`
	Alerts [len(levels)][]uint64 `json:"alerts_by_severity"`
	Names  [len(levels)]string   `json:"severities"`
	most   [2]uint64             // of the events and of the alerts
}

// levels are the severities that charts tell apart, from the least.
var levels = [...]string{"low", "medium", "high", "critical"}

type timeline struct {
	from        time.Time
	width       time.Duration
	t           Timeline
	first, last time.Time
}

func newTimeline(from, to time.Time) timeline {
	width := max((to.Sub(from)+timelineBars-1)/timelineBars, time.Second)
	l := timeline{from: from, width: width, t: Timeline{Bar: duration(width), Events: make([]uint64, timelineBars), Names: levels}}
	for i := range l.t.Alerts {
		l.t.Alerts[i] = make([]uint64, timelineBars)
	}
	return l
}

func (l *timeline) add(at time.Time, alert bool, severity int64) {
	i := min(int(at.Sub(l.from)/l.width), timelineBars-1)
	if alert {
		l.t.Alerts[level(severity)][i]++
	} else {
		l.t.Events[i]++
	}
	if l.first.IsZero() || at.Before(l.first) {
		l.first = at
	}
	if at.After(l.last) {
		l.last = at
	}
}

// level is the place in levels of event.severity, which goes to 10.
func level(severity int64) int {
	switch {
	case severity >= 9:
		return 3
	case severity >= 7:
		return 2
	case severity >= 4:
		return 1
	}
	return 0
}

func (l *timeline) done() Timeline {
	t := l.t
	for i := range t.Events {
		all := uint64(0)
		for k := range t.Alerts {
			all += t.Alerts[k][i]
		}
		t.most[0] = max(t.most[0], t.Events[i])
		t.most[1] = max(t.most[1], all)
	}
	return t
}
