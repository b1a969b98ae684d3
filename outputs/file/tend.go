package file

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tallyman/pipeline/meter"
)

// tender compresses rotated files and lets go of old ones, in one goroutine, one
// file at a time. It keeps no book: what is to be done is seen in the folder, so
// that it goes on after a kill where it was.
//
// It looks only after the files that the output has opened since it started.
type tender struct {
	rule Rotate
	log  *slog.Logger
	now  func() time.Time
	disk disk

	mu    sync.Mutex                 // guards the two below
	known map[string]map[string]bool // by folder, the names of files
	count int

	wake   chan struct{} // of one place: there is something new
	cancel context.CancelFunc
	done   chan struct{} // nil until the goroutine is started
	failed bool          // the last round

	removed, packed, failures *meter.Counter
}

// mostKnown bounds the files that are looked after.
const mostKnown = 4096

func newTender(o *output, m *meter.Registry, label meter.Label) *tender {
	return &tender{
		rule: *o.rotate, log: o.log, now: o.now, disk: o.disk, known: map[string]map[string]bool{}, wake: make(chan struct{}, 1),
		removed:  m.Counter("tallyman_file_removed_total", "Rotated files that were removed because of keep, max_total or max_age.", label),
		packed:   m.Counter("tallyman_file_compressed_total", "Rotated files that were compressed.", label),
		failures: m.Counter("tallyman_file_tend_failed_total", "Rounds over the rotated files that met an error; they stay as they are until the next.", label),
	}
}

// add has the rotated files of the file at path looked after from now on.
func (d *tender) add(path string) {
	dir, name := filepath.Split(path)
	d.mu.Lock()
	if d.count >= mostKnown {
		clear(d.known)
		d.count = 0
	}
	if d.known[dir] == nil {
		d.known[dir] = map[string]bool{}
	}
	if !d.known[dir][name] {
		d.known[dir][name] = true
		d.count++
	}
	d.mu.Unlock()
	if d.done == nil {
		ctx, cancel := context.WithCancel(context.Background())
		d.cancel, d.done = cancel, make(chan struct{})
		go d.run(ctx)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// stop ends the goroutine and waits for it. What it was compressing is left.
func (d *tender) stop() {
	if d.done == nil {
		return
	}
	d.cancel()
	<-d.done
	d.done = nil
}

func (d *tender) run(ctx context.Context) {
	defer close(d.done)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
		}
		d.round(ctx)
	}
}

// round looks after every file once. An error is told when it is new; the next
// round tries again.
func (d *tender) round(ctx context.Context) {
	d.mu.Lock()
	jobs := map[string]map[string]bool{}
	for dir, names := range d.known {
		jobs[dir] = map[string]bool{}
		for name := range names {
			jobs[dir][name] = true
		}
	}
	d.mu.Unlock()
	var err error
	for dir, names := range jobs {
		err = errors.Join(err, d.tend(ctx, dir, names))
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.failures.Inc()
		if !d.failed {
			d.log.Warn("rotated files could not be compressed or removed; it is tried again", "output", "file", "error", explain(err))
		}
	}
	d.failed = err != nil
}

// old is one rotated file.
type old struct {
	path  string // before it was compressed
	stamp time.Time
	plain bool     // it stands there uncompressed
	packs []string // endings of its compressed copies
	bytes int64    // of all of them
}

// tend looks after the rotated files of some names in a folder. Old ones go
// first, which may make the room that a compression needs.
func (d *tender) tend(ctx context.Context, dir string, names map[string]bool) error {
	files, errs := d.survey(dir, names)
	for _, list := range files {
		list, err := d.sweep(list)
		errs = errors.Join(errs, err)
		for i := len(list) - 1; i >= 0 && ctx.Err() == nil; i-- { // the oldest first
			errs = errors.Join(errs, d.pack(ctx, &list[i]))
		}
		_, err = d.sweep(list)
		errs = errors.Join(errs, err)
	}
	return errs
}

// survey lists the rotated files of each name, the newest first, and removes
// what an interrupted compression has left.
func (d *tender) survey(dir string, names map[string]bool) (map[string][]old, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var errs error
	files := map[string][]old{}
	for _, e := range slices.Backward(entries) {
		r, ok := split(e.Name())
		if !ok || !names[r.base] || !e.Type().IsRegular() {
			continue
		}
		if r.part {
			errs = errors.Join(errs, d.disk.remove(filepath.Join(dir, e.Name())))
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list := files[r.base]
		path := filepath.Join(dir, r.plain)
		if n := len(list); n == 0 || list[n-1].path != path {
			list = append(list, old{path: path, stamp: r.stamp})
		}
		last := &list[len(list)-1]
		last.bytes += info.Size()
		if r.ending == "" {
			last.plain = true
		} else {
			last.packs = append(last.packs, r.ending)
		}
		files[r.base] = list
	}
	return files, errs
}

// sweep removes what is beyond the limits and returns what is left.
func (d *tender) sweep(list []old) (left []old, errs error) {
	total := int64(0)
	for i, f := range list {
		total += f.bytes
		switch {
		case d.rule.Keep > 0 && i >= d.rule.Keep, d.rule.MaxTotal > 0 && total > int64(d.rule.MaxTotal),
			d.rule.MaxAge > 0 && d.now().Sub(f.stamp) > d.rule.MaxAge:
			errs = errors.Join(errs, d.drop(f))
		default:
			left = append(left, f)
		}
	}
	return left, errs
}

func (d *tender) drop(f old) (errs error) {
	var all []string
	if f.plain {
		all = append(all, f.path)
	}
	for _, ending := range f.packs {
		all = append(all, f.path+ending)
	}
	for _, path := range all {
		if err := d.disk.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = errors.Join(errs, err)
		}
	}
	if errs == nil {
		d.removed.Inc()
	}
	return errs
}
