package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/plugin"
	"tallyman/transforms/container"
)

const (
	syncs     = 16                    // that the speed is taken from
	slowSync  = 50 * time.Millisecond // each commit waits for one
	clockSlip = time.Second           // of the clock, beyond which hosts are hard to compare
)

// journal looks at the disk of the journal.
func (d *checkup) journal() []container.Finding {
	if d.pipeline == nil {
		return []container.Finding{d.wrong}
	}
	j := d.pipeline.Config.Journal
	dir := j.Dir // or the nearest folder above it that is there
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return []container.Finding{{Name: "room", Text: fmt.Sprintf("%s: %v", dir, err), Hint: "choose another folder with journal.dir"}}
	}
	room := judgeRoom(dir, int64(st.Bavail)*st.Bsize, used(j.Dir), j.MaxSize, j.MinFree) //nolint:unconvert // its type differs by platform
	took, err := timeSyncs(dir)
	if err != nil {
		return []container.Finding{room, {Name: "sync", Text: fmt.Sprintf("nothing can be written: %v", err),
			Hint: "the user that runs tallyman has to own " + j.Dir + ": `install -d -m 0700 -o USER " + j.Dir + "`, or choose another folder with journal.dir"}}
	}
	return []container.Finding{room, judgeSyncs(took)}
}

// used is what the journal takes already.
func used(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error { // what cannot be read counts nothing
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

func judgeRoom(dir string, free, taken int64, most, leave plugin.Size) container.Finding {
	f := container.Finding{Name: "room", Good: true, Text: fmt.Sprintf("%s free where %s is; the journal may take %s and has %s", mib(free), dir, mib(int64(most)), mib(taken))}
	if needs := int64(most) - taken + int64(leave); free < needs {
		f.Good = false
		f.Hint = fmt.Sprintf("it will be full before max_size is reached, since min_free leaves %s to others: give the disk %s more, or lower journal.max_size", mib(int64(leave)), mib(needs-free))
	}
	return f
}

// timeSyncs measures how long a small write takes until it is on the disk.
func timeSyncs(dir string) (took []time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".tallyman-doctor-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	for range syncs {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

func judgeSyncs(took []time.Duration) container.Finding {
	took = slices.Sorted(slices.Values(took))
	median, worst := took[len(took)/2], took[len(took)-1]
	f := container.Finding{Name: "sync", Good: median < slowSync, Text: fmt.Sprintf("a write is durable after %s in the middle, %s at worst", median.Round(10*time.Microsecond), worst.Round(10*time.Microsecond))}
	if !f.Good {
		f.Hint = "every commit waits that long: put the journal on a faster disk, or set journal.commit_interval to about four times that, so that more events share one"
	}
	return f
}

// clock asks the kernel whether its clock follows another.
func (d *checkup) clock() []container.Finding {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err != nil {
		return []container.Finding{{Name: "clock", Good: true, Text: fmt.Sprintf("not known: %v", err)}}
	}
	return []container.Finding{judgeClock(state, tx.Status, time.Duration(tx.Maxerror)*time.Microsecond)}
}

// judgeClock judges what adjtimex(2) says.
func judgeClock(state int, status int32, maxError time.Duration) container.Finding {
	const timeError, unsynchronised = 5, 0x40 // TIME_ERROR, STA_UNSYNC
	f := container.Finding{Name: "clock", Good: true, Text: fmt.Sprintf("synchronised, to within %s", maxError.Round(time.Millisecond))}
	switch {
	case state == timeError || status&unsynchronised != 0:
		f.Good, f.Text = false, "not synchronised: events of several hosts cannot be put in order, and PCI DSS 10.6 asks for it"
		f.Hint = "run chrony or systemd-timesyncd (`timedatectl set-ntp true`); a guest may take its host's clock"
	case maxError > clockSlip:
		f.Good, f.Text = false, fmt.Sprintf("synchronised, but it may be off by %s", maxError.Round(time.Millisecond))
		f.Hint = "look at `chronyc tracking` or `timedatectl timesync-status`: the servers are far, or not reached for long"
	}
	return f
}
