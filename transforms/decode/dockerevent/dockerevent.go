// Package dockerevent gives the events of a container engine their meaning: one
// JSON object a record, as the Docker Engine API streams them and as `docker
// events --format '{{json .}}'` prints them. It knows what the engines' actions
// are (actions.go) and nothing of where the records come from.
//
// Not everything in an event is the engine's word: the labels of a container
// stand among the attributes, and one that is named like an attribute of the
// engine's takes its place (moby, daemon/events.go). What a label may have
// forged is said to be in doubt (forged.go).
package dockerevent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the decoder `docker_event`.
var Plugin = plugin.NewDecoder("docker_event", "Events of container engines, as the Docker Engine API tells them: who started, ended, entered or changed what.", build)

// Dataset is that of the events.
const Dataset = "docker.events"

// TagIncomplete marks an event of which a part is in doubt; error.message says
// which, and the record is kept whole.
const TagIncomplete = "tallyman_incomplete"

type decoder struct {
	env    plugin.Env
	forged forgeries
	seed   []byte
}

func build(env plugin.Env) plugin.Decoder { return &decoder{env: env} }

// record is what one object says. Names are told apart by their case.
type record struct {
	kind, action, text string // text: what follows the colon of an action
	actor, scope       string
	from, status, id   string // of older engines; they say again what stands elsewhere
	attributes         map[string]string
	nano               int64
	unknown            bool // there is more than what is listed here
}

var (
	errObject = errors.New("no JSON object")
	errAction = errors.New("neither an Action nor a status that is a text")
)

// Decode implements plugin.Decoder.
func (d *decoder) Decode(e event.Event, out *event.Batch) error {
	r, err := parse(e.Raw)
	if err != nil {
		return err
	}
	e.Decode, e.Dataset = "", Dataset
	if e.Time = e.Seen; r.nano > 0 {
		e.Time = time.Unix(0, r.nano).UTC()
	}
	e.Fields = out.Take(e.Fields, room+len(r.attributes))
	doubt := d.fields(&e.Fields, r)
	switch {
	case doubt != "":
	case r.unknown:
		doubt = "the event has members that are not known"
	case r.nano <= 0:
		doubt = "the event has no time"
	}
	d.identify(&e, r)
	if doubt == "" {
		e.Raw = ""
	} else {
		e.Fields.AddString(schema.Tags, TagIncomplete)
		e.Fields.AddString(schema.ErrorMessage, doubt)
	}
	out.Events = append(out.Events, e)
	return nil
}

// identify gives the event an id by what it says: the engine has no other name
// for it, and tells it again to whoever asks for what was.
func (d *decoder) identify(e *event.Event, r *record) {
	b := d.seed[:0]
	b = append(b, d.env.HostID...)
	for _, part := range [...]string{Dataset, r.kind, r.action, r.text, r.actor, r.attributes["execID"], r.attributes["container"]} {
		b = append(append(b, 0), part...)
	}
	b = strconv.AppendInt(append(b, 0), r.nano, 10)
	if r.nano <= 0 {
		b = append(append(b, 0), e.Raw...)
		b = strconv.AppendInt(append(b, 0), e.Offset, 10)
	}
	e.ID, d.seed = event.NewID(b), b
}

// parse reads one object.
func parse(raw string) (*record, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &members); err != nil || members == nil {
		return nil, errObject
	}
	r := &record{}
	var seconds int64
	for name, value := range members {
		var err error
		switch name {
		case "Type":
			err = json.Unmarshal(value, &r.kind)
		case "Action":
			err = json.Unmarshal(value, &r.action)
		case "status":
			err = json.Unmarshal(value, &r.status)
		case "id":
			err = json.Unmarshal(value, &r.id)
		case "from":
			err = json.Unmarshal(value, &r.from)
		case "scope":
			err = json.Unmarshal(value, &r.scope)
		case "time":
			err = json.Unmarshal(value, &seconds)
		case "timeNano":
			err = json.Unmarshal(value, &r.nano)
		case "Actor":
			err = r.readActor(value)
		default:
			r.unknown = true
		}
		if err != nil {
			r.unknown = true // another type than the engine's; the record is kept
		}
	}
	if r.nano == 0 && seconds > 0 && seconds < 1<<33 {
		r.nano = seconds * int64(time.Second)
	}
	r.complete()
	if r.action == "" {
		return nil, errAction
	}
	return r, nil
}

func (r *record) readActor(value json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(value, &members); err != nil {
		return fmt.Errorf("read the actor: %w", err)
	}
	for name, value := range members {
		switch name {
		case "ID":
			if err := json.Unmarshal(value, &r.actor); err != nil {
				return fmt.Errorf("read the actor's id: %w", err)
			}
		case "Attributes":
			if err := json.Unmarshal(value, &r.attributes); err != nil {
				return fmt.Errorf("read the actor's attributes: %w", err)
			}
		default:
			r.unknown = true
		}
	}
	return nil
}

// complete fills in what engines before 1.10 said in another way, and parts the
// action from what follows it.
func (r *record) complete() {
	if r.action == "" {
		r.action = r.status
	}
	if r.actor == "" {
		r.actor = r.id
	}
	if r.kind == "" && r.status != "" {
		r.kind = typeContainer
	}
	if r.from != "" && r.kind == typeContainer && r.attributes["image"] == "" {
		if r.attributes == nil {
			r.attributes = map[string]string{}
		}
		r.attributes["image"] = r.from
	}
	r.action, r.text, _ = strings.Cut(r.action, ":")
	r.text = strings.TrimPrefix(r.text, " ")
}

// names returns the names of the attributes in order.
func (r *record) names() []string { return slices.Sorted(maps.Keys(r.attributes)) }
