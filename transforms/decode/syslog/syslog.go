// Package syslog gives the messages of syslog their meaning: RFC 5424, and RFC
// 3164 in the shapes that devices really send. It knows the head of a message,
// the lines of sshd, sudo, su, cron, login and the account tools, and which
// messages hold a record of another format (audit, CEF, LEEF), which it hands
// on. It knows no framing and no transport: one record is one message.
//
// The grammar of record is go-syslog's. Ours is a reader of its own, without an
// allocation, because no device keeps to the grammar; tests hold it to
// go-syslog wherever that one takes a message (oracle_test.go lists where it is
// wrong). A message of RFC 5424 that breaks the grammar is shown to go-syslog,
// whose words for what is wrong go onto the event.
package syslog

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	gosyslog "github.com/influxdata/go-syslog/v3"
	"github.com/influxdata/go-syslog/v3/rfc5424"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/zone"
)

// The module and the dataset of what this decoder makes.
const (
	Module  = "syslog"
	Dataset = "syslog.log"
)

// What an event says of itself when a part of its message is in doubt: a tag and
// a code. error.message says which part.
const (
	TagIncomplete = "tallyman_incomplete"
	CodeParse     = "parse_error"
)

// Plugin is the decoder.
var Plugin = plugin.NewDecoder("syslog", "Reads syslog messages, RFC 5424 and the shapes of RFC 3164 that devices send, and what is inside them.",
	func(env plugin.Env) plugin.Decoder { return newDecoder(env) })

// errEmpty is what a record without a message is.
var errEmpty = errors.New("the message is empty")

// decoder implements plugin.Decoder.
type decoder struct {
	here  func() *time.Location
	zones zone.Finder
	now   func() time.Time
	ids   *pieces.IDs
	judge gosyslog.Machine // made when a message first breaks the grammar

	// What follows is of the message at hand.
	loc         *time.Location // of a time that says none; nil until it is asked for
	own, shared event.Fields   // what came with it

	m      message
	names  map[pair]string                       // of structured data, so that a name is made once
	recent [recentNames]recentName               // of the messages before, by the place of the parameter
	heads  [priorities - noPriority]event.Fields // what events of a priority have in common, made at first use
	second second                                // of a time of RFC 5424
	last   instant                               // of a time that said neither year nor zone

	offset int // seconds east of UTC that zone is the text of
	zone   string

	doubtful *meter.Counter
}

func newDecoder(env plugin.Env) *decoder {
	d := &decoder{now: env.Now, ids: pieces.NewIDs(env.HostID, env.Name), zone: "+00:00", names: map[pair]string{}}
	if d.now == nil {
		d.now = time.Now
	}
	local := d.now().Location()
	d.here = func() *time.Location { return local }
	d.doubtful = env.Meter.Counter("tallyman_decode_doubtful_records_total", "Records of which a part is in doubt; they are kept whole beside what was understood.",
		meter.Label{Name: "input", Value: env.Name}, meter.Label{Name: "decoder", Value: "syslog"})
	return d
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	text := trimEnd(e.Raw)
	if strings.TrimSpace(text) == "" {
		return errEmpty
	}
	seen := e.Seen
	if seen.IsZero() {
		seen = d.now()
	}
	m := &d.m
	m.reset()
	d.loc, d.own, d.shared = nil, e.Fields, e.Shared
	d.parse(text, seen)
	f := out.Room(len(e.Fields) + fieldRoom + len(m.params))
	for i := range e.Fields {
		if e.Fields[i].Key != schema.EventTimezone { // what the input says of all; the head says what this one has
			f = append(f, e.Fields[i])
		}
	}
	if e.Time = seen.UTC(); m.timed {
		e.Time = m.at
	}
	if inner := m.inner(); inner != "" {
		priority(&f, m.pri)
		d.head(&f, inner)
		d.handed(&f, text)
		if inner != "audit" { // which numbers its events itself
			e.ID = d.ids.Of(&e, "", e.Raw) // not of what is handed on alone: the head is part of the line
		}
		e.Decode, e.Raw = inner, m.text
	} else {
		d.event(&f)
		e.Decode, e.Dataset = "", Dataset
		if e.ID = d.ids.Of(&e, "", e.Raw); m.doubt == "" {
			e.Raw = ""
		}
	}
	if m.doubt != "" {
		d.doubtful.Inc()
	}
	e.Fields = out.Keep(f, spare)
	out.Events = append(out.Events, e)
	return nil
}

// local returns the zone of times that say none. Few messages have one, and to look for it
// in what came with them took longer than to read their time.
func (d *decoder) local() *time.Location {
	if d.loc == nil {
		d.loc = d.zones.Of(&event.Event{Fields: d.own, Shared: d.shared}, d.here)
	}
	return d.loc
}

// trimEnd takes line ends and NULs from the end of a record.
func trimEnd(s string) string {
	for s != "" {
		switch s[len(s)-1] {
		case '\r', '\n', 0:
			s = s[:len(s)-1]
		default:
			return s
		}
	}
	return s
}

// parse fills d.m from a message.
func (d *decoder) parse(text string, seen time.Time) {
	m := &d.m
	m.printable = printable(text)
	s := strings.TrimPrefix(m.priority(strings.TrimPrefix(text, bom)), bom)
	if (m.pri != noPriority || m.badPri) && versioned(s) {
		d.rfc5424(text, s)
	} else {
		d.device(s, seen)
	}
	switch {
	case m.printable || m.doubt != "":
	case !utf8.ValidString(text):
		m.doubt = "the message is no valid UTF-8"
	case strings.IndexByte(text, 0) >= 0:
		m.doubt = "the message holds a NUL"
	}
	m.text = strings.TrimPrefix(m.text, bom)
}

// object tells what go-syslog has against a message of RFC 5424.
func (d *decoder) object(text, fallback string) string {
	if d.judge == nil {
		d.judge = rfc5424.NewParser()
	}
	if _, err := d.judge.Parse([]byte(text)); err != nil {
		return fmt.Sprintf("no message of RFC 5424: %v", err)
	}
	return fallback
}
