package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// packed are the ends of names that are compressed, or not yet a log.
var packed = []string{".gz", ".bz2", ".xz", ".zst", ".lz4", ".tmp"}

// IsPattern reports whether a path may match more than one file.
func IsPattern(path string) bool { return strings.ContainsAny(path, `*?[\`) }

// clockSlack is how far the time of a file may be behind ours.
const clockSlack = 2 * time.Second

// found is a regular file that matches.
type found struct {
	path string
	info fs.FileInfo
	id   identity
}

// expand returns the paths that match the patterns, each once, and the folders
// that were looked into.
func (s *Set) expand() (paths, dirs []string) {
	seenPath, seenDir := map[string]bool{}, map[string]bool{}
	look := func(dir string) {
		if !seenDir[dir] {
			seenDir[dir] = true
			dirs = append(dirs, dir)
		}
	}
	for _, pattern := range s.o.Patterns {
		base := fixed(pattern)
		rest, err := filepath.Rel(base, pattern)
		if err != nil {
			continue
		}
		at := []string{base}
		for _, part := range strings.Split(rest, string(filepath.Separator)) {
			var next []string
			for _, dir := range at {
				look(dir)
				next = s.appendMatches(next, dir, part)
			}
			at = next
		}
		for _, path := range at {
			if !seenPath[path] && !s.excluded(path) {
				seenPath[path] = true
				paths = append(paths, path)
			}
		}
	}
	return paths, dirs
}

func (s *Set) appendMatches(list []string, dir, part string) []string {
	if !IsPattern(part) {
		return append(list, filepath.Join(dir, part))
	}
	names, err := os.ReadDir(dir)
	s.listed(dir, err)
	for _, name := range names {
		if ok, err := filepath.Match(part, name.Name()); err == nil && ok {
			list = append(list, filepath.Join(dir, name.Name()))
		}
	}
	return list
}

// listed takes note of whether a folder could be listed. Where it could not, files
// that nobody knows of are not read: that is counted and said once, until it can.
func (s *Set) listed(dir string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil || absent(err):
		delete(s.unlisted, dir)
	case !s.unlisted[dir] && len(s.unlisted) < s.o.Files:
		s.unlisted[dir] = true
		s.failures.Inc()
		s.o.Log.Warn("a folder cannot be listed; what is new in it is not read until it can", "folder", dir, "error", err)
	}
}

// absent reports whether an error says that nothing is at a path.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// excluded reports whether a path is not to be followed.
func (s *Set) excluded(path string) bool {
	if slices.Contains(packed, filepath.Ext(path)) {
		return true
	}
	for _, pattern := range s.o.Exclude {
		for _, name := range []string{path, filepath.Base(path)} {
			if ok, err := filepath.Match(pattern, name); err == nil && ok {
				return true
			}
		}
	}
	return false
}

// scan finds what is there: it takes up what is new and says what changed. It
// returns the folders that were looked into.
func (s *Set) scan() []string {
	began := s.o.Now().Add(-clockSlack).UnixNano()
	paths, dirs := s.expand()
	var list []found
	here := map[string]bool{}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			list = append(list, found{path, info, idOf(info)})
			here[path] = true
		} else if err != nil && !absent(err) {
			list = append(list, found{path: path}) // reading it says so
			here[path] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := map[identity]*member{}
	var fresh []found
	for _, f := range list {
		m := s.members[f.path]
		if m == nil {
			fresh = append(fresh, f)
			continue
		}
		s.changed(m, f)
		if f.info != nil {
			owner[f.id] = m
		}
	}
	for _, m := range s.list {
		if !here[m.path] {
			s.enqueue(m) // gone, or about to come back
		}
	}
	if len(fresh) > 0 {
		s.take(fresh, here, owner)
	}
	s.since = began
	return dirs
}

// changed puts a file in the queue when it is not as it was; s.mu is held.
func (s *Set) changed(m *member, f found) {
	if f.info == nil {
		s.enqueue(m)
		return
	}
	size, mod := f.info.Size(), f.info.ModTime().UnixNano()
	if m.id != f.id || m.size != size || m.mod != mod || m.fails.Load() > 0 {
		m.id, m.size, m.mod = f.id, size, mod
		s.enqueue(m)
	}
}

// take begins to follow what is new; s.mu is held. One file is followed under
// one name: what was rotated away from another, what is another's under a second
// name, and what another still reads, is left to it. What was read under another
// name before goes on where that ended.
func (s *Set) take(fresh []found, here map[string]bool, owner map[identity]*member) {
	gone := s.assign(fresh, here)
	for _, f := range fresh {
		if s.sibling(f.path, here) || f.info != nil && owner[f.id] != nil {
			continue
		}
		if !s.inRoots(f.path) {
			s.refuseLink(f.path)
			continue
		}
		at := s.resume[f.path]
		delete(s.resume, f.path)
		if at == nil && f.info != nil {
			if s.seen.held(f.id) {
				continue
			}
			at = s.before(f)
		}
		if m := s.add(f.path, at); m != nil && f.info != nil {
			m.id, m.size, m.mod = f.id, f.info.Size(), f.info.ModTime().UnixNano()
			owner[f.id] = m
			s.seen.adopted(f.id)
			m.missed(gone[f.path])
		}
	}
}

// before returns how far a file was read under another name, nil where it was
// not; s.mu is held.
func (s *Set) before(f found) *position {
	if p := s.seen.before(f.path, f.id); p != nil {
		return p
	}
	for _, m := range s.list {
		if is(&m.last, f.path, f.id) {
			return &m.last
		}
	}
	for path, p := range s.resume {
		if is(p, f.path, f.id) {
			delete(s.resume, path)
			return p
		}
	}
	return nil
}

// is reports whether p was taken from the file at a path, and not from one that had
// its inode number before.
func is(p *position, path string, found identity) bool {
	if p.Ino != found.Ino || p.Head == 0 {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	id, err := identify(f)
	return err == nil && id.same(found) && p.again(id) && p.holds(f)
}

// sibling reports whether a path is that of a file that was rotated away from
// another one that is followed: "x.log.1" beside "x.log". Its Tail reads it.
func (s *Set) sibling(path string, here map[string]bool) bool {
	dir, name := filepath.Split(path)
	for i := 1; i < len(name); i++ {
		if name[i] != '.' && name[i] != '-' || !rotated(name[i:]) {
			continue
		}
		if numbered(name[i:]) {
			continue
		}
		if first := dir + name[:i]; here[first] || s.members[first] != nil {
			return true
		}
	}
	return false
}

// findRoots resolves the folders that links may lead into.
func (s *Set) findRoots() {
	var list []string
	for _, p := range s.o.Patterns {
		list = append(list, fixed(p))
	}
	for _, dir := range append(list, s.o.Roots...) {
		s.roots = append(s.roots, filepath.Clean(dir))
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			s.roots = append(s.roots, target)
		}
	}
}

// inRoots reports whether a path leads into a known folder; what cannot be
// resolved now is looked at when it is opened.
func (s *Set) inRoots(path string) bool {
	target, err := filepath.EvalSymlinks(path)
	return err != nil || s.under(target)
}

func (s *Set) under(path string) bool {
	return slices.ContainsFunc(s.roots, func(root string) bool {
		rest, ok := strings.CutPrefix(path, root)
		return ok && (rest == "" || rest[0] == '/' || root == "/")
	})
}

// confined checks where an open file really lies: a link may have been changed
// since it was looked at.
func (s *Set) confined(f *os.File, path string) error {
	target, ok := whereabouts(f)
	if !ok {
		var err error
		if target, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	if !s.under(target) {
		return errLink
	}
	return nil
}
