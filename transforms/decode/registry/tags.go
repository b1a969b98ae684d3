package registry

// mostTags is how many tags a lane remembers.
const mostTags = 1 << 16

// memory knows where tags point. When it is full the older half goes.
type memory struct {
	most     int
	now, old map[string]string
}

func newMemory(most int) *memory { return &memory{most: most, now: map[string]string{}} }

// put remembers a digest and returns the one before, "" for none.
func (m *memory) put(tag, digest string) string {
	before, ok := m.now[tag]
	if !ok {
		before = m.old[tag]
	}
	if !ok && len(m.now) >= m.most/2 {
		m.old, m.now = m.now, map[string]string{}
	}
	m.now[clone(tag)] = clone(digest)
	return before
}

// forget lets go of a tag.
func (m *memory) forget(tag string) {
	delete(m.now, tag)
	delete(m.old, tag)
}

// clone keeps what is remembered from holding on to a whole record.
func clone(s string) string { return string([]byte(s)) }
