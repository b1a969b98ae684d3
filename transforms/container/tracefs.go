package container

// The kernel's record of moves between control groups: who opens it, reads it and
// puts it away.

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var errTracefs = errors.New("the kernel's trace of moves between control groups is not there")

// instances is how an instance of ours is called, before the number of the
// process that made it and the time: instances share nothing with each other, so
// that nobody else's tracing is touched, and that of before a reload goes on until
// its reader ends.
const instances = "tallyman-"

// moves reads the trace of moves. Its methods but close are called by one
// goroutine.
type moves struct {
	dir    string // the instance
	format moveFormat
	cpus   []int // files, one for each processor
	ready  []unix.PollFd
	buf    []byte // has room for a page of any machine
	found  []change
}

// tracingRoots are where tracefs is mounted.
func tracingRoots() []string { return []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} }

// openMoves makes an instance of its own and has it record moves.
func openMoves(roots []string) (*moves, error) {
	var last error
	for _, root := range roots {
		text, err := os.ReadFile(filepath.Join(root, "events/cgroup/cgroup_attach_task/format"))
		if err != nil {
			last = errors.Join(last, err)
			continue
		}
		f, err := parseMoveFormat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errTracefs, err)
		}
		sweep(root)
		m := &moves{dir: filepath.Join(root, "instances", instances+strconv.Itoa(os.Getpid())+"."+strconv.FormatInt(time.Now().UnixNano(), 36)), format: f, buf: make([]byte, 1<<16)}
		if err := m.open(); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %w", errTracefs, err), m.close())
		}
		return m, nil
	}
	return nil, fmt.Errorf("%w: %w (it takes root, and tracefs: mount -t tracefs nodev /sys/kernel/tracing)", errTracefs, last)
}

// probeMoves reports whether openMoves would find what it needs, and leaves alone
// what this process has opened already.
func probeMoves(roots []string) error {
	var last error
	for _, root := range roots {
		if _, err := os.ReadFile(filepath.Join(root, "events/cgroup/cgroup_attach_task/format")); err != nil {
			last = errors.Join(last, err)
			continue
		}
		dir := filepath.Join(root, "instances", instances+strconv.Itoa(os.Getpid())+".probe")
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: %w", errTracefs, err)
		}
		return os.Remove(dir)
	}
	return fmt.Errorf("%w: %w", errTracefs, last)
}

// sweep removes the instances of processes that are gone, which were killed.
func sweep(root string) {
	list, err := filepath.Glob(filepath.Join(root, "instances", instances+"*"))
	if err != nil {
		return // the pattern is ours
	}
	for _, dir := range list {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), instances), ".")
		pid, err := strconv.Atoi(number)
		if err == nil && pid != os.Getpid() && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = os.Remove(dir) // another process does so at the same time
		}
	}
}

// open sets the instance up. The clock is the one of the process connector. Ring
// buffers of 64 KiB have room for some 700 moves of a processor; a container takes
// a dozen for each of its first processes.
func (m *moves) open() error {
	if err := os.Mkdir(m.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, s := range [...]struct{ file, text string }{{"trace_clock", "mono"}, {"buffer_size_kb", "64"}, {"events/cgroup/cgroup_attach_task/enable", "1"}} {
		if err := os.WriteFile(filepath.Join(m.dir, s.file), []byte(s.text), 0); err != nil {
			return err
		}
	}
	// Where it is missing, the kernel wakes readers at the first event anyway.
	if err := os.WriteFile(filepath.Join(m.dir, "buffer_percent"), []byte("0"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files, err := filepath.Glob(filepath.Join(m.dir, "per_cpu/cpu*/trace_pipe_raw"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: no processor has a buffer", m.dir)
	}
	for _, name := range files {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", name, err)
		}
		m.cpus = append(m.cpus, fd)
		m.ready = append(m.ready, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return nil
}

// read appends the moves that were recorded since, shift ahead of the kernel's
// monotonic clock. lost says that some are missing.
func (m *moves) read(dst []change, shift int64) (out []change, lost bool, err error) {
	if n, err := unix.Poll(m.ready, 0); n == 0 || err != nil {
		return dst, false, nil // a signal: there is a next time
	}
	for i, fd := range m.cpus {
		for m.ready[i].Revents != 0 {
			n, err := unix.Read(fd, m.buf)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n == 0 || errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				return dst, lost, fmt.Errorf("read the trace of moves between control groups: %w", err)
			}
			var gone, ok bool
			if m.found, gone, ok = m.format.page(m.found[:0], m.buf[:n]); !ok {
				return dst, lost, fmt.Errorf("read the trace of moves between control groups: %w", errFormat)
			}
			lost = lost || gone
			for k := range m.found {
				m.found[k].t += shift
			}
			dst = append(dst, m.found...)
		}
	}
	return dst, lost, nil
}

// close puts the instance away.
func (m *moves) close() error {
	var all error
	for _, fd := range m.cpus {
		all = errors.Join(all, unix.Close(fd))
	}
	m.cpus = nil
	if err := os.Remove(m.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		all = errors.Join(all, err)
	}
	return all
}

// traced is a connector that tells of moves between control groups as well, once it is
// open.
type traced struct {
	connector
	wall *wallClock // that of the connector, so that moves and forks keep their order
	lost func()     // some are missing

	mu    sync.Mutex // guards moves: close may come while they are read
	moves *moves     // nil before open and after close
}

func (c *traced) open() error {
	m, err := openMoves(tracingRoots())
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moves = m
	return nil
}

// next implements connector: what is read after the connector's word has all that
// happened before it.
func (c *traced) next(dst []change) ([]change, int64, error) {
	from := len(dst)
	dst, until, err := c.connector.next(dst)
	if err != nil && !errors.Is(err, errOverrun) {
		return dst, until, err
	}
	told := len(dst)
	dst, lost, failed := c.read(dst)
	if lost {
		c.lost()
	}
	if len(dst) > told {
		slices.SortStableFunc(dst[from:], func(a, b change) int { return cmp.Compare(a.t, b.t) })
	}
	return dst, until, errors.Join(err, failed)
}

func (c *traced) read(dst []change) (out []change, lost bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moves == nil {
		return dst, false, nil
	}
	return c.moves.read(dst, c.wall.shift())
}

// close implements connector.
func (c *traced) close() error {
	err := c.connector.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moves != nil {
		err = errors.Join(err, c.moves.close())
		c.moves = nil
	}
	return err
}
