package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash returns what a power cut at this moment may leave: every name that is
// not on stable storage is there or not, every sector of 512 bytes that is not
// is old or new, and a file has its old or its new length. The seed decides. m
// itself goes on, as a process that does not know.
func (m *Mem) Crash(seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{rnd: rand.New(rand.NewPCG(seed, 0)), seen: map[*node]*node{}}
	return &Mem{root: c.node(m.root), space: m.space}
}

// Kill returns what the end of the process leaves: everything that was written,
// with the same parts of it not on stable storage yet, and no locks.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Mem{root: kill(m.root, map[*node]*node{}), space: m.space}
}

type crash struct {
	rnd  *rand.Rand
	seen map[*node]*node
}

func (c *crash) coin() bool { return c.rnd.IntN(2) == 0 }

func (c *crash) node(n *node) *node {
	if done := c.seen[n]; done != nil {
		return done
	}
	out := &node{dir: n.dir}
	c.seen[n] = out
	if !n.dir {
		out.data = c.content(n)
		out.disk = slices.Clone(out.data)
		return out
	}
	out.now, out.synced = map[string]*node{}, map[string]*node{}
	names := slices.Concat(slices.Collect(maps.Keys(n.now)), slices.Collect(maps.Keys(n.synced)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		pick := n.now[name]
		if old := n.synced[name]; old != pick && c.coin() {
			pick = old
		}
		if pick != nil {
			sub := c.node(pick)
			sub.links++
			out.now[name], out.synced[name] = sub, sub
		}
	}
	return out
}

func (c *crash) content(n *node) []byte {
	size := len(n.disk)
	if c.coin() {
		size = len(n.data)
	}
	out := make([]byte, size)
	copy(out, n.disk)
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		from := int(s * sector)
		if from >= size || from >= len(n.data) || c.coin() {
			continue
		}
		copy(out[from:min(from+sector, size)], n.data[from:])
	}
	return out
}

func kill(n *node, seen map[*node]*node) *node {
	if done := seen[n]; done != nil {
		return done
	}
	out := &node{dir: n.dir, links: n.links, data: slices.Clone(n.data), disk: slices.Clone(n.disk), dirty: maps.Clone(n.dirty)}
	seen[n] = out
	if n.dir {
		out.now, out.synced = map[string]*node{}, map[string]*node{}
		for name, sub := range n.now {
			out.now[name] = kill(sub, seen)
		}
		for name, sub := range n.synced {
			out.synced[name] = kill(sub, seen)
		}
	}
	return out
}
