package container

// The pages of the kernel's trace buffer, in the form in which trace_pipe_raw
// gives them (Documentation/trace/ring-buffer-design.rst; the layout of an event is
// what its format file says). The readable form is not used: it has the names that
// programs give themselves in it, line ends and all.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// place in which a field of a trace event stands.
type slot struct{ at, size int }

// moveFormat is the layout of the trace event cgroup_attach_task.
type moveFormat struct {
	id   uint16
	pid  slot // of the task that was moved, a thread's own where it is none of a process
	path slot // __data_loc: where in the event its text stands, and how long it is
}

var errFormat = errors.New("the kernel describes its trace event cgroup_attach_task in a way that is not known")

// parseMoveFormat reads the format file of the event.
func parseMoveFormat(text string) (moveFormat, error) {
	var f moveFormat
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if id, ok := strings.CutPrefix(line, "ID: "); ok {
			n, err := strconv.ParseUint(id, 10, 16)
			if err != nil {
				return f, fmt.Errorf("%w: %q", errFormat, line)
			}
			f.id = uint16(n)
		}
		if !strings.HasPrefix(line, "field:") {
			continue
		}
		part := strings.Split(line, ";")
		if len(part) < 3 {
			return f, fmt.Errorf("%w: %q", errFormat, line)
		}
		at, err1 := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(part[1]), "offset:"))
		size, err2 := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(part[2]), "size:"))
		if err1 != nil || err2 != nil || at < 0 || at > 1<<12 {
			return f, fmt.Errorf("%w: %q", errFormat, line)
		}
		switch name := part[0][strings.LastIndexByte(part[0], ' ')+1:]; name {
		case "pid":
			f.pid = slot{at, size}
		case "dst_path":
			f.path = slot{at, size}
		}
	}
	if f.id == 0 || f.pid.size != 4 || f.path.size != 4 {
		return f, errFormat
	}
	return f, nil
}

// The kinds of an entry of the buffer; smaller ones are the length of an event in
// words.
const (
	entryPadding = 29
	entryExtend  = 30
	entryStamp   = 31
	deltaBits    = 27
)

// page reads one page and appends the moves in it to dst, their times by the
// clock of the buffer. It is false where the page is not what a page can be.
// lost says that the kernel had to overwrite events that nobody read.
func (f *moveFormat) page(dst []change, b []byte) (out []change, lost, ok bool) {
	const head, missed, sizeMask = 16, 1 << 31, 1<<20 - 1
	if len(b) < head {
		return dst, false, false
	}
	ne := binary.NativeEndian
	at, commit := int64(ne.Uint64(b)), ne.Uint64(b[8:])
	lost = commit&missed != 0
	n := int(commit & sizeMask)
	if b = b[head:]; n > len(b) {
		return dst, lost, false
	}
	for b = b[:n]; len(b) >= 4; {
		kind, delta := entry(ne.Uint32(b))
		size := int(kind) * 4
		skip := 4
		switch {
		case kind == entryExtend, kind == entryStamp:
			if len(b) < 8 {
				return dst, lost, false
			}
			far := int64(ne.Uint32(b[4:]))<<deltaBits + delta
			if kind == entryExtend {
				at += far
			} else {
				at = at&^(1<<59-1) | far // the upper bits are those of before
			}
			b = b[8:]
			continue
		case kind == entryPadding && delta == 0:
			return dst, lost, true // nothing comes after it
		case kind == entryPadding, kind == 0: // the word after the head is the length, itself with it
			if len(b) < 8 {
				return dst, lost, false
			}
			size = int(ne.Uint32(b[4:]))
			if kind == 0 {
				skip, size = 8, size-4
			}
		}
		if size < 0 || skip+size > len(b) {
			return dst, lost, false
		}
		if at += delta; kind != entryPadding {
			dst = f.event(dst, b[skip:skip+size], at)
		}
		b = b[skip+size:]
	}
	return dst, lost, true
}

// entry takes the head of an entry apart. Its bit fields begin at the lower end on
// little-endian machines and at the upper on others.
func entry(v uint32) (kind uint32, delta int64) {
	if littleEndian() {
		return v & 31, int64(v >> 5)
	}
	return v >> deltaBits, int64(v & (1<<deltaBits - 1))
}

func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// event appends the move that an event tells of, if it is one.
func (f *moveFormat) event(dst []change, b []byte, at int64) []change {
	ne := binary.NativeEndian
	if len(b) < 2 || ne.Uint16(b) != f.id || len(b) < f.pid.at+4 || len(b) < f.path.at+4 {
		return dst
	}
	where := ne.Uint32(b[f.path.at:])
	from, size := int(where&0xffff), int(where>>16)
	if from+size > len(b) {
		return dst
	}
	text, _, _ := bytes.Cut(b[from:from+size], []byte{0})
	pid := int32(ne.Uint32(b[f.pid.at:]))
	if pid <= 0 || len(text) == 0 || text[0] != '/' || bytes.IndexByte(text, '\n') >= 0 {
		return dst
	}
	return append(dst, change{t: at, kind: changeMove, pid: pid, path: string(text)})
}
