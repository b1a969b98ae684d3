// Package file is the output that appends events to files, each as one line. It
// knows how a file is kept whole: what is done about a write that stops in the
// middle, a crash, a full disk and a file that is moved away; and how files are
// rotated, compressed and let go. It knows nothing of what is in a line, which is
// the format's.
//
// At every moment between two writes a file holds whole lines only. What a
// write that failed has left is taken back; what a crash has left is taken back
// when the file is opened again. A file is rotated between two batches, so that
// rotated ones hold whole lines too, and with sync they are on stable storage.
package file

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the file output.
var Plugin = plugin.NewOutput("file", "Appends each event to a file as one line.", Default, New)

// output is one file, or those of a path with places. All its methods are called
// from one goroutine.
type output struct {
	place  *place
	own    owner
	sync   bool
	follow bool
	rotate *Rotate
	most   int  // open files
	lead   byte // the first byte of every line that the format writes; 0 for a digit
	enc    plugin.Encoder
	log    *slog.Logger
	now    func() time.Time
	disk   disk
	tender *tender // nil without rotation

	spread  spread
	only    *target            // of a path without places
	targets map[string]*target // by path, those that are open, of a path with places
	touched []*target          // of one Send, in the order of their first event
	round   uint64             // counts Sends
	flushes uint64             // counts files written to
	defers  bool               // Sync brings several Sends to stable storage
	lost    bool               // since the last Sync something was taken back that Send has taken

	opened, torn, rotated, unrotated, overflowed *meter.Counter
}

// New builds the output. It opens nothing, but a path that is there and is no
// file is refused.
func New(c *Settings, env plugin.Env) (plugin.Output, error) {
	o, err := build(c, env)
	if err != nil {
		return nil, err // not o: a nil pointer in an interface is no nil
	}
	return o, nil
}

func build(c *Settings, env plugin.Env) (*output, error) {
	enc, err := format.New(&c.Settings, env)
	if err != nil {
		return nil, err
	}
	own, err := c.owner()
	if err != nil {
		return nil, err
	}
	where, err := newPlace(c, env.Dir)
	if err != nil {
		return nil, err
	}
	log, now := env.Log, env.Now
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if now == nil {
		now = time.Now
	}
	label := meter.Label{Name: "output", Value: env.Name}
	o := &output{
		place: where, own: own, sync: c.Sync, follow: c.Symlink, rotate: c.Rotate, most: c.OpenFiles, lead: leads[c.Format],
		enc: enc, log: log, now: now, disk: osDisk{}, targets: map[string]*target{},
		opened:     env.Meter.Counter("tallyman_file_opened_total", "Times a file was opened: at the first event, after it was moved away or rotated, after an error.", label),
		torn:       env.Meter.Counter("tallyman_file_torn_total", "Unfinished lines that a crash had left at the end of the file.", label),
		rotated:    env.Meter.Counter("tallyman_file_rotated_total", "Files that were renamed so that a new one begins.", label),
		spread:     spread{most: c.MaxFiles, seed: maphash.MakeSeed(), known: map[uint64]struct{}{}},
		overflowed: env.Meter.Counter("tallyman_file_overflow_total", "Events that went to the file of overflow, because the path had led to max_files different files that day.", label),
		unrotated:  env.Meter.Counter("tallyman_file_rotate_failed_total", "Batches that were appended to a file which should have been rotated and could not be.", label),
	}
	if where.text.Fixed() {
		o.only = &target{o: o, path: absolute(c.Path.Value, env.Dir)}
		if err := o.refuse(c); err != nil {
			return nil, err
		}
	}
	if c.Rotate != nil {
		o.tender = newTender(o, env.Meter, label)
	}
	return o, nil
}

// refuse says that what is at the path is no file.
func (o *output) refuse(c *Settings) error {
	look := os.Lstat
	if o.follow {
		look = os.Stat
	}
	info, err := look(o.only.path)
	if err != nil || info.Mode().IsRegular() {
		return nil
	}
	hint := "name a regular file; use the stdout output to write into a pipe"
	if info.Mode()&fs.ModeSymlink != 0 {
		hint = "name the file itself, or set symlink: true where the link is yours"
	}
	return plugin.Problems{{Pos: c.Path.Pos, Width: len(c.Path.Value), Text: fmt.Sprintf("path %s is %s", o.only.path, kind(info.Mode())), Hint: hint}}
}

// mostEvents is how many events of a backlog are written, and brought to stable
// storage, in one go.
const mostEvents = 1024

// Batch implements plugin.Batcher. Nothing is waited for.
func (o *output) Batch() plugin.Batch { return plugin.Batch{Events: mostEvents} }

// Confirms implements plugin.Output: what is on stable storage is delivered.
func (o *output) Confirms() bool { return o.sync }

// Defer implements plugin.Deferrer. Of a path with places each file would have to be
// synced by itself, and what one of them loses would come again in all.
func (o *output) Defer() bool {
	o.defers = o.sync && o.only != nil
	return o.defers
}

// Sync implements plugin.Deferrer.
func (o *output) Sync() error {
	var err error
	if o.only != nil {
		err = o.only.settle()
	}
	if o.lost && err == nil {
		err = plugin.Retry(fmt.Errorf("file: what was written to %s could not be brought to stable storage", o.only.path))
	}
	o.lost = false
	return err
}

// Close implements plugin.Output. What is being compressed is left for the next
// start.
func (o *output) Close() error {
	if o.tender != nil {
		o.tender.stop()
	}
	var err error
	if o.only != nil {
		err = o.only.close()
	}
	for _, t := range o.targets {
		err = errors.Join(err, t.close())
	}
	clear(o.targets)
	return err
}

// Probe implements plugin.Prober; it leaves everything as it is.
func (o *output) Probe(context.Context) error {
	path, err := o.place.root, error(nil)
	if o.only != nil {
		path, err = o.only.path, o.only.try()
	} else {
		err = writable(path)
	}
	if err != nil {
		return plugin.Retry(fmt.Errorf("file: open %s: %w", path, explain(err)))
	}
	return nil
}

// Send implements plugin.Output. When only the first of the lines found room,
// they stay and are delivered, and the rest is to be sent again.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	o.round++
	o.touched = o.touched[:0]
	failed := o.render(events)
	for _, t := range o.touched {
		o.makeRoom(t)
		some, err := t.flush()
		if err != nil && o.only != nil {
			return err
		}
		if err != nil {
			some = t.fail(some[:0], 0, err)
		}
		failed = append(failed, some...)
	}
	for path, t := range o.targets {
		if t.file == nil && !t.unsynced {
			delete(o.targets, path)
		}
	}
	slices.SortFunc(failed, func(a, b plugin.Failure) int { return a.Index - b.Index })
	return plugin.Partial(failed)
}

// render puts the line of each event into the target that it is for.
func (o *output) render(events []event.Event) (failed []plugin.Failure) {
	for i := range events {
		t := o.target(&events[i])
		if t.round != o.round {
			t.begin(o.round)
			o.touched = append(o.touched, t)
		}
		if err := t.add(i, &events[i]); err != nil {
			err = plugin.Permanent(fmt.Errorf("file: render event %s: %w", events[i].ID, err))
			failed = append(failed, plugin.Failure{Index: i, Err: err})
		}
	}
	return failed
}

// target returns the file that an event is for.
func (o *output) target(e *event.Event) *target {
	if o.only != nil {
		return o.only
	}
	path := o.place.of(e)
	t := o.targets[string(path)]
	if t != nil {
		return t
	}
	now := o.now()
	if ok, first := o.spread.take(path, now); !ok {
		o.overflowed.Inc()
		path = o.place.overflow(now)
		if first {
			o.log.Warn("events lead to more than max_files different files in a day; those of further ones go to one file", "output", "file", "max_files", o.spread.most, "path", string(path))
		}
		t = o.targets[string(path)]
	}
	if t == nil {
		t = &target{o: o, path: string(path)}
		o.targets[t.path] = t
	}
	return t
}

// makeRoom closes the file that was not written to for longest where as many are
// open as may be, and t is not.
func (o *output) makeRoom(t *target) {
	var oldest *target
	open := 0
	for _, other := range o.targets {
		if other.file == nil {
			continue
		}
		open++
		if oldest == nil || other.used < oldest.used {
			oldest = other
		}
	}
	o.flushes++
	t.used = o.flushes
	if t.file != nil || open < o.most {
		return
	}
	if err := oldest.close(); err != nil {
		o.log.Warn("a file that was not needed could not be closed", "output", "file", "error", err)
	}
}
