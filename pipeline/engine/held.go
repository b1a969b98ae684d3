package engine

import (
	"context"
	"fmt"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

// hold encodes what the chain holds, and reports whether the next frame has to say it.
func (l *lane) hold() bool {
	l.held = l.chain.Held(l.held[:0])
	says := len(l.held) > 0 || l.wasHeld
	if says {
		l.heldBuf = l.heldBuf[:0]
		if len(l.held) > 0 {
			l.heldBuf = l.heldEnc.Append(l.heldBuf, l.held)
		}
		l.wasHeld = len(l.held) > 0
	}
	return says
}

// release appends the events and then what the chain holds, as good as it is: more of it
// than goes into a frame could not be kept over a restart, and to fail would end the
// input, now and each time it comes to that place again. The position comes last. Notes
// of the stages to themselves are given back as after a restart, for the source goes on:
// without the serials that came, the audit records that follow would tell of a loss.
func (l *lane) release(ctx context.Context, out *event.Batch, losses []journal.Mark) error {
	var notes event.Batch
	for i := range l.held {
		if l.held[i].Records == 0 {
			notes.Add(l.held[i].Own())
		}
	}
	clear(l.held)
	l.around.Log.Warn("records wait for others that belong to them and are more than the journal may hold: what they say so far is handed on",
		"component", l.in.name, "bytes", len(l.heldBuf))
	if err := l.relieve(ctx, out, journal.Frame{Urgent: l.urgent, Marks: losses}); err != nil {
		return err
	}
	l.relieving = true
	defer func() { l.relieving = false }()
	if err := l.chain.Flush(ctx, func(b *event.Batch) error { return l.commit(ctx, b, nil) }); err != nil {
		return err
	}
	l.restoring = true
	defer func() { l.restoring = false }()
	return l.through(ctx, &notes)
}

// relieve appends events without a position, which comes when the chain holds nothing.
func (l *lane) relieve(ctx context.Context, out *event.Batch, f journal.Frame) error {
	if len(out.Events) == 0 && out.Filtered == 0 && len(f.Marks) == 0 {
		return nil
	}
	if err := l.put(ctx, out.Events, out.Filtered, f); err != nil {
		return fmt.Errorf("input %s: append to the journal: %w", l.in.name, err)
	}
	l.events.Add(uint64(len(out.Events)))
	return nil
}
