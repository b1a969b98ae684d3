package container

// Where the lives of the table lie, and what they name by number.

// perChunk is how many lives are made room for at once. A chunk never moves: who
// works on a life may make others meanwhile.
const perChunk = 256

// places is the memory of lives. The place of one that is forgotten is another's as
// soon as the batch that it was forgotten in is over and nobody holds it any more,
// so a pointer to a life is good for a batch, and longer where it is pinned.
type places struct {
	chunks []*[perChunk]life
	used   ref    // places that were given out at least once; the first is 1
	free   []ref  // that are free again
	gone   []ref  // forgotten, and not free yet
	births uint32 // lives that were made
}

// at returns the life at a place, nil for 0.
func (s *places) at(n ref) *life {
	if n == 0 {
		return nil
	}
	return &s.chunks[n/perChunk][n%perChunk]
}

// fresh returns a place that is free, for a life that runs.
func (s *places) fresh() *life {
	var n ref
	if last := len(s.free) - 1; last >= 0 {
		n, s.free = s.free[last], s.free[:last]
	} else {
		if s.used++; int(s.used/perChunk) >= len(s.chunks) {
			s.chunks = append(s.chunks, new([perChunk]life))
		}
		n = s.used
	}
	s.births++
	l := s.at(n)
	l.at, l.born, l.end, l.until = n, s.births, never, never
	return l
}

// all calls do with each life that is in the table, in the order of their places.
func (s *places) all(do func(l *life)) {
	for i := range s.chunks {
		for j := range s.chunks[i] {
			if l := &s.chunks[i][j]; l.known() {
				do(l)
			}
		}
	}
}

// known reports whether l, which may be a place that is free, is in the table.
func (l *life) known() bool { return l.at != 0 && l.pid != nobody && !l.has(markGone) }

// nobody is the pid of a place that is free.
const nobody = -1

// pin keeps l as it is, also when it is forgotten, until it is unpinned as often.
func (l *life) pin() *life {
	l.pins++
	return l
}

// unpin undoes a pin; nil is nobody's.
func (t *table) unpin(l *life) {
	if l == nil {
		return
	}
	switch l.pins--; {
	case l.pins > 0:
	case l.at == 0:
		t.clear(l)
	case l.has(markGone):
		t.gone = append(t.gone, l.at)
	}
}

// sweep frees the places of what was forgotten and is held by nobody. No life that
// is not pinned is worked on meanwhile.
func (t *table) sweep() {
	for len(t.gone) > 0 { // to clear a role may unpin
		last := len(t.gone) - 1
		l := t.at(t.gone[last])
		t.gone = t.gone[:last]
		if l.pins > 0 || l.pid == nobody { // unpin says so again; or did, twice
			continue
		}
		t.discard(l)
	}
}

// discard frees the place of a life that is not in the table.
func (t *table) discard(l *life) {
	t.clear(l)
	*l = life{at: l.at, pid: nobody}
	t.free = append(t.free, l.at)
}

// clear gives back what l names.
func (t *table) clear(l *life) {
	t.give(l, answer{})
	t.run(l, 0)
	if l.role != 0 {
		t.unpin(t.roles.list[l.role].ward)
		t.roles.drop(l.role)
		l.role = 0
	}
}

// ordinal is the place of something in a list, 0 for nothing.
type ordinal uint32

// numbered is a list of things that lives name by number. The first is what 0 names.
type numbered[T any] struct {
	list []T
	free []ordinal
}

func (n *numbered[T]) add(v T) ordinal {
	if last := len(n.free) - 1; last >= 0 {
		i := n.free[last]
		n.free, n.list[i] = n.free[:last], v
		return i
	}
	n.list = append(n.list, v)
	return ordinal(len(n.list) - 1)
}

func (n *numbered[T]) drop(i ordinal) {
	n.list[i] = n.list[0]
	n.free = append(n.free, i)
}

// in returns the container that l is in, nil where that is not known.
func (t *table) in(l *life) *container { return t.boxes.list[l.got.in] }

// answer returns what l has been given.
func (t *table) answer(l *life) answer {
	g := &l.got
	return answer{in: t.boxes.list[g.in], host: g.host, method: g.method, conf: g.conf, ambiguous: g.ambiguous, hops: g.hops}
}

// give says where l is. A container has a number for as long as a life is in it.
func (t *table) give(l *life, a answer) {
	was := t.boxes.list[l.got.in]
	l.got = held{in: l.got.in, host: a.host, method: a.method, conf: a.conf, ambiguous: a.ambiguous, hops: a.hops}
	if was == a.in {
		return
	}
	if l.got.in = 0; a.in != nil {
		if a.in.lives == 0 {
			a.in.number = t.boxes.add(a.in)
		}
		a.in.lives++
		l.got.in = a.in.number
	}
	if was != nil {
		if was.lives--; was.lives == 0 {
			t.boxes.drop(was.number)
		}
	}
}

// role returns what l has been given to do, which is not to be changed.
func (t *table) role(l *life) *role { return t.roles.list[l.role] }

// part returns the role of l, to be changed.
func (t *table) part(l *life) *role {
	if l.role == 0 {
		l.role = t.roles.add(new(role))
	}
	return t.roles.list[l.role]
}
