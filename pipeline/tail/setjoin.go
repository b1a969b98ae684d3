package tail

import "time"

// dueEvery is how often it is looked whether records have waited long enough.
const dueEvery = 100 * time.Millisecond

// due gives a turn to each file whose record has waited for its next line long
// enough: nothing else would, since the file did not change.
func (s *Set) due() {
	if len(s.joins) == 0 {
		return
	}
	now := s.o.Now()
	if since := s.dueAt.Sub(now); since > 0 && since <= dueEvery {
		return
	}
	s.dueAt = now.Add(dueEvery)
	s.mu.Lock()
	defer s.mu.Unlock()
	still := s.joins[:0]
	for _, m := range s.joins {
		switch {
		case m.lost || m.done || !m.t.lines.Waits():
			m.joins = false
			continue
		case m.t.lines.Due(now):
			s.enqueue(m)
		}
		still = append(still, m)
	}
	clear(s.joins[len(still):])
	s.joins = still
}
