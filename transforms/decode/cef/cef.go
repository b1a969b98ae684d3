// Package cef reads the Common Event Format, as the implementation standard,
// document version 27, has it and devices write it:
//
//	CEF:0|Vendor|Product|Version|Class|Name|Severity|key=value key=value
//
// It is SCHEMA.md section 6 read backwards. A key that the schema has a field for
// becomes that field; a custom one (cs1 and cs1Label) stands in labels under its
// label, every other in labels under its name. It knows no framing and no head of
// syslog: a line with such a head goes to the decoder syslog, which cuts it off.
package cef

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/pieces"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/zone"
)

// The module and the dataset of what this decoder makes. The dataset of the
// sender is not believed: no device can write an event of another source.
const (
	Module  = "cef"
	Dataset = "cef.log"
)

// What an event says of itself when a part of its record is in doubt: a tag and a
// code. error.message says which part.
const (
	TagIncomplete = "tallyman_incomplete"
	CodeParse     = "parse_error"
)

// Plugin is the decoder.
var Plugin = plugin.NewDecoder("cef", "Reads events in the Common Event Format (CEF 0 and 1).",
	func(env plugin.Env) plugin.Decoder { return newDecoder(env) })

// The reasons why a record is no CEF.
var (
	errNoCEF   = errors.New("no CEF: in the record")
	errVersion = errors.New("the version of CEF is no number")
	errHeader  = errors.New("the header has fewer than seven fields")
)

// decoder implements plugin.Decoder.
type decoder struct {
	now      func() time.Time
	here     func() *time.Location
	zones    zone.Finder    // of the input
	device   zone.Finder    // of dtz
	loc      *time.Location // of the times of the record at hand that say none
	keys     map[string]target
	labelled map[string]target
	pairs    []pair // of the record at hand
	r        record
	ids      *pieces.IDs
	doubtful *meter.Counter
}

// pair is one key of the extension with its value as written.
type pair struct {
	key, value string
	used       bool
}

// record is what is known of the record at hand.
type record struct {
	fields event.Fields
	set    [16]uint64 // a bit for each schema key that has a value
	clash  schema.Key // that was given another value; of the key at hand
	ours   bool       // written by tallyman: every key means what SCHEMA.md says
	at     time.Time
	doubt  string
}

func (r *record) wrong(what string) {
	if r.doubt == "" {
		r.doubt = what
	}
}

// flag says that a part is in doubt, beside what the input and a head of syslog
// said.
func (r *record) flag() {
	if r.fields.Get(schema.ErrorCode).IsZero() {
		r.fields.AddString(schema.ErrorCode, CodeParse)
		r.fields.AddString(schema.Tags, TagIncomplete)
	}
	if before := r.fields.Get(schema.ErrorMessage).Str(); before != "" {
		r.fields.Set(schema.ErrorMessage, event.String(before+"; "+r.doubt))
		return
	}
	r.fields.AddString(schema.ErrorMessage, r.doubt)
}

func newDecoder(env plugin.Env) *decoder {
	d := &decoder{now: env.Now, ids: pieces.NewIDs(env.HostID, env.Name), keys: keys(), labelled: labelled()}
	if d.now == nil {
		d.now = time.Now
	}
	local := d.now().Location()
	d.here = func() *time.Location { return local }
	d.doubtful = env.Meter.Counter("tallyman_decode_doubtful_records_total", "Records of which a part is in doubt; they are kept whole beside what was understood.",
		meter.Label{Name: "input", Value: env.Name}, meter.Label{Name: "decoder", Value: "cef"})
	return d
}

// fieldRoom is how many fields a record may give beside its extension, with room
// for what transforms add.
const fieldRoom = 40

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	text := strings.TrimLeft(strings.TrimRight(e.Raw, "\r\n\x00"), " \t\ufeff")
	rest, ok := strings.CutPrefix(text, "CEF:")
	if !ok {
		if strings.Contains(text, "CEF:") && e.Fields.Get(schema.LogSyslogAppname).IsZero() && e.Fields.Get(schema.LogSyslogHostname).IsZero() {
			e.Decode = "syslog" // a head stands before it
			out.Events = append(out.Events, e)
			return nil
		}
		return errNoCEF
	}
	header, rest, err := headerOf(rest)
	if err != nil {
		return err
	}
	clear(d.pairs)
	d.r = record{ours: header[1] == "Tallyman"}
	r := &d.r
	d.pairs = d.split(d.pairs[:0], rest)
	d.loc = d.zoneOf(&e)
	r.fields = out.Take(e.Fields, fieldRoom+2*len(d.pairs))
	d.begin(&header)
	d.extension()
	d.finish(&header)
	if !utf8.ValidString(text) {
		r.wrong("the record is no valid UTF-8")
	}
	e.Dataset = Dataset
	e.ID = d.ids.Of(&e, "", e.Raw)
	if r.doubt != "" {
		d.doubtful.Inc()
		r.flag()
	} else {
		e.Raw = ""
	}
	if !r.at.IsZero() {
		e.Time = r.at
	} else if e.Time.IsZero() {
		e.Time = e.Seen
	}
	e.Decode, e.Fields = "", r.fields
	d.r = record{}
	out.Events = append(out.Events, e)
	return nil
}

// headerOf cuts the seven fields of the header and returns what follows them.
func headerOf(s string) (header [7]string, rest string, err error) {
	s = strings.TrimLeft(s, " ")
	for i := range header {
		end := bare(s, '|')
		if end < 0 {
			if i < 6 {
				return header, "", fmt.Errorf("%w: %d", errHeader, i)
			}
			end = len(s)
		}
		header[i] = unescape(s[:end], `\|`)
		s = s[min(end+1, len(s)):]
	}
	if v := header[0]; v == "" || len(v) > 2 || strings.Trim(v, "0123456789") != "" {
		return header, "", errVersion
	}
	return header, s, nil
}

// bare returns where the first c without a backslash before it is, else -1.
func bare(s string, c byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case c:
			return i
		}
	}
	return -1
}

// split cuts the extension. A key is the word before an equals sign that has no
// backslash; what is before it, from the last key on, is a value. An equals sign
// without a word before it belongs to a value, and is what no sender should write.
func (d *decoder) split(pairs []pair, s string) []pair {
	key, from := "", 0
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		if s[i] != '=' {
			continue
		}
		at := i
		for at > from && keyChar(s[at-1]) {
			at--
		}
		if at == i || at > from && s[at-1] != ' ' && s[at-1] != '\t' || at == from && key != "" {
			if key != "" || at == i {
				d.r.wrong("a value of the extension has an equals sign that is not escaped")
			}
			continue
		}
		pairs = d.add(pairs, key, strings.TrimSuffix(s[from:at], " ")) // the blank that parts two pairs
		key, from = s[at:i], i+1
	}
	return d.add(pairs, key, s[from:])
}

// mostPairs is how many keys a record may have as fields. What is too many stays
// in the text of the record alone.
const mostPairs = 512

// add adds a key with its value.
func (d *decoder) add(pairs []pair, key, value string) []pair {
	if key == "" {
		if strings.TrimSpace(value) != "" {
			d.r.wrong("the extension begins with a text that has no key")
		}
		return pairs
	}
	if strings.Trim(value, " ") == "" {
		value = ""
	}
	if len(pairs) >= mostPairs {
		d.r.wrong("the extension has more than 512 keys")
		return pairs
	}
	return append(pairs, pair{key: key, value: unescape(value, `\=nr`)})
}

// keyChar reports whether c may stand in a key. The standard has letters and
// digits; devices write the others too.
func keyChar(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c == ',' || c == '[' || c == ']'
}

// unescape undoes a backslash before the characters of known, where n and r are
// line ends. Any other backslash stands for itself.
func unescape(s, known string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) || strings.IndexByte(known, s[i+1]) < 0 {
			b.WriteByte(s[i])
			continue
		}
		switch i++; s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
