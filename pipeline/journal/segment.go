package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"tallyman/pipeline/vfs"
)

// segmentHeaderSize is the length of what stands before a segment's first frame.
const segmentHeaderSize = 64

var segmentMagic = [8]byte{'T', 'L', 'Y', 'S', 'E', 'G', 0, 2}

// segment is one file of the journal. Its name holds its number, the first
// sequence and the random id; its header holds them again with the totals before
// it. Everything but the reading handle is guarded by Journal.mu.
type segment struct {
	name   string // without the folder
	number uint64
	first  uint64 // sequence of its first frame
	id     uint64
	key    key
	before totals // of all frames before first; trustworthy when known
	begun  uint32 // when it was made, in seconds since 1970; 0: not known
	known  bool
	next   uint64 // one past its last sequence where that is not the next one's first; else 0
	end    int64  // one past the last durable byte, for the active one and those sealed by this process; else 0
	size   int64  // bytes on the disk

	mu   sync.Mutex // guards file and refs
	file vfs.File   // for reading, while refs > 0
	refs int
}

func (s *segment) String() string { return s.name }

// segmentName is the one place that knows the form of a name.
func segmentName(number, first, id uint64) string {
	return fmt.Sprintf("%08x-%016x-%016x.seg", number, first, id)
}

func parseSegmentName(name string) (*segment, bool) {
	s := &segment{name: name}
	if len(name) != 8+1+16+1+16+4 || !strings.HasSuffix(name, ".seg") {
		return nil, false
	}
	if _, err := fmt.Sscanf(name, "%08x-%016x-%016x.seg", &s.number, &s.first, &s.id); err != nil {
		return nil, false
	}
	s.key = newKey(s.id)
	return s, segmentName(s.number, s.first, s.id) == name
}

// header is magic 8, header length 4, seconds since 1970 4, number 8, first 8, id 8, records
// before 8, generated before 8, 0 4, CRC32C 4 of the 60 bytes before it.
func (s *segment) header() []byte {
	b := make([]byte, segmentHeaderSize)
	le := binary.LittleEndian
	copy(b, segmentMagic[:])
	le.PutUint32(b[8:], segmentHeaderSize)
	le.PutUint32(b[12:], s.begun)
	le.PutUint64(b[16:], s.number)
	le.PutUint64(b[24:], s.first)
	le.PutUint64(b[32:], s.id)
	le.PutUint64(b[40:], s.before.records)
	le.PutUint64(b[48:], s.before.generated)
	le.PutUint32(b[60:], key(0).sum(b[:60]))
	return b
}

// readHeader takes the totals from a segment's header. A damaged header is no
// error: the frames carry what it says. ErrNewer is.
func (s *segment) readHeader(f vfs.File) error {
	b := make([]byte, segmentHeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil
	}
	le := binary.LittleEndian
	if le.Uint32(b[60:]) != key(0).sum(b[:60]) || string(b[:7]) != string(segmentMagic[:7]) {
		return nil
	}
	if b[7] > segmentMagic[7] {
		return fmt.Errorf("%w (%s: version %d, this one reads %d)", ErrNewer, s.name, b[7], segmentMagic[7])
	}
	if le.Uint64(b[16:]) == s.number && le.Uint64(b[24:]) == s.first && le.Uint64(b[32:]) == s.id {
		s.before, s.known = totals{le.Uint64(b[40:]), le.Uint64(b[48:])}, true
		s.begun = le.Uint32(b[12:])
	}
	return nil
}

// open returns the segment's file for reading; release gives it back.
func (s *segment) open(o *Options) (vfs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs == 0 {
		f, err := o.FS.Open(filepath.Join(o.Dir, s.name), vfs.Read)
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	s.refs++
	return s.file, nil
}

func (s *segment) release(o *Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs--; s.refs > 0 {
		return
	}
	if err := s.file.Close(); err != nil {
		o.Log.Warn("close of a journal segment failed", "segment", s.name, "error", err)
	}
	s.file = nil
}

// uncache has the memory of the host forget what is in a segment that is open for reading.
func (s *segment) uncache() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file.Uncache()
}

// scan reads the frames of one segment in order, and finds its way after damage.
type scan struct {
	seg  *segment
	file vfs.File
	off  int64
	end  int64 // read no byte at or after it

	from      uint64 // batches before it are passed over unread
	snapshots bool   // hand out snapshots too

	body     []byte
	head     [headerSize]byte
	window   []byte // of resync
	windowAt int64

	patience int // reads that may fail before what they wanted counts as damaged
	failed   int // in a row
}

// unreadableSector is what is passed over when the disk does not give it.
const unreadableSector = 4096

// found is what a step of a scan came to.
type found struct {
	header
	off     int64
	body    []byte // nil when its sum is wrong; a view until the next step
	skipped int64  // bytes before off that are no frame
}

// next returns the next frame whose header is whole, io.EOF when there is none
// before the end, or an error of the disk.
func (s *scan) next() (found, error) {
	from := s.off
	for {
		f := found{off: s.off}
		ok, err := s.readHeader(&f.header)
		if err != nil && !errors.Is(err, io.EOF) {
			if s.failed++; s.failed <= s.patience {
				return found{}, err
			}
			s.off = (s.off/unreadableSector+1)*unreadableSector - 1 // resync looks behind it
			err = nil
		}
		if err != nil {
			return found{}, err
		}
		if !ok {
			if err := s.resync(); err != nil {
				if !errors.Is(err, io.EOF) && s.failed > s.patience {
					s.off += unreadableSector
					continue
				}
				return found{}, err
			}
			continue
		}
		f.skipped = s.off - from
		if (f.kind == kindSnapshot && !s.snapshots) || (f.kind == kindBatch && f.seq < s.from) {
			s.off += f.size()
			from = s.off
			continue
		}
		f.body, err = s.readBody(&f.header)
		if err != nil {
			if s.failed++; s.failed <= s.patience {
				return found{}, err
			}
			f.body = nil // as good as damaged
		}
		s.failed = 0
		s.off += f.size()
		return f, nil
	}
}

// readHeader reads the header at s.off; io.EOF says that none fits before the end.
func (s *scan) readHeader(h *header) (bool, error) {
	if s.end-s.off < headerSize {
		return false, io.EOF
	}
	if n, err := s.file.ReadAt(s.head[:], s.off); n < headerSize {
		if errors.Is(err, io.EOF) {
			return false, io.EOF
		}
		return false, fmt.Errorf("read %s: %w", s.seg.name, err)
	}
	return h.get(s.head[:], s.seg.key) && s.off+h.size() <= s.end, nil
}

// keptBody is how much memory is kept of a large frame when small ones follow: more
// than they need, so that it is not made again for each.
const keptBody = 2 << 20

// readBody returns the body of the frame at s.off, nil when its sum is wrong or
// the disk does not give it.
func (s *scan) readBody(h *header) ([]byte, error) {
	if n := cap(s.body); n < int(h.length) || n > keptBody && h.length <= keptBody/2 {
		s.body = make([]byte, h.length, h.length+h.length/4)
	}
	b := s.body[:h.length]
	if n, err := s.file.ReadAt(b, s.off+headerSize); n < len(b) {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %s: %w", s.seg.name, err)
		}
		return nil, nil
	}
	if s.seg.key.sum(b) != h.sum {
		return nil, nil
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// resync moves s.off to the next place after it where a header may begin. The
// window of the last search is kept, so that many false starts cost no more than
// one pass over the bytes.
func (s *scan) resync() error {
	const window = 64 << 10
	for at := s.off + 1; at < s.end; {
		if at < s.windowAt || at+int64(len(frameMagic)) > s.windowAt+int64(len(s.window)) {
			if cap(s.window) < window {
				s.window = make([]byte, window)
			}
			n, err := s.file.ReadAt(s.window[:min(window, s.end-at)], at)
			s.window, s.windowAt = s.window[:n], at
			if n < len(frameMagic) {
				if err != nil && !errors.Is(err, io.EOF) {
					return fmt.Errorf("read %s: %w", s.seg.name, err)
				}
				return io.EOF
			}
		}
		if i := bytes.Index(s.window[at-s.windowAt:], frameMagic[:]); i >= 0 {
			s.off = at + int64(i)
			return nil
		}
		at = s.windowAt + int64(len(s.window)-len(frameMagic)+1)
	}
	return io.EOF
}
