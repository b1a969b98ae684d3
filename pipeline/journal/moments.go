package journal

import (
	"slices"
	"time"
)

// When frames were accepted, about: frames bear no time, and need none. Once a second
// it is noted how far the journal is; beside it the segments say when they were begun,
// which is all that is known of what an earlier process accepted.

// mostMoments bounds the notes. Beyond it those go that tell least for how long ago
// they are: of an hour ago the minute is enough.
const mostMoments = 256

// moment is a time in which the journal stood: frames before seq were accepted until
// since, frames from seq on after until.
type moment struct {
	seq          uint64
	since, until time.Time
}

// stand remembers how far the journal is now. j.mu is held.
func (j *Journal) stand(now time.Time) {
	least := j.durable + 1
	for _, c := range j.cursors {
		least = min(least, c.state.seq)
	}
	for i := range j.adopted {
		least = min(least, j.adopted[i].seq)
	}
	passed := 0
	for passed+1 < len(j.moments) && j.moments[passed+1].seq <= least {
		passed++
	}
	j.moments = slices.Delete(j.moments, 0, passed)
	if n := len(j.moments); n > 0 && j.moments[n-1].seq == j.durable+1 {
		j.moments[n-1].until = now
		return
	}
	if len(j.moments) >= mostMoments {
		i := leastTelling(j.moments, now)
		j.moments = slices.Delete(j.moments, i, i+1)
	}
	j.moments = append(j.moments, moment{seq: j.durable + 1, since: now, until: now})
}

// leastTelling returns the moment whose neighbours are closest to each other, as seen
// from now.
func leastTelling(list []moment, now time.Time) int {
	at, least := 1, -1.0
	for i := 1; i+1 < len(list); i++ {
		gap, ago := list[i+1].since.Sub(list[i-1].until), now.Sub(list[i+1].since)+time.Second
		if share := gap.Seconds() / max(ago.Seconds(), 1); least < 0 || share < least {
			at, least = i, share
		}
	}
	return at
}

// Oldest returns how long ago the oldest frame was accepted that the cursor has not
// finished: to about a second while this process runs, of what an earlier one accepted as it lies
// between the beginnings of two segments. False says that none waits, or that the
// cursor is not known.
func (j *Journal) Oldest(name string) (age time.Duration, waits bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seq := j.durable + 1
	for _, c := range j.cursors {
		if c.state.name == name {
			seq = c.state.seq
		}
	}
	for i := range j.adopted {
		if j.adopted[i].name == name {
			seq = j.adopted[i].seq
		}
	}
	if seq > j.durable {
		return 0, false
	}
	now := j.o.Now()
	return max(now.Sub(j.acceptedAt(seq, now)), 0), true
}

// acceptedAt returns when a frame was accepted: between the two moments that are
// closest to it, in proportion. j.mu is held.
func (j *Journal) acceptedAt(seq uint64, now time.Time) time.Time {
	before, after := moment{}, moment{seq: j.durable + 1, since: now}
	consider := func(m moment) {
		if m.seq <= seq && m.seq >= before.seq && (m.seq > before.seq || m.until.After(before.until)) {
			before = m
		}
		if m.seq > seq && m.seq <= after.seq && (m.seq < after.seq || m.since.Before(after.since)) {
			after = m
		}
	}
	for i := range j.segments {
		if first, end := j.bounds(i); seq < first || seq >= end {
			continue
		}
		for n := i; n < min(i+2, len(j.segments)); n++ {
			j.know(n)
			if s := j.segments[n]; s.begun != 0 {
				at := time.Unix(int64(s.begun), 0)
				consider(moment{s.first, at, at})
			}
		}
		break
	}
	for _, m := range j.moments {
		consider(m)
	}
	if before.until.IsZero() {
		return after.since
	}
	share := float64(seq-before.seq) / float64(after.seq-before.seq)
	return before.until.Add(time.Duration(share * float64(max(after.since.Sub(before.until), 0))))
}
