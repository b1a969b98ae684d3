package tail

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollFiles is how many files are looked at with each tick; more of them are
	// looked at with each fourth.
	pollFiles = 512
	// scanTicks is how many ticks pass from one look into the folders to the next:
	// when the kernel says what changes, and when it does not.
	scanTicks, scanTicksBlind = 20, 4
)

// setWatcher looks at the files of a Set while Read is not called, so that what
// is rotated is held open before it is deleted, and finds what is new.
type setWatcher struct {
	s          *Set
	stop, done chan struct{}
	w          *fsnotify.Watcher // nil: it does not work here
	dirs       map[string]bool   // that are watched
	blind      bool              // some folder is not
}

func watchSet(s *Set) *setWatcher {
	w := &setWatcher{s: s, stop: make(chan struct{}), done: make(chan struct{}), dirs: map[string]bool{}}
	var err error
	if w.w, err = fsnotify.NewWatcher(); err != nil {
		w.w = nil
		w.degrade(err)
	}
	w.scan() // what was made before the folders were watched is found now
	w.scan()
	go w.run()
	return w
}

func (w *setWatcher) close() {
	close(w.stop)
	<-w.done
	if w.w != nil {
		if err := w.w.Close(); err != nil {
			w.s.o.Log.Warn("ending the watch failed", "error", err)
		}
	}
}

func (w *setWatcher) run() {
	defer close(w.done)
	ticker := time.NewTicker(w.s.o.Poll)
	defer ticker.Stop()
	var events <-chan fsnotify.Event
	var failures <-chan error
	if w.w != nil {
		events, failures = w.w.Events, w.w.Errors
	}
	for n := 1; ; {
		select {
		case <-w.stop:
			return
		case ev := <-events:
			w.event(ev)
		case err := <-failures:
			w.degrade(err)
			w.scan()
		case <-ticker.C:
			w.tick(n)
			n++
		}
	}
}

func (w *setWatcher) tick(n int) {
	every := scanTicks
	if w.blind || w.w == nil {
		every = scanTicksBlind
	}
	if n%every == 0 {
		w.scan()
		return
	}
	w.s.poll(n)
}

// event acts on what the kernel says.
func (w *setWatcher) event(ev fsnotify.Event) {
	s := w.s
	if ev.Op&^(fsnotify.Write|fsnotify.Chmod) == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		if m := s.members[ev.Name]; m != nil {
			s.enqueue(m)
		}
		return
	}
	if ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename) {
		delete(w.dirs, ev.Name)
	}
	s.mu.Lock()
	m := s.members[ev.Name]
	if m != nil {
		s.enqueue(m)
	}
	s.mu.Unlock()
	switch {
	case m != nil:
		w.hold(m)
	case ev.Has(fsnotify.Create):
		w.scan()
	}
}

// open opens what is new, so that it can be read even when it is removed before
// its turn comes.
func (w *setWatcher) open() {
	s := w.s
	s.mu.Lock()
	var list []*member
	for _, m := range s.list {
		if m.queued && m.last.Ino == 0 {
			list = append(list, m)
		}
	}
	s.mu.Unlock()
	for _, m := range list {
		if s.open.Load() >= int64(s.o.Open) {
			return
		}
		if m.t.isParked() {
			m.t.setParked(false)
			w.hold(m)
		}
	}
}

// hold lets a file's Tail look at once, so that it has open what is rotated away.
// An error is met again by Read.
func (w *setWatcher) hold(m *member) { _ = m.t.look() }

// scan looks into the folders, and watches them.
func (w *setWatcher) scan() {
	dirs := w.s.scan()
	if w.w == nil {
		w.open()
		return
	}
	now := map[string]bool{}
	w.blind = false
	for _, dir := range dirs {
		now[dir] = true
		if w.dirs[dir] || w.blind {
			continue
		}
		if err := w.add(dir); err != nil {
			if _, err := filepath.EvalSymlinks(dir); err != nil {
				continue // it is not there, or may not be entered
			}
			w.blind = true
			w.degrade(err)
			continue
		}
		w.dirs[dir] = true
	}
	for dir := range w.dirs {
		if !now[dir] {
			_ = w.w.Remove(dir) // most often it is gone already
			delete(w.dirs, dir)
		}
	}
	w.open()
}

func (w *setWatcher) add(dir string) error {
	if w.s.o.addWatch != nil {
		return w.s.o.addWatch(w.w, dir)
	}
	return w.w.Add(dir)
}

// degrade says that files are looked at because the kernel does not say what
// changed. Nothing is missed by it, it only takes longer.
func (w *setWatcher) degrade(err error) {
	s := w.s
	s.degraded.Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(err, fsnotify.ErrEventOverflow) && s.once("watch") {
		s.o.Log.Warn("not every folder can be watched; files are looked at instead (fs.inotify.max_user_watches may be too low)", "error", err)
	}
}

// poll looks at the files that are followed, n the number of the look.
func (s *Set) poll(n int) {
	s.mu.Lock()
	list := slices.Clone(s.list)
	s.mu.Unlock()
	if len(list) > pollFiles && n%4 != 0 {
		return
	}
	for _, f := range statAll(list) {
		s.mu.Lock()
		if f.found.info == nil {
			s.enqueue(f.m)
		} else {
			s.changed(f.m, f.found)
		}
		s.mu.Unlock()
	}
}

type looked struct {
	m     *member
	found found
}

// statAll looks at files; what is not there has no info.
func statAll(list []*member) []looked {
	all := make([]looked, 0, len(list))
	for _, m := range list {
		l := looked{m: m, found: found{path: m.path}}
		if info, err := os.Stat(m.path); err == nil {
			l.found.info, l.found.id = info, idOf(info)
		}
		all = append(all, l)
	}
	return all
}
