package pieces

import (
	"crypto/sha256"
	"encoding"
	"hash"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

const (
	// seedText is how much of a line is part of its id.
	seedText = 512

	// keptOrigins is how many origins are kept: the streams of the files that are
	// read in turn.
	keptOrigins = 8
)

// IDs makes the ids of lines. What all lines of one stream have in common is hashed
// once, and gone on from there: with the path and the id of the container it is most
// of what is hashed. It belongs to one goroutine.
type IDs struct {
	host  string
	known []*origin // the last used first
	hash  hash.Hash
	state encoding.BinaryUnmarshaler // of hash
	buf   []byte

	set                   event.Fields // shared by the last event, kept so that no other set can lie at its place
	path, peer, container string       // what it says
}

// origin is where lines come from, and the state of the hash behind it.
type origin struct {
	dataset, path, peer, container, stream string
	state                                  []byte
}

// NewIDs returns an IDs; host is the id of this host.
func NewIDs(host string) *IDs {
	d := &IDs{host: host, hash: sha256.New()}
	d.state, _ = d.hash.(encoding.BinaryUnmarshaler) // where it is none, of is not used
	return d
}

// Of returns the id of a line: where it was written and what it says. Many files
// are read by one input, each begins at offset 0, and so does each one that
// follows by rotation under the same name; time and text tell them apart.
func (d *IDs) Of(e *event.Event, stream, text string, at time.Time) event.ID {
	o := d.origin(e, stream)
	b := append(append(d.buf[:0], 0), text[:min(len(text), seedText)]...)
	b = event.AppendInt(append(b, 0), e.Offset)
	b = event.AppendInt(append(b, 0), at.UnixNano())
	d.buf = b
	if o.state == nil || d.state.UnmarshalBinary(o.state) != nil {
		d.hash.Reset()
		_, _ = d.hash.Write(d.prefix(o)) // a hash takes everything
	}
	_, _ = d.hash.Write(b)
	d.buf = d.hash.Sum(b[:0])
	return event.ID(d.buf[:len(event.ID{})])
}

// origin returns where a line comes from.
func (d *IDs) origin(e *event.Event, stream string) *origin {
	path, peer, container := d.place(e)
	for i, o := range d.known {
		if o.path == path && o.container == container && o.stream == stream && o.peer == peer && o.dataset == e.Dataset {
			copy(d.known[1:i+1], d.known[:i])
			d.known[0] = o
			return o
		}
	}
	o := &origin{strings.Clone(e.Dataset), strings.Clone(path), strings.Clone(peer), strings.Clone(container), strings.Clone(stream), nil}
	d.hash.Reset()
	_, _ = d.hash.Write(d.prefix(o))
	if m, ok := d.hash.(encoding.BinaryMarshaler); ok && d.state != nil {
		o.state, _ = m.MarshalBinary() // without it the prefix is hashed each time
	}
	d.known = append([]*origin{o}, d.known[:min(len(d.known), keptOrigins-1)]...)
	return o
}

// place returns log.file.path, log.source.address and container.id of an event. What it
// shares is looked through once for all that share it.
func (d *IDs) place(e *event.Event) (path, peer, container string) {
	if len(d.set) != len(e.Shared) || len(d.set) > 0 && &d.set[0] != &e.Shared[0] {
		d.set = e.Shared
		d.path, d.peer, d.container = d.set.Get(schema.LogFilePath).Str(), d.set.Get(schema.LogSourceAddress).Str(), d.set.Get(schema.ContainerID).Str()
	}
	path, peer, container = d.path, d.peer, d.container
	for i := len(e.Fields) - 1; i >= 0; i-- { // the first counts
		switch f := &e.Fields[i]; f.Key {
		case schema.LogFilePath:
			path = f.Str()
		case schema.LogSourceAddress:
			peer = f.Str()
		case schema.ContainerID:
			container = f.Str()
		}
	}
	return path, peer, container
}

// prefix is what the ids of all lines of an origin begin with.
func (d *IDs) prefix(o *origin) []byte {
	b := []byte(d.host)
	for _, part := range [...]string{o.dataset, o.path, o.peer, o.container, o.stream} {
		b = append(append(b, 0), part...)
	}
	return b
}
