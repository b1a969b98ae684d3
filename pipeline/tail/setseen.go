package tail

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// seenFiles is what the files of a Set know of one another. A file may be read under
// one name while another leads to it already: programs that number their files from
// the present one on (x.0, x.1, x.2) give each the name that another had. It is asked
// while any other lock is held, and takes none.
type seenFiles struct {
	mu   sync.Mutex // guards what follows
	open map[identity]*member
	gone []position // of files that were read to their end, the last one last
	// waifs are those of gone that no name stands for yet, as they are in a position.
	waifs []waif
}

// waif is a file that was left and is not followed under another name, as far as is
// known: the folders are not looked into all the time.
type waif struct {
	id  identity
	enc []byte
}

// maxWaifs is how many of them a position holds. Most are files that were rotated away
// for good.
const maxWaifs = 32

// waifPath begins what stands in a position for the path of a waif. No path of a Set
// does.
const waifPath = "//left/"

func isWaif(path string) bool { return strings.HasPrefix(path, waifPath) }

// appendTo adds the waifs to a position.
func (s *seenFiles) appendTo(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.waifs {
		b = append(b, s.waifs[i].enc...)
	}
	return b
}

// adopted says that a file is followed under another name.
func (s *seenFiles) adopted(id identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waifs = slices.DeleteFunc(s.waifs, func(w waif) bool { return w.id.same(id) })
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
	s.waifs = slices.DeleteFunc(s.waifs, func(w waif) bool { return w.id.same(p.identity) })
	if len(s.waifs) >= maxWaifs {
		s.waifs = append(s.waifs[:0], s.waifs[1:]...)
	}
	s.waifs = append(s.waifs, waif{p.identity, appendMember(nil, waifPath+strconv.FormatUint(p.Ino, 10), &p)})
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

// claim lets reading of a file begin at off, or where it ended under another name of
// the Set. False says that it is still read under that name: this one waits for it.
func (t *Tail) claim(f *file, off int64) (bool, error) {
	if t.o.set != nil && !t.o.Once { // with Once a file is read to where it ends now, and kept
		s := &t.o.set.s.seen
		if !s.claim(f, t.o.set) {
			return false, nil
		}
		if p := s.before(f.path, f.id); off == 0 && p != nil {
			off = p.Off
		}
	}
	return true, f.seek(off)
}
