package container

// What several events need of the table is read together before each is looked at: of
// a table that no cache holds, each of them would wait for one line after another.

// atOnce is how many events are looked at together.
const atOnce = 32

// throng is how many lives there are before that is worth the trouble.
const throng = 2048

// fetch reads what the newest lives of the pids of some events begin with.
func (t *table) fetch(some []pending) {
	if t.count < throng {
		return
	}
	var at [atOnce]ref
	for i := range some {
		at[i] = t.lives.get(some[i].seen.who())
	}
	t.fetched = 0
	for _, n := range at[:len(some)] {
		t.touch(n)
	}
}

// fetchAbove is fetch for the lives above those of some events, as they were last
// looked up.
func (t *table) fetchAbove(some []pending) {
	if t.count < throng {
		return
	}
	var at [atOnce]ref
	for i := range some {
		p := &some[i]
		if p.life == nil {
			continue
		}
		if at[i] = p.life.up; at[i] == 0 {
			at[i] = t.lives.get(who{p.seen.node, p.seen.ppid})
		}
	}
	t.fetched = 0
	for range maxAncestors - 1 {
		for i, n := range at[:len(some)] {
			at[i] = t.touch(n)
		}
	}
}

// touch reads both lines of a life, and returns the place of its parent as it was last
// looked up. That of place 0, which is nobody's, is 0.
func (t *table) touch(n ref) ref {
	l := &t.chunks[n/perChunk][n%perChunk]
	t.fetched += l.at // else nothing would have to be read
	return l.up
}
