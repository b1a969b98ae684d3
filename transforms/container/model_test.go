package container

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is the table as it would be without a thought for what it costs: lives in one
// list, with all that is known of them in themselves.
type model struct {
	lives []*modelLife         // in the order in which they were made
	by    map[who][]*modelLife // the newest first
	max   int
}

type modelLife struct {
	who
	ppid             int32
	first, last, end int64
	exec             int64
	name, exe        string
	in, watches      *container
	ward             *modelLife
	id               byte
	ended, gone      bool
}

// chain returns the lives of w, the newest first.
func (m *model) chain(w who) []*modelLife { return m.by[w] }

func (m *model) observe(s *seen) *modelLife {
	l := m.find(s)
	if l == nil {
		l = m.add(s)
	}
	l.first, l.last = min(l.first, s.t), max(l.last, s.t)
	switch {
	case s.act == actEnd: // its name may still come
		l.end, l.ended = min(l.end, s.t), true
	case s.act == actExec && s.t < l.exec:
		return l
	case s.act == actExec:
		l.exec, l.watches = s.t, nil
	case l.exec != 0 || l.exe == s.exe:
		return l
	}
	if s.name != "" {
		l.name = s.name
	}
	if s.exe != "" {
		l.exe = s.exe
	}
	return l
}

func (m *model) find(s *seen) *modelLife {
	chain := m.chain(s.who())
	for i, l := range chain {
		switch {
		case l.end != never && s.t > l.end+slack:
			return nil
		case l.ppid == s.ppid || l.ppid == 0 || s.ppid == 0:
			if s.t+slack >= l.first || i == len(chain)-1 {
				if l.ppid == 0 {
					l.ppid = s.ppid
				}
				return l
			}
		case s.t >= l.first:
			l.end = min(l.end, s.t)
			return nil
		}
	}
	return nil
}

func (m *model) add(s *seen) *modelLife {
	if len(m.lives) >= m.max {
		order := slices.Clone(m.lives)
		slices.Reverse(order) // of two that are equal, the elder stays
		slices.SortStableFunc(order, func(a, b *modelLife) int {
			return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.last, b.last))
		})
		for _, l := range order[:(len(order)+7)/8] {
			l.gone = true
		}
		gone := func(l *modelLife) bool { return l.gone }
		m.lives = slices.DeleteFunc(m.lives, gone)
		for w, chain := range m.by {
			m.by[w] = slices.DeleteFunc(chain, gone)
		}
	}
	l := &modelLife{who: s.who(), ppid: s.ppid, first: s.t, last: s.t, end: never}
	chain, at := m.by[l.who], 0
	for at < len(chain) && chain[at].first > s.t {
		l.end = chain[at].first
		at++
	}
	m.lives, m.by[l.who] = append(m.lives, l), slices.Insert(chain, at, l)
	return l
}

// parent returns who had the pid of the parent of l at a time.
func (m *model) parent(l *modelLife, at int64) *modelLife {
	var later *modelLife
	if l.ppid <= 1 {
		return nil
	}
	for _, p := range m.chain(who{l.node, l.ppid}) {
		if p.first > at+slack {
			later = p
			continue
		}
		if p.end == never || at <= p.end+slack || p.ended && later == nil && at <= p.end+comeRound {
			return p
		}
		break
	}
	if later != nil && later.first-at <= comeRound {
		return later
	}
	return nil
}

// both is the table and the model of it, and what is held beyond a batch.
type both struct {
	*rapid.T
	tab  *table
	mod  *model
	in   []*container
	held map[*modelLife]*life
	now  int64
	ids  byte
}

// event has both learn from one event, and gives its life something to be told by.
func (b *both) event() {
	names := rapid.SampledFrom([]string{"", "a", "bb", "c", fmt.Sprint("only ", b.ids)})
	s := seen{t: b.now - rapid.SampledFrom([]int64{0, 0, 0, 3e6, 2e9}).Draw(b.T, "late"), node: rapid.Uint32Range(0, 1).Draw(b.T, "node"),
		pid: rapid.Int32Range(2, 40).Draw(b.T, "pid"), ppid: rapid.Int32Range(0, 3).Draw(b.T, "ppid"), kernel: true,
		name: names.Draw(b.T, "name"), exe: names.Draw(b.T, "exe"), act: rapid.SampledFrom([]act{actOther, actOther, actExec, actEnd}).Draw(b.T, "act")}
	b.now += rapid.SampledFrom([]int64{0, 0, 1e6, 4e6, 1e9}).Draw(b.T, "pause")
	l, m := b.tab.observe(&s), b.mod.observe(&s)
	b.same(l, m)
	if m.id == 0 {
		b.ids++
		m.id, l.id[0] = b.ids, b.ids
	}
	switch c := rapid.SampledFrom(b.in).Draw(b.T, "container"); rapid.IntRange(0, 5).Draw(b.T, "told") {
	case 0:
		m.in = c
		b.tab.give(l, answer{in: c, conf: confHigh})
	case 1:
		m.watches = c
		b.tab.part(l).watches = c
	case 2:
		if r := b.tab.part(l); m.ward == nil && len(b.held) > 0 {
			for w, ward := range b.held {
				if m.ward == nil || w.id < m.ward.id {
					m.ward, r.ward = w, ward
				}
			}
			r.ward.pin()
		}
	case 3:
		if b.held[m] == nil {
			b.held[m] = l.pin()
		}
	}
}

// over ends a batch, and with it what was held: all or nothing of it.
func (b *both) over() {
	if rapid.Bool().Draw(b.T, "let go") {
		for _, l := range b.held {
			b.tab.unpin(l)
		}
		clear(b.held)
	}
	b.tab.sweep()
}

// same fails where a life of the table is not that of the model.
func (b *both) same(l *life, m *modelLife) {
	b.Helper()
	if l == nil || m == nil {
		if (l == nil) != (m == nil) {
			b.Fatalf("%+v, want %+v", l, m)
		}
		return
	}
	p, r := b.tab.program(l), b.tab.role(l)
	got := modelLife{who: l.who(), ppid: l.ppid, first: l.first, last: l.last, end: l.end, ended: l.ended, exec: l.execAt, name: p.name, exe: p.exe,
		in: b.tab.in(l), watches: r.watches, ward: m.ward, id: l.id[0], gone: l.has(markGone)}
	if got != *m || (r.ward != nil) != (m.ward != nil) {
		b.Fatalf("\n%+v, want\n%+v", got, *m)
	}
	if r.ward != nil && (r.ward.id[0] != m.ward.id || r.ward.end != m.ward.end) {
		b.Fatalf("the ward is %+v, want %+v", r.ward, m.ward)
	}
}

// check compares all that both hold, and what is counted.
func (b *both) check() {
	n := 0
	whos := map[who]bool{}
	for _, m := range b.mod.lives {
		whos[m.who] = true
	}
	for w := range b.tab.lives.all() {
		whos[w] = true
	}
	for _, w := range slices.SortedFunc(maps.Keys(whos), func(a, b who) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.pid, b.pid)) }) {
		l := b.tab.newest(w)
		for _, m := range b.mod.chain(w) {
			b.same(l, m)
			at := b.now - rapid.Int64Range(0, 3e9).Draw(b.T, "at")
			b.same(b.tab.above(l, at), b.mod.parent(m, at))
			l = b.tab.older(l)
			n++
		}
		b.same(l, nil)
	}
	for m, l := range b.held {
		b.same(l, m)
	}
	if n != len(b.mod.lives) || n != b.tab.count || n > b.tab.max {
		b.Fatalf("%d lives, %d counted, want %d", n, b.tab.count, len(b.mod.lives))
	}
	names, boxes := map[program]bool{}, map[*container]bool{}
	for i := range b.tab.chunks {
		for j := range b.tab.chunks[i] {
			if l := &b.tab.chunks[i][j]; l.at != 0 && l.pid != nobody {
				names[*b.tab.program(l)], boxes[b.tab.in(l)] = true, true
			}
		}
	}
	delete(names, program{})
	delete(boxes, nil)
	if p := &b.tab.progs; len(p.by) != len(names) || len(p.list)-1-len(p.free) != len(names) || len(b.tab.boxes.list)-1-len(b.tab.boxes.free) != len(boxes) {
		b.Fatalf("%d programs are kept, want %d; %d containers, want %d", len(p.by), len(names), len(b.tab.boxes.list)-1-len(b.tab.boxes.free), len(boxes))
	}
}

// The table knows what a plain list of lives knows, whatever is forgotten, held, and
// put in the place of what was forgotten.
func TestTheTableIsAPlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(8, 40).Draw(t, "most")
		b := both{T: t, tab: newTable(most, &registry{byID: map[string]*container{}}), mod: &model{max: most, by: map[who][]*modelLife{}}, now: 1e12,
			in: []*container{{id: idA}, {id: idB}}, held: map[*modelLife]*life{}}
		for range rapid.IntRange(1, 25).Draw(t, "batches") {
			for range rapid.IntRange(1, 20).Draw(t, "events") {
				b.event()
			}
			b.check()
			b.over()
		}
		b.check()
		if places := int(b.tab.used); places > most+40*25 {
			t.Fatalf("%d places", places)
		}
	})
}

// What a new process costs does not depend on how many are known, in whatever order
// they come.
func TestWhatANewProcessCosts(t *testing.T) {
	for name, when := range map[string]func(i, n int64) int64{
		"one after the other":  func(i, _ int64) int64 { return i },
		"the last ones first":  func(i, n int64) int64 { return n - i },
		"all at once":          func(int64, int64) int64 { return 0 },
		"from both ends":       func(i, _ int64) int64 { return i * (1 - i%2*2) },
		"two clocks":           func(i, n int64) int64 { return i + i%2*n },
		"one of long ago each": func(i, n int64) int64 { return i % 97 * n / 97 },
	} {
		for _, most := range []int{64, 1024, 16384} {
			for _, end := range []bool{false, true} {
				tab := newTable(most, &registry{byID: map[string]*container{}})
				n := int64(4 * most)
				for i := range n {
					s := seen{t: 1e12 + when(i, n)*1e9, pid: int32(i) + 2, ppid: 1, kernel: true}
					if end {
						s.act = actEnd
					}
					tab.observe(&s)
					if i%16 == 0 {
						tab.sweep()
					}
				}
				if each := float64(tab.looked) / float64(n); each > 64 {
					t.Errorf("%s, of %d, ended %v: %.1f looks for each new process", name, most, end, each)
				}
				if places := int(tab.used); places > most+most/8+16 {
					t.Errorf("%s: %d places for %d", name, places, most)
				}
			}
		}
	}
}

// A collection has nothing to look for in the lives and their index.
func TestALifeHasNoPointers(t *testing.T) {
	for _, v := range []any{life{}, newest{}, leaving{}} {
		if !pointerless(v) {
			t.Errorf("%T has a pointer", v)
		}
	}
}

func pointerless(v any) bool {
	var in func(t reflect.Type) bool
	in = func(t reflect.Type) bool {
		switch t.Kind() {
		case reflect.Struct:
			for i := range t.NumField() {
				if !in(t.Field(i).Type) {
					return false
				}
			}
			return true
		case reflect.Array:
			return in(t.Elem())
		case reflect.Pointer, reflect.String, reflect.Slice, reflect.Map, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
			return false
		default:
			return true
		}
	}
	return in(reflect.TypeOf(v))
}
