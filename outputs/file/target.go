package file

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// target is one file and what one Send has for it.
type target struct {
	o    *output
	path string // as the settings have it, absolute
	real string // the same, or what the link at path leads to

	file     handle      // nil when there is none open
	info     fs.FileInfo // of file when it was opened
	last     time.Time   // when it was last written to
	unsynced bool        // the folder's names after a rotation are not on stable storage
	stuck    bool        // the last rotation failed
	used     uint64      // the flush that wrote to it last
	pending  bool        // something was written that is not synced
	from     int64       // where that begins

	round uint64 // the Send that the rest is of
	buf   []byte // the lines
	ends  []int  // per event, where its line ends in buf
	at    []int  // per event, its index in the batch
	bad   []bool // per event, whether it has no line
}

// How large a buffer is kept for the next batch, of one file and of each of many.
const (
	keep     = 8 << 20
	keepMany = 256 << 10
)

func (t *target) close() error {
	if t.file == nil {
		return nil
	}
	err := errors.Join(t.secure(), t.file.Close())
	t.file = nil
	if err != nil {
		return fmt.Errorf("file: close %s: %w", t.path, err)
	}
	return nil
}

// begin empties what the last Send has left.
func (t *target) begin(round uint64) {
	if cap(t.buf) > keep || t.o.only == nil && cap(t.buf) > keepMany {
		t.buf = nil
	}
	t.round = round
	t.buf, t.ends, t.at, t.bad = t.buf[:0], t.ends[:0], t.at[:0], t.bad[:0]
}

// add renders the event with an index in the batch.
func (t *target) add(index int, e *event.Event) (err error) {
	if t.buf, err = t.o.enc.Append(t.buf, e); err == nil {
		t.buf = append(t.buf, '\n')
	}
	t.ends, t.at, t.bad = append(t.ends, len(t.buf)), append(t.at, index), append(t.bad, err != nil)
	return err
}

// flush appends the lines. It returns a failure for each that found no room, or
// an error where none of them is in the file.
func (t *target) flush() ([]plugin.Failure, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	if len(t.buf) == 0 {
		return nil, nil
	}
	start, err := t.room()
	if err != nil {
		return nil, err
	}
	n, werr := t.file.Write(t.buf)
	whole := n
	if werr != nil {
		if whole, err = t.takeBack(start, n); err != nil {
			return nil, t.giveUp("append to", errors.Join(werr, err))
		}
		werr = plugin.Retry(fmt.Errorf("file: append to %s: %w", t.path, explain(werr)))
		if whole == 0 {
			return nil, werr
		}
	}
	if err := t.persist(start); err != nil {
		return nil, err
	}
	t.last = t.o.now()
	if werr != nil {
		return t.fail(nil, whole, werr), nil
	}
	return nil, nil
}

// room rotates the file where that is due, and returns its size.
func (t *target) room() (int64, error) {
	info, err := t.file.Stat()
	if err != nil {
		return 0, t.giveUp("stat", err)
	}
	if !t.due(info.Size()) {
		return info.Size(), nil
	}
	if t.pending { // it is synced before it has another name
		return 0, plugin.ErrSyncFirst
	}
	if done, err := t.turn(); !done || err != nil {
		return info.Size(), err
	}
	if err := t.ready(); err != nil {
		return 0, err
	}
	if info, err = t.file.Stat(); err != nil {
		return 0, t.giveUp("stat", err)
	}
	return info.Size(), nil
}

// takeBack removes the line that a write of n bytes from start on has not
// finished, and returns how many bytes of whole lines remain of the batch.
func (t *target) takeBack(start int64, n int) (whole int, err error) {
	for _, end := range t.ends {
		if end <= n {
			whole = end
		}
	}
	info, err := t.file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() != start+int64(n) {
		return 0, errors.New("somebody else changed the file meanwhile")
	}
	if whole == n {
		return whole, nil
	}
	return whole, t.file.Truncate(start + int64(whole))
}

// persist brings what was written from start on to stable storage, or leaves that to
// the Sync of several Sends.
func (t *target) persist(start int64) error {
	if !t.o.sync {
		return nil
	}
	if !t.pending || start < t.from { // somebody may have emptied it meanwhile
		t.pending, t.from = true, start
	}
	if t.o.defers {
		return nil
	}
	return t.settle()
}

// settle syncs what is pending.
func (t *target) settle() error {
	if err := t.secure(); err != nil {
		return t.giveUp("sync", err)
	}
	return nil
}

// secure is settle, and leaves the file open. After a failure the kernel may believe
// that what was written is on stable storage, so it is taken back, to be
// written again through another descriptor.
func (t *target) secure() error {
	if !t.pending {
		return nil
	}
	t.pending = false
	err := t.file.Sync()
	if err == nil {
		return nil
	}
	t.o.lost = t.o.defers
	info, serr := t.file.Stat()
	if serr == nil && info.Size() > t.from { // else somebody else has shortened it
		serr = t.file.Truncate(t.from)
	}
	return errors.Join(err, serr)
}

// fail adds a failure for every event whose line is not among the first whole
// bytes, in order.
func (t *target) fail(list []plugin.Failure, whole int, err error) []plugin.Failure {
	for i, end := range t.ends {
		if end > whole && !t.bad[i] {
			list = append(list, plugin.Failure{Index: t.at[i], Err: err})
		}
	}
	return list
}

// giveUp closes the file, so that the next attempt opens and mends it.
func (t *target) giveUp(op string, err error) error {
	err = errors.Join(err, t.secure())
	_ = t.file.Close() // the error that counts is err
	t.file = nil
	return plugin.Retry(fmt.Errorf("file: %s %s: %w", op, t.path, explain(err)))
}
