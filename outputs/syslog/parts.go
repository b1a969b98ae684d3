package syslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// This file is what is done about a receiver that ends connections before it has
// taken what is sent again: one that takes so many messages a connection, or that
// cannot stand one of them. To send it the same once more would send it for ever.
//
// What was sent twice over connections that it ended goes in parts, each over a
// connection of its own that we end; a receiver that has read to our end ends it in
// peace, and what it has read is not sent again. A part at which it ends the
// connection is halved. One message is refused when the receiver ends the connection
// at it, alone, again and again, and takes another one in between each time: then it
// is the message, and not a receiver that is out of order.

const (
	mostDoubted = 16 // messages in a row that may be in doubt before the receiver is

	// trials of a message in doubt, beyond the first: where half of all connections are
	// lost by chance, as behind a balancer with a dead member, one message in 2^23 that
	// is in doubt meets it at each of its own and at none of the proofs in between.
	trials = 11

	parting = 50 * time.Millisecond // see farewell
)

// part gives a receiver time to end the connection by itself.
func part(ctx context.Context, l *link) { _, _ = l.awaitEnd(ctx, parting) }

// A cut says that the receiver ended the connection before we did.
type cut struct {
	err  error
	read bool // its program had read everything, and its host reset nothing
}

func (c *cut) Error() string {
	return "the receiver ended the connection before it had taken what was sent: " + c.err.Error()
}

func (c *cut) Unwrap() error { return c.err }

// A fate is what became of a frame.
type fate uint8

const (
	pending fate = iota
	taken
	refused
)

// parts are frames on their way, those of the window first.
type parts struct {
	buf     []byte
	ends    []int // of the frames, in buf
	fates   []fate
	size    int   // frames of the next part
	row     int   // parts of this size that were taken in a row
	doubted []int // frames at which the receiver ended the connection, alone
	unread  bool  // one of them with something that its program had not read
	why     error // the last of those ends
}

func (p *parts) add(b []byte, end func(i int) int, n int) {
	base := len(p.buf)
	p.buf = append(p.buf, b...)
	for i := range n {
		p.ends = append(p.ends, base+end(i))
	}
}

// bytes returns the frames from the one up to the other.
func (p *parts) bytes(from, to int) []byte {
	begin := 0
	if from > 0 {
		begin = p.ends[from-1]
	}
	return p.buf[begin:p.ends[to-1]]
}

// took notes that frames were taken; after two parts in a row the next may be larger.
func (p *parts) took(from, to int) {
	for i := from; i < to; i++ {
		p.fates[i] = taken
	}
	if p.row++; p.row == 2 {
		p.size, p.row = min(2*p.size, len(p.ends)), 0
	}
}

// warn says that parts are needed, once: a receiver that was only restarted twice
// takes what is sent again as one.
func (o *output) warn() {
	if !o.cautioned {
		o.cautioned = true
		o.log.Warn("the syslog receiver ends connections before it has taken what is sent again; it is sent in parts, each over a connection of its own, now and whenever that happens",
			"address", o.target().String())
	}
}

// sendInParts is Send for a receiver that ends connections.
func (o *output) sendInParts(ctx context.Context, events []event.Event) error {
	p := &parts{size: o.part}
	b, sent := o.window.last()
	p.add(b, func(i int) int { return sent[i].end }, len(sent))
	kept := len(sent)
	at, failed := o.gather(p, events)
	p.fates = make([]fate, len(p.ends))
	if p.size == 0 || p.size > len(p.ends) {
		p.size = max(1, len(p.ends))
	}
	err := o.deliver(ctx, p)
	o.settleWindow(p, kept)
	if o.part = p.size; p.size == len(p.ends) {
		o.part = 0
	}
	settled := len(failed)
	for i, f := range p.fates[kept:] {
		switch f {
		case taken:
			settled++
		case refused:
			settled++
			failed = append(failed, plugin.Failure{Index: at[i], Err: plugin.Permanent(fmt.Errorf("this message alone is refused: %w", p.why))})
		case pending:
			failed = append(failed, plugin.Failure{Index: at[i], Err: plugin.Retry(err)})
		}
	}
	if err != nil && settled == 0 {
		return plugin.Retry(err)
	}
	slices.SortFunc(failed, func(a, b plugin.Failure) int { return a.Index - b.Index })
	return plugin.Partial(failed)
}

// gather renders the events behind what is in p, and returns the index of each frame's
// event and the events that cannot be rendered.
func (o *output) gather(p *parts, events []event.Event) (at []int, failed []plugin.Failure) {
	o.frames, o.ends = o.frames[:0], o.ends[:0]
	for i := range events {
		if err := o.render(&events[i]); err != nil {
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(err)})
			continue
		}
		o.frame()
		at = append(at, i)
	}
	p.add(o.frames, func(i int) int { return o.ends[i] }, len(o.ends))
	o.frames, o.ends = nil, o.ends[:0] // a whole batch is more than is kept
	return at, failed
}

// settleWindow forgets what of the window was taken or refused. The books had it as
// unconfirmed when it was sent first, and there it stays.
func (o *output) settleWindow(p *parts, kept int) {
	again, given := 0, 0
	for _, f := range p.fates[:kept] {
		switch f {
		case taken:
			again++
		case refused:
			given++
		}
	}
	o.window.keep(func(i int) bool { return p.fates[i] == pending })
	o.resend = len(o.window.sent) > 0
	o.careful = slices.Contains(p.fates, pending)
	o.resent.Add(uint64(again))
	if again > 0 {
		o.log.Info("what was sent last was sent again", "messages", again)
	}
	if given > 0 {
		o.givenUp.Add(uint64(given))
		o.log.Warn("messages that were sent are given up: the syslog receiver ends each connection at them, and it may not have them",
			"messages", given, "error", p.why)
	}
}

// deliver sends all of p, part by part, until each frame is taken or refused.
func (o *output) deliver(ctx context.Context, p *parts) error {
	for at := 0; at < len(p.ends); {
		to := min(at+p.size, len(p.ends))
		err := o.passage(ctx, p.bytes(at, to))
		var c *cut
		switch {
		case err == nil:
			p.took(at, to)
			o.control = append(o.control[:0], p.bytes(to-1, to)...)
			at = to
		case !errors.As(err, &c):
			return err
		case to-at > 1:
			o.warn()
			p.size, p.row = (to-at)/2, 0
			continue
		default:
			o.warn()
			p.doubted, p.why, p.unread = append(p.doubted, at), err, p.unread || !c.read
			at++
			if len(p.doubted) < mostDoubted && at < len(p.ends) {
				continue // the next may tell whether it is the message
			}
			if err := o.prove(ctx, err); err != nil {
				if !p.believed(err) {
					return err
				}
				continue
			}
		}
		if err := o.judge(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// believed takes the frames in doubt for taken where the receiver ends every connection
// after one message, whichever, and reads it first.
func (p *parts) believed(proof error) bool {
	var c *cut
	if p.unread || !errors.As(proof, &c) || !c.read {
		return false
	}
	for _, i := range p.doubted {
		p.fates[i] = taken
	}
	p.doubted, p.unread = nil, false
	return true
}

// prove sends a message that the receiver took before, to find out whether it takes
// anything. Without one there is nothing to compare with, and why is returned.
func (o *output) prove(ctx context.Context, why error) error {
	if len(o.control) == 0 {
		return why
	}
	err := o.passage(ctx, o.control)
	if err == nil {
		o.resent.Inc()
	}
	return err
}

// judge sends what is in doubt again, to a receiver that just took something.
func (o *output) judge(ctx context.Context, p *parts) error {
	for len(p.doubted) > 0 {
		f, err := o.fateOf(ctx, p, p.doubted[0])
		if err != nil {
			return err
		}
		p.fates[p.doubted[0]], p.doubted = f, p.doubted[1:]
	}
	p.unread = false
	return nil
}

// fateOf finds out whether the receiver takes one frame. It is refused when each of
// several connections was ended at it, and something else was taken after each.
func (o *output) fateOf(ctx context.Context, p *parts, i int) (fate, error) {
	for range trials {
		err := o.passage(ctx, p.bytes(i, i+1))
		if err == nil {
			return taken, nil
		}
		var c *cut
		if !errors.As(err, &c) {
			return pending, err
		}
		p.why = err
		if err := o.prove(ctx, err); err != nil {
			return pending, err
		}
	}
	return refused, nil
}

// passage sends frames over a connection of their own. The error is a cut where the
// receiver ended it.
func (o *output) passage(ctx context.Context, b []byte) error {
	if err := o.connect(ctx); err != nil {
		return err
	}
	l, to := o.link, o.targets[o.at]
	release := l.begin(ctx, o.settings.Timeout)
	err := o.pour(ctx, l, b)
	wrote := err == nil
	if wrote {
		l.extend(ctx, o.settings.Timeout)
		err = l.farewell(ctx, o.parting, o.settings.Timeout)
	}
	release()
	ended := err != nil && ctx.Err() == nil && l.left()
	read := ended && wrote && l.tookAll()
	l.abort()
	o.link = nil
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		to.rest(o.now().Add(o.settings.FallBack))
	}
	err = fmt.Errorf("syslog: send to %s: %w", to.target, to.target.explain(err))
	if ended {
		err = &cut{err: err, read: read}
	}
	return err
}

// pour writes b in chunks, so that a slow link has the whole timeout for each.
func (o *output) pour(ctx context.Context, l *link, b []byte) error {
	for c := range slices.Chunk(b, chunk) {
		l.extend(ctx, o.settings.Timeout)
		if err := l.write(c); err != nil {
			return err
		}
	}
	return nil
}
