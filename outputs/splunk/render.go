package splunk

import (
	"fmt"
	"net/url"
	"strings"
	"unsafe"

	"tallyman/outputs/format"
	"tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/template"
)

// renderer makes bodies of events. Endpoint event has one envelope for each, one
// after the other and without a separator:
//
//	{"time":1700000000.123,"host":"web-1","source":"tallyman:audit:/var/log/audit/audit.log",
//	 "sourcetype":"tallyman:auditd","index":"audit","fields":{"event_id":"06C2…"},"event":{…}}
//
// Endpoint raw has one line for each; what the envelope says is said once in the
// query of the request, so that a body holds only events of which it is true.
type renderer struct {
	plan
	settings *Settings
	enc      plugin.Encoder

	raw    []byte // every event of a batch, one after the other
	spans  []span // where each is
	meta   []meta // of endpoint raw
	buf    []byte // one value
	second second
	head   head
	kinds  [2]member // the sourcetypes, by the dataset: of events and of alerts
}

// span is one event in renderer.raw.
type span struct {
	from, to int
	event    int // its place in the batch
	meta     int // its place in renderer.meta, of endpoint raw; 0 otherwise
}

// render renders a batch and returns the events that cannot be rendered.
func (r *renderer) render(events []event.Event) []plugin.Failure {
	var failed []plugin.Failure
	r.raw, r.spans, r.meta = r.raw[:0], r.spans[:0], r.meta[:0]
	for i := range events {
		from, s := len(r.raw), span{event: i}
		var err error
		if r.settings.Endpoint == endpointRaw {
			s.meta = r.said(&events[i])
			err = r.line(&events[i])
		} else {
			err = r.envelope(&events[i])
		}
		if err != nil {
			r.raw = r.raw[:from]
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(fmt.Errorf("splunk: render event %s: %w", events[i].ID, err))})
			continue
		}
		s.from, s.to = from, len(r.raw)
		r.spans = append(r.spans, s)
	}
	return failed
}

// bodies cuts the spans into what one request takes.
func (r *renderer) bodies(dst [][]span) [][]span {
	most := int(r.settings.MaxBytes)
	for at := 0; at < len(r.spans); {
		end := at + 1
		for end < len(r.spans) && r.spans[end].meta == r.spans[at].meta && r.spans[end].to-r.spans[at].from <= most {
			end++
		}
		dst = append(dst, r.spans[at:end])
		at = end
	}
	return dst
}

// body is the bytes of spans that follow each other.
func (r *renderer) body(spans []span) []byte { return r.raw[spans[0].from:spans[len(spans)-1].to] }

func (r *renderer) line(e *event.Event) error {
	var err error
	if r.raw, err = r.enc.Append(r.raw, e); err == nil {
		r.raw = append(r.raw, '\n')
	}
	return err
}

func (r *renderer) envelope(e *event.Event) error {
	dst := r.raw
	dst = append(dst, '{')
	at := e.Time
	if at.IsZero() {
		at = e.Seen
	}
	if ms := at.UnixMilli(); !at.IsZero() && ms > 0 {
		dst = append(dst, r.second.member(ms/1000)...)
		dst = append(dst, byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10), ',')
	}
	dst = r.appendHead(dst, e)
	dst = r.appendKind(dst, e)
	if !r.index.Empty() {
		r.buf = r.choice.Append(r.buf[:0], r.index, e, &r.asName)
		dst = r.pair(dst, "index")
	}
	dst = r.appendFields(dst, e)
	dst = append(dst, `"event":`...)
	var err error
	if isObject(r.settings.Format.Format) {
		if dst, err = r.enc.Append(dst, e); err != nil {
			return err
		}
	} else {
		if r.buf, err = r.enc.Append(r.buf[:0], e); err != nil {
			return err
		}
		dst = r.quote(dst)
	}
	dst = append(dst, '}')
	r.raw = dst
	return nil
}

// second is how an envelope says its time, down to the dot. Events in a row are mostly
// of one second.
type second struct {
	unix int64
	text []byte
}

func (s *second) member(unix int64) []byte {
	if s.text == nil || s.unix != unix {
		s.unix, s.text = unix, append(event.AppendInt(append(s.text[:0], `"time":`...), unix), '.')
	}
	return s.text
}

// head is what an envelope says of where an event came from. It follows mostly from
// what the event shares with others, and is then the same for all of them.
type head struct {
	set  event.Fields // kept, so that no other set can lie at its place
	text []byte
}

// appendHead appends the members host and source.
func (r *renderer) appendHead(dst []byte, e *event.Event) []byte {
	h := &r.head
	shared := r.places.shared(e)
	if shared && len(h.set) == len(e.Shared) && &h.set[0] == &e.Shared[0] {
		return append(dst, h.text...)
	}
	at := len(dst)
	r.buf, _ = r.host.Append(r.buf[:0], e, &r.asLine)
	dst = r.pair(dst, "host")
	r.buf = r.appendSource(r.buf[:0], e)
	dst = r.pair(dst, "source")
	if shared {
		h.set, h.text = e.Shared, append(h.text[:0], dst[at:]...)
	}
	return dst
}

// places are the fields that host and source are made of.
type places struct {
	own bool   // they are made of more than fields
	key []bool // by schema.Key
}

func placesOf(texts ...*template.Template) *places {
	keys := schema.Keys()
	p := &places{key: make([]bool, int(keys[len(keys)-1])+1)}
	for _, k := range [...]schema.Key{schema.LogFilePath, schema.LogSourceAddress, schema.TallymanInput} {
		p.key[k] = true
	}
	for _, t := range texts {
		p.own = p.own || !t.OfFields()
		for _, f := range t.Fields() {
			p.key[f.Key] = true
		}
	}
	return p
}

// shared reports whether an event has all of them from what it shares.
func (p *places) shared(e *event.Event) bool {
	if p.own || len(e.Shared) == 0 {
		return false
	}
	for i := range e.Fields {
		if k := int(e.Fields[i].Key); k < len(p.key) && p.key[k] {
			return false
		}
	}
	return true
}

// isObject reports whether a format is a JSON object, which stands in an envelope
// as it is; every other one is a text.
func isObject(word string) bool {
	return word == format.JSON || word == format.Splunk || word == format.OCSF
}

// pair appends a member whose value is in r.buf; an empty one is left out.
func (r *renderer) pair(dst []byte, name string) []byte {
	if len(r.buf) == 0 {
		return dst
	}
	dst = append(append(append(dst, '"'), name...), `":`...)
	return append(r.quote(dst), ',')
}

// quote appends r.buf as a JSON string.
func (r *renderer) quote(dst []byte) []byte {
	// AppendText keeps nothing of the string, so that it need not be a copy.
	dst, _ = json.AppendText(dst, unsafe.String(unsafe.SliceData(r.buf), len(r.buf)))
	return dst
}

func (r *renderer) appendSource(dst []byte, e *event.Event) []byte {
	if !r.source.Empty() {
		dst, _ = r.source.Append(dst, e, &r.asLine)
		return dst
	}
	dst = append(dst, "tallyman"...)
	at := e.Get(schema.LogFilePath)
	if at.IsZero() {
		at = e.Get(schema.LogSourceAddress)
	}
	return r.appendPart(r.appendPart(dst, e.Get(schema.TallymanInput)), at)
}

func (r *renderer) appendPart(dst []byte, v event.Value) []byte {
	if v.IsZero() {
		return dst
	}
	dst = append(dst, ':')
	from := len(dst)
	dst, _ = r.asLine.Confine(v.Append(dst), from)
	return dst
}

// appendSourcetype appends the sourcetype by the dataset, as the add-on knows
// them (SCHEMA section 10).
func (r *renderer) appendSourcetype(dst []byte, e *event.Event) []byte {
	if !r.sourcetype.Empty() {
		dst, _ = r.sourcetype.Append(dst, e, &r.asLine)
		return dst
	}
	dst = append(dst, "tallyman:"...)
	switch {
	case !isObject(r.settings.Format.Format):
		return append(dst, r.settings.Format.Format...)
	case isAlert(e):
		return append(dst, "alert"...)
	case e.Dataset == "kubernetes.audit":
		return append(dst, "kubernetes:audit"...)
	}
	module, stream, _ := strings.Cut(e.Dataset, ".")
	if module == "tallyman" {
		module = stream // our own: tallyman:internal
	}
	if module == "" {
		module = "event"
	}
	return append(dst, module...)
}

// meta is what is said of the events of a body in the query of endpoint raw.
type meta struct {
	key   string // the values, parted by zero bytes, which none of them holds
	query url.Values
}

// said returns the place in r.meta of what is said of an event.
func (r *renderer) said(e *event.Event) int {
	b, _ := r.host.Append(r.buf[:0], e, &r.asLine)
	b = r.appendSource(append(b, 0), e)
	b = r.appendSourcetype(append(b, 0), e)
	b = r.choice.Append(append(b, 0), r.index, e, &r.asName)
	r.buf = b
	if n := len(r.meta); n > 0 && r.meta[n-1].key == string(b) {
		return n - 1
	}
	m := meta{key: string(b), query: url.Values{}}
	for i, value := range strings.Split(m.key, "\x00") {
		if value != "" {
			m.query.Set([...]string{"host", "source", "sourcetype", "index"}[i], value)
		}
	}
	r.meta = append(r.meta, m)
	return len(r.meta) - 1
}
