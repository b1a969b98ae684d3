package container

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// foremost gives the same lives as a sort, whatever their times are.
func TestForemost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(t, "lives")
		few := rapid.Int64Range(1, 50).Draw(t, "times")
		all := make([]leaving, n)
		for i := range all {
			all[i] = leaving{end: rapid.Int64Range(0, few).Draw(t, "end"), last: rapid.Int64Range(0, few).Draw(t, "last"), born: uint32(i), at: ref(i + 1)}
		}
		order := func(a, b leaving) int {
			switch {
			case a.before(&b):
				return -1
			case b.before(&a):
				return 1
			}
			return 0
		}
		want := slices.SortedStableFunc(slices.Values(all), order)
		k := rapid.IntRange(0, n).Draw(t, "n")
		foremost(all, k)
		got := slices.Clone(all[:k])
		slices.SortFunc(got, order)
		if !slices.Equal(got, want[:k]) {
			t.Fatalf("%v, want %v", got, want[:k])
		}
	})
}

// What is evicted is held by nobody, and each pid's lives stay in their order.
func TestEvictionLeavesWholeChains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := newTable(40, &registry{byID: map[string]*container{}})
		for i := range rapid.IntRange(1, 200).Draw(t, "events") {
			s := seen{t: int64(i+1) * 1e9, pid: rapid.Int32Range(2, 9).Draw(t, "pid"), ppid: rapid.Int32Range(2, 9).Draw(t, "ppid"), kernel: true}
			if rapid.Bool().Draw(t, "ends") {
				s.act = actEnd
			}
			if l := tab.observe(&s); rapid.Bool().Draw(t, "up") {
				tab.above(l, s.t)
			}
		}
		n := 0
		for w := range tab.lives.all() {
			if l := tab.newest(w); l.until != never || l.next != 0 {
				t.Fatalf("the newest life of %v is not known as that", w)
			}
			for l := tab.newest(w); l != nil; l = tab.older(l) {
				n++
				p := tab.older(l)
				if l.has(markGone) || l.who() != w || p != nil && (p.first > l.first || p.until > l.first || p.until > l.until || p.next != l.at) {
					t.Fatalf("%v: %+v before %+v", w, p, l)
				}
			}
		}
		if n != tab.count || n > 40 {
			t.Fatalf("%d lives, %d counted", n, tab.count)
		}
	})
}

// The parent that a life remembers is the one that a look-up finds, at whatever
// time is asked, after lives that begin late, early and between others.
func TestTheParentThatIsRememberedIsTheOneThatIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := newTable(30, &registry{byID: map[string]*container{}})
		when := rapid.Int64Range(0, 400)
		for range rapid.IntRange(1, 150).Draw(t, "events") {
			s := seen{t: when.Draw(t, "t") * 5e6, pid: rapid.Int32Range(2, 7).Draw(t, "pid"), ppid: rapid.Int32Range(2, 7).Draw(t, "ppid"), kernel: true}
			switch rapid.IntRange(0, 5).Draw(t, "act") {
			case 0:
				s.act = actEnd
			case 1:
				s.act = actExec
			}
			l := tab.observe(&s)
			if rapid.IntRange(0, 9).Draw(t, "read in proc") == 0 {
				tab.earlier(l, s.t-when.Draw(t, "earlier")*1e6)
			}
			for range 4 {
				at := when.Draw(t, "at") * 5e6
				if got, want := tab.above(l, at), tab.alive(uint32(l.node), l.ppid, at); got != want {
					t.Fatalf("at %d the parent of %+v\nis remembered as %+v\nand found as     %+v", at, l, got, want)
				}
			}
		}
	})
}
