package audit

import (
	"encoding/json"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// What the watch over serials knows rides with the held records in the frame that
// brings the position (decision 8): a hole that lies over a restart is seen, and one
// that was waited for at the stop is told after it. It is a note
//
//	serials/1 {"boot":…,"series":[{"kind":…,"node":…,"path":…,"top":…,"ms":…,"gaps":[…]}]}
//
// that stands for no source record, which no record that an input gives does.
const keptHead = "serials/1 "

// keptGaps is the note.
type keptGaps struct {
	Boot   string       `json:"boot"`
	Series []keptSeries `json:"series"` // seriesMax at most
}

type keptSeries struct {
	Kind event.Serials `json:"kind"`
	Node string        `json:"node,omitempty"`
	Path string        `json:"path,omitempty"`
	Top  uint64        `json:"top"`
	MS   int64         `json:"ms"`
	Gaps []keptGap     `json:"gaps,omitempty"` // gapLimit at most
}

type keptGap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	MS   int64  `json:"ms"`
	Seen int64  `json:"seen"`
}

// keep appends the note to the records that are held.
func (g *gaps) keep(dst []event.Event, boot string) []event.Event {
	if len(g.list) == 0 {
		return dst
	}
	k := keptGaps{Boot: boot, Series: make([]keptSeries, len(g.list))}
	for i := range g.list {
		q := &g.list[i]
		one := keptSeries{Kind: q.kind, Node: q.node, Path: q.path, Top: q.top, MS: q.ms}
		for _, p := range q.gaps {
			one.Gaps = append(one.Gaps, keptGap{From: p.from, To: p.to, MS: p.ms, Seen: p.seen.UnixNano()})
		}
		k.Series[i] = one
	}
	b, _ := json.Marshal(&k) // numbers and strings always can be
	return append(dst, event.Event{Decode: Decoder, Raw: keptHead + string(b), Seen: g.born})
}

// recall takes a note back, and reports whether it was one. One that cannot be read
// is as none: the serials are learned anew.
func (s *stage) recall(e *event.Event) bool {
	text, ok := strings.CutPrefix(e.Raw, keptHead)
	if e.Records != 0 || !ok {
		return false
	}
	var k keptGaps
	if json.Unmarshal([]byte(text), &k) != nil || len(k.Series) > seriesMax {
		return true
	}
	sameBoot := k.Boot == s.boot()
	s.gaps.list = s.gaps.list[:0]
	for _, one := range k.Series {
		// Another boot has a count of its own; a stream that others read too has gone
		// on without us, and they have what came.
		q := series{kind: one.Kind, node: one.Node, path: one.Path, top: one.Top, ms: one.MS,
			unsure: !sameBoot || one.Kind != event.SerialsOurs}
		for _, p := range one.Gaps {
			q.gaps = append(q.gaps, gap{from: p.From, to: p.To, ms: p.MS, seen: time.Unix(0, p.Seen).UTC()})
		}
		s.gaps.list = append(s.gaps.list, q)
	}
	return true
}

// boot tells the boots of this host apart.
func (s *stage) boot() string { return s.t.env.Shared.Get(schema.HostBootID).Str() }
