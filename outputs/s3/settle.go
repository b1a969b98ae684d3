package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// soon is what Settle returns when it wants to be called again at once.
const soon = time.Millisecond

// mostKept is how many objects may wait for the oldest open one, and for a
// manifest, before these are hastened: the state must stay small.
const mostKept = 128

var errNoStore = errors.New("s3: it is built without a store for its state")

// start reads what a former process left, and finds out what became of it.
func (o *output) start(ctx context.Context) error {
	if o.ready {
		return nil
	}
	if o.state == nil {
		if err := o.load(); err != nil {
			return plugin.Retry(err)
		}
	}
	o.horizon = 0
	for i := range o.state.Objects {
		k := &o.state.Objects[i]
		o.horizon = max(o.horizon, k.Last)
		if k.Done {
			continue
		}
		there, err := o.present(ctx, &k.Entry, k.Former)
		if err != nil {
			return err
		}
		if k.Done = there; there {
			o.meters.present.Inc()
		}
	}
	if err := o.abortLeftovers(ctx); err != nil {
		return err
	}
	o.ready = true
	return nil
}

// load reads the state, or begins a new archive.
func (o *output) load() error {
	if o.store == nil {
		return errNoStore
	}
	b, err := o.store.Load()
	if err != nil {
		return fmt.Errorf("s3: load the state: %w", err)
	}
	if len(b) > 0 {
		if o.state, err = decodeState(b); err != nil {
			o.state = nil
			return fmt.Errorf("s3: %w; without it a new archive begins, and events may come twice", err)
		}
		if was := o.state.Place; was == "" || was == o.root() {
			o.state.Place = o.root()
			o.frozen, o.size = o.state.Pending != nil, len(b)
			return nil
		}
		o.log.Info("the bucket or the beginning of the prefix was changed: a new archive begins", "before", o.state.Place, "now", o.root())
	}
	if o.state, err = newState(o.now()); err != nil {
		return err
	}
	o.state.Place = o.root()
	if err := o.save(); err != nil {
		o.state = nil
		return err
	}
	return nil
}

// root is where the archive is: its manifests are below it, and an archive whose
// manifests are in two places is whole in neither.
func (o *output) root() string { return o.c.Bucket + "/" + o.prefix.root }

// save brings the state to stable storage.
func (o *output) save() error {
	if o.seq > 0 {
		o.state.Confirmed = max(o.state.Confirmed, o.confirmed())
		o.state.Seen = max(o.state.Seen, o.seq)
	}
	o.state.prune(o.c.ManifestEvery > 0)
	b, err := o.state.encode()
	if err == nil {
		err = o.store.Save(b)
	}
	if err != nil {
		return fmt.Errorf("s3: save where objects end: %w", err)
	}
	o.size, o.frozen = len(b), o.state.Pending != nil
	return nil
}

// confirmed is the sequence up to which everything that was collected is at the
// store.
func (o *output) confirmed() uint64 {
	if o.seq == 0 {
		return 0
	}
	c := o.seq
	if !o.sealed {
		c-- // more of it may come
	}
	for _, one := range o.open {
		c = min(c, one.first-1)
	}
	for _, one := range o.closing {
		c = min(c, one.first-1)
	}
	if c < o.begun {
		return 0
	}
	return c
}

// Settle implements plugin.Collector: it cuts what is due and makes one exchange
// with the store.
func (o *output) Settle(ctx context.Context, all bool) (uint64, time.Duration, error) {
	calm := o.calm
	o.sealed, o.calm = true, true
	if err := o.start(ctx); err != nil {
		return 0, soon, err
	}
	// While more comes, an end is not yet the end: each frame would get an object.
	if err := o.cut(all && calm); err != nil {
		return min(o.confirmed(), o.offered), soon, plugin.Retry(err)
	}
	o.plan(all && calm)
	var err error
	if o.due() {
		err = o.step(ctx)
	}
	o.gauges()
	c := min(o.confirmed(), o.offered)
	if err != nil || o.due() || (all && !o.idle()) {
		return c, soon, err
	}
	return c, o.rest(), nil
}

// idle reports whether nothing is left to do at the end of all sources.
func (o *output) idle() bool {
	return o.calm && len(o.open) == 0 && len(o.closing) == 0 && o.state.Pending == nil && (o.c.ManifestEvery == 0 || o.state.unlisted() == 0)
}

// cut ends every object that is full, old enough or, with all, open, and that an
// earlier attempt ended here: what repeats one is as long as that was, however old it
// gets, for the store may still get the request of that attempt. They end in the order
// of their beginnings.
func (o *output) cut(all bool) error {
	var list []*object
	now := o.now()
	for _, one := range o.open {
		due := one.limit <= o.seq
		if one.limit == 0 {
			due = one.entry.Bytes >= int64(o.c.MaxSize) || now.Sub(one.opened) >= o.c.MaxAge || o.crowded()
		}
		if due || all {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b *object) int {
		if a.first != b.first {
			return int(int64(a.first - b.first))
		}
		return strings.Compare(a.dir, b.dir)
	})
	for _, one := range list {
		last := o.seq
		if one.limit != 0 {
			last = min(last, one.limit)
		}
		if err := o.end(one, last); err != nil {
			return err
		}
	}
	return nil
}

// crowded reports whether too many objects wait for the oldest open one.
func (o *output) crowded() bool {
	return len(o.state.Objects) >= mostKept || o.size >= mostState/2
}

// plan settles the content of a manifest when one is due.
func (o *output) plan(all bool) {
	every := o.c.ManifestEvery
	if every == 0 || o.state.Pending != nil {
		return
	}
	n := o.state.unlisted()
	now := o.now()
	due := now.Sub(o.state.Since) >= every || n >= mostKept/2 || o.size >= mostState/3 || (all && len(o.open) == 0 && len(o.closing) == 0)
	if n == 0 || !due {
		return
	}
	o.state.Confirmed = max(o.state.Confirmed, o.confirmed())
	o.state.freeze(now)
	o.frozen = false // until it is saved
}

// rest is how long there is nothing to do while nothing comes; 0 is for ever.
func (o *output) rest() time.Duration {
	now := o.now()
	wait := time.Duration(0)
	until := func(t time.Time) {
		d := max(t.Sub(now), soon)
		if wait == 0 || d < wait {
			wait = d
		}
	}
	for _, one := range o.open {
		if one.limit == 0 {
			until(one.opened.Add(o.c.MaxAge))
		}
	}
	if o.c.ManifestEvery > 0 && o.state.unlisted() > 0 {
		until(o.state.Since.Add(o.c.ManifestEvery))
	}
	return wait
}

// due reports whether step has something to do.
func (o *output) due() bool {
	return o.state.Pending != nil || len(o.closing) > 0 || o.fullPart() != nil
}

// fullPart returns an open object that a part of can be uploaded, nil for none.
func (o *output) fullPart() *object {
	var most *object
	for _, one := range o.open {
		if len(one.buf) >= int(o.c.PartSize) && (most == nil || one.first < most.first || (one.first == most.first && one.dir < most.dir)) {
			most = one
		}
	}
	return most
}

// step makes the exchange with the store that is the most urgent.
func (o *output) step(ctx context.Context) error {
	switch {
	case o.state.Pending != nil:
		return o.putManifest(ctx)
	case len(o.closing) > 0:
		return o.finish(ctx, o.closing[0])
	}
	if one := o.fullPart(); one != nil {
		return o.part(ctx, one)
	}
	return nil
}

// finish makes one exchange for an object that was cut. Its boundary is saved
// first: what follows can make it whole, and cannot be taken back.
func (o *output) finish(ctx context.Context, one *object) error {
	if !one.saved {
		o.state.put(one.entry)
		if err := o.save(); err != nil {
			return plugin.Retry(err)
		}
		one.saved = true
	}
	var err error
	switch {
	case one.upload == "" && len(one.buf) <= int(o.c.PartSize):
		err = o.put(ctx, one)
	case len(one.buf) > 0:
		return o.part(ctx, one)
	default:
		err = o.complete(ctx, one)
	}
	if err != nil {
		return err
	}
	o.held -= one.held()
	o.closing = o.closing[1:]
	o.state.done(one.entry.Key)
	o.meters.objects.Inc()
	return nil
}
