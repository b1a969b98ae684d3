package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"tallyman/pipeline/vfs"
)

// quarantineDir holds, below the journal's folder, copies of the parts of
// segments that cannot be read, made when a cursor comes to them: the segment
// goes once it is delivered, and what was in the damage may still tell something.
const quarantineDir = "quarantine"

// Aside is one part of a segment that was set aside.
type Aside struct {
	Name    string // of the file in the folder quarantine
	Segment string // where it was
	Offset  int64  // of its first byte there
	Length  int64  // bytes that were damaged
	Bytes   int64  // of them that were set aside; fewer when there was no more room
}

func asideName(segment string, off, length int64) string {
	return fmt.Sprintf("%s-%012x-%012x.bin", strings.TrimSuffix(segment, ".seg"), off, length)
}

func parseAsideName(name string) (Aside, bool) {
	a := Aside{Name: name}
	const segment = 8 + 1 + 16 + 1 + 16
	if len(name) != segment+1+12+1+12+4 {
		return a, false
	}
	a.Segment = name[:segment] + ".seg"
	if _, err := fmt.Sscanf(name[segment:], "-%012x-%012x.bin", &a.Offset, &a.Length); err != nil {
		return a, false
	}
	_, ok := parseSegmentName(a.Segment)
	return a, ok && asideName(a.Segment, a.Offset, a.Length) == name
}

// Quarantined lists what was set aside in the journal in o.Dir, oldest segment
// first.
func Quarantined(o Options) ([]Aside, error) {
	o.fill()
	list, err := o.FS.ReadDir(filepath.Join(o.Dir, quarantineDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Aside
	for _, info := range list {
		if a, ok := parseAsideName(info.Name); ok && info.Regular {
			a.Bytes = info.Size
			out = append(out, a)
		}
	}
	return out, nil
}

// quarantine is what is set aside of one open journal.
type quarantine struct {
	mu    sync.Mutex // held while one part is written; never taken with Journal.mu held
	known map[string]bool
	size  int64
}

// load adds up what is there.
func (q *quarantine) load(o *Options) (int64, error) {
	list, err := Quarantined(*o)
	q.known = map[string]bool{}
	for i := range list {
		q.known[list[i].Name] = true
		q.size += list[i].Bytes
	}
	return q.size, err
}

// setAside copies a part of a segment that cannot be read. It is an offer to
// whoever looks for what was lost: when it fails that is logged, and the reading
// goes on.
func (j *Journal) setAside(s *segment, f vfs.File, off, length int64) {
	q := &j.aside
	q.mu.Lock()
	defer q.mu.Unlock()
	name := asideName(s.name, off, length)
	if length <= 0 || q.known[name] {
		return // another cursor came by
	}
	q.known[name] = true
	n := min(length, j.o.Quarantine-q.size, j.room())
	if n <= 0 {
		j.m.unkept.Inc()
		j.o.Log.Warn("a damaged part of the journal is not set aside: the quarantine is full", "segment", s.name, "offset", off, "bytes", length)
		return
	}
	n, err := j.writeAside(name, io.NewSectionReader(f, off, n), n)
	if err != nil {
		j.m.unkept.Inc()
		j.o.Log.Warn("a damaged part of the journal could not be set aside", "segment", s.name, "offset", off, "bytes", length, "error", err)
	}
	if n == 0 {
		return
	}
	q.size += n
	j.m.aside.Inc()
	j.mu.Lock()
	j.size += n
	j.mu.Unlock()
	j.o.Log.Warn("a damaged part of the journal is set aside", "segment", s.name, "offset", off, "bytes", length,
		"file", filepath.Join(j.o.Dir, quarantineDir, name))
}

// room is what still fits under MaxSize.
func (j *Journal) room() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.o.MaxSize - j.size
}

// writeAside writes n bytes of r, as far as the disk gives them, and returns how
// many there are.
func (j *Journal) writeAside(name string, r io.ReaderAt, n int64) (int64, error) {
	dir := filepath.Join(j.o.Dir, quarantineDir)
	if err := j.o.FS.MkdirAll(dir); err != nil {
		return 0, err
	}
	path := filepath.Join(dir, name)
	w, err := j.o.FS.Open(path, vfs.CreateNew)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	at := int64(0)
	for at < n && err == nil {
		var got int
		if got, err = r.ReadAt(buf[:min(n-at, int64(len(buf)))], at); got > 0 {
			if _, werr := w.WriteAt(buf[:got], at); werr != nil {
				err = werr
				break
			}
			at += int64(got)
		}
		if errors.Is(err, io.EOF) {
			err = nil
			break
		}
	}
	if err == nil {
		err = w.Datasync()
	}
	if err = errors.Join(err, w.Close()); at == 0 {
		return 0, errors.Join(err, j.o.FS.Remove(path))
	}
	return at, errors.Join(err, j.o.FS.SyncDir(dir))
}

// inspect sets aside what a scan came over: the bytes before a frame that are
// none, and a frame whose body is damaged.
func (c *Cursor) inspect(s *segment, f *found) {
	if f.skipped > 0 {
		c.j.setAside(s, c.scan.file, f.off-f.skipped, f.skipped)
	}
	if f.body == nil {
		c.j.setAside(s, c.scan.file, f.off, f.size())
	}
}

// inspectEnd sets aside what follows the last frame of a segment in which frames
// are missing.
func (c *Cursor) inspectEnd(s *segment) {
	if n := used(c.scan.file, c.scan.off, c.scan.end); n > 0 {
		c.j.setAside(s, c.scan.file, c.scan.off, n)
	}
}
