// Package syslog is the output that delivers events to a syslog receiver: over
// UDP, TCP, TLS or a Unix socket, each event as one RFC 5424 message. It knows
// framing (RFC 6587, RFC 5425), connections and what the kernel says of them; it
// knows nothing of what is in an event, which is the encoder's.
//
// Syslog has no acknowledgement. What this package returns as sent has been
// acknowledged by the peer's TCP on a connection that still stood afterwards,
// which is all there is to know; the engine counts it as unconfirmed.
package syslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"syscall"
	"time"

	"tallyman/outputs/format"
	"tallyman/outputs/format/rfc5424"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the syslog output.
var Plugin = plugin.NewOutput("syslog",
	"Sends each event as an RFC 5424 message over UDP, TCP, TLS or a Unix socket.", Default, New)

// chunk is how many bytes of frames are gathered for one write.
const chunk = 64 << 10

// output is one destination. All its methods are called from one goroutine.
type output struct {
	settings *Settings
	targets  []*place
	at       int // the target that link goes to, or went to last
	enc      plugin.Encoder
	max      int // bytes of one message, without its frame
	now      func() time.Time
	log      *slog.Logger

	link   *link  // nil when there is no connection
	msg    []byte // one message
	frames []byte // messages with their frames, not yet written
	ends   []int  // where each ends in frames
	window window // of streams over the network
	resend bool   // a connection was lost: the window goes first
	warned bool   // a message was cut, and that was said

	cuts      int                          // Sends in a row that failed because the receiver ended the connection
	careful   bool                         // what comes next goes in parts
	cautioned bool                         // and that was said
	parting   func(context.Context, *link) // see farewell
	part      int                          // frames of the first part; 0 for all
	control   []byte                       // the last frame of the last part that was taken

	truncated, connects, resent, givenUp *meter.Counter
}

// New builds the output. It reads the files that the settings name and connects
// to nothing.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	enc, err := newEncoder(c, env)
	if err != nil {
		return nil, err
	}
	o, err := build(c, env, enc)
	if err != nil {
		return nil, err // not o: a nil pointer in an interface is no nil
	}
	return o, nil
}

// newEncoder returns what renders the messages.
func newEncoder(c *Settings, env plugin.Env) (plugin.Encoder, error) {
	targets, p := c.targets()
	if len(p) > 0 {
		return nil, p
	}
	m := format.Message{DataID: c.DataID, MaxBytes: c.limit(targets[0])}
	for i, name := range facilities {
		if name != "" && name == c.Facility {
			m.Facility = i
		}
	}
	return format.NewMessage(&c.Settings, m, env)
}

func build(c *Settings, env plugin.Env, enc plugin.Encoder) (*output, error) {
	targets, p := c.targets()
	if len(p) > 0 {
		return nil, p
	}
	places, err := newPlaces(c, targets, env.Dir)
	if err != nil {
		return nil, err
	}
	label := meter.Label{Name: "output", Value: env.Name}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	now := env.Now
	if now == nil {
		now = time.Now
	}
	w := window{}
	if targets[0].network == "tcp" {
		w.max, w.age = int(c.Window), c.WindowAge
	}
	return &output{
		settings: c, targets: places, enc: enc, max: c.limit(targets[0]), now: now, log: log, window: w, parting: part,
		resent:    env.Meter.Counter("tallyman_syslog_resent_total", "Messages sent again after a connection was lost, with the same event ids.", label),
		givenUp:   env.Meter.Counter("tallyman_syslog_given_up_total", "Messages that were sent and then left out, because the receiver ends each connection at them.", label),
		truncated: env.Meter.Counter("tallyman_syslog_truncated_total", "Messages that were cut to max_bytes.", label),
		connects:  env.Meter.Counter("tallyman_syslog_connects_total", "Connections made to the syslog receiver.", label),
	}, nil
}

// Confirms implements plugin.Output: syslog acknowledges nothing.
func (o *output) Confirms() bool { return false }

// Close implements plugin.Output.
func (o *output) Close() error {
	if o.link == nil {
		return nil
	}
	err := o.link.close()
	o.link = nil
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil // the peer was gone before: there is nobody left to tell
	}
	return err
}

// Probe implements plugin.Prober.
func (o *output) Probe(ctx context.Context) error { return o.connect(ctx) }

// Send implements plugin.Output. After an error that concerns the connection all
// events are to be sent again: nobody knows which of them the peer has.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	if !o.careful {
		if err := o.connect(ctx); err != nil {
			return err
		}
	}
	if o.careful {
		return o.sendInParts(ctx, events)
	}
	release := o.link.begin(ctx, o.settings.Timeout)
	failed, err := o.write(ctx, events)
	if err == nil {
		err = o.link.drained(ctx, o.settings.Timeout)
	}
	release()
	if err != nil {
		o.window.rollback()
		to := o.target()
		if ctx.Err() == nil && o.link.left() {
			if o.cuts++; o.cuts > 1 {
				o.careful = true
			}
		}
		o.abort()
		if ctx.Err() == nil {
			o.targets[o.at].rest(o.now().Add(o.settings.FallBack))
		}
		return plugin.Retry(fmt.Errorf("syslog: send to %s: %w", to, to.explain(err)))
	}
	o.cuts = 0
	o.window.commit(o.now())
	return plugin.Partial(failed)
}

// write writes every event. Events that cannot be rendered or are refused by
// the network whatever is done come back as failures.
func (o *output) write(ctx context.Context, events []event.Event) (failed []plugin.Failure, err error) {
	o.frames, o.ends = o.frames[:0], o.ends[:0]
	for i := range events {
		if err := o.render(&events[i]); err != nil {
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(err)})
			continue
		}
		if o.target().datagram {
			err := o.link.write(o.msg)
			if errors.Is(err, syscall.EMSGSIZE) {
				err = fmt.Errorf("syslog: a datagram of %d bytes is too large for %s: lower max_bytes: %w", len(o.msg), o.target(), err)
				failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(err)})
			} else if err != nil {
				return failed, err
			}
			continue
		}
		o.frame()
		if len(o.frames) >= chunk {
			if err := o.flush(ctx); err != nil {
				return failed, err
			}
		}
	}
	return failed, o.flush(ctx)
}

func (o *output) flush(ctx context.Context) error {
	if len(o.frames) == 0 {
		return nil
	}
	o.link.extend(ctx, o.settings.Timeout)
	err := o.link.write(o.frames)
	o.window.add(o.frames, o.ends)
	o.frames, o.ends = o.frames[:0], o.ends[:0]
	return err
}

// render puts the message of e into o.msg, cut to the limit.
func (o *output) render(e *event.Event) error {
	msg, err := o.enc.Append(o.msg[:0], e)
	if err != nil {
		return fmt.Errorf("syslog: render event %s: %w", e.ID, err)
	}
	o.msg = msg
	if len(msg) <= o.max {
		if m, ok := o.enc.(format.Messages); ok && m.Shortened() {
			o.shortened("a message was shortened to max_bytes; further ones are only counted")
		}
		return nil
	}
	if head := rfc5424.HeadEnd(msg); head > o.max {
		return fmt.Errorf("syslog: render event %s: its header alone has %d bytes, max_bytes is %d", e.ID, head, o.max)
	}
	o.msg = rfc5424.Cut(msg, o.max)
	o.shortened("a message was cut to max_bytes; further ones are only counted", "had", len(msg))
	return nil
}

// shortened counts a message that lost something, and says so once.
func (o *output) shortened(text string, more ...any) {
	o.truncated.Inc()
	if !o.warned {
		o.warned = true
		o.log.Warn(text, append([]any{"max_bytes", o.max}, more...)...)
	}
}

// frame appends o.msg to o.frames as a stream needs it.
func (o *output) frame() {
	if o.settings.framing(o.target()) == framingOctets {
		// RFC 6587 section 3.4.1: MSG-LEN counts octets, not characters.
		o.frames = strconv.AppendInt(o.frames, int64(len(o.msg)), 10)
		o.frames = append(o.frames, ' ')
		o.frames = append(o.frames, o.msg...)
		o.ends = append(o.ends, len(o.frames))
		return
	}
	for _, c := range o.msg {
		if c == '\n' {
			c = ' ' // a line end inside would make two messages of one
		}
		o.frames = append(o.frames, c)
	}
	o.frames = append(o.frames, '\n')
	o.ends = append(o.ends, len(o.frames))
}
