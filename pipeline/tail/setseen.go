package tail

import "sync"

// seenFiles is what the files of a Set know of one another. A file may be read under
// one name while another leads to it already: programs that number their files from
// the present one on (x.0, x.1, x.2) give each the name that another had. It is asked
// while any other lock is held, and takes none.
type seenFiles struct {
	mu   sync.Mutex // guards what follows
	open map[identity]*member
	gone []position // of files that were read to their end, the last one last
}

func (id identity) file() identity { return identity{Dev: id.Dev, Ino: id.Ino} }

// claim has a file read under the name of m, unless it is read under another. Closing
// it ends that.
func (s *seenFiles) claim(f *file, m *member) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by := s.open[f.id.file()]; by != nil && by != m {
		return false
	}
	s.open[f.id.file()] = m
	f.seen = s
	return true
}

// release ends a claim.
func (s *seenFiles) release(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, f.id.file())
}

// held reports whether a file is read under some name.
func (s *seenFiles) held(id identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id.file()] != nil
}

// remember keeps how far a file was read that is left.
func (s *seenFiles) remember(p position) {
	if p.Ino == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gone) >= maxLeft {
		s.gone = append(s.gone[:0], s.gone[1:]...)
	}
	s.gone = append(s.gone, p)
}

// before returns how far the file at a path was read that was left, nil where there is
// none.
func (s *seenFiles) before(path string, id identity) *position {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.gone) - 1; i >= 0; i-- {
		if p := s.gone[i]; is(&p, path, id) {
			return &p
		}
	}
	return nil
}
