package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/vfs"
)

// deadLetters keeps the events that a destination refused for good: one file of
// JSON lines per output in a folder of the journal. The room is bounded; when it
// is used up the output waits, for nothing may be lost over a refusal.
type deadLetters struct {
	fs  deadFS
	dir string
	max int64
	now func() time.Time
	log *slog.Logger

	// again takes what is refused while letters are replayed, which are kept
	// already; nil otherwise.
	again func(e *event.Event, why error)

	mu     sync.Mutex
	said   time.Time        // when a refusal was last spoken of
	kept   int              // since then
	size   int64            // bytes of all files, -1 before the first look
	unsure map[string]int64 // by output: where its last good letter ends, since a write failed
	enc    *codec.Encoder
}

// deadLetter is one line. Event is the event as the journal has it.
type deadLetter struct {
	Time   time.Time `json:"time"`
	Output string    `json:"output"`
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	Raw    string    `json:"raw,omitempty"`
	Event  []byte    `json:"event"`
}

var (
	errDeadFull  = errors.New("the dead letters have used up their room, a 16th of journal.max_size; look at them with `tallyman deadletter list`, and drop what is settled")
	errDeadLarge = errors.New("a refused event is larger than all the room of the dead letters, a 16th of journal.max_size; make that larger")
)

func newDeadLetters(dir string, limit int64, now func() time.Time, log *slog.Logger) *deadLetters {
	return &deadLetters{fs: osDead{vfs.OS()}, log: log, dir: filepath.Join(dir, deadDir), max: limit, now: now, size: -1,
		unsure: map[string]int64{}, enc: codec.NewEncoder()}
}

// longestReason is how much is kept of what a destination said, in bytes.
const longestReason = 4 << 10

func reasonOf(why error) string {
	text := why.Error()
	if len(text) > longestReason {
		text = strings.ToValidUTF8(text[:longestReason], "") + " …"
	}
	return text
}

// add appends an event durably. After an error nothing of it is kept, as far as
// the disk allows, and it may be added again.
func (d *deadLetters) add(output string, e *event.Event, why error) error {
	if d.again != nil {
		d.again(e, why)
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	line, err := json.Marshal(deadLetter{Time: d.now().UTC(), Output: output, ID: e.ID.String(), Reason: reasonOf(why),
		Raw: e.Raw, Event: d.enc.Append(nil, []event.Event{*e})})
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if int64(len(line)) > d.max {
		return fmt.Errorf("%s: %w", d.dir, errDeadLarge)
	}
	if err := d.fs.MkdirAll(d.dir); err != nil {
		return err
	}
	lock, err := lockDead(d.fs, d.dir, "")
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // nothing was written to it
	if err := d.measure(); err != nil {
		return err
	}
	if d.size+int64(len(line)) > d.max {
		d.size = -1 // somebody may make room
		return fmt.Errorf("%s: %w", d.dir, errDeadFull)
	}
	if err := d.append(output, line); err != nil {
		d.size = -1
		return err
	}
	d.size += int64(len(line))
	d.speak(output, e, why)
	return nil
}

// append writes a line behind the last good one, whole or not at all.
func (d *deadLetters) append(output string, line []byte) error {
	f, err := d.fs.Open(filepath.Join(d.dir, output+deadExt), vfs.Create)
	if err != nil {
		return err
	}
	end, err := d.mend(f, output)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.unsure[output] = end
	if _, err = f.WriteAt(line, end); err == nil {
		err = f.Datasync()
	}
	if err == nil && end == 0 {
		err = errors.Join(d.fs.SyncDir(d.dir), d.fs.SyncDir(filepath.Dir(d.dir)))
	}
	if err != nil { // what this cannot cut, the next mend does
		return errors.Join(err, f.Truncate(end), f.Close())
	}
	delete(d.unsure, output)
	_ = f.Close() // the letter is durable
	return nil
}

// mend returns where the next letter begins. What a crash or a failed write left
// behind the last whole one is cut off: it was never counted, and its event is
// refused once more.
func (d *deadLetters) mend(f vfs.File, output string) (int64, error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	if at, ok := d.unsure[output]; ok && size > at {
		return at, f.Truncate(at)
	}
	tail, err := lastLine(f, size)
	if err != nil || len(tail) == 0 {
		return size, err
	}
	if _, ok := parseLetter(output, tail); ok { // somebody's editor took the line end
		_, err := f.WriteAt([]byte{'\n'}, size)
		return size + 1, err
	}
	d.log.Warn("the dead letters end in a part of one, which a crash left; it is cut off, for its event is still in the journal",
		"output", output, "bytes", len(tail), "folder", d.dir)
	size -= int64(len(tail))
	return size, f.Truncate(size)
}

// lastLine returns what stands behind the last line end of a file.
func lastLine(f vfs.File, size int64) ([]byte, error) {
	var tail []byte
	for step := int64(1); size > 0; step = 64 << 10 {
		from := max(0, size-step)
		part := make([]byte, size-from)
		if err := readFull(f, part, from); err != nil {
			return nil, err
		}
		i := len(part)
		for i > 0 && part[i-1] != '\n' {
			i--
		}
		tail = append(part[i:len(part):len(part)], tail...)
		if i > 0 {
			break
		}
		size = from
	}
	return tail, nil
}

// foldFor is how long refusals are counted before they are spoken of again.
const foldFor = 10 * time.Second

// speak warns of the first refusal at once and of those after it as a number.
func (d *deadLetters) speak(output string, e *event.Event, why error) {
	d.kept++
	if now := d.now(); now.Sub(d.said) >= foldFor {
		d.log.Warn("a destination refused events for good; they are kept in the dead letters",
			"output", output, "events", d.kept, "id", e.ID.String(), "reason", reasonOf(why), "folder", d.dir)
		d.said, d.kept = now, 0
	}
}

// measure adds up what is in the folder, once, and takes away what a rewrite
// that was killed left. The lock of the folder is held.
func (d *deadLetters) measure() error {
	if d.size >= 0 {
		return nil
	}
	list, err := d.fs.ReadDir(d.dir)
	if err != nil {
		return err
	}
	var size int64
	for _, e := range list {
		if strings.HasSuffix(e.Name, deadTemp) {
			if err := d.fs.Remove(filepath.Join(d.dir, e.Name)); err != nil {
				return err
			}
			continue
		}
		size += e.Size
	}
	d.size = size
	return nil
}
