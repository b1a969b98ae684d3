package plugin

import (
	"context"
	"errors"
	"time"

	"tallyman/pipeline/event"
)

// Batch says how many events an output wants in one Send. The engine gathers
// what waits in the journal until one of the limits is reached. The zero value
// asks for each frame of the journal as it comes.
type Batch struct {
	Events      int           // at most so many events; 0: no limit
	Bytes       int           // about so many bytes as the journal would hold each by itself; 0: no limit
	Wait        time.Duration // how long a batch that is not full waits for more; 0: not at all
	Concurrency int           // how many batches may be under way at a time, each on an Output of its own; 0 is 1
}

// Batcher is an Output that is better off with many events at a time. What
// Concurrency asks for, the engine builds: several Outputs of the same settings,
// and each is called from one goroutine. Then batches arrive in no order.
type Batcher interface {
	Output

	// Batch returns what the output wants; it is asked once, after it was built.
	Batch() Batch
}

// Deferrer is an Output for which it costs less to bring several Sends to stable storage
// at once. Without Defer each Send does so by itself.
type Deferrer interface {
	Output

	// Defer is called once, before the first Send, and reports whether Sync is needed: then
	// what Send takes counts as delivered only when a Sync after it has returned nil.
	// Send may take nothing and return ErrSyncFirst, where what was sent before has to be
	// synced first; it is called again after that.
	Defer() bool

	// Sync brings all that was sent since the last one to stable storage. After an
	// error it may be there or not, in part too, and all of it is sent again. It is
	// called before anything is waited for: when there is nothing more to send, and after a Send
	// that failed.
	Sync() error
}

// ErrSyncFirst is what Send of a Deferrer returns where there is something to Sync first.
var ErrSyncFirst = errors.New("what was sent before has to be synced first")

// ErrCollectAgain in an error of Collect or Settle says that what was collected and
// is not confirmed was lost with the destination: it comes again, from the oldest on.
// The Collector has forgotten it when it says so.
var ErrCollectAgain = errors.New("what was collected has to come again")

// Collector is an Output whose destination confirms later than it takes: an
// object that is not whole yet, a receiver that acknowledges after a while. The
// engine calls Collect and Settle instead of Send, which is for dead letters that
// are replayed: it delivers on the spot and returns when that is confirmed. What
// was collected and not settled when the process ends is collected again after the
// start, with the same sequences, in the same order. Where it is a Batcher as well,
// a Collect may hold several frames; its Concurrency is not asked for.
type Collector interface {
	Output

	// Collect takes events in order; seq is the sequence of the journal's frame
	// that holds the last of them. It grows, and stays the same where what belongs
	// together comes in several calls: Settle is not called between these. Events
	// may be empty, where a frame held nothing for this output. Errors are as those
	// of Send: after one that is not partial nothing was taken, and the same is
	// offered again, or its halves after a permanent one; after a partial one, those
	// that failed are offered again, or put among the dead letters when they failed
	// for good. The events, their texts and the slice are the caller's after the return,
	// as after Send.
	Collect(ctx context.Context, seq uint64, events []event.Event) error

	// Settle moves on what is due: full, old enough, or, with all, everything. It
	// returns the sequence up to which all that was collected is confirmed (where
	// nothing is open, the last one, also when its frames held nothing), 0 for
	// none, and how long it may be left alone when nothing is collected meanwhile, 0
	// for as long as that lasts.
	// It does not wait for a destination longer than one exchange takes. What it
	// returns beside an error counts as well. It is called after each Collect and
	// when the time that it named has passed; with all at the end of the sources, until
	// it names none.
	//
	// Its errors are of kind retry or after: what was collected was taken, and what
	// is refused for good was refused by Collect.
	Settle(ctx context.Context, all bool) (confirmed uint64, again time.Duration, err error)
}

// Store keeps a few bytes for an output over restarts: where an object ends whose
// upload has begun, which channel a receiver knows. It is durable, whole or not
// there, and belongs to the output's name.
type Store interface {
	Load() ([]byte, error)   // nil when nothing was saved
	Save(state []byte) error // nothing is kept for empty state
}

// BatchSettings are the keys of an output's batches; an output that is a Batcher
// has them under `batch` and sets its own defaults.
type BatchSettings struct {
	Events int           `yaml:"events" doc:"The most events of one batch; 0 for no limit."`
	Bytes  Size          `yaml:"bytes" doc:"About the most bytes of one batch, as the journal would hold each event by itself; 0 for no limit."`
	Wait   time.Duration `yaml:"wait" doc:"How long a batch that is not full waits for more events."`
}

// Check returns what a type cannot say; key is the key of the settings.
func (s *BatchSettings) Check(key string) Problems {
	var p Problems
	if s.Events < 0 || s.Bytes < 0 || s.Wait < 0 {
		p = append(p, Problem{Key: key, Text: key + " has a limit below nothing", Hint: "leave it out for the default, or write 0 for none"})
	}
	if s.Events == 0 && s.Bytes == 0 && s.Wait > 0 {
		p = append(p, Problem{Key: key, Text: key + ".wait is set, and a batch without events or bytes is never full", Hint: "set " + key + ".events or " + key + ".bytes"})
	}
	return p
}

// Batch returns what the keys ask for, with so many batches under way at a time.
func (s *BatchSettings) Batch(concurrency int) Batch {
	return Batch{Events: s.Events, Bytes: int(s.Bytes), Wait: s.Wait, Concurrency: concurrency}
}
