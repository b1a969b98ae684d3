package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

const (
	// setChunkBytes is smaller than chunkBytes: turns go from file to file.
	setChunkBytes = 64 << 10

	// DefaultSetOpen is how many files a Set holds open at most.
	DefaultSetOpen = 512

	// DefaultSetFiles is how many files a Set follows at most.
	DefaultSetFiles = 16384

	// maxLeft is how many files that were read to their end are remembered by
	// their identity, in case they come back under another name.
	maxLeft = 1024
)

// SetOptions say which files are followed and what becomes of their lines.
// Patterns is required.
type SetOptions struct {
	// Patterns are paths, or patterns of filepath.Match for each of their parts.
	// What was rotated away from a file that matches ("x.log.1") belongs to it;
	// compressed files are not read.
	Patterns []string
	Exclude  []string // patterns for the whole path or for the name

	// Roots are folders that symbolic links may lead into, beside those where the
	// patterns begin. A link that leads elsewhere is refused: whoever may write to
	// the folder could have any file read.
	Roots []string

	// Fields, unless nil, says what the path of a file tells of each of its
	// records.
	Fields func(path string) event.Fields

	Input   string          // the input's name, a label of the counters
	Decode  string          // the decoder that the records wait for
	MaxLine int             // bytes of a line that are kept, 0 for DefaultMaxLine
	FromEnd bool            // without a position: begin at the end of what is there
	Once    bool            // read all to the end, then io.EOF
	Shared  event.Fields    // what every record shares; log.file.path is added
	Meter   *meter.Registry // may be nil
	Log     *slog.Logger    // may be nil
	Now     func() time.Time
	Poll    time.Duration // how often files are looked at; 0 for DefaultPoll
	Open    int           // files held open, 0 for DefaultSetOpen
	Files   int           // files followed, 0 for DefaultSetFiles
	Join    *Join         // nil: each line is a record

	addWatch func(*fsnotify.Watcher, string) error // for tests; nil for the real one
}

// Set follows many files, each as a Tail does. Open, Read and Close are those of
// plugin.Input. Files take turns, a chunk each. No more than SetOptions.Open of
// them are held open; of the others it is looked now and then whether they grew.
type Set struct {
	o      SetOptions
	chunks *chunks // of all Tails: only Read reads
	roots  []string
	open   atomic.Int64 // files held open
	seen   seenFiles

	mu      sync.Mutex // guards what follows, and what member says
	members map[string]*member
	list    []*member            // in the order of their discovery
	queue   []*member            // what there is to read
	resume  map[string]*position // of Open: not found yet
	known   bool                 // there was a position, or the first look is over
	misread bool                 // the position was none of ours
	since   int64                // when it was last looked for new files, in nanoseconds since 1970
	said    map[string]bool      // what was said already, by path
	// unlisted are folders that cannot be listed, as was said.
	unlisted map[string]bool

	turns  uint64 // only Read uses what follows
	enc    []byte
	moved  bool // a position moved since the last one was given
	losses []event.Loss
	joins  []*member // that have a record which may go on
	dueAt  time.Time // when it is looked at them again

	wake  chan struct{}
	watch *setWatcher

	failures, degraded, refused, crowd *meter.Counter
}

// member is one file of a Set: what lies at one path.
type member struct {
	s      *Set
	path   string
	t      *Tail
	fields event.Fields

	id     identity // as it was last found at the path
	size   int64
	mod    int64
	queued bool
	last   position // where it was read to, as last given
	pos    []byte   // the same, encoded; nil: nothing was given yet
	lost   bool     // forgotten
	joins  bool     // it is in Set.joins; only Read uses it

	used  uint64    // the turn of its last step; only Read uses what follows
	done  bool      // Once: it was read
	until time.Time // after failures: not before

	fails atomic.Int32 // one after the other
}

// NewSet returns a Set; it touches nothing before Open.
func NewSet(o SetOptions) *Set {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Poll = positive(o.Poll, DefaultPoll)
	o.Open = positive(o.Open, DefaultSetOpen)
	o.Files = positive(o.Files, DefaultSetFiles)
	label := meter.Label{Name: "input", Value: o.Input}
	s := &Set{
		o: o, chunks: &chunks{size: prevBytes + setChunkBytes}, wake: make(chan struct{}, 1),
		members: map[string]*member{}, said: map[string]bool{}, unlisted: map[string]bool{},
		seen:     seenFiles{open: map[identity]*member{}},
		failures: o.Meter.Counter("tallyman_input_file_failures_total", "Times that one file of many could not be read and was left alone for a while, or a folder not be listed.", label),
		degraded: o.Meter.Counter("tallyman_input_watch_degraded_total", "Times that the kernel could not say what changed, and files were looked at instead.", label),
		refused:  o.Meter.Counter("tallyman_input_refused_links_total", "Symbolic links that led out of the known folders and were not followed.", label),
		crowd:    o.Meter.Counter("tallyman_input_crowded_out_total", "Files that were not followed because too many are.", label),
	}
	o.Meter.Func("tallyman_input_files", "Files that are followed.", meter.KindGauge, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(len(s.list))
	}, label)
	o.Meter.Func("tallyman_input_open_files", "Files that are held open.", meter.KindGauge, func() float64 { return float64(s.open.Load()) }, label)
	return s
}

func positive[N int | time.Duration](n, other N) N {
	if n <= 0 {
		return other
	}
	return n
}

// Open takes up every file where from says. A position that is none of ours is
// counted as a loss and everything that is left is read.
func (s *Set) Open(_ context.Context, from []byte) error {
	s.findRoots()
	if len(from) > 0 {
		resume, made, err := parseSet(from)
		if err != nil {
			s.misread = true
			s.losses = append(s.losses, event.Loss{Reason: event.Misplaced, Text: err.Error()})
			s.o.Log.Warn("the position is not understood; everything that is left is read", "error", err)
		}
		s.resume, s.since, s.known = resume, made, true
	}
	s.scan()
	if s.o.Once {
		if len(s.list) == 0 {
			return plugin.Permanent(fmt.Errorf("tail: no file matches %q (check the path; with --once a file has to exist)", s.o.Patterns))
		}
	} else {
		s.watch = watchSet(s)
	}
	s.settle()
	return nil
}

// settle takes up what was found first: what has a position and no file any more,
// and with FromEnd where each file ends now.
func (s *Set) settle() {
	s.mu.Lock()
	fresh := !s.known
	for _, path := range sortedPaths(s.resume) {
		if isWaif(path) {
			s.seen.remember(*s.resume[path])
			continue
		}
		s.add(path, s.resume[path]) // what was rotated away from it may be there
	}
	// A start that found nothing yet is a position too: what comes then is new.
	s.resume, s.known, s.moved = nil, true, true
	list := slices.Clone(s.list)
	s.mu.Unlock()
	if len(list) == 0 && !s.o.Once {
		s.o.Log.Warn("no file matches; it is waited for. Is the path right?", "path", s.o.Patterns)
	}
	for _, m := range list {
		if fresh && s.o.FromEnd {
			s.turns++
			if s.unpark(m) == nil {
				s.give(m)
			}
		}
	}
}

func sortedPaths(m map[string]*position) []string {
	list := make([]string, 0, len(m))
	for path := range m {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// Close ends the watching and closes every file.
func (s *Set) Close() error {
	if s.watch != nil {
		s.watch.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []error
	for _, m := range s.list {
		list = append(list, m.t.Close())
	}
	return errors.Join(list...)
}

// fixed returns the folder where a pattern begins.
func fixed(pattern string) string {
	dir := filepath.Dir(pattern)
	for IsPattern(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}
