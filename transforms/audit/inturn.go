package audit

import (
	"cmp"
	"slices"
	"strings"
)

// turn is an EXECVE record and the argument that it begins with.
type turn struct {
	rec     *Record
	n, part int
}

// inTurn reads the EXECVE records of p again in the order of their arguments, each
// once, and reports whether that is another order than theirs. The kernel writes them
// in order; what carries them to us, or takes them up again after a fault, may not.
func (f *facts) inTurn(p *pending) bool {
	var turns []turn
	for i := range p.parts {
		if r := &p.parts[i]; r.typ == typeExecve {
			r.rec.partBody()
			n, part := firstArg(r.rec.Body)
			turns = append(turns, turn{&r.rec, n, part})
		}
	}
	order := func(a, b turn) int { return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.part, b.part)) }
	sorted := slices.IsSortedFunc(turns, order)
	slices.SortStableFunc(turns, order)
	once := slices.CompactFunc(slices.Clone(turns), func(a, b turn) bool { return a.rec.Body == b.rec.Body })
	if sorted && len(once) == len(turns) {
		return false
	}
	if len(once) < len(turns) {
		f.want("an EXECVE record came more than once")
	}
	f.args = f.args[:0]
	f.argv.reset()
	f.mixed = true // what is left over of the records is there by now
	for _, t := range once {
		f.execve(t.rec)
	}
	return true
}

// firstArg returns the argument that an EXECVE record begins with, and the piece of it;
// -1 for none.
func firstArg(body string) (n, part int) {
	var t Token
	for w := NewWalk(body); w.next(&t); {
		if n, part, _, ok := argKey(t.Key); ok {
			return n, part
		}
	}
	return -1, -1
}

// pathsInTurn reads the PATH records of p again in the order of their numbers, each
// once: the first of a call is the file that it is about, and one that came twice must
// not stand for one that did not come.
func (f *facts) pathsInTurn(p *pending) {
	var turns []turn
	for i := range p.parts {
		r := &p.parts[i]
		if r.typ != typePath {
			continue
		}
		r.rec.partBody()
		item, ok := strings.CutPrefix(r.rec.Body, "item=")
		n, end := digits(item, 0)
		if !ok || end == 0 {
			return
		}
		turns = append(turns, turn{&r.rec, n, 0})
	}
	order := func(a, b turn) int { return cmp.Compare(a.n, b.n) }
	sorted := slices.IsSortedFunc(turns, order)
	slices.SortStableFunc(turns, order)
	once := slices.CompactFunc(slices.Clone(turns), func(a, b turn) bool { return a.n == b.n && a.rec.Body == b.rec.Body })
	if len(once) < len(turns) {
		f.want("a PATH record came more than once")
	}
	for i := range once[1:] {
		if once[i].n == once[i+1].n {
			f.want("two PATH records have one number: the events of two hosts may have one serial")
			break
		}
	}
	if sorted && len(once) == len(turns) {
		return
	}
	f.paths, f.items = f.paths[:0], f.items[:0]
	for _, t := range once {
		f.pathRecord(t.rec)
	}
}

// callAgain takes a SYSCALL record behind the first, of which the kernel writes no more
// than that one. It is told once.
func (f *facts) callAgain(first, rec *Record) {
	first.partBody()
	rec.partBody()
	same := rec.Body == first.Body
	switch {
	case !f.twoCalls && same:
		f.want("a SYSCALL record came more than once")
	case !f.twoCalls:
		f.want("two SYSCALL records have one serial: the events of two hosts may be joined here")
	}
	f.twoCalls, f.mixed = true, true
	if !same {
		f.ownIDs()
		f.syscall(rec)
	}
}
