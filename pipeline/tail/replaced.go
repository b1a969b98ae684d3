package tail

import (
	"errors"
	"slices"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// replaced takes up a file whose content was exchanged in place. What was not
// read of it may be in a copy that was made before, which is looked for. A file
// that is only short must be so twice: a network file system may show an old
// size for a moment.
func (t *Tail) replaced(f *file, b *event.Batch, sure bool) (bool, error) {
	if !sure && !f.short {
		f.short = true
		return false, nil
	}
	p := f.at
	if f.marked {
		p = t.given
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	copies, err := t.copies(f, &p, b)
	if errors.Is(err, errMoved) {
		return false, nil // a rotation is under way
	}
	if err != nil {
		return false, plugin.Retry(t.explain(err))
	}
	f.again()
	t.files = append(copies, t.files...)
	return true, nil
}

// copies opens what was copied from f since p, the first of it at p. Without a
// copy that has the place of p, something is lost.
func (t *Tail) copies(f *file, p *position, b *event.Batch) ([]*file, error) {
	list, err := t.scan()
	if err != nil {
		return nil, err
	}
	off := p.Off
	i, err := t.find(list, p, false)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		if f.started { // what is there of a record that may go on, cannot be read again
			t.lines.Flush(b, t.o.Now())
			p.Off = max(p.Off, t.lines.At())
		}
		t.lost(event.Truncated, p.left(), "the file was truncated before all of it was read")
		off, i = 0, slices.IndexFunc(list, func(e entry) bool { return e.first == "" || p.Mod > 0 && e.mod > p.Mod })
	}
	var copies []*file
	for i = max(i, 0); i < len(list) && list[i].first != "" && !t.holds(list[i]); i++ {
		one, err := t.openFile(list[i])
		if err == nil {
			err = one.seek(off)
		}
		if err != nil {
			for _, c := range copies {
				t.shut(c)
			}
			return nil, err
		}
		copies, off = append(copies, one), 0
		t.o.Log.Info("the file was truncated; its copy is read to the end", "path", f.path, "copy", one.path)
	}
	return copies, nil
}

// holds reports whether a file is held already.
func (t *Tail) holds(e entry) bool {
	return slices.ContainsFunc(t.files, func(f *file) bool { return f.id.same(e.id) })
}

// shut closes a file that is not needed any more.
func (t *Tail) shut(f *file) {
	if err := f.close(); err != nil {
		t.o.Log.Warn("closing a file failed", "path", f.path, "error", err)
	}
}
