package journal

// SetReserve keeps the last n bytes of the journal for frames that are Urgent:
// those of inputs that cannot wait. When the rest is full, Append makes all
// others wait and lets the urgent ones through until nothing is left at all. It
// is cut to what leaves room for three segments; 0 keeps nothing.
func (j *Journal) SetReserve(n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reserve = max(0, min(n, j.o.MaxSize-fixedSize-j.o.Quarantine-3*j.o.SegmentSize))
	j.announce()
}

// soft is what the journal may take without the reserve. j.mu is held.
func (j *Journal) soft() int64 { return j.o.MaxSize - j.reserve }

// waits reports whether a frame has to wait because only the reserve is left.
// j.mu is held.
func (j *Journal) waits(urgent bool) bool {
	if !j.tight || urgent {
		return false
	}
	if j.reserve > 0 && !j.eases() {
		return true
	}
	j.setTight(false)
	return false
}

// eases reports whether nothing but the past keeps frames waiting. j.mu is held.
func (j *Journal) eases() bool { return len(j.laggards()) == 0 && j.roomy() }

// roomy reports whether a segment could begin outside the reserve. j.mu is held.
func (j *Journal) roomy() bool {
	size := j.size
	for i := range len(j.segments) - 1 {
		if first, end := j.bounds(i); !j.heldBy(first, end, func(*Cursor) bool { return true }) {
			size -= j.segments[i].size
		}
	}
	return size+j.o.SegmentSize <= j.soft()
}

// setTight says whether only the reserve is left. j.mu is held.
func (j *Journal) setTight(tight bool) {
	if j.tight == tight {
		return
	}
	if j.tight = tight; tight {
		j.m.reserved.Set(1)
		if len(j.laggards()) > 0 && j.roomy() {
			j.o.Log.Warn("an output is further behind than its max_lag: only inputs that cannot wait are read", "output", j.laggard(), "reserve", j.reserve)
			return
		}
		j.o.Log.Warn("the journal is full but for its reserve: only inputs that cannot wait are read", "max_size", j.o.MaxSize, "reserve", j.reserve)
		return
	}
	j.m.reserved.Set(0)
	j.o.Log.Info("the journal has room again for all inputs")
}
