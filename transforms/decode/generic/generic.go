// Package generic reads lines of programs that nobody knows here: JSON objects,
// logfmt, and name=value pairs with other separators. Time, level and message are
// found by the names that are usual; everything else stays among the labels,
// under the name that the program gave it, where the transform `fields` may take
// it from. Nothing that a line says reaches another field by itself: who writes
// lines must not choose the user or the container of an event.
package generic

import (
	"errors"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// JSON is the decoder `json`.
var JSON = plugin.NewDecoder("json", "JSON objects of any program: time, level and message by their usual names, all else among the labels.", with("generic.json", (*decoder).object))

// Logfmt is the decoder `logfmt`.
var Logfmt = plugin.NewDecoder("logfmt", "Lines of name=value pairs with blanks between, as logrus and others write them.", with("generic.logfmt", (*decoder).logfmt))

// KeyValue is the decoder `key_value`.
var KeyValue = plugin.NewDecoder("key_value", "Lines of name=value pairs with commas, semicolons, bars or tabs between.", with("generic.key_value", (*decoder).keyValue))

const (
	// mostLabels is how many labels an event may have.
	mostLabels = 256
	// spare is the room of an event's fields beside its labels.
	spare = 16
)

var (
	errJSON  = errors.New("no JSON object, nested too deep or too large")
	errPairs = errors.New("no name=value pair")
)

// decoder belongs to one lane.
type decoder struct {
	ids     *pieces.IDs
	dataset string
	read    func(*decoder, string) error
	doc     jsontree.Doc

	// What follows is of the line at hand.
	pairs              []pair
	stamp, level, said string
	at                 time.Time
	doubt              string
	over               bool // there is more than is kept
}

type pair struct{ name, value string }

func with(dataset string, read func(*decoder, string) error) func(plugin.Env) plugin.Decoder {
	return func(env plugin.Env) plugin.Decoder {
		return &decoder{ids: pieces.NewIDs(env.HostID, env.Name), dataset: dataset, read: read}
	}
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	d.pairs, d.stamp, d.level, d.said, d.at, d.doubt, d.over = d.pairs[:0], "", "", "", time.Time{}, "", false
	if err := d.read(d, strings.TrimSpace(e.Raw)); err != nil {
		return err
	}
	given := e.Time // by a transport that knows it
	e.Decode, e.Dataset = "", d.dataset
	if e.Time = d.at; e.Time.IsZero() {
		e.Time = given
	}
	if e.Time.IsZero() {
		e.Time = e.Seen
	}
	e.ID = d.ids.Of(&e, "", e.Raw)
	e.Fields = out.Take(e.Fields, spare+len(d.pairs))
	f := &e.Fields
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventModule, "generic")
	f.AddString(schema.EventCategory, "host")
	f.AddString(schema.EventType, "info")
	if d.level != "" {
		f.AddString(schema.LogLevel, strings.ToLower(d.level))
	}
	severity, known := record.Severity(d.level)
	if !known {
		severity = 1
	}
	f.Add(schema.EventSeverity, event.Int(severity))
	for _, p := range d.pairs {
		d.over = !record.Label(f, p.name, p.value) || d.over
	}
	if len(d.said) > record.MaxText {
		d.over, d.said = true, d.said[:record.MaxText]
	}
	f.AddString(schema.Message, d.said)
	switch {
	case d.doubt != "":
		record.Doubt(f, d.doubt)
	case !d.over:
		e.Raw = ""
	}
	out.Events = append(out.Events, e)
	return nil
}

func (d *decoder) object(text string) error {
	root, ok := d.doc.Parse(text)
	if !ok || !root.IsObject() {
		return errJSON
	}
	root.Rest(func(path string, n jsontree.Node) { d.pair(path, n.Text()) })
	return nil
}

func (d *decoder) logfmt(text string) error { return d.line(text, ' ') }

// keyValue takes the separator that comes first after the first pair.
func (d *decoder) keyValue(text string) error {
	sep := byte(' ')
	if at := strings.IndexAny(text, ",;|\t"); at >= 0 {
		sep = text[at]
	}
	return d.line(text, sep)
}

func (d *decoder) line(text string, sep byte) error {
	n := 0
	whole := record.Pairs(text, sep, func(name, value string) {
		n++
		d.pair(name, value)
	})
	switch {
	case n == 0:
		return errPairs
	case !whole:
		d.doubt = "a part of the line is not name=value"
	}
	return nil
}

// pair takes one name and its value. The first of each usual name counts; a
// second stays a label, so that nothing is hidden.
func (d *decoder) pair(name, value string) {
	switch strings.ToLower(name) {
	case "time", "timestamp", "@timestamp", "ts", "datetime", "eventtime":
		if d.stamp == "" && d.time(value) {
			return
		}
	case "level", "lvl", "severity", "log.level", "loglevel":
		if d.level == "" && len(value) <= 32 {
			d.level = value
			return
		}
	case "msg", "message":
		if d.said == "" {
			d.said = value
			return
		}
	}
	if len(d.pairs) >= mostLabels {
		d.over = true
		return
	}
	d.pairs = append(d.pairs, pair{name, value})
}

// time reads a time as text, or as a number since 1970.
func (d *decoder) time(value string) bool {
	t, ok := record.Time(value)
	if !ok {
		t, ok = epoch(value)
	}
	if ok {
		d.at, d.stamp = t, value
	}
	return ok
}
