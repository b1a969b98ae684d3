package event

import "unsafe"

// How much memory for texts a batch has, once there was one.
const (
	leastTexts = 16 << 10
	mostTexts  = 1 << 20
)

// texts is memory in which texts lie that are views of nothing: what a decoder made of
// escapes. They live as long as the events that they are of, until Reset.
type texts struct{ block []byte }

// Text returns a copy of s in the batch's memory.
func (b *Batch) Text(s []byte) string {
	t := &b.texts
	at := len(t.block)
	if cap(t.block)-at < len(s) {
		size := min(max(2*cap(t.block), leastTexts), mostTexts)
		if size < len(s) || size == cap(t.block) {
			return string(s) // what one batch needs is not kept for all that follow
		}
		t.block, at = make([]byte, 0, size), 0 // what was held lies where it lay
	}
	t.block = append(t.block, s...)
	return unsafe.String(unsafe.SliceData(t.block[at:]), len(s))
}

// reset takes the memory back.
func (t *texts) reset() {
	overwrite(t.block)
	t.block = t.block[:0]
}
