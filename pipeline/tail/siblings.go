package tail

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// entry is a file as a look into the folder found it.
type entry struct {
	path  string
	id    identity // without the time of birth
	mod   int64    // nanoseconds since 1970
	size  int64
	first string // what follows the path in its name: ".1", "-20261125"
}

// scan returns the log file and what was rotated away from it, oldest first, the
// log file last. It looks until two looks agree, so that a rotation that is
// under way hides no file; errMoved says that none did.
func (t *Tail) scan() ([]entry, error) {
	var before []entry
	for range 10 {
		list, err := t.list()
		if err != nil {
			return nil, err
		}
		if before != nil && slices.EqualFunc(before, list, func(a, b entry) bool { return a.path == b.path && a.id == b.id }) {
			return list, nil
		}
		before = list
	}
	return nil, errMoved
}

func (t *Tail) list() ([]entry, error) {
	list := []entry{}
	for _, path := range t.places() {
		dir, base := filepath.Split(path)
		names, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list the folder for rotated files: %w", err)
		}
		for _, name := range names {
			suffix, ok := strings.CutPrefix(name.Name(), base)
			if !ok || !rotated(suffix) || t.o.set != nil && numbered(suffix) {
				continue
			}
			list = appendEntry(list, filepath.Join(dir, name.Name()), suffix)
		}
	}
	slices.SortStableFunc(list, older)
	all := appendEntry(nil, t.o.Path, "")
	for _, e := range list {
		if !slices.ContainsFunc(all, func(x entry) bool { return x.id == e.id }) {
			all = append(all, e)
		}
	}
	if len(all) > 0 && all[0].first == "" {
		all = append(all[1:], all[0])
	}
	return all, nil
}

// appendEntry adds the regular file at path; what is none, or is gone again, is
// left out.
func appendEntry(list []entry, path, suffix string) []entry {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return list
	}
	return append(list, entry{path: path, id: idOf(info), mod: info.ModTime().UnixNano(), size: info.Size(), first: suffix})
}

// places returns the paths beside which rotated files are looked for: the
// configured one, and what it points to.
func (t *Tail) places() []string {
	list := []string{t.o.Path}
	if target, err := filepath.EvalSymlinks(t.o.Path); err == nil && target != filepath.Clean(t.o.Path) {
		list = append(list, target)
	}
	return list
}

// rotated reports whether a name with this suffix is a rotated file that can be
// read: a compressed one cannot.
func rotated(suffix string) bool {
	if len(suffix) < 2 || suffix[0] != '.' && suffix[0] != '-' {
		return false
	}
	if suffix[1] < '0' || suffix[1] > '9' {
		return false
	}
	switch filepath.Ext(suffix) {
	case ".gz", ".bz2", ".xz", ".zst", ".lz4", ".tmp":
		return false
	}
	return true
}

// numbered reports whether a name with this suffix is that of another program's log
// where many are followed: "app-2" beside "app".
func numbered(suffix string) bool { return suffix[0] == '-' && !dated(suffix[1:]) }

// older orders rotated files, oldest first: of numbers that count (".1") the
// highest is the oldest, of dates ("-20261125") the earliest.
func older(a, b entry) int {
	na, nb := counter(a.first), counter(b.first)
	switch {
	case na > 0 && nb > 0:
		return cmp.Compare(nb, na)
	case na == 0 && nb == 0:
		return cmp.Compare(a.first, b.first)
	}
	return cmp.Compare(a.mod, b.mod)
}

// counter returns the number of a suffix that counts, 0 for a date.
func counter(suffix string) int {
	n := 0
	for _, c := range suffix[1:] {
		if c < '0' || c > '9' || n > 9999 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}
