package tail

import "unsafe"

const (
	// viewed is the part of a chunk from which its text is not copied: what grows slowly,
	// and many small files, would each take a chunk of memory for a few lines.
	viewed = 8

	// keptChunks is how many chunks that nobody uses are kept for the next reads, and
	// how many of files that wait for their turn are.
	keptChunks = 4
)

// chunks is the memory that files are read into. The texts of records are views of
// it until the next Read, by the contract of plugin.Input; then it is read into
// again, so that a file that is read through leaves nothing to the collector of
// garbage. Only Read uses it.
type chunks struct {
	size int      // of a chunk, in bytes
	free []*chunk // the last is read into next
	lent []*chunk // records, or the rest of a file, may be views of them
}

// chunk is one piece of that memory.
type chunk struct {
	buf []byte
	of  *file // whose bytes it has
}

// next returns the chunk to read into.
func (c *chunks) next() *chunk {
	if len(c.free) == 0 {
		c.free = append(c.free, &chunk{buf: make([]byte, c.size)})
	}
	return c.free[len(c.free)-1]
}

// text returns bytes of the chunk that next gave as the rest of f: a view where
// they are many, and the chunk is lent until they are cut.
func (c *chunks) text(f *file, b []byte) string {
	f.chunk = nil
	if len(b) < c.size/viewed {
		return string(b)
	}
	last := len(c.free) - 1
	f.chunk = c.free[last]
	f.chunk.of = f
	c.lent, c.free = append(c.lent, f.chunk), c.free[:last]
	return unsafe.String(&b[0], len(b))
}

// reuse takes back what was lent and is used no more: the records that were cut
// before are done with. What a file that was given up has left is forgotten.
func (c *chunks) reuse() {
	busy := c.lent[:0]
	for _, l := range c.lent {
		switch {
		case l.of.chunk == l && l.of.rest != "":
			busy = append(busy, l)
		case len(c.free) < keptChunks:
			l.of = nil
			overwrite(l.buf)
			c.free = append(c.free, l)
		}
	}
	clear(c.lent[len(busy):])
	c.lent = busy[max(0, len(busy)-keptChunks):]
}
