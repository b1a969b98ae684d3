package container

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/schema"
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

// What is forgotten while its events are to be judged is judged as if it were not: in
// the batch that it is forgotten in, and where an event of it waits for its parent.
func TestWhatIsForgottenBeforeItIsJudged(t *testing.T) {
	const most = 64
	for name, wait := range map[string]time.Duration{"in one batch": 0, "kept over batches": time.Second} {
		tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: most, Wait: wait})
		events := []capturedEvent{tell(t, create), tell(t, setsid), tell(t, "at 20: 100 of 22 execve /bin/sh sh"), tell(t, "at 21: 101 of 100 execve /bin/app app"),
			tell(t, "at 30: 101 of 100 openat"), tell(t, "at 30: 501 of 500 openat"), tell(t, "at 30: 100 of 22 exit_group"), tell(t, "at 30: 101 of 100 exit_group")}
		for i := range 100 {
			events = append(events, tell(t, fmt.Sprintf("at %d: %d of 1 openat", 31+i/4, 1000+i)), tell(t, fmt.Sprintf("at %d: %d of 1 exit_group", 31+i/4, 1000+i)))
		}
		events = append(events, tell(t, "at 70: 500 of 22 exit_group"))
		st := tr.Lane("audit")
		out, size := apply(t, st, events[:4]), len(events)
		if wait > 0 {
			size = 24
		}
		for part := range slices.Chunk(events[4:], size) {
			out = append(out, apply(t, st, part)...)
		}
		out = append(out, flush(st)...)
		if p := out[4].Fields.Get(schema.ProcessParentExecutable).Str(); p == "" {
			t.Errorf("%s: the parent is not known", name)
		}
		for _, i := range []int{4, 5} {
			if id := short(out[i].Fields.Get(schema.ContainerID).Str()); id != "A" {
				t.Errorf("%s: event %d is of %q", name, i, id)
			}
		}
		tab := tr.(*Transform).table
		if tab.newest(who{0, 101}) != nil || int(tab.used) > most+len(events) || len(tab.gone) > 0 {
			t.Errorf("%s: %d places, %d of them not free", name, tab.used, len(tab.gone))
		}
	}
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

// Lives of one pid that are forgotten together bound each other in whatever order they go.
func TestTheOrderOfForgettingIsNoMatter(t *testing.T) {
	var want []int64
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		tab := newTable(16, &registry{byID: map[string]*container{}})
		var lives []*life
		for i := range int64(3) {
			s := seen{t: 1e12 + i*1e9, pid: 7, ppid: 1, kernel: true}
			lives = append(lives, tab.add(&s))
		}
		var all []leaving
		for _, i := range order {
			all = append(all, leaving{at: lives[i].at})
		}
		tab.leave(all)
		if tab.newest(who{0, 7}) != nil || tab.count != 0 {
			t.Fatalf("in the order %v something is left", order)
		}
		var got []int64
		for _, l := range lives {
			got = append(got, l.until)
		}
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("in the order %v they are bounded by %v, otherwise by %v", order, got, want)
		}
	}
}
