package splunk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"tallyman/pipeline/webclient"
)

// The codes of the HTTP Event Collector that mean something here ("Troubleshoot
// HTTP Event Collector", possible error codes). The status of an answer says
// whether to try again; the code says what the matter is.
const (
	codeSuccess        = 0
	codeTokenDisabled  = 1
	codeNoToken        = 2
	codeBadAuth        = 3
	codeBadToken       = 4
	codeNoData         = 5
	codeBadFormat      = 6
	codeBadIndex       = 7
	codeBusy           = 9
	codeNoChannel      = 10
	codeBadChannel     = 11
	codeNoEvent        = 12
	codeBlankEvent     = 13
	codeAckDisabled    = 14
	codeBadFields      = 15
	codeQueuesFull     = 18
	codeAckUnavailable = 19
	codeBothFull       = 20
	codeShuttingDown   = 23
	codeQueueCapacity  = 26
	codeAckCapacity    = 27
)

// answer is what the collector says.
type answer struct {
	Text    string          `json:"text"`
	Code    *int            `json:"code"`
	Invalid *int            `json:"invalid-event-number"` // from 0
	AckID   *int64          `json:"ackId"`
	Acks    map[string]bool `json:"acks"`
}

// errNoHEC says that whoever answers is no HTTP Event Collector: a balancer's
// page, a proxy's, half an answer.
var errNoHEC = errors.New("this is no answer of an HTTP Event Collector")

// read reads one answer, whole and with nothing behind it.
func read(body []byte) (answer, error) {
	var a answer
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&a); err != nil {
		return answer{}, fmt.Errorf("%w: %.100s", errNoHEC, err.Error()) // which may repeat a number of any length
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return answer{}, fmt.Errorf("%w: there is more behind it", errNoHEC)
	}
	if a.Code == nil && a.Acks == nil {
		return answer{}, fmt.Errorf("%w: it has no code", errNoHEC)
	}
	return a, nil
}

// codeOf returns the code of the answer behind an error of webclient, -1 where
// there is none.
func codeOf(err error) (answer, int) {
	var status *webclient.StatusError
	if !errors.As(err, &status) {
		return answer{}, -1
	}
	a, bad := read(status.Answer.Body)
	if bad != nil || a.Code == nil {
		return answer{}, -1
	}
	return a, *a.Code
}

// hintOf says what a person can do about a code.
func hintOf(code int) string {
	switch code {
	case codeTokenDisabled:
		return "the token is disabled: enable it in Splunk (Settings, Data inputs, HTTP Event Collector), or put another into token; nothing is lost meanwhile"
	case codeNoToken, codeBadAuth:
		return "the token did not arrive as one: see token, and whether a proxy before Splunk takes the header Authorization away; nothing is lost meanwhile"
	case codeBadToken:
		return "Splunk does not know the token: see token, and that every receiver in url has it; nothing is lost meanwhile"
	case codeBadIndex:
		return "the token may not write to this index, or there is none of this name: create it, allow it for the token, or change index; nothing is lost meanwhile"
	case codeAckDisabled:
		return "the token has no indexer acknowledgement: enable it for the token in Splunk, or set ack: false; nothing is lost meanwhile"
	case codeNoChannel:
		return "the token has indexer acknowledgement on: set ack: true, or disable it for the token; nothing is lost meanwhile"
	case codeBusy, codeQueuesFull, codeAckUnavailable, codeBothFull, codeShuttingDown, codeQueueCapacity, codeAckCapacity:
		return "Splunk takes nothing for a while"
	}
	return ""
}

// hintFor says what a person can do about an answer: what its code means, in place of
// what its status means elsewhere.
func hintFor(got webclient.Answer) string {
	a, err := read(got.Body)
	switch {
	case err == nil && a.Code != nil:
		return hintOf(*a.Code)
	case got.Status == http.StatusForbidden, got.Status == http.StatusUnauthorized:
		return "no collector says this, but somebody before it: a proxy, a firewall, or the list of addresses that Splunk Cloud lets in; nothing is lost meanwhile"
	}
	return ""
}

// refusal is the verdict on a body that was not taken for what is in it.
type refusal struct {
	event int // the place of the event in the body, -1 where it is not known
}

// refused reports whether err says that the content is at fault. A status of 400
// alone says nothing: a balancer may have sent it.
func (o *output) refused(err error) (refusal, bool) {
	e := webclient.Refused(err)
	if e == nil {
		return refusal{}, false
	}
	if e.Status == 413 {
		return refusal{event: -1}, true
	}
	a, code := codeOf(err)
	switch code {
	case codeBadIndex:
		// A fixed index is for a person to mend; one that an event chose would stop
		// all others for good.
		if o.index.Fixed() {
			return refusal{}, false
		}
	case codeNoData, codeBadFormat, codeNoEvent, codeBlankEvent, codeBadFields:
	default:
		return refusal{}, false
	}
	if a.Invalid != nil {
		return refusal{event: *a.Invalid}, true
	}
	return refusal{event: -1}, true
}
