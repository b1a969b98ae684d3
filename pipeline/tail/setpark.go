package tail

import "fmt"

// unpark opens what there is of a file, and makes room for it.
func (s *Set) unpark(m *member) error {
	m.used = s.turns
	if !m.t.isParked() {
		return nil
	}
	for s.open.Load() >= int64(s.o.Open) {
		v := s.victim(m)
		if v == nil {
			break
		}
		v.t.park()
	}
	m.t.setParked(false)
	if err := m.t.look(); err != nil {
		m.t.setParked(true)
		return fmt.Errorf("%w", err)
	}
	return nil
}

// victim is the file that can best do without being open: one that waits for
// nothing, and of those the one that was read the longest ago.
func (s *Set) victim(not *member) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *member
	rank := 0
	for _, m := range s.list {
		if m == not {
			continue
		}
		r := m.t.rank()
		if r > 0 && !m.queued {
			r += 4
		}
		if r > rank || r == rank && r > 0 && m.used < best.used {
			best, rank = m, r
		}
	}
	return best
}

// rank is how well a file can be closed for a while: 0 not at all, 1 when it
// stands within a line, 2 when it does not.
func (t *Tail) rank() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.files) != 1 || t.files[0].rest != "":
		return 0
	case !t.files[0].gone.IsZero():
		return 0 // it has no name: closed, it is lost
	case t.lines.Pending() > 0:
		return 1
	}
	return 2
}

// park closes what is open; the next look opens it again where it was left.
func (t *Tail) park() {
	if t.file(0) == nil {
		return
	}
	t.place()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.files {
		t.shut(f)
	}
	t.files = nil
	p := t.given
	t.start, t.parked = &p, true
}

func (t *Tail) isParked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.parked
}

func (t *Tail) setParked(is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parked = is
}

// unchanged goes on where the file at the path is still the one of the position,
// and reports whether it is: then nothing came after it, and no folder has to be
// listed.
func (t *Tail) unchanged() (bool, error) {
	if t.o.set == nil || t.start.Ino == 0 || t.start.Head == 0 {
		return false, nil
	}
	list := appendEntry(nil, t.o.Path, "")
	if len(list) == 0 || list[0].id.Ino != t.start.Ino {
		return false, nil
	}
	if i, err := t.find(list, t.start, true); i < 0 || err != nil {
		return false, err
	}
	return true, t.resume(list, 0)
}
