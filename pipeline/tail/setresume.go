package tail

import (
	"maps"

	"tallyman/pipeline/event"
)

// assign has each position of Open go with the file that it was taken from, where that
// has another of the names now; s.mu is held. It returns the positions that had to
// make way for such ones: their files are gone.
func (s *Set) assign(fresh []found, here map[string]bool) (gone map[string]*position) {
	strays := s.strays(fresh)
	if len(strays) == 0 {
		return nil
	}
	moved := map[string]*position{}
	for _, f := range fresh {
		if f.info == nil || len(strays[f.id.Ino]) == 0 || s.sibling(f.path, here) || !s.inRoots(f.path) {
			continue
		}
		for _, path := range strays[f.id.Ino] {
			if p := s.resume[path]; p != nil && is(p, f.path, f.id) {
				moved[f.path] = p
				delete(s.resume, path)
				break
			}
		}
	}
	gone = map[string]*position{}
	for path := range moved {
		if p := s.resume[path]; p != nil {
			gone[path] = p
		}
	}
	maps.Copy(s.resume, moved)
	return gone
}

// strays returns the paths of the positions at which another file lies now, or none,
// by the inode of their own.
func (s *Set) strays(fresh []found) map[uint64][]string {
	if len(s.resume) == 0 {
		return nil
	}
	lies := make(map[string]uint64, len(fresh))
	for _, f := range fresh {
		lies[f.path] = f.id.Ino
	}
	all := map[uint64][]string{}
	for path, p := range s.resume {
		if p.Ino != 0 && lies[path] != p.Ino {
			all[p.Ino] = append(all[p.Ino], path)
		}
	}
	return all
}

// missed says what was left of a file that is gone, and whose name another has.
func (m *member) missed(p *position) {
	if p != nil && p.left() > 0 {
		m.t.lost(event.RotatedAway, p.left(), goneUnread)
	}
}
