package tail

import (
	"slices"
)

// add begins to follow what lies at a path; s.mu is held. Without a position it
// is read from its start.
func (s *Set) add(path string, at *position) *member {
	if m := s.members[path]; m != nil {
		return m
	}
	if len(s.list) >= s.o.Files {
		if s.once("crowd") {
			s.o.Log.Warn("more files match than may be followed", "files", s.o.Files, "first_left_out", path)
		}
		if s.once("crowd " + path) {
			s.crowd.Inc()
		}
		return nil
	}
	m := &member{s: s, path: path}
	if s.o.Fields != nil {
		m.fields = slices.Clip(s.o.Fields(path))
	}
	m.t = newTail(Options{
		Path: path, Input: s.o.Input, Decode: s.o.Decode, MaxLine: s.o.MaxLine, Once: s.o.Once, Shared: s.o.Shared,
		FromEnd: s.o.FromEnd && !s.known, Meter: s.o.Meter, Log: s.o.Log, Now: s.o.Now, Open: DefaultOpen, Join: s.o.Join, set: m,
	}, s.chunks)
	m.t.parked = true
	var p position
	switch {
	case at != nil:
		p = *at
		m.t.given, m.last = p, p
	case s.misread:
	case s.known:
		p.Mod = s.since // it came after that, and what was rotated away from it did too
	default:
		m.t.fresh = true // what was rotated away from it before is not read
	}
	m.t.start = &p
	if m.pos = appendMember(nil, path, &p); m.t.fresh {
		m.pos = appendMember(nil, path, &position{Mod: s.o.Now().UnixNano()})
	}
	s.members[path] = m
	s.list = append(s.list, m)
	s.enqueue(m)
	return m
}

// once reports whether key comes for the first time; s.mu is held.
func (s *Set) once(key string) bool {
	if s.said[key] || len(s.said) > s.o.Files {
		return false
	}
	s.said[key] = true
	return true
}

// enqueue says that there is something to read; s.mu is held.
func (s *Set) enqueue(m *member) {
	if m.queued || m.lost {
		return
	}
	m.queued = true
	s.queue = append(s.queue, m)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// left remembers a file that was read to its end under this name, if another may lead
// to it.
func (m *member) left(f *file, off int64) {
	if gone, err := deleted(f.f); gone && err == nil {
		return
	}
	p := f.at
	p.mark(f.f, off)
	m.s.seen.remember(p)
	m.s.awaited(m, f.id)
}

// awaited gives a turn to those whose names lead to a file that was left.
func (s *Set) awaited(by *member, id identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.list {
		if m != by && m.id.same(id) {
			s.enqueue(m)
		}
	}
}

// dated reports whether s begins with a date or a time, of six digits at least.
func dated(s string) bool {
	n := 0
	for n < len(s) && s[n]-'0' <= 9 {
		n++
	}
	return n >= 6
}
