package tail

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watcher looks at the path while Read is not called, so that rotated files are
// held open before they are deleted, and wakes a Read that waits. It looks when
// the kernel says that something changed, and every Options.Poll in any case:
// not every file system says so, and watches may be used up.
type watcher struct {
	stop, done chan struct{}
}

// watch starts the one goroutine of a Tail; close ends it. What changes after
// its return is seen.
func watch(t *Tail) *watcher {
	w := &watcher{stop: make(chan struct{}), done: make(chan struct{})}
	go w.run(t, newNotifier(t))
	return w
}

func (w *watcher) close() {
	close(w.stop)
	<-w.done
}

func (w *watcher) run(t *Tail, n *notifier) {
	defer close(w.done)
	defer n.close()
	ticker := time.NewTicker(t.o.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case ev := <-n.events():
			if !n.ours(ev.Name) {
				continue
			}
			if ev.Op&^(fsnotify.Write|fsnotify.Chmod) != 0 {
				w.look(t)
			}
		case err := <-n.errors():
			n.report("watching the folder failed; it is looked at now and then instead", err)
			w.look(t)
		case <-ticker.C:
			n.add()
			w.look(t)
		}
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// look holds what has come. An error is not handled here: Read meets it too and
// returns it.
func (w *watcher) look(t *Tail) { _ = t.look() }

// notifier is fsnotify on the folders of the path, or nothing where that fails.
type notifier struct {
	t    *Tail
	w    *fsnotify.Watcher // nil: it does not work here
	base []string          // what the names of the followed files begin with
	said bool
}

func newNotifier(t *Tail) *notifier {
	n := &notifier{t: t}
	var err error
	if n.w, err = fsnotify.NewWatcher(); err != nil {
		n.w = nil
		n.report("files cannot be watched here; they are looked at now and then instead", err)
	}
	n.add()
	return n
}

// add watches the folders that are not watched: at first all, later what was
// deleted and made again.
func (n *notifier) add() {
	if n.w == nil {
		return
	}
	have := n.w.WatchList()
	n.base = n.base[:0]
	for _, path := range n.t.places() {
		dir := filepath.Dir(path)
		n.base = append(n.base, filepath.Base(path))
		if slices.Contains(have, dir) {
			continue
		}
		if err := n.w.Add(dir); err != nil {
			n.report("the folder cannot be watched; it is looked at now and then instead", err)
		}
	}
}

// ours reports whether a path is the followed one or one rotated away from it.
func (n *notifier) ours(path string) bool {
	name := filepath.Base(path)
	return slices.ContainsFunc(n.base, func(base string) bool { return strings.HasPrefix(name, base) })
}

func (n *notifier) events() <-chan fsnotify.Event {
	if n.w == nil {
		return nil
	}
	return n.w.Events
}

func (n *notifier) errors() <-chan error {
	if n.w == nil {
		return nil
	}
	return n.w.Errors
}

// report says once what does not work.
func (n *notifier) report(what string, err error) {
	if n.said || errors.Is(err, fsnotify.ErrEventOverflow) {
		return
	}
	n.said = true
	n.t.o.Log.Warn(what, "path", n.t.o.Path, "error", err)
}

func (n *notifier) close() {
	if n.w == nil {
		return
	}
	if err := n.w.Close(); err != nil {
		n.report("ending the watch failed", err)
	}
}
