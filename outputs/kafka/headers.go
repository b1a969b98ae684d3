package kafka

import (
	"encoding/binary"
	"slices"

	"tallyman/outputs/format"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// The names of the headers (SCHEMA section 11).
const (
	headerID      = "tallyman-id"
	headerDataset = "tallyman-dataset"
	headerHost    = "tallyman-host"
	headerType    = "content-type"
)

var headerNames = [...]string{headerID, headerDataset, headerHost, headerType}

// headed says which headers messages have.
type headed struct {
	id, dataset, host bool
	kind              []byte // the header content-type as it is written, where there is one
}

func headedBy(c *Settings) headed {
	has := func(name string) bool { return slices.Contains(c.Headers, name) }
	h := headed{id: has(headerID), dataset: has(headerDataset), host: has(headerHost)}
	if has(headerType) {
		kind := "text/plain; charset=utf-8"
		switch c.Format.Format {
		case format.JSON, format.Splunk, format.OCSF:
			kind = "application/json"
		}
		h.kind = appendHeader(nil, headerType, kind)
	}
	return h
}

// headers appends how many headers a record has, and the headers.
func (o *output) headers(b []byte, e *event.Event) []byte {
	var host event.Value
	if o.headed.host {
		host = e.Get(schema.HostName)
	}
	id, dataset, n := o.headed.id && !e.ID.IsZero(), o.headed.dataset && e.Dataset != "", int64(0)
	for _, is := range [...]bool{id, dataset, !host.IsZero(), o.headed.kind != nil} {
		if is {
			n++
		}
	}
	b = binary.AppendVarint(b, n)
	if id {
		o.scratch = e.ID.Append(o.scratch[:0])
		b = appendHeader(b, headerID, o.scratch)
	}
	if dataset {
		b = appendHeader(b, headerDataset, e.Dataset)
	}
	if !host.IsZero() {
		o.scratch = host.Append(o.scratch[:0])
		b = appendHeader(b, headerHost, o.scratch)
	}
	return append(b, o.headed.kind...)
}
