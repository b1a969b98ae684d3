package file

import (
	"hash/maphash"
	"time"
)

// spread bounds how many different files a path with places leads to in a day, for who
// starts containers can give them any number of names, and each file and folder takes
// an inode. It begins anew with the process.
type spread struct {
	most  int // 0 for no limit
	seed  maphash.Seed
	day   time.Time           // in UTC
	known map[uint64]struct{} // sums of the paths of that day
	full  bool                // a path had no room that day
}

// take reports whether a path is one of the files of the day, or may become one, and
// whether it is the first that may not.
func (s *spread) take(path []byte, now time.Time) (ok, first bool) {
	if s.most == 0 {
		return true, false
	}
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(s.day) {
		s.day, s.full = day, false
		clear(s.known)
	}
	sum := maphash.Bytes(s.seed, path)
	if _, ok := s.known[sum]; ok {
		return true, false
	}
	if len(s.known) < s.most {
		s.known[sum] = struct{}{}
		return true, false
	}
	first, s.full = !s.full, true
	return false, first
}
