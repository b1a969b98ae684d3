package auditd

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// link is a socket on which the kernel gives audit records. All but stop are
// called from one goroutine.
type link interface {
	// receive waits for datagrams and calls take for each message; text is valid
	// until take returns. ENOBUFS says that the socket had no room for some;
	// errStopped that stop was called and all that was there has been handed on.
	receive(take func(typ uint16, text []byte)) error

	// drops is how many datagrams found no room since the last call; false says
	// that this cannot be told.
	drops() (uint64, bool)

	// stop asks the kernel for no more and ends receive. It may be called from
	// another goroutine, once.
	stop() error

	// close is called once receive has ended.
	close() error
}

var errStopped = errors.New("stopped")

// opener opens a link; take is for what comes while it does.
type opener func(ctx context.Context, take func(typ uint16, text []byte)) (link, error)

// netlink is the input over the kernel's audit socket. A goroutine of its own
// reads it, so that the kernel never waits for the pipeline: what does not fit
// the buffer is dropped and counted.
type netlink struct {
	open    opener
	again   bool // what the socket has no room for, the kernel keeps and tries again
	limit   int  // bytes of the buffer
	lines   *tail.Lines
	log     *slog.Logger
	now     func() time.Time
	session *session
	gone    func(since time.Time) error // says that the kernel gives us no records any more; nil where that cannot be
	leave   func() error                // undoes at Close what was set up; nil for nothing
	rest    string                      // taken and not yet cut into lines

	overrun, full *meter.Counter
}

// session is one link and the goroutine that reads it.
type session struct {
	link  link
	ring  *ring
	heads heads
	done  chan struct{}
	since time.Time
	why   error // that ended it from outside

	overrun *meter.Counter
}

func newNetlink(s *Settings, env plugin.Env, lines *tail.Lines, open opener, again bool) *netlink {
	label := meter.Label{Name: "input", Value: env.Name}
	return &netlink{
		open: open, again: again, limit: int(s.Buffer), lines: lines, log: env.Log, now: env.Now,
		overrun: env.Meter.Counter("tallyman_input_overrun_records_total", "Records that were dropped because the buffer of an input that cannot wait was full.", label),
		full:    env.Meter.Counter("tallyman_input_receive_full_total", "Times that the kernel found no room in the socket of an input.", label),
	}
}

// CannotWait implements plugin.Pressing.
func (n *netlink) CannotWait() bool { return true }

// Open implements plugin.Input. The socket is opened by Read.
func (n *netlink) Open(context.Context, []byte) error { return nil }

// Read implements plugin.Input. Once ctx is done the kernel is asked for no more,
// and what is there is handed on first: nothing else has it.
func (n *netlink) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if n.rest != "" {
		n.rest = n.lines.Cut(b, n.rest, n.now())
		return nil
	}
	if n.session == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	if n.gone != nil && n.session.why == nil && ctx.Err() == nil {
		n.session.why = n.gone(n.session.since)
	}
	if n.session.why == nil {
		n.await(ctx, wait)
	}
	if n.session.why != nil || ctx.Err() != nil {
		n.end()
	}
	t := n.session.ring.take()
	n.count(b, &t)
	if t.lines != "" {
		n.rest = n.lines.Cut(b, t.lines, n.now())
		return nil
	}
	if !t.ended {
		return ctx.Err()
	}
	return n.ended(ctx, t.err)
}

// ended lets go of a session that has nothing left and returns what Read does.
func (n *netlink) ended(ctx context.Context, err error) error {
	n.end()
	if n.session.why != nil {
		err = n.session.why
	}
	n.session = nil
	if errors.Is(err, errStopped) {
		return ctx.Err()
	}
	return plugin.Retry(err)
}

// await returns when there is something to take, after wait, or once ctx is done.
func (n *netlink) await(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-n.session.ring.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// count adds what was lost to the batch.
func (n *netlink) count(b *event.Batch, t *taken) {
	if t.lost > 0 {
		b.Losses = append(b.Losses, event.Loss{Reason: event.Overrun, Count: t.lost,
			Text: "audit records were dropped, because the pipeline did not take them and the buffer was full"})
	}
	if (t.drops > 0 || t.blind) && !n.again {
		count := t.drops
		if t.blind {
			count = 0
		}
		b.Losses = append(b.Losses, event.Loss{Reason: event.ReceiveDrop, Count: count,
			Text: "the kernel dropped audit records, because the socket had no room for them"})
	}
}

// start opens a link and begins to read it.
func (n *netlink) start(ctx context.Context) error {
	s := &session{ring: newRing(n.limit), heads: heads{}, done: make(chan struct{}), overrun: n.overrun}
	link, err := n.open(ctx, s.take)
	if err != nil {
		return err
	}
	s.link, s.since, n.session = link, time.Now(), s
	go n.read(s)
	return nil
}

// take is called for each message of the kernel.
func (s *session) take(typ uint16, text []byte) {
	if !isRecord(typ) {
		return
	}
	if !s.ring.put(s.heads.of(typ), text) {
		s.overrun.Inc()
	}
}

// read is the goroutine of a session.
func (n *netlink) read(s *session) {
	defer close(s.done)
	take := s.take
	for {
		err := s.link.receive(take)
		// The kernel says once that it had to drop, and may go on dropping until
		// the socket is empty.
		drops, known := s.link.drops()
		full := errors.Is(err, unix.ENOBUFS)
		if drops > 0 || full && !known {
			s.ring.dropped(drops)
		}
		switch {
		case full:
			n.full.Inc()
		case err != nil:
			s.ring.end(err)
			return
		}
	}
}

// end stops the session's reading. Its ring still has what was read.
func (n *netlink) end() {
	s := n.session
	if s.link == nil {
		return
	}
	select {
	case <-s.done:
	default:
		if err := s.link.stop(); err != nil {
			n.log.Warn("the kernel's audit socket was not given back properly", "error", err)
		}
		<-s.done
	}
	if err := s.link.close(); err != nil {
		n.log.Warn("close the kernel's audit socket", "error", err)
	}
	s.link = nil
}

// Close implements plugin.Input.
func (n *netlink) Close() error {
	var err error
	if n.session != nil {
		n.end()
		left := len(n.rest)
		for t := n.session.ring.take(); t.lines != ""; t = n.session.ring.take() {
			left += len(t.lines)
		}
		n.session = nil
		if left > 0 {
			n.log.Warn("audit records that were read are lost with this stop", "bytes", left)
		}
	}
	if n.leave != nil {
		err = n.leave()
	}
	return err
}
