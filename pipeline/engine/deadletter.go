package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
)

// deadLetters keeps the events that a destination refused for good: one file of
// JSON lines per output in a folder of the journal. The room is bounded; when it
// is used up the output waits, for nothing may be lost over a refusal.
type deadLetters struct {
	dir string
	max int64
	now func() time.Time

	log *slog.Logger

	mu   sync.Mutex
	said time.Time // when a refusal was last spoken of
	kept int       // since then
	size int64     // bytes of all files, -1 before the first look
	enc  *codec.Encoder
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

var errDeadFull = errors.New("the dead letters have used up their room; look at them and remove what is settled")

func newDeadLetters(dir string, limit int64, now func() time.Time, log *slog.Logger) *deadLetters {
	return &deadLetters{log: log, dir: filepath.Join(dir, "deadletter"), max: limit, now: now, size: -1, enc: codec.NewEncoder()}
}

// add appends an event durably.
func (d *deadLetters) add(output string, e *event.Event, why error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	line, err := json.Marshal(deadLetter{Time: d.now().UTC(), Output: output, ID: e.ID.String(), Reason: why.Error(),
		Raw: e.Raw, Event: d.enc.Append(nil, []event.Event{*e})})
	if err != nil {
		return err
	}
	if err := d.measure(); err != nil {
		return err
	}
	if d.size+int64(len(line))+1 > d.max {
		d.size = -1 // somebody may make room
		return fmt.Errorf("%s: %w", d.dir, errDeadFull)
	}
	f, err := os.OpenFile(filepath.Join(d.dir, output+".jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	n, err := f.Write(append(line, '\n'))
	d.size += int64(n)
	if err == nil {
		err = f.Sync()
	}
	if err == nil && info.Size() == 0 {
		err = errors.Join(syncFolder(d.dir), syncFolder(filepath.Dir(d.dir)))
	}
	if err != nil { // a half line would spoil the next
		err = errors.Join(err, f.Truncate(info.Size()))
		d.size = -1
	}
	if err = errors.Join(err, f.Close()); err == nil {
		d.speak(output, e, why)
	}
	return err
}

// syncFolder puts the names of a folder on stable storage.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// foldFor is how long refusals are counted before they are spoken of again.
const foldFor = 10 * time.Second

// speak warns of the first refusal at once and of those after it as a number.
func (d *deadLetters) speak(output string, e *event.Event, why error) {
	d.kept++
	if now := d.now(); now.Sub(d.said) >= foldFor {
		d.log.Warn("a destination refused events for good; they are kept in the dead letters",
			"output", output, "events", d.kept, "id", e.ID.String(), "reason", why, "folder", d.dir)
		d.said, d.kept = now, 0
	}
}

// measure makes the folder and adds up what is in it, once.
func (d *deadLetters) measure() error {
	if d.size >= 0 {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	list, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	var size int64
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			return err
		}
		size += info.Size()
	}
	d.size = size
	return nil
}
