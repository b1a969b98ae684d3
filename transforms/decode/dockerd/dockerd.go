// Package dockerd reads the log of the Docker daemon and of containerd: lines in
// logfmt, `time="…" level=info msg="…" name=value …`, as logrus writes them, or the
// same in JSON or for a terminal, and between them lines of Go's own log package, which
// are text. It knows the form of the
// lines and which names stand for a container; what a message means is left to
// who reads it.
package dockerd

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `dockerd`.
var Plugin = plugin.NewDecoder("dockerd", "Lines of the log of the Docker daemon or containerd: logfmt with time, level and msg.", build)

// Dataset is that of the events.
const Dataset = "docker.daemon"

// TagIncomplete marks a line of which a part is no logfmt; the line is kept whole.
const TagIncomplete = "tallyman_incomplete"

const room = 16

type decoder struct {
	env   plugin.Env
	pairs []pair // kept for its memory
	ids   *pieces.IDs
}

func build(env plugin.Env) plugin.Decoder {
	return &decoder{env: env, ids: pieces.NewIDs(env.HostID, env.Name)}
}

var errEmpty = errors.New("the line is empty")

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	line := strings.TrimRight(e.Raw, "\r\n")
	if strings.TrimSpace(line) == "" {
		return errEmpty
	}
	seen := e.Seen
	e.Time = seen
	e.Dataset = Dataset
	e.ID = d.ids.Of(&e, "", e.Raw)
	pairs, doubt, isObject := object(line, d.pairs[:0])
	if !isObject {
		pairs, doubt = split(line, pairs)
	}
	d.pairs = pairs
	e.Fields = out.Take(e.Fields, room+len(pairs))
	f := &e.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventCategory, "host")
	f.AddString(schema.EventType, "info")
	f.AddString(schema.EventAction, "daemon-log")
	f.AddString(schema.EventModule, "docker")
	message := line
	switch at, rest, ok := golog(line, d.env.Now); {
	case ok:
		e.Time, message, doubt = at, rest, ""
	case doubt == "":
		doubt = d.known(&e, pairs, &message)
	case !isObject:
		if at, level, text, ok := terminal(line); ok {
			if sane(at) {
				e.Time = at
			}
			f.AddString(schema.LogLevel, level)
			f.Add(schema.EventSeverity, event.Int(weights[level]))
			message, doubt = text, ""
		}
	}
	f.AddString(schema.Message, message)
	if doubt == "" && !utf8.ValidString(line) {
		doubt = "the line is no valid UTF-8"
	}
	e.Decode = ""
	if doubt == "" {
		e.Raw = ""
	} else {
		f.AddString(schema.Tags, TagIncomplete)
		f.AddString(schema.ErrorMessage, doubt)
	}
	out.Events = append(out.Events, e)
	return nil
}

// golog reads a line of Go's log package, "2006/01/02 15:04:05 text", or of etcd's,
// "2006-01-02 15:04:05.000000 I | text"; their times are local.
func golog(line string, now func() time.Time) (time.Time, string, bool) {
	for _, form := range [...]string{"2006/01/02 15:04:05", "2006-01-02 15:04:05.000000"} {
		if len(line) <= len(form)+1 || line[4] != form[4] || line[len(form)] != ' ' {
			continue
		}
		if t, err := time.ParseInLocation(form, line[:len(form)], now().Location()); err == nil && sane(t) {
			return t.UTC(), line[len(form)+1:], true
		}
	}
	return time.Time{}, "", false
}

// sane reports whether a time can be one of a log.
func sane(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2200 }

// weights are event.severity by level (SCHEMA.md, section 5).
var weights = map[string]int64{"panic": 10, "fatal": 10, "error": 8, "warning": 5, "warn": 5, "info": 2, "debug": 1, "trace": 1}

// known adds what the pairs say. Of a name that stands twice the first is the
// daemon's: logrus writes time, level and msg before all else.
func (d *decoder) known(e *event.Event, pairs []pair, message *string) (doubt string) {
	f := &e.Fields
	var timed, levelled, said bool
	for i := range pairs {
		p := &pairs[i]
		switch {
		case p.name == "time" && !timed:
			t, ok := pieces.ParseTime(p.value)
			if !ok { // of CRI-O, with a blank between date and time
				at, err := time.Parse("2006-01-02 15:04:05.999999999Z07:00", p.value)
				t, ok = at.UTC(), err == nil
			}
			if timed = true; !ok || !sane(t) {
				doubt = "the time cannot be read"
				f.AddNamed(schema.Labels, p.name, event.String(p.value))
				continue
			}
			e.Time = t
		case p.name == "level" && !levelled:
			levelled = true
			level := strings.ToLower(p.value) // slog writes WARN
			f.AddString(schema.LogLevel, level)
			if w, ok := weights[level]; ok {
				f.Add(schema.EventSeverity, event.Int(w))
			} else {
				doubt = "the level is not known"
			}
		case p.name == "msg" && !said:
			*message, said = p.value, true
		default:
			add(f, p)
		}
	}
	if id := f.GetNamed(schema.Labels, "id").Str(); isID(id) && f.Get(schema.ContainerID).IsZero() && !f.GetNamed(schema.Labels, "namespace").IsZero() {
		f.AddString(schema.ContainerID, id) // the tasks of containerd have the ids of their containers
	}
	if !said {
		return "the line has no msg"
	}
	return doubt
}

// add adds one name that the daemon gave.
func add(f *event.Fields, p *pair) {
	switch p.name {
	case "container", "containerID", "container_id":
		if isID(p.value) && f.Get(schema.ContainerID).IsZero() {
			f.AddString(schema.ContainerID, p.value)
			return
		}
	case "error":
		if p.value != "<nil>" && f.Get(schema.EventReason).IsZero() {
			f.AddString(schema.EventReason, p.value)
			return
		}
	case "pid":
		if n, err := strconv.ParseInt(p.value, 10, 32); err == nil && n > 0 && f.Get(schema.ProcessPID).IsZero() {
			f.Add(schema.ProcessPID, event.Int(n))
			return
		}
	}
	name := p.name
	for turn := 2; !f.GetNamed(schema.Labels, name).IsZero(); turn++ {
		name = p.name + "#" + strconv.Itoa(turn)
	}
	f.AddNamed(schema.Labels, name, event.String(p.value))
}

// isID reports whether s is a container's full id.
func isID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}
