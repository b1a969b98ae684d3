// Package setup writes the configuration that a host starts with: it looks at what
// there is to read and what may be read, and writes what was found with the reason
// beside it. It changes nothing of the host, and knows nothing of how a configuration
// is read: its caller has the written one checked.
package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// State is what became of looking for one thing.
type State int

// The states of a source.
const (
	Absent State = iota // it is not there
	Denied              // it is there, and this user may not read it
	Ready               // it is there and can be read
)

// Source is one thing of the host that an input may read.
type Source struct {
	Name  string // of the input
	What  string // for people: "the audit log"
	Path  string // where it is, below the root that was looked at
	State State
	Entry string // the settings of the input, in YAML flow style
	Why   string // what it is for, whole sentences
	Hint  string // what to do where it is not Ready
	Err   error  // why it is Denied
}

// Note is one more thing that was seen, which no input reads.
type Note struct{ Name, Text string }

// Host is what was found.
type Host struct {
	Root      string // where its root is, "" for /
	Superuser bool
	Sources   []Source // in the order in which they are written
	Notes     []Note
	Runtimes  map[string]string // the socket of each container runtime that is there
	PortTaken bool              // the usual address of metrics is in use
}

// Look is how a host is looked at. What may be replaced is what a test cannot have.
type Look struct {
	Root      string             // where the host's root is mounted, "" for /
	UID       int                // of who will run tallyman
	Open      func(string) error // opens a file or folder for reading, and closes it
	Dial      func(string) error // connects to a unix socket
	Multicast func() error       // listens to the kernel's audit records
	Program   func(string) bool  // whether a program is there
	Taken     func(string) bool  // whether somebody listens at an address
}

// This looks at the host below root as the user of this process.
func This(root string) Look {
	return Look{Root: strings.TrimSuffix(root, "/"), UID: os.Geteuid(), Open: open, Dial: dial, Multicast: multicast,
		Program: func(name string) bool { _, err := exec.LookPath(name); return err == nil },
		Taken: func(addr string) bool {
			l, err := net.Listen("tcp", addr)
			return err != nil || l.Close() != nil
		}}
}

// open reads a byte or a name: a folder may be opened and its content be denied.
func open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		_, err = f.Readdirnames(1)
	} else if err == nil {
		_, err = f.Read(make([]byte, 1))
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// dialWithin bounds connecting to a socket whose program hangs.
const dialWithin = 2 * time.Second

func dial(path string) error {
	c, err := net.DialTimeout("unix", path, dialWithin)
	if err != nil {
		return err
	}
	return c.Close()
}

// multicast asks the kernel for the group of audit records, and leaves at once.
func multicast() error {
	const readLog = 1 // AUDIT_NLGRP_READLOG
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_AUDIT)
	if err != nil {
		return fmt.Errorf("open a netlink socket of audit: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (readLog - 1)})
	return errors.Join(err, unix.Close(fd))
}

// MetricsAddress is where metrics are served unless a configuration says otherwise.
const MetricsAddress = "127.0.0.1:9099"

// Host looks at everything.
func (l Look) Host() *Host {
	h := &Host{Root: l.Root, Superuser: l.UID == 0, Runtimes: map[string]string{}, PortTaken: l.Taken(MetricsAddress)}
	journal := l.journald()
	h.Sources = append(h.Sources, l.audit())
	h.Sources = append(h.Sources, l.engines(h)...)
	h.Sources = append(h.Sources, l.containers(), l.apiServer(), journal)
	if journal.State != Ready {
		h.Sources = append(h.Sources, l.syslogFiles())
	}
	h.Sources = append(h.Sources, l.jenkins())
	h.Notes = l.notes()
	return h
}

// Find returns the source of that name, nil for none.
func (h *Host) Find(name string) *Source {
	for i := range h.Sources {
		if h.Sources[i].Name == name {
			return &h.Sources[i]
		}
	}
	return nil
}

// Readable reports whether anything can be read.
func (h *Host) Readable() bool {
	for i := range h.Sources {
		if h.Sources[i].State == Ready {
			return true
		}
	}
	return false
}

// try fills in the state of a source from an attempt to read it.
func (s Source) try(err error) Source {
	switch {
	case err == nil:
		s.State = Ready
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		s.State = Absent
	default:
		s.State, s.Err = Denied, err
	}
	return s
}

// first returns the first of the patterns that is there, as it is on the host; one
// that may not be looked at counts, since somebody put it there.
func (l Look) first(patterns ...string) (path string, found bool) {
	for _, p := range patterns {
		list, err := filepath.Glob(l.Root + p)
		if err != nil {
			continue // the patterns are ours
		}
		if len(list) > 0 {
			return list[0], true
		}
		if _, err := os.Lstat(l.Root + p); errors.Is(err, fs.ErrPermission) {
			return l.Root + p, true
		}
	}
	return l.Root + patterns[0], false
}
