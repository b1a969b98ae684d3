// Package alert understands the alerts and the audit trails of security products
// that have no decoder of their own, Aqua, Prisma Cloud Compute (Twistlock) and
// Sysdig Secure, and finds out which decoder knows any other: falco, tetragon or
// finding. It knows no transport.
package alert

import (
	"errors"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `alert`.
var Plugin = plugin.NewDecoder("alert", "Alerts of security products, by their form: Aqua, Prisma Cloud and Sysdig, and what goes on to falco, tetragon and finding.",
	func(env plugin.Env) plugin.Decoder { return &decoder{env: env} })

// spare is the room of an event's fields without those that come many times.
const spare = 48

// mostLeft is how many leftovers of an alert become labels.
const mostLeft = 64

var (
	errJSON = errors.New("no JSON, nested too deep or too large")
	errForm = errors.New("no alert of a product that is known")
)

// decoder belongs to one lane.
type decoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	text := strings.TrimSpace(strings.TrimPrefix(e.Raw, "\ufeff"))
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		if record.FalcoLine(text) {
			e.Decode = "falco"
			out.Events = append(out.Events, e)
			return nil
		}
		return d.line(e, text, out)
	}
	root, ok := d.doc.Parse(text)
	if !ok {
		return errJSON
	}
	p := productOf(root)
	if p == nil {
		e.Decode = handedTo(root)
		out.Events = append(out.Events, e)
		return nil
	}
	a := alert{product: p}
	d.emit(e, &a, root, out)
	return nil
}

// handedTo names the decoder that reads an object.
func handedTo(n jsontree.Node) string {
	if n.IsArray() {
		first := true
		name := "finding"
		n.Each(func(_ string, m jsontree.Node) {
			if first {
				name, first = handedTo(m), false
			}
		})
		return name
	}
	if n.Get("rule").Is() && n.Get("priority").Is() {
		return "falco"
	}
	name := "finding"
	n.Each(func(member string, m jsontree.Node) {
		if m.IsObject() && strings.HasPrefix(member, "process_") {
			name = "tetragon"
		}
	})
	if n.Get("result", "process_exec").Is() {
		name = "tetragon"
	}
	return name
}

// line reads a line of names and values: Aqua's audit trail, Prisma's syslog.
func (d *decoder) line(e event.Event, text string, out *event.Batch) error {
	sep, head := byte(' '), text
	if at := strings.Index(text, "action="); at >= 0 && strings.Contains(text[at:], ",") && !strings.Contains(text, "log_type=") {
		sep, text = ',', text[at:]
		head = head[:at]
	} else {
		head = ""
	}
	var pairs []pair
	whole := record.Pairs(text, sep, func(name, value string) {
		if len(pairs) < mostLeft {
			pairs = append(pairs, pair{name: name, value: value})
		}
	})
	a := alert{pairs: pairs, head: strings.TrimSpace(head)}
	switch {
	case sep == ',' && len(pairs) > 2 && (has(pairs, "result") || has(pairs, "imageid") || has(pairs, "containerid")):
		a.product = &aqua
	case has(pairs, "time") && (has(pairs, "log_type") || has(pairs, "vulnerability_id") || has(pairs, "type") && has(pairs, "rule")):
		a.product = &prisma
	default:
		return errForm
	}
	if !whole {
		a.doubt = "a part of the line is not name=value"
	}
	d.emit(e, &a, jsontree.Node{}, out)
	return nil
}

// pair is one name of a line with its value.
type pair struct {
	name, value string
	taken       bool
}

func has(list []pair, name string) bool {
	for i := range list {
		if list[i].name == name {
			return true
		}
	}
	return false
}

// alert is one alert while it is read: an object, or the pairs of a line.
type alert struct {
	product *product
	root    jsontree.Node
	pairs   []pair
	head    string
	doubt   string
}

// text takes the first of names that there is. A name with a slash is a way down.
func (a *alert) text(names ...string) string {
	for _, name := range names {
		for i := range a.pairs {
			if p := &a.pairs[i]; p.name == name && p.value != "" {
				p.taken = true
				return p.value
			}
		}
		n := a.root
		for part := range strings.SplitSeq(name, "/") {
			n = n.Get(part)
		}
		if v := n.Text(); v != "" {
			return v
		}
	}
	return ""
}

// emit adds the event.
func (d *decoder) emit(e event.Event, a *alert, root jsontree.Node, out *event.Batch) {
	a.root = root
	p := a.product
	if inner := root.Get("data"); inner.IsString() { // Aqua packs what it found as text
		var doc jsontree.Doc
		if n, ok := doc.Parse(inner.JSON()); ok && n.IsObject() {
			inner.Skip()
			n.Rest(func(path string, v jsontree.Node) {
				if len(a.pairs) < mostLeft {
					a.pairs = append(a.pairs, pair{name: path, value: v.Text()})
				}
			})
		}
	}
	e.Decode, e.Dataset = "", p.dataset
	e.Fields = out.Take(e.Fields, spare+2*mostLeft)
	f := &e.Fields
	stamp := a.text(p.time...)
	if e.Time = when(stamp); e.Time.IsZero() {
		e.Time = e.Seen
		if stamp != "" && stamp != "0" {
			a.doubt = "the time cannot be read"
		}
	}
	p.head(f, a)
	for _, m := range p.fields {
		if v := a.text(m.names...); v != "" {
			add(f, m.key, v)
		}
	}
	image := record.ParseImage(a.text(p.image...))
	if id := a.text(p.digest...); id != "" {
		image.Digest = id
	}
	image.Fields(f)
	image.OCI(f)
	whole := a.rest(f)
	e.ID, d.seed = record.LineID(d.seed, d.env.HostID, &e, e.Raw, 0)
	switch {
	case a.doubt != "":
		record.Doubt(f, a.doubt)
	case whole:
		e.Raw = ""
	}
	out.Events = append(out.Events, e)
}

// rest keeps what has no field among the labels, and reports whether all of it is
// there.
func (a *alert) rest(f *event.Fields) bool {
	whole, left := true, 0
	keep := func(name, value string) {
		if left++; left > mostLeft || !record.Label(f, name, value) {
			whole = false
		}
	}
	for i := range a.pairs {
		if p := &a.pairs[i]; !p.taken {
			keep(p.name, p.value)
		}
	}
	a.root.Rest(func(path string, n jsontree.Node) { keep(path, n.Text()) })
	if a.head != "" {
		keep("head", a.head)
	}
	return whole
}

// add adds a value as the type of its field.
func add(f *event.Fields, k schema.Key, v string) {
	switch k.Info().Type {
	case schema.IP:
		if ip, ok := event.IP(v); ok {
			f.Add(k, ip)
			f.Add(schema.RelatedIP, ip)
		}
	case schema.Long:
		if n, ok := number(v); ok {
			f.Add(k, event.Int(n))
		}
	case schema.Float:
		if n, ok := decimal(v); ok {
			f.Add(k, event.Float(n))
		}
	default:
		if len(v) <= record.MaxText {
			f.AddString(k, v)
		}
		if k == schema.UserName {
			f.AddString(schema.RelatedUser, v)
		}
	}
}
