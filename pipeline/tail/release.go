package tail

import (
	"context"
	"log/slog"
	"time"

	"tallyman/pipeline/event"
)

// deletedRest is how often a file without a name, read to its end, is asked
// whether somebody still writes to it.
const deletedRest = 10 * time.Second

// release gives back the file that is read when it was deleted and nobody can
// write to it any more, so that its room on the disk is free. As long as its
// writer has it open it is read on: what an intruder removed is still being
// written to, and nobody else can read it. It reports whether it did.
func (t *Tail) release(f *file, b *event.Batch) bool {
	now := t.o.Now()
	switch gone, err := deleted(f.f); {
	case err != nil || !gone:
		f.gone = time.Time{}
		return false
	case f.gone.IsZero():
		f.gone = now
		t.say(slog.LevelWarn, "the file that is read was deleted; it is read as long as somebody writes to it", "path", f.path)
		return false
	case now.Sub(f.gone) < deletedRest:
		return false
	}
	f.gone = now
	if written(f.f) {
		return false
	}
	t.say(slog.LevelInfo, "the deleted file is read to its end and given back", "path", f.path)
	t.lines.End(b, now)
	t.drop()
	t.mu.Lock()
	defer t.mu.Unlock()
	// What comes next at the path is read from its start, as if nothing had been.
	t.start, t.fresh, t.given = &position{}, true, position{}
	t.o.FromEnd = false
	return true
}

// say logs what happened to a file. Of many files some are rotated or deleted at
// any time: a container was removed.
func (t *Tail) say(level slog.Level, what string, args ...any) {
	if t.o.set != nil {
		level = slog.LevelDebug
	}
	t.o.Log.Log(context.Background(), level, what, args...)
}
