package jenkins

import (
	"errors"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/lazy"
	"tallyman/pipeline/multiline"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/zone"
)

// DatasetLog is that of the system log's events.
const DatasetLog = "jenkins.log"

var errLog = errors.New("no record of the system log: it begins with no time")

// The one-line form of the support-core plugin, which Jenkins has used itself
// since 2.289:
//
//	2026-11-21 03:04:05.123+0000 [id=42]<tab>LEVEL<tab>class#method: text
//
// always in UTC; further lines of the text begin with "[LF]> " or "[CRLF]> ", and a
// stack trace follows. The older form of java.util.logging has two lines:
//
//	Nov 21, 2026 3:04:05 AM class method
//	LEVEL: text
var oneLine = lazy.Regexp(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d{4}) \[id=(\d+)\][\t ]+(\S+)[\t ]+([^\s#:]+)(?:#(\S+?))?: (.*)$`)

// levels are those of java.util.logging.
var levels = map[string]int64{"SEVERE": 8, "WARNING": 5, "INFO": 2, "CONFIG": 2, "FINE": 1, "FINER": 1, "FINEST": 1}

// logDecoder implements plugin.HoldingDecoder.
type logDecoder struct {
	env   plugin.Env
	join  *multiline.Joiner
	zones zone.Finder
	seed  []byte
}

func newLog(env plugin.Env) plugin.Decoder {
	return &logDecoder{env: env, join: multiline.New(env.Now, env.Meter, env.Name, "jenkins_log", logKind)}
}

func logKind(line string) multiline.Kind {
	line, _, _ = strings.Cut(line, "\n")
	if oneLine().MatchString(line) {
		return multiline.Begins
	}
	if _, ok := parseStamp(line); ok {
		return multiline.Begins
	}
	return multiline.Follows
}

// Decode implements plugin.Decoder.
func (d *logDecoder) Decode(e event.Event, out *event.Batch) error {
	d.join.Add(&e, func(whole *event.Event) { d.one(*whole, out) })
	return nil
}

// entry is one record of the log.
type entry struct {
	at                                    time.Time
	thread, level, class, method, message string
	trace                                 string
	doubt                                 string
}

func (d *logDecoder) one(e event.Event, out *event.Batch) {
	x, ok := d.read(&e)
	if !ok {
		unread(&d.env, "jenkins_log", e, errLog, out)
		return
	}
	f := facts{dataset: DatasetLog, kind: "system_log", action: "controller-log", code: x.level, severity: levels[x.level], message: x.message, doubt: x.doubt}
	f.logger, f.level = x.class, x.level
	f.labels = []pair{{"method", x.method}, {"thread", x.thread}, {"trace", x.trace}}
	if len(x.message) > mostMessage || len(x.trace) > record.MaxText {
		f.keep = true // more than the fields hold
	}
	if f.severity == 0 {
		f.doubt = "the level is not known"
	}
	d.seed = emit(&d.env, d.seed, e, &f, x.at, out)
}

func (d *logDecoder) read(e *event.Event) (x entry, ok bool) {
	head, more, _ := strings.Cut(e.Raw, "\n")
	if m := oneLine().FindStringSubmatch(strings.TrimSuffix(head, "\r")); m != nil {
		if x.at, ok = record.Time(m[1][:26] + ":" + m[1][26:]); !ok {
			return x, false
		}
		x.thread, x.level, x.class, x.method, x.message = m[2], m[3], m[4], m[5], m[6]
		x.follow(more)
		return x, true
	}
	s, ok := parseStamp(head)
	if !ok {
		return x, false
	}
	if x.at, ok = s.in(d.zones.Of(e, d.here)); !ok {
		x.doubt = "the time is in a language that is not known"
	}
	x.class, x.method, _ = strings.Cut(strings.TrimSpace(s.rest), " ")
	second, more, _ := strings.Cut(more, "\n")
	if x.level, x.message, ok = strings.Cut(second, ": "); !ok {
		x.level, x.message, x.doubt = "", second, "the record has no level"
	}
	x.follow(more)
	return x, true
}

// follow parts what follows the first line of a text into more text and a trace.
func (x *entry) follow(more string) {
	var trace []string
	for line := range strings.SplitSeq(more, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if rest, ok := after(line, "[LF]> ", "[CRLF]> ", "[CR]> "); ok && len(trace) == 0 {
			x.message += "\n" + rest
			continue
		}
		if line == "" && len(trace) == 0 {
			continue
		}
		trace = append(trace, line)
	}
	x.trace = strings.TrimRight(strings.Join(trace, "\n"), "\n")
}

// Held implements plugin.HoldingDecoder.
func (d *logDecoder) Held(dst []event.Event) []event.Event { return d.join.Held(dst) }

// Idle implements plugin.HoldingDecoder.
func (d *logDecoder) Idle(out *event.Batch) {
	d.join.Idle(func(e *event.Event) { d.one(*e, out) })
}

// Flush implements plugin.HoldingDecoder.
func (d *logDecoder) Flush(out *event.Batch) {
	d.join.Flush(func(e *event.Event) { d.one(*e, out) })
}

var _ plugin.HoldingDecoder = (*logDecoder)(nil)

// here is the zone of this host.
func (d *logDecoder) here() *time.Location { return d.env.Now().Location() }
