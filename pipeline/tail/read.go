package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// minSteps is how many steps a Read takes while there is something to do, however
// short it may wait: turns from file to file, and chunks of a long line.
const minSteps = 16

// Read adds the next lines to b.
func (t *Tail) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	t.chunks.reuse()
	var timeout <-chan time.Time
	for steps := 1; ; steps++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		moved, err := t.step(b)
		if len(b.Events) > 0 || err != nil || wait <= 0 && !moved {
			t.mark(b)
			return err
		}
		if moved && steps < minSteps {
			continue
		}
		if timeout == nil {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			timeout = timer.C
		}
		if done, err := t.pause(ctx, timeout, moved); done {
			t.mark(b)
			return err
		}
	}
}

// pause waits for news, unless moved says that there is some, and reports
// whether Read is done.
func (t *Tail) pause(ctx context.Context, timeout <-chan time.Time, moved bool) (bool, error) {
	if moved {
		select {
		case <-timeout:
			return true, nil
		default:
			return false, nil
		}
	}
	select {
	case <-timeout:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	case <-t.wake:
		return false, nil
	}
}

// step reads one chunk, or takes one turn in what there is to read, and reports
// whether it is worth to call it again at once.
func (t *Tail) step(b *event.Batch) (bool, error) {
	if t.ended {
		return false, io.EOF
	}
	f := t.file(0)
	if f == nil {
		if err := t.look(); err != nil {
			return false, plugin.Retry(err)
		}
		f = t.file(0)
		return f != nil, nil
	}
	if !f.started && !f.at.holds(f.f) {
		return t.replaced(f, b, true) // while it waited for its turn
	}
	t.turn(f)
	if f.rest == "" {
		switch n, err := f.fill(t.chunks); {
		case errors.Is(err, errReplaced):
			return t.replaced(f, b, t.o.Once)
		case errors.Is(err, errOther):
			return t.replaced(f, b, true)
		case errors.Is(err, syscall.ESTALE):
			t.reopen()
			return false, plugin.Retry(fmt.Errorf("tail: %w", err))
		case err != nil:
			return false, plugin.Retry(fmt.Errorf("tail: %w", err))
		case n == 0:
			f.short = false
			if now := t.o.Now(); t.lines.Due(now) {
				t.lines.Flush(b, now)
			}
			return t.atEnd(f, b)
		}
	}
	f.final, f.short = false, false
	f.rest = t.lines.Cut(b, f.rest, t.o.Now())
	return true, nil
}

// reopen gives up what is open: another client of a network file system has deleted
// the file, or its server was started anew, and nothing is read through what was
// opened before, ever. The next look finds what there is.
func (t *Tail) reopen() {
	t.park()
	t.setParked(t.o.set != nil)
}

// turn lets lines be cut from f, unless they are already.
func (t *Tail) turn(f *file) {
	if !f.started {
		t.lines.Reset(f.off)
		f.started = true
	}
}

// atEnd decides what follows when f has no more bytes. A file is left only when
// its writer has begun the next one, and only after one more look at it then.
func (t *Tail) atEnd(f *file, b *event.Batch) (bool, error) {
	if next := t.file(1); next == nil || t.file(2) == nil && !next.hasBytes() {
		if err := t.look(); err != nil {
			return false, plugin.Retry(err)
		}
	}
	next := t.file(1)
	switch {
	case next == nil && !t.o.Once:
		return t.release(f, b), nil
	case next == nil:
		t.lines.End(b, t.o.Now())
		t.ended = true
		return false, io.EOF
	case !t.o.Once && t.file(2) == nil && !next.hasBytes() && !t.isBehind():
		return false, nil
	case !f.final:
		f.final = true
		return true, nil
	}
	t.lines.End(b, t.o.Now())
	t.drop()
	return true, nil
}

// mark puts the position on b when it has moved, and what was lost meanwhile.
func (t *Tail) mark(b *event.Batch) {
	t.losing.Lock()
	b.Losses, t.losses = append(b.Losses, t.losses...), t.losses[:0]
	t.losing.Unlock()
	if t.place() {
		b.Position = t.given.encode()
	}
}

// place brings t.given up to what was handed on, and reports whether it moved.
func (t *Tail) place() bool {
	p := t.given
	f := t.file(0)
	switch {
	case f == nil && t.isFresh() && p.Mod == 0:
		p = none(t.o.Now())
	case f == nil:
		return false
	default:
		t.turn(f)
		if f.marked && p.Off == t.lines.At() {
			return false
		}
		if !f.marked {
			p = f.at
		}
		f.marked = true
		p.mark(f.f, t.lines.At())
	}
	t.given = p
	return true
}

func (t *Tail) isFresh() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fresh
}

func (t *Tail) isBehind() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.behind
}
