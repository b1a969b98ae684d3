package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tallyman/pipeline/keep"
)

// store is what an output keeps over restarts: one small file in a folder of the
// journal. A file is
//
//	mark "TLYOUT" and version 1, name, state
//
// as package keep writes them.
type store struct {
	dir  string
	name string
	dry  bool // nothing is written
}

const (
	storeDir     = "outputs"
	storeMark    = "TLYOUT"
	storeVersion = 1
	maxStored    = 64 << 10 // bytes of one state: it is not counted in journal.max_size
)

var errStored = errors.New("an output keeps more than it may")

func newStore(journal, name string, dry bool) *store {
	return &store{dir: filepath.Join(journal, storeDir), name: name, dry: dry}
}

func (s *store) path() string { return filepath.Join(s.dir, s.name) }

// Load implements plugin.Store.
func (s *store) Load() ([]byte, error) {
	b, err := readWhole(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("what output %s keeps: %w", s.name, err)
	}
	r, err := keep.NewReader(b, storeMark, storeVersion)
	if err != nil {
		return nil, fmt.Errorf("what output %s keeps in %s: %w", s.name, s.path(), err)
	}
	name, state := r.Str(), r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("what output %s keeps in %s: %w", s.name, s.path(), err)
	}
	if name != s.name {
		return nil, fmt.Errorf("what output %s keeps in %s is of output %q", s.name, s.path(), name)
	}
	return state, nil
}

// Save implements plugin.Store.
func (s *store) Save(state []byte) error {
	if s.dry {
		return nil
	}
	if len(state) == 0 {
		return s.remove()
	}
	if len(state) > maxStored {
		return fmt.Errorf("output %s: %w: %d bytes of %d", s.name, errStored, len(state), maxStored)
	}
	w := keep.NewWriter(make([]byte, 0, len(state)+128), storeMark, storeVersion)
	w.Str(s.name)
	w.Bytes(state)
	if err := s.folder(); err != nil {
		return err
	}
	fresh := s.path() + unfinished
	if err := writeWhole(fresh, w.End()); err != nil {
		return errors.Join(err, ignoreAbsent(os.Remove(fresh)))
	}
	if err := os.Rename(fresh, s.path()); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// folder makes the folder when it is missing.
func (s *store) folder() error {
	err := os.Mkdir(s.dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(os.Chmod(s.dir, 0o700), syncDir(filepath.Dir(s.dir)))
	}
	return err
}

func (s *store) remove() error {
	if err := os.Remove(s.path()); err != nil {
		return ignoreAbsent(err)
	}
	return syncDir(s.dir)
}
