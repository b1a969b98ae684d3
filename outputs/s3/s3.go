// Package s3 is the output that writes events into objects of a store that
// speaks S3, and the check of such an archive. It knows partitions, objects that
// grow in parts, boundaries that outlive a restart, and manifests; it knows
// nothing of what is in a line, which is the format's.
//
// Every object's key is known when it gets its first event: prefix, host, journal
// and the sequence of the frame that the event is of. Where it ends is on stable
// storage before it can be whole at the store. A restart collects the same events
// again, ends the object at the same place, and finds it there or makes it: no
// event is missing, and none is in two objects.
//
//	frames    1   2   3   4   5   6   7   8        one open object per partition
//	  a       x---x-------x|  x-------x...         cut when it is large or old
//	  b           x-----------------x|  x...       boundary saved, then uploaded
//	confirmed: one less than the first frame of any object that is not whole
package s3

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tallyman/outputs/format"
	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// Plugin is the s3 output.
var Plugin = plugin.NewOutput("s3",
	"Writes events into compressed objects of an S3 bucket, each event into one, with manifests that say whether all are there.", Default, New)

// output is one archive. All its methods are called from one goroutine.
type output struct {
	c      *Settings
	name   string
	host   string
	store  plugin.Store
	now    func() time.Time
	log    *slog.Logger
	client *s3.Client
	web    *http.Transport
	place  clienttls.Place
	enc    plugin.Encoder
	prefix *prefix
	zips   []*compressor // the first is that of new objects
	meters meters

	state   *state
	ready   bool               // what a former process left was looked at
	horizon uint64             // sequences up to here may be in objects of a former process
	begun   uint64             // the sequence that was collected first
	seq     uint64             // that was collected last; 0 for none
	offered uint64             // of the last Collect; less than seq where frames are offered again
	sealed  bool               // nothing more of seq comes
	calm    bool               // nothing was collected since the last Settle
	open    map[string]*object // by folder
	spread  spread
	closing []*object // cut, in the order of their cuts
	held    int       // bytes of open and closing ones
	line    []byte
	dir     []byte
	size    int  // bytes of the state as it was saved
	frozen  bool // the content of the pending manifest is on stable storage
}

// New builds the output. It reads the files that the settings name and AWS's own,
// and connects to nothing.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	o, err := build(c, env)
	if err != nil {
		return nil, err // not o: a nil pointer in an interface is no nil
	}
	return o, nil
}

func build(c *Settings, env plugin.Env) (*output, error) {
	pre, found := compile(c.Prefix)
	if found != nil {
		return nil, found
	}
	enc, err := format.New(&c.Settings, env)
	if err != nil {
		return nil, err
	}
	zip, err := newCompressor(c.Compression)
	if err != nil {
		return nil, fmt.Errorf("s3: compression %s: %w", c.Compression, err)
	}
	client, web, err := connect(c, env.Dir)
	if err != nil {
		return nil, err
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	host, _ := pre.part.Confine([]byte(env.HostID), 0)
	return &output{
		c: c, name: env.Name, host: string(host), store: env.Store, now: env.Now, log: log, client: client, web: web, enc: enc, prefix: pre,
		zips: []*compressor{zip}, meters: newMeters(env.Meter, env.Name), open: map[string]*object{},
		place: clienttls.Place{Key: "endpoint", Address: c.Endpoint.Value, Plain: "http://"},
	}, nil
}

// Confirms implements plugin.Output: a whole object is delivered.
func (o *output) Confirms() bool { return true }

// Close implements plugin.Output. What is open is collected again after a start.
func (o *output) Close() error {
	o.web.CloseIdleConnections()
	for _, z := range o.zips {
		z.close()
	}
	return nil
}

// Probe implements plugin.Prober.
func (o *output) Probe(ctx context.Context) error { return o.probe(ctx) }

// archive is the name of what this output writes, in keys and manifests.
func (o *output) archive() string { return o.host + "-" + o.state.ID }

// Collect implements plugin.Collector.
func (o *output) Collect(ctx context.Context, seq uint64, events []event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.offered = seq
	if o.sealed && seq <= o.seq {
		return o.refusals(events) // it was taken, and is offered again
	}
	if err := o.start(ctx); err != nil {
		return err
	}
	if seq > o.seq {
		if err := o.between(ctx, seq); err != nil {
			return err
		}
	}
	o.note(seq)
	if seq <= o.state.Confirmed {
		return o.refusals(events)
	}
	return o.take(seq, events)
}

// refusals says of events that were taken before which of them were not: they are in
// no object, and must not count as delivered.
func (o *output) refusals(events []event.Event) error {
	var failed []plugin.Failure
	for i := range events {
		if err := o.render(&events[i]); err != nil {
			failed = append(failed, plugin.Failure{Index: i, Err: err})
		}
	}
	return plugin.Partial(failed)
}

// render puts the line of an event into o.line; what cannot be rendered is refused for
// good.
func (o *output) render(e *event.Event) (err error) {
	if o.line, err = o.enc.Append(o.line[:0], e); err != nil {
		return plugin.Permanent(fmt.Errorf("s3: render event %s: %w", e.ID, err))
	}
	return nil
}

// between ends what ends before the frame seq, and makes room for it. The frame
// before is whole, so that an object may end with it.
func (o *output) between(ctx context.Context, seq uint64) error {
	for _, one := range o.open {
		if one.limit != 0 && one.limit < seq {
			if err := o.end(one, one.limit); err != nil {
				return err
			}
		}
	}
	for len(o.open) > o.c.Open && o.endOldest() {
		continue
	}
	for o.held >= int(o.c.Buffer) || len(o.closing) > 2*o.c.Open {
		if !o.due() && !o.endOldest() {
			return nil
		}
		if err := o.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// note remembers that seq is collected, and what was skipped before it.
func (o *output) note(seq uint64) {
	if seq == o.seq {
		return
	}
	before := o.seq
	if before == 0 {
		o.begun = seq
		before = max(o.state.Seen, o.state.Confirmed)
		o.state.confirmedBefore(seq)
		if before == 0 {
			o.state.Base, before = seq-1, seq-1
		}
	}
	if seq > before+1 {
		o.state.gap(Gap{First: before + 1, Last: seq - 1, Restart: o.seq == 0})
	}
	o.seq, o.sealed, o.calm = seq, false, false
	o.spread.begin()
}

// take renders events into the objects of their partitions.
func (o *output) take(seq uint64, events []event.Event) error {
	var failed []plugin.Failure
	for i := range events {
		e := &events[i]
		if err := o.render(e); err != nil {
			failed = append(failed, plugin.Failure{Index: i, Err: err})
			continue
		}
		one, err := o.of(e, seq)
		if err != nil {
			return err // of memory alone, as below; it does not happen
		}
		if one == nil {
			continue
		}
		before := one.held()
		if err := one.add(o.line, e.Records); err != nil {
			return err
		}
		o.held += one.held() - before
	}
	o.gauges()
	return plugin.Partial(failed)
}

// of returns the object that e belongs to, nil where it is at the store already.
func (o *output) of(e *event.Event, seq uint64) (*object, error) {
	var odd bool
	if o.dir, odd = o.prefix.append(o.dir[:0], e); odd {
		o.meters.replaced.Inc()
	}
	if !o.spread.take(o.dir) {
		o.dir = append(append(o.dir[:0], o.prefix.root...), overflow...)
		o.meters.overflow.Inc()
	}
	if one := o.open[string(o.dir)]; one != nil {
		return one, nil
	}
	dir := string(o.dir)
	first, limit, key, zip := seq, uint64(0), o.key(dir, seq), o.zips[0]
	if seq <= o.horizon {
		if k := o.state.covering(o.dir, seq); k != nil {
			if k.Done {
				return nil, nil
			}
			// A request of the attempt before may still be on its way to the store: under
			// the same key only one of the two can come to be.
			var err error
			if zip, err = o.zipFor(k.Key); err != nil {
				return nil, err
			}
			first, limit, key = k.First, k.Last, k.Key
		}
	}
	one := newObject(dir, key, first, o.now(), zip)
	one.limit = limit
	o.open[dir] = one
	return one, nil
}

// key is the key of an object; a number with leading zeros sorts.
func (o *output) key(dir string, first uint64) string {
	name := fmt.Sprintf("%s-%020d%s", o.archive(), first, o.c.extension())
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// end cuts an object; its sequences are those up to last.
func (o *output) end(one *object, last uint64) error {
	before := one.held()
	if err := one.end(last); err != nil {
		return err
	}
	o.held += one.held() - before
	delete(o.open, one.dir)
	o.closing = append(o.closing, one)
	return nil
}

// endOldest cuts the object that is open the longest, false where there is none
// that may end here.
func (o *output) endOldest() bool {
	var oldest *object
	for _, one := range o.open {
		if one.limit == 0 && (oldest == nil || one.first < oldest.first || (one.first == oldest.first && strings.Compare(one.dir, oldest.dir) < 0)) {
			oldest = one
		}
	}
	return oldest != nil && o.end(oldest, o.seq) == nil
}

func (o *output) gauges() {
	o.meters.held.Set(int64(o.held))
	o.meters.open.Set(int64(len(o.open) + len(o.closing)))
}
