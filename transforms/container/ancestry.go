package container

// Who started a process: its parent, the names above it up to the container's
// first process, and the id that no other process ever has.

import (
	"encoding/binary"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// maxAncestors bounds process.ancestors.
const maxAncestors = 8

// ancestor is a process above that of an event.
type ancestor struct {
	*program
	id     event.ID // of a direct one
	in     string   // the container, "" on the host and where it is not known
	parent int32
	since  int64 // when it began; the parent is of then
	life   *life // nil where the kernel's table told of it
}

// family adds the parent's program, the names above it, and the ids of the
// event's process and of its parent.
func (s *stage) family(f *adder, p *pending) {
	t := s.t
	if p.seen.pid <= 0 || p.life == nil && p.seen.kin.life == nil {
		return
	}
	if id := t.identity(p); !id.IsZero() {
		f.text(schema.ProcessEntityID, s.write(id))
	}
	at, pid := p.seen.t, p.seen.ppid
	var a ancestor
	for n := 0; n < maxAncestors && pid > 0; n++ {
		if !t.ancestor(&a, p, pid, at, n == 0) {
			return
		}
		if n == 0 {
			f.text(schema.ProcessParentName, a.name)
			f.text(schema.ProcessParentExecutable, a.exe)
			if !a.id.IsZero() {
				f.text(schema.ProcessParentEntityID, s.write(a.id))
			}
		}
		if a.name == "" || p.answer.in != nil && a.in != p.answer.in.id {
			return
		}
		f.text(schema.ProcessAncestors, a.name)
		if a.parent == pid || a.since > at {
			return
		}
		at, pid = a.since, a.parent
	}
}

// ancestor sets a to the process of a pid at a time: direct, to the parent of the
// event's own; else to the parent of a.
func (t *Transform) ancestor(a *ancestor, p *pending, pid int32, at int64, direct bool) bool {
	if t.asks(&p.seen) {
		if k, ok := t.elder(pid, at, direct); ok {
			*a = k
			return true
		}
	}
	var l *life
	switch {
	case direct && p.life == nil:
	case direct:
		l = t.parent(p.life, &p.seen)
	default:
		if a.life != nil {
			l = t.table.above(a.life, at)
		} else {
			l = t.table.alive(p.seen.node, pid, at)
		}
		if l == nil || t.table.program(l).name == "" || l.execAt > at && !l.has(markShown) || l.first > at+slack {
			return false
		}
		if _, sure := t.table.still(l, at); !sure {
			return false
		}
	}
	if l == nil {
		return false
	}
	a.program, a.parent, a.since, a.life = t.table.program(l), l.ppid, l.first, l
	if direct {
		a.id = l.id
	}
	if a.in = ""; l.got.in != 0 {
		a.in = t.table.in(l).id
	}
	return true
}

// elder is ancestor by the kernel's table. What a process runs is read once
// where nothing told of it.
func (t *Transform) elder(pid int32, at int64, direct bool) (ancestor, bool) {
	k := t.kernel
	k.mu.Lock()
	defer k.mu.Unlock()
	var l *klife
	if direct {
		var f found
		if l, f = k.find(pid, 0, at); f != foundOne {
			return ancestor{}, false
		}
	} else if l = k.at(pid, at); l == nil {
		return ancestor{}, false
	}
	if l.prog == nil && l.end == never && !l.asked {
		l.asked = true
		k.mu.Unlock()
		r, ok := t.proc.peek(pid, true)
		k.mu.Lock()
		if ok {
			k.saw(l, &r)
		}
	}
	if l.prog == nil {
		return ancestor{}, false
	}
	a := ancestor{program: l.prog, id: t.named(l), parent: l.ppid, since: l.start}
	switch st := k.climb(l, max(l.start, min(at, l.end)), 0); {
	case st.in != nil:
		a.in = st.in.id
	case st.told != nil:
		a.in = st.told.id
	}
	return a, true
}

// identity returns the id of an event's process: of this host, its pid and when
// it began, or was seen first where no one saw that.
func (t *Transform) identity(p *pending) event.ID {
	if l := p.seen.kin.life; l != nil {
		t.kernel.mu.Lock()
		defer t.kernel.mu.Unlock()
		if id := t.named(l); !id.IsZero() {
			return id
		}
	}
	l := p.life
	if l == nil {
		return event.ID{}
	}
	if l.id.IsZero() {
		l.id = t.newID(uint32(l.node), l.pid, l.first)
	}
	return l.id
}

// named returns the id of a life of the kernel's table.
func (t *Transform) named(l *klife) event.ID {
	if l.id.IsZero() && l.start != always {
		l.id = t.newID(0, l.pid, l.start)
	}
	return l.id
}

// newID hashes what most ids have in common once, and the rest fits one block of
// SHA-256 where a node's name is no longer than usual.
func (t *Transform) newID(node uint32, pid int32, start int64) event.ID {
	if len(t.seed) == 0 {
		head := event.NewID([]byte(t.env.HostID + "\x00process\x00"))
		t.seed = head[:]
	}
	b := binary.BigEndian.AppendUint32(t.seed[:len(event.ID{})], uint32(pid))
	b = binary.BigEndian.AppendUint64(b, uint64(start))
	if node != 0 {
		b = append(b, t.nodes.name(node)...)
	}
	t.seed = b
	return event.NewID(b)
}

// write returns the text of an id. Many share one piece of memory, and those of
// late are kept: most events are of few processes.
func (s *stage) write(id event.ID) string {
	at := &s.ids[id[0]%byte(len(s.ids))]
	if at.id == id {
		return at.text
	}
	const size, many = 26, 315
	if s.text.Cap()-s.text.Len() < size {
		s.text = strings.Builder{}
		s.text.Grow(size * many)
	}
	var b [size]byte
	s.text.Write(id.Append(b[:0]))
	at.id, at.text = id, s.text.String()[s.text.Len()-size:]
	return at.text
}

// named is an id and its text.
type named struct {
	id   event.ID
	text string
}

// parseID reads the text of an id; the zero id is what is none.
func parseID(s string) event.ID {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var id event.ID
	if len(s) != 26 {
		return id
	}
	acc, bits, n := uint64(0), 0, 0
	for i := range len(s) {
		d := strings.IndexByte(digits, s[i])
		if d < 0 || i == 0 && d > 7 {
			return event.ID{}
		}
		acc = acc<<5 | uint64(d)
		if bits += 5; i == 0 {
			bits = 3 // the first digit begins with two bits that are none
		}
		if bits >= 8 {
			bits -= 8
			id[n] = byte(acc >> bits)
			n++
		}
	}
	return id
}
