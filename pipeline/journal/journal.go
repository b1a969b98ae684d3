// Package journal is the durable, bounded log between the lanes and the
// senders: one log on disk, one cursor per output, and the books of each. What
// is appended is accepted once its bytes, their checksums and the marks that go
// with them (positions of inputs) are on stable storage. It knows bytes and
// numbers of records; it does not know events, inputs or outputs.
//
// The format on disk is docs/JOURNAL-FORMAT.md.
package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/vfs"
)

// Errors of the journal.
var (
	ErrClosed   = errors.New("the journal is closed")
	ErrLocked   = errors.New("the journal is in use")
	ErrNewer    = errors.New("the journal was written by a newer version")
	ErrTooLarge = errors.New("larger than the journal may ever hold")
	ErrForeign  = errors.New("the folder holds files that are not a journal's")
	ErrGone     = errors.New("the journal's folder was removed or replaced")
)

// Options say where a journal is and how much it may hold. The zero value of
// each number takes the default that its comment names.
type Options struct {
	Dir            string
	FS             vfs.FS        // vfs.OS()
	MaxSize        int64         // 2 GiB: bytes of all files in Dir
	SegmentSize    int64         // 16 MiB: bytes of one segment
	MinFree        int64         // bytes of the disk that are left to others
	CommitInterval time.Duration // the longest that a frame waits for its commit; 0: none
	CommitBytes    int           // 1 MiB: what is committed without waiting longer
	Compress       bool          // payloads, where that pays
	MaxAge         time.Duration // how long what every cursor has passed stays; 0: until its room is needed
	Quarantine     int64         // a 64th of MaxSize, 64 MiB at most: bytes of damaged parts that are set aside
	Owner          string        // who holds the journal, for the message to a second one
	Meter          *meter.Registry
	Log            *slog.Logger
	Now            func() time.Time // time.Now
}

func (o *Options) fill() {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	set(&o.MaxSize, 2<<30)
	set(&o.SegmentSize, 16<<20)
	if o.CommitBytes <= 0 {
		o.CommitBytes = 1 << 20
	}
	o.CommitBytes = int(min(int64(o.CommitBytes), o.SegmentSize)) // a group waits in memory
	set(&o.Quarantine, min(o.MaxSize/64, 64<<20))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Mark is a named value that is durable with the frame that brings it: the
// position of an input. An empty Value forgets the key.
type Mark struct {
	Key   string
	Value []byte
}

// Frame is what is accepted together or not at all.
type Frame struct {
	Payload   []byte // may be empty when the frame only brings marks
	Records   uint32 // source records that Payload stands for
	Generated uint32 // events in Payload that stand for no source record
	Marks     []Mark
	Urgent    bool // it may use the reserve: SetReserve

	// Done, unless nil, is called once from the journal's goroutine: with nil
	// when the frame is on stable storage, with an error when it never will be.
	Done func(error)
}

// Journal is an open journal. Its methods may be called from several goroutines.
type Journal struct {
	o     Options
	lock  vfs.File
	slot  slots
	pack  *packer   // nil: payloads are not compressed
	bufs  sync.Pool // of *[]byte, for compressing
	m     meters
	aside quarantine

	mu       sync.Mutex
	segments []*segment // by number; the last may be the active one
	active   *segment   // nil until the first append and after a failed one
	out      vfs.File   // the active segment, for writing
	number   uint64     // of the next segment
	filling  *group     // what the next commit takes
	spare    *group
	seq      uint64            // of the next frame that is appended
	totals   totals            // of everything appended
	durable  uint64            // the newest sequence on stable storage
	accepted totals            // of everything on stable storage
	marks    map[string][]byte // as of durable
	cursors  []*Cursor
	adopted  []cursorState // cursors of the state that nobody took up yet
	rebuilt  bool          // the state was lost: unknown cursors start at the oldest frame
	floor    uint64        // of the state at the open: durable then, whatever became of it
	below    uint64        // delete intent: segments that end below may go
	size     int64         // bytes of all files in the folder
	reserve  int64         // bytes that only urgent frames may use
	tight    bool          // only the reserve is left
	hold     hold          // what the writer waits for
	flush    bool          // commit now
	closing  bool
	failed   error    // why nothing can be accepted for now, for Blocked
	gone     bool     // the folder is not ours any more: nothing is accepted again
	moments  []moment // when the journal stood where, in order; from the oldest that a cursor needs
	worked   bool     // a frame was finished since the journal was opened

	saved   uint64        // durable as of the last save
	acks    int           // finished frames since the cursors were saved
	many    chan struct{} // wakes the keeper before its second is over
	changed chan struct{} // closed and replaced when a frame is durable, a cursor moved or room came
	kick    chan struct{} // wakes the writer
	quit    chan struct{} // closed by Close
	writer  sync.WaitGroup
	saving  sync.Mutex // one save at a time; taken before mu
}

// totals count everything since the journal was made.
type totals struct{ records, generated uint64 }

func (t totals) plus(records, generated uint32) totals {
	return totals{t.records + uint64(records), t.generated + uint64(generated)}
}

// Open opens the journal in o.Dir, which it makes when it is missing, and takes
// its lock. ErrLocked says that another process has it, ErrNewer that a newer
// version wrote it; both leave the folder untouched. Damage never prevents an
// open; it is logged, and counted when a cursor comes to it.
func Open(o Options) (*Journal, error) {
	o.fill()
	if err := checkFolder(o); err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lock, err := takeLock(o)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		o: o, lock: lock, filling: &group{}, spare: &group{}, seq: 1, marks: map[string][]byte{},
		changed: make(chan struct{}), kick: make(chan struct{}, 1), many: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	if o.Compress {
		if j.pack, err = newPacker(); err != nil {
			return nil, errors.Join(fmt.Errorf("open journal: %w", err), lock.Close())
		}
	}
	if err := j.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", o.Dir, err), j.slot.close(), lock.Close())
	}
	j.m = j.newMeters()
	j.stand(o.Now())
	j.writer.Add(2)
	go j.write()
	go j.keep()
	return j, nil
}

// checkFolder refuses a folder that others use: a journal takes its folder for
// itself, with a mode that shuts them out.
func checkFolder(o Options) error {
	list, err := o.FS.ReadDir(o.Dir)
	if err != nil || len(list) == 0 {
		return nil // to be made, or empty; what else is wrong shows when it is used
	}
	for _, info := range list {
		if _, ok := parseSegmentName(info.Name); ok || slices.Contains([]string{"lock", "state", "control.sock", "deadletter", "memory", "outputs", quarantineDir}, info.Name) {
			return nil
		}
	}
	return fmt.Errorf("open journal %s: %w (%s, …); name an empty folder, or one that does not exist yet", o.Dir, ErrForeign, list[0].Name)
}

// takeLock locks the folder and writes who holds it.
func takeLock(o Options) (vfs.File, error) {
	name := filepath.Join(o.Dir, "lock")
	f, err := o.FS.Open(name, vfs.Create)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	got, err := f.TryLock()
	if err == nil && !got {
		b := make([]byte, 256)
		n, rerr := f.ReadAt(b, 0)
		if rerr != nil && !errors.Is(rerr, io.EOF) {
			n = 0
		}
		holder := string(b[:n])
		if holder == "" {
			holder = "another process"
		}
		err = fmt.Errorf("%w: %s is held by %s", ErrLocked, o.Dir, holder)
	}
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt([]byte(o.Owner), 0)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Mark returns the durable value of a key, nil when there is none.
func (j *Journal) Mark(key string) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]byte(nil), j.marks[key]...)
}

// Marks returns every durable mark.
func (j *Journal) Marks() map[string][]byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := make(map[string][]byte, len(j.marks))
	for k, v := range j.marks {
		m[k] = slices.Clone(v)
	}
	return m
}

// Size returns the bytes that all files of the journal take.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size
}

// Changed returns a channel that is closed at the next change: a frame became
// durable, a cursor moved, or room came. Take it before looking at what may
// change.
func (j *Journal) Changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}

// announce wakes whoever waits for a change. j.mu is held.
func (j *Journal) announce() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// Sync commits what was appended so far without waiting for more, and returns
// when it is on stable storage.
func (j *Journal) Sync(ctx context.Context) error {
	j.mu.Lock()
	target := j.seq - 1
	for j.durable < target {
		if j.closing {
			j.mu.Unlock()
			return ErrClosed
		}
		j.flush = true
		changed := j.changed
		j.mu.Unlock()
		j.poke()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		j.mu.Lock()
	}
	j.mu.Unlock()
	return nil
}

func (j *Journal) poke() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// Close commits what was appended, as far as there is room, saves the cursors
// and gives the folder back.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closing {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closing = true
	close(j.quit)
	j.announce()
	j.mu.Unlock()
	j.writer.Wait()
	err := j.save(0)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seal()
	for _, c := range j.cursors {
		c.leave()
	}
	return errors.Join(err, j.slot.close(), j.lock.Close())
}
