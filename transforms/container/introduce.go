package container

// The wait for an engine to tell of a container that it has just begun.

import (
	"context"
	"time"
)

// inVain is how long no engine is waited for after one did not tell.
const inVain = 5 * time.Second

// introduce waits, once for each container and for all of a batch together,
// until the engine has told of the containers that the batch's events are in.
// An engine with a stream of events has told before the first process runs, and
// nothing is waited for. Only root can make it wait: a user may give a control
// group any name.
func (s *stage) introduce(ctx context.Context) {
	t := s.t
	if t.lore.store == nil || t.set.Wait <= 0 {
		return
	}
	now := t.env.Now().UnixNano()
	end := now + int64(t.set.Wait)
	for {
		turned := t.lore.store.Changed()
		if !s.unknown(now) {
			return
		}
		left := end - t.env.Now().UnixNano()
		if left <= 0 || ctx.Err() != nil {
			t.lore.rest = end + int64(inVain)
			return
		}
		t.mu.Unlock()
		pause(ctx.Done(), turned, time.Duration(left))
		t.mu.Lock()
	}
}

// unknown reports whether the engine may still tell of one of the batch's
// containers; now is when the wait began, for all of it.
func (s *stage) unknown(now int64) bool {
	t := s.t
	if now < t.lore.rest {
		return false
	}
	some := false
	for i := range s.todo {
		p := &s.todo[i]
		c := p.answer.in
		if c == nil || c.known.told != nil || c.known.name != "" || !c.rooted || now-p.seen.t > fresh || c.met != 0 && c.met != now {
			continue
		}
		if t.consult(c); c.known.told == nil && t.lore.watcher.Follows(c.known.runtime) {
			c.met, some = now, true
		}
	}
	return some
}
