// Package tail is a file followed through rotation, truncation and restart. It
// yields lines as source records with a position, under the contract of
// plugin.Input, so that an input that reads a file wraps a Tail. It knows
// nothing of what the lines mean.
//
// What it follows: the file that bears the configured path, and before it, in
// the order of their age, the files that were rotated away from it under names
// that begin with the path ("audit.log.1", "audit.log-20261125") and whose rest
// was not read yet. A file is known by device, inode, time of birth and by
// fingerprints of its first bytes and of those before the offset, so that
// neither a reused inode number nor a file that was truncated and grew again is
// taken for the one that was read (position.go).
//
// What was gone before it could be read is counted under the reasons
// "rotated_away" and "truncated", and reading goes on at the oldest that is left.
package tail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

const (
	chunkBytes = 256 << 10

	// onceBytes is the chunk where a file is only read to its end: what comes later
	// in a chunk explains what comes earlier, and nobody waits for the first event.
	onceBytes = 1 << 20

	prevBytes = 64 // re-read before each chunk, to see that the file is still the same

	// DefaultPoll is how often the path is looked at when nothing says that it
	// changed.
	DefaultPoll = 250 * time.Millisecond

	// DefaultOpen is how many files are held open at most while they wait to be
	// read.
	DefaultOpen = 64
)

// Options say what is followed and what becomes of its lines. Path is required.
type Options struct {
	Path    string          // may be a symbolic link; need not exist yet
	Input   string          // the input's name, a label of the counters
	Decode  string          // the decoder that the records wait for
	MaxLine int             // bytes of a line that are kept, 0 for DefaultMaxLine
	FromEnd bool            // without a position: begin at the end of what is there
	Once    bool            // read to the end, then io.EOF; the file has to exist
	Hint    string          // what to do when the file may not be read; "" for a general word
	Shared  event.Fields    // what every record shares; log.file.path is added
	Meter   *meter.Registry // may be nil
	Log     *slog.Logger    // may be nil
	Now     func() time.Time
	Poll    time.Duration // 0 for DefaultPoll
	Open    int           // 0 for DefaultOpen
	Join    *Join         // nil: each line is a record

	set *member // of a Set that follows many files; nil for a Tail by itself
}

// Tail follows one file. Open, Read and Close are those of plugin.Input.
type Tail struct {
	o      Options
	lines  *Lines
	chunks *chunks // of a Set: those of all its Tails
	ended  bool    // Once: everything was read

	mu     sync.Mutex // guards what follows; Read and the watcher hold it to look
	files  []*file    // held open, oldest first; Read reads the first
	start  *position  // where to go on; nil once the file for it is found
	fresh  bool       // there was no position: nothing before the path's file is read
	behind bool       // there were more rotated files than may be held open
	parked bool       // of a Set: nothing is held open until its turn comes

	losing sync.Mutex   // guards losses
	losses []event.Loss // noticed, and on no batch yet

	given position // as last put on a batch
	wake  chan struct{}
	watch *watcher

	rotations *meter.Counter
}

// New returns a Tail; it touches nothing before Open.
func New(o Options) *Tail {
	n := chunkBytes
	if o.Once {
		n = onceBytes
	}
	return newTail(o, &chunks{size: prevBytes + n})
}

// newTail returns a Tail that reads into memory of c.
func newTail(o Options, c *chunks) *Tail {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll <= 0 {
		o.Poll = DefaultPoll
	}
	if o.Open <= 0 {
		o.Open = DefaultOpen
	}
	shared := append(event.Fields{}, o.Shared...)
	shared.Set(schema.LogFilePath, event.String(o.Path))
	most := maxRecords
	if o.set != nil {
		most = setRecords
	}
	return &Tail{
		o: o, wake: make(chan struct{}, 1), chunks: c,
		lines: NewLines(LineOptions{Input: o.Input, Decode: o.Decode, Max: o.MaxLine, Most: most, Shared: shared, Meter: o.Meter, Join: o.Join}),
		rotations: o.Meter.Counter("tallyman_input_rotations_total", "Times that the followed file was rotated away.",
			meter.Label{Name: "input", Value: o.Input}),
	}
}

// Open takes up the file where from says. A position that is none of ours is
// counted as a loss and everything that is left is read.
func (t *Tail) Open(_ context.Context, from []byte) error {
	if err := t.exists(); err != nil {
		return err
	}
	p, err := parsePosition(from)
	switch {
	case len(from) == 0:
		t.fresh = true
	case err != nil:
		t.lost(event.Misplaced, 0, err.Error())
		p = position{}
	}
	t.start, t.given = &p, p
	if err := t.look(); err != nil && t.o.Once {
		return plugin.Permanent(err)
	}
	if !t.o.Once {
		t.watch = watch(t)
		if _, err := os.Stat(t.o.Path); errors.Is(err, fs.ErrNotExist) && t.o.Log != nil {
			t.o.Log.Warn("the file does not exist; it is waited for. Is the path right?", "path", t.o.Path)
		}
	}
	return nil
}

// exists checks what is at the path before anything is read.
func (t *Tail) exists() error {
	info, err := os.Stat(t.o.Path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return plugin.Permanent(fmt.Errorf("tail: %s is no file but a %s (name the file itself)", t.o.Path, kindOf(info.Mode())))
	case !t.o.Once:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return plugin.Permanent(fmt.Errorf("tail: %w (check the path; with --once the file has to exist)", err))
	case err != nil:
		return plugin.Permanent(t.explain(err))
	}
	return nil
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "folder"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

// explain says what a person can do about err.
func (t *Tail) explain(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("tail: %w", err)
	}
	hint := t.o.Hint
	if hint == "" {
		hint = "give the user that runs tallyman leave to read the file and to enter its folder"
	}
	return fmt.Errorf("tail: %w (%s)", err, hint)
}

// Close ends the watching and closes every file.
func (t *Tail) Close() error {
	if t.watch != nil {
		t.watch.close()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []error
	for _, f := range t.files {
		list = append(list, f.close())
	}
	t.files = nil
	return errors.Join(list...)
}
