package http

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"tallyman/outputs/format"
	"tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// renderer makes bodies of events. Each event is rendered once, into raw, as the
// part of a body that it is:
//
//	lines    {"create":{"_index":"audit","_id":"06C2…"}}\n{…}\n   the first line for a bulk interface alone
//	list     {…}                                                  put between [ and ], with commas
//	streams  ["1700000000123456789","{…}"]                        put into the list of its stream
//	alone    {…}
type renderer struct {
	plan
	settings *Settings
	enc      plugin.Encoder
	now      func() time.Time

	raw   []byte // every event of a batch, one after the other
	spans []span // where each is
	buf   []byte // one value, or one event that is quoted
	whole []byte // a body that is put together
	order []span // of a body of streams, by stream

	known     map[string]int // the streams of the last while, by their labels
	sets      []string       // the labels of each
	since     time.Time      // when that while began
	overflows *meter.Counter
}

// span is one event in renderer.raw.
type span struct {
	from, to int
	event    int // its place in the batch
	stream   int // its place in renderer.sets, of streams; 0 otherwise
}

// render renders a batch and returns the events that cannot be rendered.
func (r *renderer) render(events []event.Event) []plugin.Failure {
	var failed []plugin.Failure
	r.raw, r.spans = r.raw[:0], r.spans[:0]
	if r.framing == streams {
		r.forget()
	}
	for i := range events {
		s := span{from: len(r.raw), event: i}
		if err := r.one(&events[i], &s); err != nil {
			r.raw = r.raw[:s.from]
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(fmt.Errorf("http: render event %s: %w", events[i].ID, err))})
			continue
		}
		s.to = len(r.raw)
		r.spans = append(r.spans, s)
	}
	return failed
}

// one appends one event to raw.
func (r *renderer) one(e *event.Event, s *span) (err error) {
	switch {
	case r.settings.Preset == datadog:
		return r.datadog(e)
	case r.framing == streams:
		s.stream = r.stream(e)
		r.raw = append(r.raw, `["`...)
		at := e.Time
		if at.IsZero() {
			at = e.Seen
		}
		r.raw = strconv.AppendInt(r.raw, at.UnixNano(), 10)
		r.raw = append(r.raw, `",`...)
		if err = r.quoted(e); err == nil {
			r.raw = append(r.raw, ']')
		}
		return err
	case r.framing == list && !isObject(r.settings.Format.Format):
		return r.quoted(e)
	case r.bulk:
		r.action(e)
	}
	if r.raw, err = r.enc.Append(r.raw, e); err == nil && r.framing == lines {
		r.raw = append(r.raw, '\n')
	}
	return err
}

// action appends what a bulk interface is to do with the event that follows:
// create, with the event's id, does nothing where it is there already.
func (r *renderer) action(e *event.Event) {
	r.buf = r.choice.Append(r.buf[:0], r.index, e, &r.name)
	if len(r.buf) == 0 {
		r.buf = append(r.buf, r.choice.List[0]...)
	}
	r.raw = append(append(append(r.raw, `{"create":{"_index":"`...), r.buf...), '"')
	if !e.ID.IsZero() {
		r.raw = append(e.ID.Append(append(r.raw, `,"_id":"`...)), '"')
	}
	if r.settings.Pipeline != "" {
		r.raw, _ = json.AppendText(append(r.raw, `,"pipeline":`...), r.settings.Pipeline)
	}
	r.raw = append(r.raw, "}}\n"...)
}

// datadog appends the object that Datadog wants, with the event as its message,
// in which Datadog finds JSON.
func (r *renderer) datadog(e *event.Event) error {
	r.raw, _ = json.AppendText(append(r.raw, `{"ddsource":`...), r.settings.Source)
	for _, tag := range r.settings.Tags {
		if tag == r.settings.Tags[0] {
			r.raw = append(append(r.raw, `,"ddtags":"`...), tag...)
		} else {
			r.raw = append(append(r.raw, ','), tag...)
		}
	}
	if len(r.settings.Tags) > 0 {
		r.raw = append(r.raw, '"')
	}
	r.buf, _ = r.hostname.Append(r.buf[:0], e, &r.line)
	r.pair(`,"hostname":`)
	r.buf, _ = r.service.Append(r.buf[:0], e, &r.line)
	r.pair(`,"service":`)
	r.raw = append(r.raw, `,"message":`...)
	if err := r.quoted(e); err != nil {
		return err
	}
	r.raw = append(r.raw, '}')
	return nil
}

// pair appends a member whose value is in r.buf; an empty one is left out.
func (r *renderer) pair(name string) {
	if len(r.buf) > 0 {
		r.raw = append(r.raw, name...)
		r.quote()
	}
}

// quoted appends the event as a JSON string.
func (r *renderer) quoted(e *event.Event) (err error) {
	if r.buf, err = r.enc.Append(r.buf[:0], e); err == nil {
		r.quote()
	}
	return err
}

// quote appends r.buf as a JSON string.
func (r *renderer) quote() {
	// AppendText keeps nothing of the string, so that it need not be a copy.
	r.raw, _ = json.AppendText(r.raw, unsafe.String(unsafe.SliceData(r.buf), len(r.buf)))
}

// isObject reports whether a format is a JSON object.
func isObject(word string) bool {
	return word == format.JSON || word == format.Splunk || word == format.OCSF
}

// while is how long a stream counts that has no more events: Loki itself lets go
// of idle ones after half an hour.
const while = 30 * time.Minute

// forget lets go of the streams of the last while.
func (r *renderer) forget() {
	if now := r.now(); r.known == nil || now.Sub(r.since) >= while || now.Before(r.since) {
		r.known, r.sets, r.since = map[string]int{string(r.fixed): 0}, []string{string(r.fixed)}, now
	}
}

// stream returns the place in r.sets of an event's labels; those of the first are
// for what is too many. A label without a value is left out, as Loki would.
func (r *renderer) stream(e *event.Event) int {
	labels := r.whole[:0]
	labels = append(labels, '{')
	for _, l := range r.labels {
		if r.buf, _ = l.text.Append(r.buf[:0], e, &r.value); len(r.buf) == 0 {
			continue
		}
		if len(labels) > 1 {
			labels = append(labels, ',')
		}
		labels, _ = json.AppendText(labels, l.name)
		labels, _ = json.AppendText(append(labels, ':'), unsafe.String(unsafe.SliceData(r.buf), len(r.buf)))
	}
	labels = append(labels, '}')
	r.whole = labels
	at, known := r.known[string(labels)]
	switch {
	case known:
		return at
	case len(labels) == len("{}") || len(r.sets) > r.settings.MaxStreams:
		r.overflows.Inc()
		return 0
	}
	text := string(labels)
	r.known[text] = len(r.sets)
	r.sets = append(r.sets, text)
	return len(r.sets) - 1
}

// bodies cuts the spans into what one request takes.
func (r *renderer) bodies(dst [][]span) [][]span {
	for at := 0; at < len(r.spans); {
		end := at + 1
		size := r.spans[at].to - r.spans[at].from
		for end < len(r.spans) && end-at < r.maxEvents && r.framing != alone {
			if size += r.spans[end].to - r.spans[end].from + 1; size > r.maxBytes {
				break
			}
			end++
		}
		dst = append(dst, r.spans[at:end])
		at = end
	}
	return dst
}

// body is the body of spans that follow each other, valid until the next call.
func (r *renderer) body(spans []span) []byte {
	switch r.framing {
	case list:
		r.whole = append(r.whole[:0], '[')
		for i, s := range spans {
			if i > 0 {
				r.whole = append(r.whole, ',')
			}
			r.whole = append(r.whole, r.raw[s.from:s.to]...)
		}
		r.whole = append(r.whole, ']')
		return r.whole
	case streams:
		return r.pushed(spans)
	}
	return r.raw[spans[0].from:spans[len(spans)-1].to]
}

// pushed is the body of a push to Loki: the entries of each stream together, in
// the order in which they came.
func (r *renderer) pushed(spans []span) []byte {
	r.order = append(r.order[:0], spans...)
	slices.SortStableFunc(r.order, func(a, b span) int { return a.stream - b.stream })
	r.whole = append(r.whole[:0], `{"streams":[`...)
	for i, s := range r.order {
		switch {
		case i == 0 || r.order[i-1].stream != s.stream:
			if i > 0 {
				r.whole = append(r.whole, "]},"...)
			}
			r.whole = append(append(append(r.whole, `{"stream":`...), r.sets[s.stream]...), `,"values":[`...)
		default:
			r.whole = append(r.whole, ',')
		}
		r.whole = append(r.whole, r.raw[s.from:s.to]...)
	}
	r.whole = append(r.whole, "]}]}"...)
	return r.whole
}
