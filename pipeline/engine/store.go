package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"tallyman/pipeline/keep"
)

// store is what an output keeps over restarts: one small file in a folder of the
// journal, named NAME@TYPE, since what one type keeps means nothing to another that
// is given its name. A file is
//
//	mark "TLYOUT" and version 2, name, type, state
//
// as package keep writes them. A file of version 1 has no type and is named NAME: it
// is of whichever type asks for it, until that saves.
type store struct {
	dir  string
	name string
	typ  string // of the output
	dry  bool   // nothing is written
	log  *slog.Logger
}

const (
	storeDir     = "outputs"
	storeMark    = "TLYOUT"
	storeVersion = 2
	storeUntyped = 1
	storeSep     = "@"      // no name has one
	maxStored    = 64 << 10 // bytes of one state: it is not counted in journal.max_size
)

var errStored = errors.New("an output keeps more than it may")

func newStore(journal, name, typ string, dry bool, log *slog.Logger) *store {
	return &store{dir: filepath.Join(journal, storeDir), name: name, typ: typ, dry: dry, log: log}
}

func (s *store) path() string { return filepath.Join(s.dir, s.name+storeSep+s.typ) }

// untyped is the path of a file of version 1.
func (s *store) untyped() string { return filepath.Join(s.dir, s.name) }

// Load implements plugin.Store.
func (s *store) Load() ([]byte, error) {
	b, err := s.read(s.path(), storeVersion)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = s.read(s.untyped(), storeUntyped); !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	others, err := s.types()
	if err != nil {
		return nil, fmt.Errorf("what output %s keeps: %w", s.name, err)
	}
	if len(others) > 0 {
		s.log.Info("the output begins anew: what is kept for its name is of another type, and waits until that comes back", "output", s.name, "type", s.typ, "kept", others)
	}
	return nil, nil
}

func (s *store) read(path string, version byte) ([]byte, error) {
	b, err := readWhole(path)
	if err != nil {
		return nil, fmt.Errorf("what output %s keeps: %w", s.name, err)
	}
	r, err := keep.NewReader(b, storeMark, version)
	if err != nil {
		return nil, fmt.Errorf("what output %s keeps in %s: %w", s.name, path, err)
	}
	name, typ := r.Str(), s.typ
	if version != storeUntyped {
		typ = r.Str()
	}
	state := r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("what output %s keeps in %s: %w", s.name, path, err)
	}
	if name != s.name || typ != s.typ {
		return nil, fmt.Errorf("what output %s keeps in %s is of output %q of type %s", s.name, path, name, typ)
	}
	return state, nil
}

// types are those that anything is kept for under this name.
func (s *store) types() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	var list []string
	for _, e := range entries {
		if typ, ok := strings.CutPrefix(e.Name(), s.name+storeSep); ok && !strings.HasSuffix(typ, unfinished) {
			list = append(list, typ)
		}
	}
	return list, nil
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
	w.Str(s.typ)
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
	if err := syncDir(s.dir); err != nil {
		return err
	}
	return ignoreAbsent(os.Remove(s.untyped())) // nobody reads it beside the one above
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

// remove removes what is kept for this name and type.
func (s *store) remove() error {
	err := errors.Join(ignoreAbsent(os.Remove(s.path())), ignoreAbsent(os.Remove(s.untyped())))
	if err == nil {
		err = ignoreAbsent(syncDir(s.dir))
	}
	return err
}

// removeAll removes what is kept for this name, whatever the type.
func (s *store) removeAll() error {
	types, err := s.types()
	for _, s.typ = range types {
		err = errors.Join(err, ignoreAbsent(os.Remove(s.path())))
	}
	return errors.Join(err, s.remove())
}
