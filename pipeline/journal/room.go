package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// makeRoom waits until need more bytes fit under MaxSize and leave MinFree on
// the disk, for a segment that begins with h. Segments that no cursor needs go
// first, oldest first; then what outputs give up by their policies. It returns
// ErrClosed when the journal closes.
func (j *Journal) makeRoom(h *header, need int64) error {
	for {
		j.mu.Lock()
		changed := j.changed
		wait := j.govern(h, need)
		fits, over := j.size+need <= j.o.MaxSize, j.size+need > j.soft()
		j.mu.Unlock()
		why := hold{reason: forOutput}
		if fits && j.o.MinFree > 0 {
			free, err := j.o.FS.Free(j.o.Dir)
			if fits = err != nil || free-need >= j.o.MinFree; !fits {
				why = hold{forDisk, max(free, 0)}
			}
		}
		if fits {
			why.reason = forLag
		}
		if (!fits || over) && (j.evictOne() || j.give()) {
			continue
		}
		wait = j.admit(over || wait) && wait
		if fits && !wait {
			j.setHold(hold{})
			return nil
		}
		j.setHold(why)
		t := time.NewTimer(pause)
		select {
		case <-changed:
		case <-t.C: // the disk has other users
		case <-j.quit:
			t.Stop()
			return ErrClosed
		}
		t.Stop()
	}
}

// admit makes frames that are not urgent wait at Append when only the reserve is
// left, and returns false; without a reserve it returns true, and the writer
// waits itself.
func (j *Journal) admit(tight bool) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reserve == 0 {
		return true
	}
	j.setTight(tight)
	return false
}

// give makes outputs give up a segment, if one may.
func (j *Journal) give() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sacrifice()
}

// evictOne deletes the oldest segment that no cursor needs. That it may go is
// durable before it goes.
func (j *Journal) evictOne() bool {
	j.mu.Lock()
	i := j.victim()
	if i < 0 {
		j.mu.Unlock()
		return false
	}
	s := j.segments[i]
	below := uint64(0)
	if _, end := j.bounds(i); i == 0 {
		below = end
	}
	j.mu.Unlock()
	if err := j.save(below); err != nil {
		j.o.Log.Error("the journal could not save its cursors", "error", err)
		return false
	}
	err := j.o.FS.Remove(filepath.Join(j.o.Dir, s.name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // by an earlier try, or by somebody
	}
	if err = errors.Join(err, j.o.FS.SyncDir(j.o.Dir)); err != nil {
		j.o.Log.Error("a delivered journal segment could not be deleted", "segment", s.name, "error", err)
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if i > 0 {
		_, j.segments[i-1].next = j.bounds(i - 1)
	}
	j.segments = slices.Delete(j.segments, i, i+1)
	j.size -= s.size
	return true
}

// state returns what a slot holds. j.mu is held.
func (j *Journal) state() *state {
	s := &state{below: j.below, durable: j.durable, accepted: j.accepted}
	for _, c := range j.cursors {
		one := c.state
		one.spans = slices.Clone(one.spans)
		s.cursors = append(s.cursors, one)
	}
	s.cursors = append(s.cursors, j.adopted...)
	return s
}

// save writes the cursors and, with below, the intent to delete what ends there.
func (j *Journal) save(below uint64) error {
	j.saving.Lock()
	defer j.saving.Unlock()
	j.mu.Lock()
	j.below = max(j.below, below)
	s := j.state()
	acks := j.acks
	j.acks = 0
	j.mu.Unlock()
	err := j.slot.write(s)
	if err != nil {
		j.mu.Lock()
		j.acks += max(acks, 1) // the keeper tries again
		j.mu.Unlock()
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.saved = s.durable
	return nil
}

// lookGone notices that the folder was removed or replaced: what is written then
// is on no disk that anybody can find, and accepting it would be a lie.
func (j *Journal) lookGone() bool {
	linked, err := j.lock.Linked()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil || linked || j.gone {
		return j.gone
	}
	j.gone = true
	j.failed = fmt.Errorf("%w: %s; nothing more is accepted until a restart", ErrGone, j.o.Dir)
	j.o.Log.Error("the journal's folder was removed or replaced while it was in use; nothing more is accepted", "journal", j.o.Dir)
	j.announce()
	return true
}

// keep saves the cursors every second in which one moved, and sooner after many
// moves.
func (j *Journal) keep() {
	defer j.writer.Done()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			j.mu.Lock()
			j.stand(j.o.Now())
			j.mu.Unlock()
		case <-j.many:
		case <-j.quit:
			return
		}
		j.lookGone()
		j.expire()
		ended := j.caughtUp()
		j.mu.Lock()
		moved := ended || j.acks > 0 || j.durable > j.saved
		j.mu.Unlock()
		if !moved {
			continue
		}
		if err := j.save(0); err != nil {
			j.m.failures.Inc()
			j.o.Log.Error("the journal could not save its cursors; after a crash events since the last save are delivered again", "error", err)
		}
	}
}
