package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// item is what the answer of a bulk interface says of one event.
type item struct {
	Status int             `json:"status"`
	Error  json.RawMessage `json:"error"`
}

// fault is what is wrong with an event or a request, as Elasticsearch says it.
type fault struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// bulkFilter asks for the parts of an answer that are read here.
const bulkFilter = "took,errors,items.*.status,items.*.error.type,items.*.error.reason"

// errBusy says that an event was refused because the receiver has too much to do.
var errBusy = errors.New("the receiver is busy")

// errCut says that an answer was longer than what is read of it.
var errCut = errors.New("the answer is too long to be read")

// readBulk reads the answer to a body of n events: one item for each, in order.
func readBulk(dst []item, a webclient.Answer, n int) ([]item, error) {
	var said struct {
		Errors *bool             `json:"errors"`
		Items  []map[string]item `json:"items"`
	}
	d := json.NewDecoder(bytes.NewReader(a.Body))
	if err := d.Decode(&said); err != nil {
		if a.Cut {
			return dst, errCut
		}
		return dst, fmt.Errorf("%w: %s", errNotOurs, clean(err.Error())) // which may repeat a number of any length
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return dst, fmt.Errorf("%w: there is more behind it", errNotOurs)
	}
	if said.Errors == nil || len(said.Items) != n {
		return dst, fmt.Errorf("%w: it says nothing of some events: %d were sent, %d are judged", errNotOurs, n, len(said.Items))
	}
	for _, one := range said.Items {
		it, ok := one["create"]
		if !ok || len(one) != 1 || it.Status < 100 {
			return dst, fmt.Errorf("%w: an item is no answer to create", errNotOurs)
		}
		dst = append(dst, it)
	}
	return dst, nil
}

// faultOf reads what is wrong; older servers say it in a text.
func faultOf(raw json.RawMessage) fault {
	var f fault
	if json.Unmarshal(raw, &f) != nil {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			f = fault{Reason: text}
		}
	}
	return f
}

// verdict says what an item means: nil for an event that is there, also from an
// earlier attempt (there). What a person or time can mend is to be tried again;
// what the event is refused for is for good.
func (it *item) verdict() (there bool, err error) {
	switch {
	case it.Status >= 200 && it.Status < 300:
		return false, nil
	case it.Status == 409:
		return true, nil
	}
	f := faultOf(it.Error)
	why := fmt.Errorf("http: the event is refused with status %d: %s: %s", it.Status, clean(f.Type), clean(f.Reason))
	switch {
	case it.Status == 429 || it.Status == 503:
		return false, plugin.Retry(fmt.Errorf("%w: %w", errBusy, why))
	case it.Status == 413 || it.Status == 400 && !f.mendable():
		return false, plugin.Permanent(why)
	}
	return false, plugin.Retry(why)
}

// mendable reports whether a fault of status 400 lies with the receiver's own
// settings, and not with the event.
func (f *fault) mendable() bool {
	switch f.Type {
	case "index_closed_exception", "validation_exception", "invalid_index_name_exception", "index_not_found_exception", "cluster_block_exception":
		return true
	case "illegal_argument_exception":
		return strings.HasPrefix(f.Reason, "pipeline with id [") || strings.Contains(f.Reason, "no write index is defined") ||
			strings.Contains(f.Reason, "data stream")
	}
	return false
}

// isContent reports whether a request that was refused as a whole was refused for
// what is in its body. A wrong path or parameter is refused with 400 as well.
func isContent(body []byte) bool {
	var said struct {
		Error fault `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return false
	}
	f := said.Error
	return strings.Contains(f.Type, "parse") || strings.Contains(f.Type, "parsing") || strings.Contains(f.Type, "x_content") ||
		f.Type == "illegal_argument_exception" && strings.HasPrefix(f.Reason, "Malformed")
}

// clean makes one short line of what a receiver wrote.
func clean(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s), "")
	if len(s) > mostReason {
		s = strings.ToValidUTF8(s[:mostReason], "") + "…"
	}
	return s
}

const mostReason = 300
