package tail

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
)

// file returns the nth of the files that are held, nil where there is none.
func (t *Tail) file(n int) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n >= len(t.files) {
		return nil
	}
	return t.files[n]
}

// drop closes the first file. A Set remembers it first, so that it is not taken for
// a new one in between, and before t.mu is locked: whoever holds the Set locks that.
func (t *Tail) drop() {
	f := t.file(0)
	if t.o.set != nil {
		t.o.set.left(f, t.lines.At())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files = t.files[1:]
	t.shut(f)
}

// look finds out what is to be read, and holds it open.
func (t *Tail) look() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	switch {
	case t.parked:
	case t.start != nil:
		err = t.resolve()
	default:
		err = t.extend()
	}
	if errors.Is(err, errMoved) {
		return nil // a rotation is under way: the next look sees what it came to
	}
	if err != nil {
		return t.explain(err)
	}
	return nil
}

// resolve finds the file that t.start stands for, and what came after it.
func (t *Tail) resolve() error {
	if done, err := t.unchanged(); done || err != nil {
		return err
	}
	list, err := t.candidates()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		t.o.FromEnd = false // what comes from now on is new
		return nil
	}
	if t.fresh && list[len(list)-1].first == "" {
		return t.begin(list[len(list)-1:], t.beginning)
	}
	if t.start.Ino != 0 {
		for _, exact := range []bool{true, false} {
			i, err := t.find(list, t.start, exact)
			if err != nil {
				return err
			}
			if i >= 0 {
				return t.resume(list, i)
			}
		}
	}
	return t.gone(list)
}

// resume goes on in the ith file of list, at the position.
func (t *Tail) resume(list []entry, i int) error {
	off := t.start.Off
	if i == len(list)-1 && t.start.Head == 0 {
		// The path's file was empty: what was copied from it since then comes first.
		list = newer(list, t.start.Mod+1)
		i = 0
	}
	return t.begin(list[i:], func(*os.File) int64 { return off })
}

// candidates returns what there is, oldest first. Without a position that is
// the path's file alone.
func (t *Tail) candidates() ([]entry, error) {
	if _, err := os.Stat(t.o.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if t.fresh && t.start.Mod == 0 {
		return appendEntry(nil, t.o.Path, ""), nil
	}
	return t.scan()
}

// gone goes on at the oldest file that came after the one that is not there any
// more.
func (t *Tail) gone(list []entry) error {
	if list = newer(list, t.start.Mod); len(list) == 0 {
		return nil
	}
	p, why := *t.start, t.reason(list)
	if err := t.begin(list, func(*os.File) int64 { return 0 }); err != nil || t.start != nil {
		return err // it comes to it later
	}
	if p.Ino != 0 {
		t.lost(why, p.left(), goneUnread)
	}
	return nil
}

// goneUnread says what is lost where nothing is known of the end of a file.
const goneUnread = "the file that was read up to a position is gone, with what followed in it"

// reason is why the file of t.start is not there.
func (t *Tail) reason(list []entry) event.LossReason {
	if t.start.again(list[len(list)-1].id) { // an inode alone may be another file's by now
		return event.Truncated
	}
	return event.RotatedAway
}

// newer returns the files that were written after mod, and the path's own.
func newer(list []entry, mod int64) []entry {
	for i, e := range list {
		if e.first == "" || e.mod >= mod {
			return list[i:]
		}
	}
	return nil
}

// find returns the index of the file that p was taken from, exactly, or
// else of a copy of it; -1 for none.
func (t *Tail) find(list []entry, p *position, exact bool) (int, error) {
	if !exact && p.Head == 0 {
		return -1, nil
	}
	for i, e := range list {
		if exact != (e.id.Ino == p.Ino) {
			continue
		}
		one, err := t.openFile(e)
		if errors.Is(err, errMoved) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil && !exact {
			continue // what may not be read can be no copy either
		}
		if err != nil {
			return -1, err
		}
		ok := p.holds(one.f) && (!exact || p.again(one.id))
		if err := one.close(); err != nil {
			return -1, err
		}
		if ok {
			return i, nil
		}
	}
	return -1, nil
}

// begin holds the files of list, the first of them from an offset on.
func (t *Tail) begin(list []entry, offset func(*os.File) int64) error {
	first, err := t.openFile(list[0])
	if err != nil {
		return ignoreMoved(err)
	}
	switch free, err := t.claim(first, offset(first.f)); {
	case err != nil:
		return errors.Join(err, first.close())
	case !free:
		if t.shut(first); len(list) > 1 {
			return t.begin(list[1:], func(*os.File) int64 { return 0 })
		}
		return nil // it is waited for
	}
	t.files = append(t.files, first)
	t.start, t.fresh, t.behind = nil, false, false
	return t.hold(list[1:])
}

// ignoreMoved drops what the next look mends.
func ignoreMoved(err error) error {
	if errors.Is(err, errMoved) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// extend holds the files that came after the last one that is held.
func (t *Tail) extend() error {
	if len(t.files) == 0 {
		return nil
	}
	last := t.files[len(t.files)-1]
	info, err := os.Stat(t.o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // between two names, or deleted: what comes will be seen
	case err != nil:
		return err
	case last.id.same(idOf(info)):
		return nil
	case len(t.files) >= t.o.Open:
		t.behind = true
		return nil
	}
	list, err := t.scan()
	if err != nil {
		return err
	}
	for i, e := range list {
		if last.id.same(e.id) {
			t.behind = false
			return t.hold(list[i+1:])
		}
	}
	held, err := last.f.Stat()
	if err != nil {
		return err
	}
	if t.behind {
		t.lost(event.RotatedAway, 0, "files were rotated away faster than they were read")
		t.behind = false
	}
	return t.hold(newer(list, held.ModTime().UnixNano()))
}

// hold opens files in their order, as many as may be held.
func (t *Tail) hold(list []entry) error {
	for _, e := range list {
		if len(t.files) >= t.o.Open {
			t.behind = true
			return nil
		}
		f, err := t.openFile(e)
		if err != nil {
			return ignoreMoved(err)
		}
		free, err := t.claim(f, 0)
		if err != nil {
			return errors.Join(err, f.close())
		}
		if !free {
			t.shut(f)
			continue
		}
		t.files = append(t.files, f)
		t.rotations.Inc()
		t.say(slog.LevelInfo, "the file was rotated", "path", t.o.Path, "next", e.path)
	}
	return nil
}

// beginning is where reading starts when there is no position: at 0, or behind
// the last line that is complete.
func (t *Tail) beginning(f *os.File) int64 {
	if !t.o.FromEnd {
		return 0
	}
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	buf := make([]byte, 64<<10)
	for end := info.Size(); end > 0; {
		n := min(end, int64(len(buf)))
		if got, err := f.ReadAt(buf[:n], end-n); int64(got) < n {
			t.o.Log.Warn("looking for the last line failed", "path", t.o.Path, "error", err)
			return info.Size()
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1
		}
		end -= n
	}
	return 0
}

// lost counts what was gone before it was read, and says so; bytes is what is
// known of its size.
func (t *Tail) lost(why event.LossReason, bytes uint64, what string) {
	reason := tailReasons[why]
	labels := []meter.Label{{Name: "input", Value: t.o.Input}, {Name: "reason", Value: reason}}
	t.o.Meter.Counter("tallyman_input_losses_total", "Times that a part of the source was gone before it was read.", labels...).Inc()
	t.o.Meter.Counter("tallyman_input_lost_bytes_total",
		"Bytes of the source that were gone before they were read, as far as their number is known.", labels...).Add(bytes)
	t.o.Log.Warn("a part of the source is lost", "path", t.o.Path, "reason", reason, "known_bytes", bytes, "what", what)
	t.losing.Lock()
	defer t.losing.Unlock()
	t.losses = append(t.losses, event.Loss{Reason: why, Count: bytes, Text: t.o.Path + ": " + what})
}

// tailReasons are the words of the metrics.
var tailReasons = [event.NumLossReasons]string{event.RotatedAway: "rotated_away", event.Truncated: "truncated", event.Misplaced: "position"}
