package pieces

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const (
	// atOnce is how long a text may be that is hashed in one piece with what stands
	// before it.
	atOnce = 16 << 10

	// keptOrigins is how many origins are kept: the streams of the files that are
	// read in turn.
	keptOrigins = 8
)

// What an id is made of, by its first byte, so that no two kinds can be taken for
// each other.
const (
	ofText      byte = iota + 1 // origin, offset, text
	ofTimedText                 // origin, offset, time, text
	ofStamp                     // origin, offset, time, length and digest of the text
)

// IDs makes the ids of lines: a SHA-256 over where a line stands and what it says
// (docs/decisions/0010). What all lines of one stream have in common is hashed once.
// It belongs to one goroutine.
type IDs struct {
	host, input string
	known       []*origin // the last used first
	buf         []byte
	long        hash.Hash // of texts longer than atOnce

	set             event.Fields // shared by the last event, kept so that no other set can lie at its place
	path, container string       // what it says, in memory of our own
}

// origin is where lines come from.
type origin struct {
	dataset, path, container, stream string
	sum                              [16]byte // stands for all of that
}

// NewIDs returns an IDs; host is the id of this host, input the name of the input.
func NewIDs(host, input string) *IDs { return &IDs{host: host, input: input} }

// Of returns the id of a line of which nothing but its text tells the lives of a file
// apart: each begins at offset 0, and who writes lines may know what another one will
// say there. So SHA-256 takes all of the text. Where the input has given an id, that
// is the place of the line, and its id.
func (d *IDs) Of(e *event.Event, stream, text string) event.ID {
	if !e.ID.IsZero() {
		return e.ID
	}
	b := d.begin(ofText, d.origin(e, stream), e)
	return d.end(b, text)
}

// Stamped is Of for a line whose time the runtime's clock gave, to the nanosecond: who
// writes the line chooses neither that nor the place. The two tell all lines apart; the
// digest of the text is for a clock that was set back, and need not withstand anybody.
// That makes it one block of SHA-256, however long the line is. Records that are
// not from a file may have been made up, with their time.
func (d *IDs) Stamped(e *event.Event, stream, text string, at time.Time) event.ID {
	if !e.ID.IsZero() {
		return e.ID
	}
	o := d.origin(e, stream)
	if o.path == "" {
		return d.end(stamp(d.begin(ofTimedText, o, e), at), text)
	}
	var b [53]byte
	b[0] = ofStamp
	copy(b[1:17], o.sum[:])
	binary.LittleEndian.PutUint64(b[17:], uint64(e.Offset))
	binary.LittleEndian.PutUint64(b[25:], uint64(at.Unix()))
	binary.LittleEndian.PutUint32(b[33:], uint32(at.Nanosecond()))
	binary.LittleEndian.PutUint64(b[37:], uint64(len(text)))
	binary.LittleEndian.PutUint64(b[45:], xxhash.Sum64String(text))
	return event.NewID(b[:])
}

// begin returns what the ids of a kind begin with.
func (d *IDs) begin(kind byte, o *origin, e *event.Event) []byte {
	d.buf = append(append(d.buf[:0], kind), o.sum[:]...)
	return binary.LittleEndian.AppendUint64(d.buf, uint64(e.Offset))
}

// stamp appends a time, of whichever year.
func stamp(b []byte, at time.Time) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(at.Unix()))
	return binary.LittleEndian.AppendUint32(b, uint32(at.Nanosecond()))
}

// end returns the id of a message that ends with a text. What stands before it is as
// long for all ids of a kind, so that nothing can run into it.
func (d *IDs) end(b []byte, text string) event.ID {
	if len(text) <= atOnce {
		b = append(b, text...)
		d.buf = b
		return event.NewID(b)
	}
	if d.long == nil {
		d.long = sha256.New()
	}
	d.long.Reset()
	for text != "" {
		n := min(len(text), atOnce)
		b = append(b, text[:n]...)
		_, _ = d.long.Write(b) // a hash takes everything
		b, text = b[:0], text[n:]
	}
	d.buf = d.long.Sum(b)
	return event.ID(d.buf[:len(event.ID{})])
}

// origin returns where a line comes from.
func (d *IDs) origin(e *event.Event, stream string) *origin {
	path, container := d.place(e)
	for i, o := range d.known {
		if o.path == path && o.container == container && o.stream == stream && o.dataset == e.Dataset {
			if i > 0 {
				copy(d.known[1:i+1], d.known[:i])
				d.known[0] = o
			}
			return o
		}
	}
	o := &origin{strings.Clone(e.Dataset), d.own(path), d.own(container), strings.Clone(stream), [16]byte{}}
	o.sum = [16]byte(event.NewID(d.whence(o)))
	d.known = append([]*origin{o}, d.known[:min(len(d.known), keptOrigins-1)]...)
	return o
}

// place returns log.file.path and container.id of an event. What it shares is looked
// through once for all that share it.
func (d *IDs) place(e *event.Event) (path, container string) {
	if len(d.set) != len(e.Shared) || len(d.set) > 0 && &d.set[0] != &e.Shared[0] {
		d.set = e.Shared
		d.path, d.container = d.own(d.set.Get(schema.LogFilePath).Str()), d.own(d.set.Get(schema.ContainerID).Str())
	}
	path, container = d.path, d.container
	for i := len(e.Fields) - 1; i >= 0; i-- { // the first counts
		switch f := &e.Fields[i]; f.Key {
		case schema.LogFilePath:
			path = f.Str()
		case schema.ContainerID:
			container = f.Str()
		}
	}
	return path, container
}

// own returns a text in the memory of an origin that is known, where one has it: two texts at
// one place are found to be equal without a look at them, and a path is long.
func (d *IDs) own(s string) string {
	switch s {
	case d.path:
		return d.path
	case d.container:
		return d.container
	}
	for _, o := range d.known {
		switch s {
		case o.path:
			return o.path
		case o.container:
			return o.container
		}
	}
	return strings.Clone(s)
}

// whence is what says where lines come from, each part behind its length. Places in a
// file, and in what a container says, are the same whichever input reads them; what
// came over the network has the offsets of its input. Its sender is not part of it:
// whoever sends a body again has another port.
func (d *IDs) whence(o *origin) []byte {
	input := d.input
	if o.path != "" || o.container != "" {
		input = ""
	}
	var b []byte
	for _, part := range [...]string{d.host, input, o.dataset, o.path, o.container, o.stream} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return b
}
