package tail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	positionVersion = 1
	headBytes       = 1024 // of the file's start, for its fingerprint
	tailBytes       = 256  // before the offset, for its fingerprint
)

// identity tells files apart. An inode number is given to another file after
// its own is deleted; the time of birth, where the file system keeps it, and
// the content tell such files apart.
type identity struct {
	Dev  uint64 `json:"dev"`
	Ino  uint64 `json:"ino"`
	Born int64  `json:"born,omitempty"` // nanoseconds since 1970, 0 where it is not known
}

// same reports whether both are one file, of files that exist at the same time.
func (a identity) same(b identity) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// again reports whether b may be a after a restart: a device number may have
// changed with it.
func (a identity) again(b identity) bool {
	return a.Ino == b.Ino && (a.Born == b.Born || a.Born == 0 || b.Born == 0)
}

// position is where reading goes on, as JSON, one object:
//
//	v            the version of this form, 1
//	dev ino born the file's identity; ino 0: there was no file yet
//	off          the offset behind the last line that was handed on
//	head sum     how many bytes the file began with, and their SHA-256, shortened
//	tail tsum    the same of the bytes before off
//	size mod     the file's size and time of change when this was written
//
// An offset always stands at a line's start: a line that was not complete is
// read again.
type position struct {
	Version int `json:"v"`
	identity
	Off     int64  `json:"off"`
	Head    int    `json:"head,omitempty"`
	HeadSum string `json:"sum,omitempty"`
	Tail    int    `json:"tail,omitempty"`
	TailSum string `json:"tsum,omitempty"`
	Size    int64  `json:"size,omitempty"`
	Mod     int64  `json:"mod,omitempty"`
}

var errPosition = errors.New("no position of this program's")

func parsePosition(raw []byte) (position, error) {
	var p position
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return position{}, fmt.Errorf("%w: %w", errPosition, err)
	}
	if p.Version != positionVersion || p.Off < 0 || p.Head < 0 || p.Head > headBytes || p.Tail < 0 || p.Tail > tailBytes ||
		int64(p.Tail) > p.Off {
		return position{}, fmt.Errorf("%w: %.200q", errPosition, raw)
	}
	return p, nil
}

func (p *position) encode() []byte {
	p.Version = positionVersion
	b, err := json.Marshal(p)
	if err != nil {
		panic("tail: a position cannot be encoded: " + err.Error()) // numbers and strings always can
	}
	return b
}

// left is the number of bytes that were known to be there and were not read.
func (p *position) left() uint64 {
	if p.Size <= p.Off {
		return 0
	}
	return uint64(p.Size - p.Off)
}

// mark takes the fingerprints of f at off. What cannot be read is left out: the
// position is still good, only less sure to be recognised.
func (p *position) mark(f *os.File, off int64) {
	if info, err := f.Stat(); err == nil {
		p.Size, p.Mod = info.Size(), info.ModTime().UnixNano()
	}
	if n := min(headBytes, max(p.Size, off)); int64(p.Head) < n {
		p.Head, p.HeadSum = sum(f, 0, int(n))
	}
	p.Off = off
	p.Tail, p.TailSum = sum(f, off-min(tailBytes, off), int(min(tailBytes, off)))
}

// holds reports whether f has, at the place of p, the content that p was taken
// from.
func (p *position) holds(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() < p.Off {
		return false
	}
	_, head := sum(f, 0, p.Head)
	_, tail := sum(f, p.Off-int64(p.Tail), p.Tail)
	return head == p.HeadSum && tail == p.TailSum
}

// sum returns n and the fingerprint of n bytes at off, 0 and "" where they are
// not there.
func sum(f *os.File, off int64, n int) (int, string) {
	var buf [headBytes]byte
	if got, _ := f.ReadAt(buf[:n], off); n == 0 || got < n {
		return 0, ""
	}
	s := sha256.Sum256(buf[:n])
	return n, hex.EncodeToString(s[:12])
}

// none is the position of one who waits for a file that does not exist.
func none(now time.Time) position { return position{Mod: now.UnixNano()} }
