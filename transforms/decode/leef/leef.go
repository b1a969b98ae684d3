// Package leef reads the Log Event Extended Format of QRadar, versions 1.0 and
// 2.0, as its guide has it and devices write it:
//
//	LEEF:1.0|Vendor|Product|Version|EventID|key=value<TAB>key=value
//	LEEF:2.0|Vendor|Product|Version|EventID|x5E|key=value^key=value
//
// It is SCHEMA.md section 7 read backwards. A key that the schema has a field for
// becomes that field, every other stands in labels under its name. It knows no
// framing and no head of syslog: a line with such a head goes to the decoder
// syslog, which cuts it off.
package leef

import (
	"errors"
	"fmt"
	"strconv"
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
	Module  = "leef"
	Dataset = "leef.log"
)

// What an event says of itself when a part of its record is in doubt: a tag and a
// code. error.message says which part.
const (
	TagIncomplete = "tallyman_incomplete"
	CodeParse     = "parse_error"
)

// Plugin is the decoder.
var Plugin = plugin.NewDecoder("leef", "Reads events in the Log Event Extended Format (LEEF 1.0 and 2.0).",
	func(env plugin.Env) plugin.Decoder { return newDecoder(env) })

// The reasons why a record is no LEEF.
var (
	errNoLEEF  = errors.New("no LEEF: in the record")
	errVersion = errors.New("the version of LEEF is neither 1.0 nor 2.0")
	errHeader  = errors.New("the header has fewer than five fields")
)

// decoder implements plugin.Decoder.
type decoder struct {
	now      func() time.Time
	here     func() *time.Location
	zones    zone.Finder
	loc      *time.Location // of the times of the record at hand that say none
	keys     map[string]target
	pairs    []pair // of the record at hand
	r        record
	ids      *pieces.IDs
	doubtful *meter.Counter

	format, layout string // the devTimeFormat last seen, and what it is in Go
}

type pair struct{ key, value string }

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

func newDecoder(env plugin.Env) *decoder {
	d := &decoder{now: env.Now, ids: pieces.NewIDs(env.HostID, env.Name), keys: keys()}
	if d.now == nil {
		d.now = time.Now
	}
	local := d.now().Location()
	d.here = func() *time.Location { return local }
	d.doubtful = env.Meter.Counter("tallyman_decode_doubtful_records_total", "Records of which a part is in doubt; they are kept whole beside what was understood.",
		meter.Label{Name: "input", Value: env.Name}, meter.Label{Name: "decoder", Value: "leef"})
	return d
}

// fieldRoom is how many fields a record may give beside its attributes, with room
// for what transforms add.
const fieldRoom = 40

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	text := strings.TrimLeft(strings.TrimRight(e.Raw, "\r\n\x00"), " \t\ufeff")
	if !strings.HasPrefix(text, "LEEF:") {
		if strings.Contains(text, "LEEF:") && e.Fields.Get(schema.LogSyslogAppname).IsZero() && e.Fields.Get(schema.LogSyslogHostname).IsZero() {
			e.Decode = "syslog" // a head stands before it
			out.Events = append(out.Events, e)
			return nil
		}
		return errNoLEEF
	}
	header, rest, err := headerOf(strings.TrimLeft(text[len("LEEF:"):], " "))
	if err != nil {
		return err
	}
	d.r = record{ours: header[1] == "Tallyman"}
	r := &d.r
	d.loc = d.zones.Of(&e, d.here)
	clear(d.pairs)
	d.pairs = d.split(d.pairs[:0], header[0], rest)
	r.fields = out.Take(e.Fields, fieldRoom+2*len(d.pairs))
	d.header(&header)
	d.attributes()
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

// headerOf cuts version, vendor, product, version and event id, and returns what
// follows them.
func headerOf(s string) (header [5]string, rest string, err error) {
	for i := range header {
		field, after, ok := strings.Cut(s, "|")
		if !ok && i < 4 {
			return header, "", fmt.Errorf("%w: %d", errHeader, i)
		}
		header[i], s = field, after
	}
	switch header[0] {
	case "1.0", "1", "2.0", "2":
		return header, s, nil
	}
	return header, "", errVersion
}

// mostPairs is how many attributes a record may have as fields. What is too many
// stays in the text of the record alone.
const mostPairs = 512

// split cuts the attributes.
func (d *decoder) split(pairs []pair, version, s string) []pair {
	delimiter := "\t"
	if version[0] == '2' {
		delimiter, s = delimiterOf(s)
	}
	if delimiter == "\t" && strings.IndexByte(s, '\t') < 0 && strings.Contains(s, "#011") {
		delimiter = "#011" // a tab, as rsyslog escapes it on its way
	}
	if delimiter == "\t" && strings.IndexByte(s, '\t') < 0 && d.blanks(s) {
		d.r.wrong("blanks stand in place of the tabs")
		s = tabbed(s)
	}
	for s != "" {
		one, rest, _ := strings.Cut(s, delimiter)
		s = rest
		key, value, ok := strings.Cut(one, "=")
		key = strings.TrimSpace(key)
		switch {
		case strings.TrimSpace(one) == "":
		case !ok || key == "":
			d.r.wrong("an attribute has no key")
		case strings.ContainsRune(key, ' '):
			d.r.wrong("an attribute has a blank in its key")
		case len(pairs) >= mostPairs:
			d.r.wrong("there are more than 512 attributes")
		default:
			pairs = append(pairs, pair{key, value})
		}
	}
	return pairs
}

// blanks reports whether a relay made blanks of the tabs of s: a second key of the
// format stands in it after a blank.
func (d *decoder) blanks(s string) bool {
	for at := strings.IndexByte(s, '='); at >= 0 && at < len(s); {
		next := strings.IndexByte(s[at+1:], '=')
		if next < 0 {
			return false
		}
		next += at + 1
		from := strings.LastIndexByte(s[:next], ' ') + 1
		if _, known := d.keys[s[from:next]]; known && from > at {
			return true
		}
		at = next
	}
	return false
}

// tabbed makes a tab of each blank that stands before a key.
func tabbed(s string) string {
	b := []byte(s)
	for i, last := 0, 0; i < len(b); i++ {
		switch b[i] {
		case ' ':
			last = i
		case '=':
			if last > 0 && i > last+1 && keyLike(s[last+1:i]) {
				b[last] = '\t'
			}
			last = 0
		}
	}
	return string(b)
}

// keyLike reports whether s may be a key.
func keyLike(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// delimiterOf reads the delimiter of LEEF 2.0: one character, or its code as x5E
// or 0x5E. Devices leave the field out; then it is a tab.
func delimiterOf(s string) (delimiter, rest string) {
	field, after, ok := strings.Cut(s, "|")
	if strings.HasPrefix(s, "||") {
		return "|", s[2:]
	}
	if !ok {
		return "\t", s
	}
	if field == "" {
		return "\t", after
	}
	if utf8.RuneCountInString(field) == 1 {
		return field, after
	}
	code, isHex := strings.CutPrefix(strings.TrimPrefix(field, "0"), "x")
	if n, err := strconv.ParseUint(code, 16, 32); isHex && err == nil && n > 0 && len(code) <= 4 && utf8.ValidRune(rune(n)) {
		return string(rune(n)), after
	}
	return "\t", s
}
