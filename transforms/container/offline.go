package container

// The files that were recorded beside a capture: how they are read, and the
// timeline and engine events among them.

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"tallyman/pipeline/plugin"
)

// load reads the files of the offline setting: first what names containers, the
// inspects before the events because they say more, then the timeline.
func (t *Transform) load(o *Offline) plugin.Problems {
	l := loader{dir: t.env.Dir, reg: t.reg, died: map[string][]int64{}}
	for _, f := range o.Inspect {
		l.inspect(f)
	}
	for _, f := range o.Events {
		l.lines(f, l.event)
	}
	if o.Timeline.Value != "" {
		t.history = newHistory()
		l.lines(o.Timeline, func(line []byte) error { return t.history.line(line, t.reg) })
	}
	for _, s := range l.seeds {
		t.seeds = append(t.seeds, sown{s, l.died[s.in.id]})
	}
	for _, c := range t.reg.byID {
		c.bound, c.named = true, true
	}
	return l.bad
}

// loader collects what the files say and what is wrong in them.
type loader struct {
	dir   string
	reg   *registry
	died  map[string][]int64 // by container: when it stopped, wall clock, ns
	seeds []seed
	bad   plugin.Problems
}

// seed is a process that an inspect names.
type seed struct {
	in      *container
	pid     int32
	monitor bool  // it is the container's conmon
	from    int64 // the container was running from then on, wall clock, ns
	to      int64 // until then, never if it still ran
}

// sown is a seed, and when its container stopped.
type sown struct {
	seed
	died []int64
}

func (l *loader) problem(f plugin.Text, at plugin.Pos, err error) {
	if at.Line == 0 {
		at = f.Pos
	}
	l.bad = append(l.bad, plugin.Problem{Pos: at, Text: err.Error()})
}

// open opens a file, relative to the configuration's folder, and undoes gzip.
func (l *loader) open(f plugin.Text) (io.Reader, io.Closer, string, error) {
	path := under(l.dir, f.Value)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, path, fmt.Errorf("no such file: %s", path)
	} else if err != nil {
		return nil, nil, path, fmt.Errorf("open an offline file: %w", err)
	}
	in := bufio.NewReaderSize(file, 64<<10)
	if magic, _ := in.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return in, file, path, nil // too short for gzip is no gzip
	}
	zip, err := gzip.NewReader(in)
	if err != nil {
		return nil, nil, path, errors.Join(fmt.Errorf("%s: gzip: %w", path, err), file.Close())
	}
	return zip, file, path, nil
}

// lines hands every line that is not blank to take; a line that it refuses is a
// problem with its number. Ten of a file are enough.
func (l *loader) lines(f plugin.Text, take func([]byte) error) {
	in, closer, path, err := l.open(f)
	if err != nil {
		l.problem(f, plugin.Pos{}, err)
		return
	}
	buf := bufio.NewReaderSize(in, 64<<10)
	for n, bad := 1, 0; bad < 10; n++ {
		line, err := buf.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := take(line); err != nil {
				bad++
				l.problem(f, plugin.Pos{File: path, Line: n, Col: column(err)}, err)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			l.problem(f, plugin.Pos{File: path, Line: n, Col: 1}, fmt.Errorf("read: %w", err))
			break
		}
	}
	if err := closer.Close(); err != nil {
		l.problem(f, plugin.Pos{}, fmt.Errorf("close %s: %w", path, err))
	}
}

// column returns where in its line a JSON error is.
func column(err error) int { return max(int(offset(err)), 1) }

func offset(err error) int64 {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &typ):
		return typ.Offset
	}
	return 0
}

// tick is one line of a timeline.
type tick struct {
	T    int64  `json:"t"`
	K    string `json:"k"`
	PID  int32  `json:"pid"`
	PPID int32  `json:"ppid"`
	CG   string `json:"cg"`
}

// line takes one line of a timeline.
func (h *history) line(line []byte, reg *registry) error {
	var k tick
	if err := json.Unmarshal(line, &k); err != nil {
		return err
	}
	if k.PID <= 0 || k.T <= 0 {
		return errors.New("a timeline entry needs t and pid")
	}
	p := parseCgroup(k.CG)
	st := state{in: reg.at(p), host: p.host}
	switch k.K {
	case "scan":
		h.begin(k.T, k.PID, k.PPID, st)
		h.open(k.PID).start = always
	case "fork":
		h.fork(k.T, k.PID, k.PPID)
	case "exit":
		h.exit(k.T, k.PID)
	case "attach":
		h.moved(k.T, k.PID, st)
	case "exec":
	default:
		return fmt.Errorf("unknown kind of timeline entry %q", k.K)
	}
	return nil
}

// engineEvent is one line of docker events or podman events.
type engineEvent struct {
	Type     string
	Action   string // docker
	TimeNano int64  `json:"timeNano"`
	Actor    struct {
		ID         string
		Attributes map[string]string
	}

	ID, Name, Image, Status string // podman
	Time                    json.RawMessage
	Attributes              map[string]string
}

// event takes one line of an engine's event stream: names, and when containers
// stopped. Both engines write lower-case keys as well; encoding/json does not
// tell them apart, so the ones that matter are read twice.
func (l *loader) event(line []byte) error {
	var e engineEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	if e.Type != "container" {
		return nil
	}
	if e.Actor.ID == "" {
		return l.podman(&e)
	}
	c := l.reg.get(e.Actor.ID)
	f := facts{runtime: runtimeDocker, name: e.Actor.Attributes["name"], image: e.Actor.Attributes["image"]}
	switch e.Action {
	case "create", "start":
		f.labels = e.Actor.Attributes
		delete(f.labels, "name")
		delete(f.labels, "image")
	case "die":
		l.died[c.id] = append(l.died[c.id], e.TimeNano)
	}
	c.learn(f, l.reg.kubernetes)
	return nil
}

func (l *loader) podman(e *engineEvent) error {
	if e.ID == "" {
		return nil
	}
	c := l.reg.get(e.ID)
	c.learn(facts{runtime: runtimePodman, name: e.Name, image: e.Image, labels: e.Attributes}, l.reg.kubernetes)
	if e.Status == "died" {
		var at time.Time
		if err := json.Unmarshal(e.Time, &at); err != nil {
			return err
		}
		l.died[c.id] = append(l.died[c.id], at.UnixNano())
	}
	return nil
}
