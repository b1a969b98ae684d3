package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// sector is the unit in which a disk tears, in bytes.
const sector = 512

// Op is one operation that is about to happen on a Mem.
type Op struct {
	Kind string // mkdir create open remove readdir syncdir read write truncate allocate datasync
	Name string
}

// Mem is a file system in memory. It remembers for every file and folder what
// is on stable storage, so that it can be cut off (Crash) or go on without its
// process (Kill). The zero Mem is not usable; take NewMem.
type Mem struct {
	mu    sync.Mutex // guards root and all below it, space, hook
	root  *node
	space int64 // bytes that all files together may have, 0 for no bound
	hook  func(Op) error
}

// node is a file or a folder; the names it goes by are in the folders.
type node struct {
	dir    bool
	links  int
	locked bool

	data  []byte             // as a process sees it
	disk  []byte             // as the disk has it
	dirty map[int64]struct{} // sectors that were written since the last sync

	now, synced map[string]*node // a folder's names, as seen and as on disk
}

func newDir() *node { return &node{dir: true, now: map[string]*node{}, synced: map[string]*node{}} }

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{root: newDir()} }

// SetHook has fn called before every operation, without a lock, so that it may
// call Crash and Kill. An error that it returns is the result of the operation,
// which then does nothing, except that a failed datasync forgets what it should
// have written, as a kernel does. A nil fn ends that.
func (m *Mem) SetHook(fn func(Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = fn
}

// FailAt returns a hook that lets the nth operation of a kind fail with err, and
// the following times-1 too; times 0 is for ever. n counts from 1.
func FailAt(kind string, n, times int, err error) func(Op) error {
	var mu sync.Mutex
	seen := 0
	return func(op Op) error {
		if op.Kind != kind {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		seen++
		if seen >= n && (times == 0 || seen < n+times) {
			return err
		}
		return nil
	}
}

// SetSpace bounds the bytes of all files; what would need more fails with
// ENOSPC. 0 is no bound.
func (m *Mem) SetSpace(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.space = bytes
}

// begin asks the hook and locks.
func (m *Mem) begin(kind, name string) error {
	m.mu.Lock()
	hook := m.hook
	if hook == nil {
		return nil
	}
	m.mu.Unlock()
	err := hook(Op{Kind: kind, Name: name})
	m.mu.Lock()
	if err != nil {
		return &fs.PathError{Op: kind, Path: name, Err: err}
	}
	return nil
}

func parts(name string) []string {
	return strings.FieldsFunc(filepath.Clean(name), func(r rune) bool { return r == filepath.Separator })
}

func (m *Mem) find(name string) *node {
	at := m.root
	for _, p := range parts(name) {
		if at == nil || !at.dir {
			return nil
		}
		at = at.now[p]
	}
	return at
}

// MkdirAll is FS.MkdirAll.
func (m *Mem) MkdirAll(dir string) error {
	err := m.begin("mkdir", dir)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	at := m.root
	for _, p := range parts(dir) {
		next := at.now[p]
		if next == nil {
			next = newDir()
			at.now[p], at.synced[p] = next, next
		}
		if !next.dir {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		at = next
	}
	return nil
}

// Open is FS.Open.
func (m *Mem) Open(name string, mode Mode) (File, error) {
	kind := "open"
	if mode >= Create {
		kind = "create"
	}
	err := m.begin(kind, name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	dir, base := m.find(filepath.Dir(name)), filepath.Base(name)
	if dir == nil || !dir.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	n := dir.now[base]
	switch {
	case n == nil && mode < Create:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && mode == CreateNew:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n != nil && n.dir:
		return nil, fmt.Errorf("open %s: %w", name, ErrNotRegular)
	case n == nil:
		n = &node{links: 1}
		dir.now[base] = n
	}
	return &memFile{m: m, n: n, name: name, write: mode != Read}, nil
}

// Remove is FS.Remove.
func (m *Mem) Remove(name string) error {
	err := m.begin("remove", name)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	dir, base := m.find(filepath.Dir(name)), filepath.Base(name)
	if dir == nil || dir.now[base] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if dir.now[base].dir {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EISDIR}
	}
	dir.now[base].links--
	delete(dir.now, base)
	return nil
}

// ReadDir is FS.ReadDir.
func (m *Mem) ReadDir(name string) ([]Info, error) {
	err := m.begin("readdir", name)
	defer m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	dir := m.find(name)
	if dir == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	if !dir.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	var out []Info
	for base, n := range dir.now {
		out = append(out, Info{Name: base, Size: int64(len(n.data)), Regular: !n.dir})
	}
	slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// SyncDir is FS.SyncDir.
func (m *Mem) SyncDir(name string) error {
	err := m.begin("syncdir", name)
	defer m.mu.Unlock()
	if err != nil {
		return err
	}
	dir := m.find(name)
	if dir == nil || !dir.dir {
		return &fs.PathError{Op: "syncdir", Path: name, Err: fs.ErrNotExist}
	}
	clear(dir.synced)
	for base, n := range dir.now {
		dir.synced[base] = n
	}
	return nil
}

// Free is FS.Free; without a bound it is a pebibyte.
func (m *Mem) Free(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.space == 0 {
		return 1 << 50, nil
	}
	return max(m.space-used(m.root), 0), nil
}

func used(n *node) int64 {
	sum := int64(len(n.data))
	for _, sub := range n.now {
		sum += used(sub)
	}
	return sum
}

var _ io.ReaderAt = (*memFile)(nil)
