// Package journald gives entries of systemd's journal their meaning: in the
// export format, or as the JSON objects of `journalctl --output=json`. Fields whose
// names begin with an underscore are journald's own word on the sender and are
// believed; all others are the sender's words (systemd.journal-fields(7)). It
// knows which entries are audit records, which go on to the decoder `audit`, what
// sshd, sudo and the like say, and which entries are pieces of one line of a
// container; and nothing of where entries come from.
package journald

import (
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `journald`.
var Plugin = plugin.NewDecoder("journald", "Entries of systemd's journal, in the export format or as JSON; audit records in it go on to the audit transform, pieces of containers' lines are put together.", build)

// Dataset is that of the events.
const Dataset = "journald.log"

// TagIncomplete marks an entry of which a part is in doubt; it is kept whole.
const TagIncomplete = "tallyman_incomplete"

type decoder struct {
	env    plugin.Env
	join   *pieces.Joiner
	fields []field // kept for its memory
	seed   []byte
}

func build(env plugin.Env) plugin.Decoder {
	return &decoder{env: env, join: pieces.New(env.Now, env.Meter, env.Name, "journald")}
}

// field is one field of an entry.
type field struct{ name, value string }

var (
	errEmpty  = errors.New("the entry is empty")
	errExport = errors.New("no entry in the export format")
	errJSON   = errors.New("no JSON object of a journal's entry")
	errName   = errors.New("a field has no name that a journal may have")
)

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	list, doubt, err := read(e.Raw, d.fields[:0])
	if d.fields = list; err != nil {
		return err
	}
	x := entry(list)
	if p, ok := d.piece(x, &e); ok {
		d.join.Add(&e, p, func(l *pieces.Line) { d.joined(l, out) })
		return nil
	}
	d.emit(e, x, doubt, out)
	return nil
}

// emit makes the event of an entry.
func (d *decoder) emit(e event.Event, x entry, doubt string, out *event.Batch) {
	e.Time = x.time(e.Seen)
	e.Fields = out.Take(e.Fields, room+len(x))
	d.origin(&e, x)
	if record, ok := x.audit(); ok {
		e.Decode, e.Raw = "audit", record
		out.Events = append(out.Events, e)
		return
	}
	d.identify(&e, x)
	e.Decode, e.Dataset = "", Dataset
	twice := x.describe(&e.Fields)
	if doubt == "" && !utf8.ValidString(x.get("MESSAGE")) {
		doubt = "the message is no valid UTF-8"
	}
	if doubt == "" && x.get("MESSAGE") == "" && !x.has("MESSAGE") {
		doubt = "the entry has no message"
	}
	if doubt == "" {
		doubt = twice
	}
	if doubt == "" {
		e.Raw = ""
	} else {
		e.Fields.AddString(schema.Tags, TagIncomplete)
		e.Fields.AddString(schema.ErrorMessage, doubt)
	}
	out.Events = append(out.Events, e)
}

// entry is the fields of one entry in their order.
type entry []field

// get returns the first value of a field, "" for none.
func (x entry) get(name string) string {
	for i := range x {
		if x[i].name == name {
			return x[i].value
		}
	}
	return ""
}

func (x entry) has(name string) bool {
	for i := range x {
		if x[i].name == name {
			return true
		}
	}
	return false
}

// time is when the source says that it was, else when journald took it, else
// when we did.
func (x entry) time(seen time.Time) time.Time {
	for _, name := range [...]string{"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"} {
		if n, ok := micros(x.get(name)); ok {
			return time.UnixMicro(n).UTC()
		}
	}
	return seen
}

// micros reads microseconds since 1970 that a log can have.
func micros(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && n < 7_258_118_400_000_000
}

// identify gives the entry an id by its cursor, which names it in every journal.
func (d *decoder) identify(e *event.Event, x entry) {
	b := d.seed[:0]
	b = append(b, d.env.HostID...)
	b = append(append(b, 0), Dataset...)
	if cursor := x.get("__CURSOR"); cursor != "" {
		b = append(append(b, 0), cursor...)
	} else {
		b = append(append(b, 0), e.Get(schema.LogFilePath).Str()...)
		b = strconv.AppendInt(append(b, 0), e.Offset, 10)
		b = append(append(b, 0), e.Raw...)
	}
	e.ID, d.seed = event.NewID(b), b
}

// origin adds which host and which boot an entry is of, where that is another
// host than ours.
func (d *decoder) origin(e *event.Event, x entry) {
	if host := x.get("_HOSTNAME"); host != "" && host != e.Shared.Get(schema.HostName).Str() {
		e.Fields.AddString(schema.HostName, host)
	}
	if id := x.get("_MACHINE_ID"); id != "" && id != e.Shared.Get(schema.HostID).Str() {
		e.Fields.AddString(schema.HostID, id)
	}
	if boot := x.get("_BOOT_ID"); boot != "" && boot != e.Shared.Get(schema.HostBootID).Str() {
		e.Fields.AddString(schema.HostBootID, boot)
	}
}
