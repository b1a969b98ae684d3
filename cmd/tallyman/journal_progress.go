package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tallyman/pipeline/journal"
)

// barEvery is how often the bar is drawn again.
const barEvery = 100 * time.Millisecond

// progress is a bar on a terminal that says how much of the journal was read. A
// nil one, and one without a terminal, draws nothing.
type progress struct {
	w     io.Writer
	now   func() time.Time
	first int64 // bytes of the journal that were passed over
	total int64
	drawn time.Time
	shown bool
}

// newProgress draws on standard error when that is a terminal.
func newProgress(s streams, v *journal.View) *progress {
	if !terminal(s.err) {
		return nil
	}
	return &progress{w: s.err, now: time.Now, total: v.Bytes()}
}

// at says that the journal was read up to a byte and n events were found.
func (p *progress) at(done int64, n uint64) {
	if p == nil {
		return
	}
	done, total := done-p.first, p.total-p.first
	p.draw(done, total, func() string { return size(done) + " of " + size(total) + ", " + many(n, "event") })
}

// draw draws the bar with a text after it, when it is time.
func (p *progress) draw(done, total int64, text func() string) {
	now := p.now()
	if p.drawn.IsZero() {
		p.drawn = now // a short walk draws nothing
	}
	if now.Sub(p.drawn) < barEvery {
		return
	}
	p.drawn, p.shown = now, true
	const width = 30
	part := float64(done) / float64(max(total, 1))
	full := min(int(part*width), width)
	// A bar that cannot be drawn is no reason to stop.
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K%3d%% [%s%s] %s", int(part*100), strings.Repeat("=", full), strings.Repeat(" ", width-full), text())
}

// clear takes the bar away.
func (p *progress) clear() {
	if p == nil || !p.shown {
		return
	}
	p.shown = false
	_, _ = io.WriteString(p.w, "\r\x1b[K") // as above
}
