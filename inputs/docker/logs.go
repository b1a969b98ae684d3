package docker

// What containers print, for those whose log is in no file that the input
// `containers` reads. Each container has a follower (logsfollow.go) that reads its
// log from a place on; the lane takes what they bring, and follows containers as
// they come and go by the engine's events.

import (
	"context"
	"errors"
	"io"
	"path"
	"strconv"
	"sync"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Logs is the input `docker_logs`.
var Logs = plugin.NewInput("docker_logs", "What containers print, through the Docker Engine API, for log drivers that keep no file of JSON lines: containers are followed as they come and go, and each line is read once.", logsDefaults, buildLogs)

// LogsSettings are the keys of the input.
type LogsSettings struct {
	Host       string        `yaml:"host" doc:"Where the engine listens: unix:///PATH, or tcp://HOST:PORT (with tls)." example:"tcp://10.0.0.7:2376"`
	TLS        *TLS          `yaml:"tls" doc:"The certificates for an engine that listens on tcp."`
	Logs       string        `yaml:"logs" doc:"Which containers are read: auto, those whose log driver is neither json-file (the input containers reads its files) nor journald (the input journald does); or all. The driver none keeps nothing to read." enum:"auto,all"`
	Exclude    []plugin.Text `yaml:"exclude" doc:"Containers that are left out, by patterns of their names: tallyman's own, most often." example:"tallyman*"`
	StartAt    string        `yaml:"start_at" doc:"Where containers are begun that are there at the very first start: at the beginning of their logs, or at their end. What comes later is read from its beginning." enum:"beginning,end"`
	Containers int           `yaml:"containers" doc:"How many containers are followed at most at a time; each takes a connection. What is more is counted and said, and read once there is room."`
	Decode     string        `yaml:"decode" doc:"The decoder that the lines wait for: docker_line takes each as a message; json, logfmt and others read what is in it."`
}

func logsDefaults() LogsSettings {
	return LogsSettings{Host: "unix:///var/run/docker.sock", Logs: "auto", StartAt: "beginning", Containers: 512, Decode: "docker_line"}
}

// Check says what is wrong with the settings.
func (s *LogsSettings) Check() plugin.Problems {
	p := checkHost(s.Host, s.TLS)
	if s.Logs != "auto" && s.Logs != "all" {
		p = append(p, plugin.Problem{Key: "logs", Text: `logs is "` + s.Logs + `"`, Hint: "auto or all"})
	}
	for _, t := range s.Exclude {
		if _, err := path.Match(t.Value, ""); err != nil || t.Value == "" {
			p = append(p, plugin.Problem{Pos: t.Pos, Key: "exclude", Text: "the pattern \"" + t.Value + "\" cannot be read", Hint: "a [ needs its ]"})
		}
	}
	if s.StartAt != "beginning" && s.StartAt != "end" {
		p = append(p, plugin.Problem{Key: "start_at", Text: `start_at is "` + s.StartAt + `"`, Hint: "beginning or end"})
	}
	if s.Containers < 1 || s.Containers > 1<<16 {
		p = append(p, plugin.Problem{Key: "containers", Text: "containers of input docker_logs must lie between 1 and 65536"})
	}
	if s.Decode == "" {
		p = append(p, plugin.Problem{Key: "decode", Text: "decode is empty", Hint: "docker_line"})
	}
	return p
}

const (
	// atOnce is how many containers that have ended are read at a time.
	atOnce = 4

	// again is how long a container that could not be read is left alone.
	again = time.Second
)

// printer is a container that prints.
type printer struct {
	id     string
	tty    bool
	fields [streams]event.Fields // of a line of each stream
}

// wish is that a container be followed: not before a time, and maybe only if it
// runs, since what it printed was read.
type wish struct {
	at     time.Time
	ifRuns bool
}

// logs implements plugin.Input. Its fields are the lane's alone, but chunks and
// few, where the followers meet it.
type logs struct {
	s   *LogsSettings
	env plugin.Env
	api *api

	seed    []byte // of an id, kept for its memory
	places  map[string]place
	known   bool // there was a position
	events  *stream
	busy    map[string]bool // ids that are followed
	wanted  map[string]wish // ids to be followed
	gone    map[string]bool // removed, while they are still followed
	drivers map[string]bool // those whose lines cannot be read and that was said of

	chunks chan chunk
	few    chan struct{}
	stop   context.CancelFunc
	life   context.Context
	work   sync.WaitGroup

	followed *meter.Gauge
	failed   *meter.Counter
}

func buildLogs(s *LogsSettings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	a, err := newAPI(s.Host, s.TLS, env.Dir)
	if err != nil {
		return nil, err
	}
	label := meter.Label{Name: "input", Value: env.Name}
	in := &logs{s: s, env: env, api: a, places: map[string]place{}, busy: map[string]bool{}, wanted: map[string]wish{}, gone: map[string]bool{},
		drivers: map[string]bool{}, chunks: make(chan chunk, 32), few: make(chan struct{}, atOnce),
		followed: env.Meter.Gauge("tallyman_input_docker_logs_followed", "Containers whose logs are being read.", label),
		failed:   env.Meter.Counter("tallyman_input_docker_logs_failures_total", "Times that a container's log could not be read; it is tried again while the container is there.", label)}
	in.life, in.stop = context.WithCancel(context.Background())
	return in, nil
}

// Open implements plugin.Input. The engine is connected to by Read.
func (in *logs) Open(_ context.Context, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	all, err := parsePlaces(from)
	if err != nil {
		in.env.Log.Warn("docker_logs: the position is none of this input; all logs are read again", "error", err.Error())
		return nil
	}
	in.places, in.known = all, true
	return nil
}

// Read implements plugin.Input.
func (in *logs) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if in.events == nil {
		if err := in.connect(ctx); err != nil {
			return err
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		lines, end := in.events.ready(mostRecords)
		for _, l := range lines {
			in.hear(l)
		}
		in.begin(ctx)
		if in.drain(b); len(b.Events)+len(b.Losses) > 0 {
			b.Position = appendPlaces(nil, in.places)
			return nil
		}
		if in.env.Once && len(in.busy) == 0 && len(in.wanted) == 0 {
			return io.EOF
		}
		if end != nil && len(lines) == 0 && !in.env.Once {
			in.events.close()
			in.events = nil
			return plugin.Retry(errors.New("the stream of events of " + in.s.Host + " ended: " + unEnd(end).Error()))
		}
		select {
		case c := <-in.chunks:
			in.take(&c, b)
		case <-in.events.wake:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain takes what the followers have brought, up to what a batch should hold.
func (in *logs) drain(b *event.Batch) {
	for len(b.Events) < mostRecords {
		select {
		case c := <-in.chunks:
			in.take(&c, b)
		default:
			return
		}
	}
}

// ownDecoder makes ids of what it knows that a line of a container has.
const ownDecoder = "docker_line"

// name gives a line the id of its place, since other decoders would make one of its
// text and its offset alone: of each time the first line has the same.
func (in *logs) name(e *event.Event, container string, l *printed) {
	seed := append(append(in.seed[:0], in.env.HostID...), 0)
	seed = strconv.AppendInt(append(append(seed, container...), 0), int64(l.stream), 10)
	seed = strconv.AppendInt(append(seed, 0), l.at.nano, 10)
	in.seed = strconv.AppendUint(append(seed, 0), l.at.n, 10)
	e.ID = event.NewID(in.seed)
}

// take adds a chunk to a batch.
func (in *logs) take(c *chunk, b *event.Batch) {
	if c.lost != "" {
		b.Losses = append(b.Losses, event.Loss{Reason: event.Misplaced, Text: c.lost})
	}
	p := in.places[c.of.id]
	for i := range c.lines {
		l := &c.lines[i]
		p[l.stream] = l.at
		e := b.Add(event.Event{Decode: in.s.Decode, Raw: l.text, Records: 1, Offset: int64(l.at.n), Seen: in.env.Now(), Shared: in.env.Shared})
		if l.timed {
			e.Time = time.Unix(0, l.at.nano).UTC()
		}
		if in.s.Decode != ownDecoder {
			in.name(e, c.of.id, l)
		}
		e.Fields = b.Take(c.of.fields[l.stream], 2)
		if l.part != "" {
			e.Fields.AddString(schema.Tags, pieces.TagPartial)
			e.Fields.AddString(schema.ErrorMessage, l.part)
		}
	}
	if len(c.lines) > 0 {
		in.places[c.of.id] = p
	}
	if c.end {
		in.ended(c)
	}
}

// Close implements plugin.Input.
func (in *logs) Close() error {
	in.stop()
	if in.events != nil {
		in.events.close()
		in.events = nil
	}
	in.work.Wait()
	in.api.http.CloseIdleConnections()
	in.followed.Set(0)
	return nil
}
