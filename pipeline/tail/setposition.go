package tail

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
)

// The position of a Set is binary, since it is written with each batch and has a
// part for each file: "TS", the version (1), the time of the last look for
// new files in nanoseconds since 1970 as a varint, then for each file
//
//	path   length and bytes; a name that begins with that of its folder, as
//	       Docker's do, has a zero byte in its place
//	dev ino born off head [sum] tail [tsum] size-off mod
//
// as position has them (files that were left and have no name yet follow, each under
// one of waifPath), numbers as varints and sums as 12 bytes where the number
// before is not 0, and at the end a CRC-32C of all before it.
var (
	setMagic   = []byte{'T', 'S', 1}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

const sumBytes = 12

func appendMember(b []byte, path string, p *position) []byte {
	dir, name := filepath.Split(path)
	if folder := filepath.Base(dir); len(folder) > 8 && strings.HasPrefix(name, folder) {
		name = "\x00" + name[len(folder):]
	}
	b = binary.AppendUvarint(b, uint64(len(dir)+len(name)))
	b = append(append(b, dir...), name...)
	b = binary.AppendUvarint(b, p.Dev)
	b = binary.AppendUvarint(b, p.Ino)
	b = binary.AppendVarint(b, p.Born)
	b = binary.AppendVarint(b, p.Off)
	b = appendSum(b, p.Head, p.HeadSum)
	b = appendSum(b, p.Tail, p.TailSum)
	b = binary.AppendVarint(b, p.Size-p.Off)
	return binary.AppendVarint(b, p.Mod)
}

func appendSum(b []byte, n int, sum string) []byte {
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != sumBytes {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(n)), raw...)
}

// openSet begins a position.
func openSet(b []byte, made int64) []byte { return binary.AppendVarint(append(b, setMagic...), made) }

// sealSet ends a position.
func sealSet(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseSet reads a position; with an error it returns nothing.
func parseSet(raw []byte) (all map[string]*position, made int64, err error) {
	n := len(raw) - 4
	if n < len(setMagic) || string(raw[:len(setMagic)]) != string(setMagic) ||
		binary.BigEndian.Uint32(raw[n:]) != crc32.Checksum(raw[:n], castagnoli) {
		return nil, 0, fmt.Errorf("%w: %.60q", errPosition, raw)
	}
	r := setReader{b: raw[len(setMagic):n]}
	all, made = map[string]*position{}, r.signed()
	for len(r.b) > 0 {
		path, p := r.member()
		if r.bad {
			return nil, 0, fmt.Errorf("%w: a part of it is damaged", errPosition)
		}
		all[path] = p
	}
	return all, made, nil
}

// setReader takes values off b; after a failure it gives zeros.
type setReader struct {
	b   []byte
	bad bool
}

func (r *setReader) member() (string, *position) {
	path := string(r.bytes(r.number()))
	if dir, name := filepath.Split(path); strings.HasPrefix(name, "\x00") {
		path = dir + filepath.Base(dir) + name[1:]
	}
	p := &position{Version: positionVersion}
	p.Dev, p.Ino, p.Born, p.Off = r.number(), r.number(), r.signed(), r.signed()
	p.Head, p.HeadSum = r.sum(headBytes)
	p.Tail, p.TailSum = r.sum(tailBytes)
	p.Size = r.signed() + p.Off
	p.Mod = r.signed()
	if p.Off < 0 || int64(p.Tail) > p.Off {
		r.bad = true
	}
	return path, p
}

func (r *setReader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *setReader) signed() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *setReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *setReader) sum(most int) (int, string) {
	n := r.number()
	if n == 0 {
		return 0, ""
	}
	if n > uint64(most) {
		r.bad = true
		return 0, ""
	}
	return int(n), hex.EncodeToString(r.bytes(sumBytes))
}

// errLink says that a link leads where none may.
var errLink = errors.New("a symbolic link leads out of the known folders")
