package docker

import (
	"errors"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

const (
	// overlap is how much of what was read is asked for again. The engine gives
	// events their times before it puts them in order, so that one with an earlier
	// time may come after one with a later.
	overlap = 2 * time.Second

	// mostKnown is how many fingerprints a position holds at most: more than an
	// engine tells again (moby keeps 256 events).
	mostKnown = 1024

	// positionForm begins a position.
	positionForm = "1 "
)

// passed is one event that was read.
type passed struct {
	nano  int64
	print uint64
}

// position is how far the stream was read.
type position struct {
	nano int64 // of the event that was read last, in nanoseconds of the engine's clock
	last []passed
}

// pass moves the position over one event. One without a time has that of the
// one before it.
func (p *position) pass(mark uint64, nano int64) {
	if nano > 0 {
		p.nano = nano
	}
	p.last = append(p.last, passed{p.nano, mark})
	drop := max(0, len(p.last)-mostKnown)
	for drop < len(p.last)-1 && p.last[drop].nano < p.nano-int64(overlap) {
		drop++
	}
	if drop > 0 {
		p.last = append(p.last[:0], p.last[drop:]...)
	}
}

// since is the time from which on events are asked for, zero for all that the
// engine remembers.
func (p *position) since() time.Time {
	switch {
	case p.nano == 0:
		return time.Time{}
	case len(p.last) == 0:
		return time.Unix(0, p.nano)
	}
	from := p.nano - int64(overlap)
	for _, l := range p.last {
		from = min(from, l.nano)
	}
	return time.Unix(0, max(from, 1))
}

// counts is how often each known event may be told again.
func (p *position) counts() map[uint64]int {
	m := make(map[uint64]int, len(p.last))
	for _, l := range p.last {
		m[l.print]++
	}
	return m
}

// append writes the position: the time of the last event, then for each known
// event how much earlier it was and its fingerprint.
func (p *position) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, positionForm...), p.nano, 10)
	for _, l := range p.last {
		b = strconv.AppendInt(append(b, ' '), p.nano-l.nano, 36)
		b = strconv.AppendUint(append(b, '.'), l.print, 36)
	}
	return b
}

var errPosition = errors.New("no position of this form")

func parsePosition(b []byte) (position, error) {
	s, ok := strings.CutPrefix(string(b), positionForm)
	if !ok {
		return position{}, errPosition
	}
	words := strings.Split(s, " ")
	p := position{}
	var err error
	if p.nano, err = strconv.ParseInt(words[0], 10, 64); err != nil || p.nano < 0 || len(words) > mostKnown+1 {
		return position{}, errPosition
	}
	for _, w := range words[1:] {
		before, mark, ok := strings.Cut(w, ".")
		d, err := strconv.ParseInt(before, 36, 64)
		f, err2 := strconv.ParseUint(mark, 36, 64)
		if !ok || err != nil || err2 != nil {
			return position{}, errPosition
		}
		p.last = append(p.last, passed{p.nano - d, f})
	}
	return p, nil
}

// fingerprint tells events apart; an engine writes one event always alike.
func fingerprint(line string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(line))
	return h.Sum64()
}

// timeOf reads the timeNano of an event, 0 for none. Within a text a quote has a
// backslash before it, so that no label can look like the member; it is the last
// one because a value of an attribute with that name is a text and no number.
func timeOf(line string) int64 {
	const name = `"timeNano":`
	i := strings.LastIndex(line, name)
	if i < 0 {
		return 0
	}
	s := strings.TrimLeft(line[i+len(name):], " ")
	end := 0
	for end < len(s) && s[end]-'0' <= 9 {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
