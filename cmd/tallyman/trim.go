package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// trim gives back the memory that only the start needed: what the heap has freed,
// and the pages of the program's own file. The kernel maps a file's pages around
// each one that is touched, and keeps them mapped while nothing else wants the
// room; two thirds of what an idle process had resident were of that kind. A page
// that is needed again is mapped from the page cache, which costs a microsecond.
func trim() error {
	debug.FreeOSMemory()
	own, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return absent(err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return absent(err)
	}
	list, err := clean(f, own)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("the program's mappings cannot be read: %w", err)
	}
	for _, m := range list {
		if _, _, no := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); no != 0 {
			return fmt.Errorf("the program's pages cannot be given back: %w", no)
		}
	}
	return nil
}

// absent lets a host without /proc be: there is nothing to give back then.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// mapping is a part of the address space, [from, to).
type mapping struct{ from, to uintptr }

// clean reads smaps (proc(5)) and gives the mappings of the file that cannot be
// written and of which no page was ever changed: what the kernel can read from the file
// again, byte for byte. A linker's relocations, for one, are not in the file.
func clean(smaps io.Reader, file string) ([]mapping, error) {
	var list []mapping
	var at mapping
	candidate := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] >= 'A' && line[0] <= 'Z' { // what is said of a mapping; an address is in small letters
			if rest, ok := strings.CutPrefix(line, "Anonymous:"); ok && candidate {
				if strings.TrimSpace(rest) == "0 kB" {
					list = append(list, at)
				}
				candidate = false
			}
			continue
		}
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		var err error
		if at, err = span(f[0]); err != nil {
			return nil, err
		}
		candidate = len(f) == 6 && f[5] == file && strings.HasPrefix(f[1], "r-") && strings.HasSuffix(f[1], "p")
	}
	return list, lines.Err()
}

// span reads "from-to" in hexadecimal.
func span(s string) (mapping, error) {
	a, b, _ := strings.Cut(s, "-")
	from, err := strconv.ParseUint(a, 16, 64)
	if err != nil {
		return mapping{}, err
	}
	to, err := strconv.ParseUint(b, 16, 64)
	return mapping{uintptr(from), uintptr(to)}, err
}

// startTime is how long the start of a process takes at most, in all likelihood: its
// inputs are open then and its transforms know what they knew.
const startTime = 10 * time.Second

// trimLater trims now, and once when the start is over. The function that it
// returns calls that off.
func (c *controlled) trimLater() func() {
	now := func() {
		if err := trim(); err != nil {
			c.log.Warn("memory that only the start needed is kept", "error", err)
		}
	}
	now()
	timer := time.AfterFunc(startTime, now)
	return func() { timer.Stop() }
}
