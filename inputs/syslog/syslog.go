// Package syslog takes syslog messages from the network and from unix sockets:
// over UDP, TCP and TLS, in both framings of RFC 6587. It yields one source
// record for each message, as it came; what a message says is the business of
// the decoder that it waits for. It knows who sent a message, and adds that.
//
// Each connection and each datagram socket has a goroutine that cuts what comes
// into messages and hands them, a chunk at a time, over a channel to the lane.
// A stream is not read while the channel is full, so its sender waits; datagrams
// wait in the kernel's buffer, and what the kernel drops is raised as a loss.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

// Plugin is the input `syslog`.
var Plugin = plugin.NewInput("syslog", "Syslog messages from the network or a unix socket: UDP, TCP with both framings of RFC 6587, TLS with client certificates.", defaults, build)

const (
	// mostRecords is how many records one Read adds to a batch at most: the events of
	// twice as many do not stay in the caches on their way.
	mostRecords = 512

	// lookEvery is how often the kernel is asked what it dropped.
	lookEvery = time.Second
)

// input implements plugin.Pressing.
type input struct {
	s       *Settings
	env     plugin.Env
	listen  []address
	allow   []netip.Prefix
	certs   *servertls.Certs // nil without TLS
	count   counters
	say     *sayer
	urgent  bool
	streams chan *chunk // of connections
	dgrams  chan *chunk // of datagram sockets
	chunks  sync.Pool   // of *chunk

	// What follows is the lane's alone.
	rest   *chunk // begun, and not yet handed on whole
	offset int64  // where the next message begins; see Open
	ids    *event.Series
	timer  *time.Timer
	looked time.Time

	// What follows is set by Open.
	ctx       context.Context // is done when nothing more is to be read
	cancel    context.CancelFunc
	quit      chan struct{} // closed when nobody takes chunks any more
	ended     chan struct{} // closed when all goroutines have ended
	work      sync.WaitGroup
	listeners []net.Listener
	sockets   []*socket
	slots     *slots
	until     atomic.Int64 // unix nanoseconds: when a stop gives up reading; 0 while there is none
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	list, err := s.addresses()
	if err != nil {
		return nil, plugin.Problems{{Pos: s.Listen.Pos, Width: len(s.Listen.Value), Text: err.Error(), Hint: addressHint}}
	}
	allow, wrong, pos := s.allowed()
	if wrong != "" {
		return nil, plugin.Problems{{Pos: pos, Text: wrong}}
	}
	room := max(4, int(s.Buffer)/max(chunkRoom, int(s.MaxMessage)))
	in := &input{s: s, env: env, listen: list, allow: allow, count: newCounters(env), say: newSayer(env),
		streams: make(chan *chunk, room), dgrams: make(chan *chunk, room), timer: time.NewTimer(time.Hour)}
	in.timer.Stop()
	for _, a := range list {
		in.urgent = in.urgent || a.datagram
	}
	if s.TLS != nil {
		if in.certs, err = servertls.New(s.TLS, env.Dir, env.Log, func(err error) { in.say.say("certificates", "", err) }); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// GivesOnce implements plugin.Fleeting: no sender gives a message again.
func (in *input) GivesOnce() bool { return true }

// CannotWait implements plugin.Pressing: nobody keeps a datagram for us.
func (in *input) CannotWait() bool { return in.urgent }

// Open implements plugin.Input. There is no position: nothing can be read again.
// What has no position still needs an id, the next one of the series of this start, and a
// place of its own for decoders that make ids of their own (audit, Kubernetes): the input counts
// bytes from the time of its start in nanoseconds, so that no two messages have the
// same place, across restarts too.
func (in *input) Open(ctx context.Context, _ []byte) error {
	in.ctx, in.cancel = context.WithCancel(context.WithoutCancel(ctx))
	in.quit, in.ended = make(chan struct{}), make(chan struct{})
	in.offset = in.env.Now().UnixNano()
	in.ids = event.NewSeries(in.env.HostID, in.env.Name)
	in.slots = newSlots(in.s.MaxConnections, in.s.MaxPerPeer)
	for _, a := range in.listen {
		if err := in.open(a); err != nil {
			return errors.Join(plugin.Permanent(fmt.Errorf("listen at %s: %w", a, err)), in.Close()) // the engine closes it too, which is nothing then
		}
	}
	for _, s := range in.sockets {
		in.work.Go(func() { in.receive(s) })
	}
	for i, ln := range in.listeners {
		in.work.Go(func() { in.accept(ln, in.streamsOf()[i].tls) })
	}
	return nil
}

// streamsOf returns the addresses of listeners, in their order.
func (in *input) streamsOf() []address {
	var list []address
	for _, a := range in.listen {
		if !a.datagram {
			list = append(list, a)
		}
	}
	return list
}

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return in.leave(b, err)
	}
	in.gather(b)
	in.look(b)
	if len(b.Events) > 0 || len(b.Losses) > 0 {
		return nil
	}
	in.timer.Reset(wait)
	defer in.timer.Stop()
	select {
	case c := <-in.dgrams:
		in.take(b, c)
	case c := <-in.streams:
		in.take(b, c)
	case <-in.timer.C:
		return nil
	case <-ctx.Done():
		return in.leave(b, ctx.Err())
	}
	in.gather(b)
	return nil
}

// gather adds what is there until the batch is full, of datagrams and streams in
// turn: a flood of the one does not keep the other waiting.
func (in *input) gather(b *event.Batch) {
	if c := in.rest; c != nil {
		in.rest = nil
		in.take(b, c)
	}
	for took := true; took; {
		took = in.one(b, in.dgrams)
		took = in.one(b, in.streams) || took
	}
}

// one adds a chunk that is there, if the batch has room.
func (in *input) one(b *event.Batch, from chan *chunk) bool {
	if len(b.Events) >= mostRecords {
		return false
	}
	select {
	case c := <-from:
		in.take(b, c)
		return true
	default:
		return false
	}
}

// take adds a chunk; what does not fit waits for the next Read.
func (in *input) take(b *event.Batch, c *chunk) {
	if !in.add(b, c) {
		in.rest = c
		return
	}
	clear(c.spans)
	c.text, c.spans, c.at = "", c.spans[:0], 0
	in.chunks.Put(c)
}

// fresh returns an empty chunk.
func (in *input) fresh() *chunk {
	if c, ok := in.chunks.Get().(*chunk); ok {
		return c
	}
	return new(chunk)
}

// hand gives a chunk to the lane; false says that nobody takes it.
func (in *input) hand(to chan *chunk, c *chunk) bool {
	select {
	case to <- c:
		return true
	case <-in.quit:
		return false
	}
}

// look raises what the kernel dropped.
func (in *input) look(b *event.Batch) {
	now := time.Now()
	if len(in.sockets) == 0 || now.Sub(in.looked) < lookEvery {
		return
	}
	in.looked = now
	for _, s := range in.sockets {
		if n := s.drops(); n > 0 {
			in.count.dropped.Add(n)
			b.Losses = append(b.Losses, event.Loss{Reason: event.ReceiveDrop, Count: n,
				Text: fmt.Sprintf("the kernel dropped %d datagrams at %s: its buffer of %d bytes was full", n, s.addr, s.room)})
		}
	}
}

// allows reports whether an address may send.
func (in *input) allows(a netip.Addr) bool {
	if len(in.allow) == 0 {
		return true
	}
	for _, n := range in.allow {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// config returns what a TLS listener speaks.
func (in *input) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return in.certs.Current(), nil }}
}
