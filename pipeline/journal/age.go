package journal

import "time"

// expire deletes segments that every cursor has passed and whose newest frame is
// older than MaxAge. The time of a frame is known as well as the beginning of
// the next segment; one without a time stays until its room is needed.
func (j *Journal) expire() {
	for j.o.MaxAge > 0 {
		j.mu.Lock()
		i := j.victim()
		old := false
		if i >= 0 {
			j.know(i + 1)
			old = j.aged(j.segments[i+1], j.o.MaxAge)
		}
		j.mu.Unlock()
		if !old || !j.evictOne() {
			return
		}
	}
}

// aged reports whether a segment was begun longer ago than age.
func (j *Journal) aged(s *segment, age time.Duration) bool {
	return s.begun != 0 && j.o.Now().Sub(time.Unix(int64(s.begun), 0)) > age
}

// leastSegment is how long a segment is written to at least, however short MaxAge
// is: each costs a few syncs.
const leastSegment = time.Second

// ripe reports whether the active segment has been written to for so long that
// the next frame goes to a fresh one, so that what is in it can grow old. j.mu is
// held.
func (j *Journal) ripe() bool {
	return j.o.MaxAge > 0 && j.active != nil && j.aged(j.active, max(j.o.MaxAge/8, leastSegment))
}
