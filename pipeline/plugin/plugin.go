// Package plugin is the contract of the four kinds of plugin: inputs,
// transforms and outputs, and the formats that outputs render with. It holds
// their interfaces, the kinds of error, and the description of settings. It
// knows no plugin, and nothing of how configuration is read or how the engine
// runs what it describes.
//
// A plugin neither retries, nor sleeps between attempts, nor buffers, nor logs
// failures: it says what went wrong (error.go) and the engine acts.
package plugin

import (
	"context"
	"log/slog"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
)

// Env is what a plugin is given of its surroundings. Nothing of it is changed
// after the plugin was built.
type Env struct {
	Name   string       // the name in the configuration: "audit" in `inputs: {audit: {…}}`
	Once   bool         // sources that have an end are read to it and then end with io.EOF
	Dry    bool         // nothing of the host is changed, and no file is written
	Still  bool         // it is looked at, or tried on lines that are given, and never run: the host is not followed
	Dir    string       // relative paths in the settings start here: the folder of the configuration file
	Shared event.Fields // host.*, agent.*, ecs.version, tallyman.input: the base of an event's Shared
	HostID string       // part of every event.id
	Meter  *meter.Registry
	Log    *slog.Logger     // for changes of state ("rotated", "reconnected"), never per record
	Now    func() time.Time // the wall clock
	Store  Store            // of an output; nil for others

	// Say has an event of our own go to every output, within seconds; a kill before
	// then loses it. Its memory is its own. It is set for outputs, may be nil, and
	// does not wait.
	Say func(event.Event)
}

// Input reads one source. Its methods are called from one goroutine, Open
// first, Close last and once.
type Input interface {
	// Open takes up the source where a Position of an earlier batch says, or at
	// its start where from is empty. A position that the source does not know any
	// more is not an error: the input goes on where it loses least, and counts.
	// A source that does not exist yet is not an error either, unless Env.Once.
	Open(ctx context.Context, from []byte) error

	// Read adds source records to b and returns as soon as it has some; with
	// nothing there it returns after wait with b empty, so that time passes for
	// the transforms. It sets b.Position when it added records. An error is
	// io.EOF where the source has ended (records may come with it), ctx.Err()
	// when ctx is done, and otherwise of a kind of error.go; after a retryable
	// one Read is called again. It returns within a second once ctx is done.
	// The texts of the records live until the next Read: who keeps one copies it.
	Read(ctx context.Context, b *event.Batch, wait time.Duration) error

	Close() error
}

// Pressing is an Input whose source does not wait: what it cannot hand on is
// lost. The journal keeps a reserve for it.
type Pressing interface {
	Input

	// CannotWait reports whether the source, as it is set up, is one.
	CannotWait() bool
}

// Fleeting is an Input whose source gives nothing twice: at a stop its Read gives
// what was read ahead, batch after batch, and then ctx.Err(). An input that is
// Pressing is taken for one.
type Fleeting interface {
	Input

	// GivesOnce reports whether the source, as it is set up, is one.
	GivesOnce() bool
}

// Transform changes what flows. One Transform serves all lanes and guards what
// they share; each lane gets a Stage of its own.
type Transform interface {
	// Lane returns the stage for one input's lane.
	Lane(input string) Stage

	Close() error
}

// Stage is a transform's part in one lane; its methods are called from the
// lane's goroutine.
type Stage interface {
	// Apply reads the events of in and adds to out what goes on, in order; out
	// is empty before. Events move by value and keep their fields' memory, which
	// lives as long as in is not reset; in is reset only after out has been
	// handed on. Their texts live as long: a stage copies what it keeps of them for
	// the next Apply. An empty in lets time pass. A stage that passes an event on
	// unchanged appends it to out. An error ends the lane; what a stage cannot
	// understand is passed on, flagged and counted, and is no error.
	Apply(ctx context.Context, in, out *event.Batch) error
}

// Holder is a Stage that keeps source records from one batch to the next. What
// it holds is committed with the position, so that a restart neither loses nor
// doubles it: after a restart the records come again as the first batch.
type Holder interface {
	Stage

	// Held appends the source records that the stage keeps, as they were read
	// (Decode and Raw set), in the order of their arrival. Their strings are
	// copies, not views of a chunk. A stage that keeps decoded events gives those;
	// after a restart they go through the stages before it once more. It may add a
	// note to itself, with its Decode and no Records: where no stage takes it after a
	// restart, it is dropped.
	Held(dst []event.Event) []event.Event

	// Flush adds to out everything that is held, as good as it is, and holds
	// nothing afterwards. It is called at the end of a source, not at a stop.
	Flush(out *event.Batch)
}

// Output delivers events to one destination. Its methods are called from one
// goroutine, Close last and once.
type Output interface {
	// Send delivers events in order and returns nil when the destination has
	// taken all. Otherwise the error says what to do (error.go): send all again,
	// again after a while, never, or only some. The events and the slice are the
	// caller's after the return, and so are the texts of the events' own, whose memory
	// is used again: what outlasts Send, an error too, has copies. What events share
	// stays as it is. It returns soon once ctx is done.
	Send(ctx context.Context, events []event.Event) error

	// Confirms reports whether a nil from Send means that the destination said
	// it has the events (counted as delivered), or only that they were handed to
	// the network (counted as unconfirmed).
	Confirms() bool

	Close() error
}

// Prober is an Output that can be tried without an event.
type Prober interface {
	// Probe connects as Send would and returns what is wrong.
	Probe(ctx context.Context) error
}

// Encoder renders one event. It is not safe for use by several goroutines.
type Encoder interface {
	// Append appends one event to dst, without framing or a line end. On error
	// dst comes back as it was.
	Append(dst []byte, e *event.Event) ([]byte, error)
}

// Kind is one of the kinds of plugin that a configuration names.
type Kind string

// The kinds of plugin.
const (
	KindInput     Kind = "input"
	KindTransform Kind = "transform"
	KindOutput    Kind = "output"
)

// Plugin is one plugin as a value: what a configuration may name.
type Plugin struct {
	Kind Kind
	Type string // the `type:` that names it
	Text string // one sentence for people

	// Settings returns a pointer to a fresh struct that holds the defaults. Its
	// fields are described as settings.go says.
	Settings func() any

	// What Settings gave and the configuration filled, becomes the plugin. The
	// one of the plugin's kind is set. They touch nothing outside the process but
	// files that the settings name. An error that is or holds Problems says where.
	Input     func(settings any, env Env) (Input, error)
	Transform func(settings any, env Env) (Transform, error)
	Output    func(settings any, env Env) (Output, error)
	Decoder   func(env Env) Decoder
}

// NewInput describes an input whose settings are a C.
func NewInput[C any](typ, text string, defaults func() C, build func(*C, Env) (Input, error)) Plugin {
	return Plugin{Kind: KindInput, Type: typ, Text: text, Settings: settings(defaults),
		Input: func(s any, env Env) (Input, error) { return build(s.(*C), env) }}
}

// NewTransform describes a transform whose settings are a C.
func NewTransform[C any](typ, text string, defaults func() C, build func(*C, Env) (Transform, error)) Plugin {
	return Plugin{Kind: KindTransform, Type: typ, Text: text, Settings: settings(defaults),
		Transform: func(s any, env Env) (Transform, error) { return build(s.(*C), env) }}
}

// NewOutput describes an output whose settings are a C.
func NewOutput[C any](typ, text string, defaults func() C, build func(*C, Env) (Output, error)) Plugin {
	return Plugin{Kind: KindOutput, Type: typ, Text: text, Settings: settings(defaults),
		Output: func(s any, env Env) (Output, error) { return build(s.(*C), env) }}
}

func settings[C any](defaults func() C) func() any {
	return func() any {
		c := defaults()
		return &c
	}
}

// Concealer is a Transform that keeps secrets out of what is stored. Events pass
// its stages; what other stages hold of source records is stored before there
// is an event, and goes through Conceal.
type Concealer interface {
	Transform

	// Conceal replaces, in source records that wait (Decode and Raw set), what
	// must not be stored, so that a decoder understands them as before, and in events
	// that wait (Decode is empty), whose fields are not its own: it copies what it changes.
	// What was concealed is not changed again. It may be called from any lane.
	Conceal(records []event.Event)
}

// Finding is one line of what a transform has to say about one event.
type Finding struct {
	Subject string // "rule TM-CT-001"
	Verdict string // "match", "no match", "skipped"
	Detail  string // why, "" where the verdict says it all
}

// Explainer is a Transform that can say how it judges an event.
type Explainer interface {
	// Explain returns its findings on a decoded event that has passed the
	// transform; it changes nothing.
	Explain(e *event.Event) []Finding
}

// Reporter is a Transform that can say how its work goes, for whoever asks the
// running process.
type Reporter interface {
	Transform

	// Report returns what encoding/json can write; its keys are added, never
	// changed. It may be called from any goroutine and does not wait for a Stage.
	Report() any
}

// Keeper is a Transform whose memory outlives the process: a process table, the
// windows and first sightings of rules. The engine saves a snapshot with the
// journal position that it stands for, and after a restart gives it back and
// then every event that was journalled since, so that nothing is learned twice
// and nothing is forgotten.
type Keeper interface {
	Transform

	// Snapshot appends what the transform knows to dst, in an encoding of its own
	// that begins with a version. No Stage of it runs meanwhile.
	Snapshot(dst []byte) ([]byte, error)

	// Restore takes back what Snapshot gave, before any Stage runs. After an
	// error (another version, damage) the transform knows nothing, as at a first
	// start.
	Restore(snapshot []byte) error

	// Learn takes decoded events as they were journalled, in order, and adds to
	// what is known what a Stage would have learned from them. It makes no event
	// and changes none.
	Learn(events []event.Event)
}
