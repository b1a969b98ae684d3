package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tallyman/pipeline/webclient"
)

// The words of `preset`.
const (
	elasticsearch = "elasticsearch"
	opensearch    = "opensearch"
	loki          = "loki"
	loggly        = "loggly"
	datadog       = "datadog"
	array         = "array"
	ndjson        = "ndjson"
	single        = "single"
)

// framing is how events become a body.
type framing uint8

const (
	lines   framing = iota // one after the other, each with its line end
	list                   // a JSON array
	streams                // Loki's: one list for each set of labels
	alone                  // one event is a body
)

// preset is what is known of a kind of receiver.
type preset struct {
	framing     framing
	path        string // added to the path of url
	contentType string
	mostBytes   int    // of a body, before it is compressed
	mostEvents  int    // of a body
	mostAnswer  int    // bytes of an answer that are read; 0 for webclient's
	bulk        bool   // an answer judges each event
	queues      bool   // an answer of success says that events wait in a queue
	empty       string // a body without an event, for a probe; "" where there is none
	objects     bool   // events have to be JSON objects
	// believe says why an answer of 2xx is none of success, nil for one that is.
	// What is bulk has a judgement of its own.
	believe func(webclient.Answer) error
}

// presetOf returns what a word of `preset` stands for.
func presetOf(word string) (preset, bool) {
	switch word {
	case elasticsearch, opensearch:
		return preset{framing: lines, path: "_bulk", contentType: "application/x-ndjson", mostBytes: 8 << 20, mostEvents: 5000,
			mostAnswer: 16 << 20, bulk: true, empty: "\n", objects: true}, true
	case loki:
		return preset{framing: streams, path: "loki/api/v1/push", contentType: "application/json", mostBytes: 1 << 20, mostEvents: 5000,
			empty: `{"streams":[]}`, believe: noContent}, true
	case loggly:
		return preset{framing: lines, path: "bulk", contentType: "text/plain; charset=utf-8", mostBytes: 4 << 20, mostEvents: 5000,
			queues: true, believe: ok}, true
	case datadog:
		return preset{framing: list, path: "api/v2/logs", contentType: "application/json", mostBytes: 4 << 20, mostEvents: 1000,
			queues: true, empty: "[]", believe: faultless}, true
	case array:
		return preset{framing: list, contentType: "application/json", mostBytes: 1 << 20, mostEvents: 1000, believe: plausible}, true
	case ndjson:
		return preset{framing: lines, contentType: "application/x-ndjson", mostBytes: 1 << 20, mostEvents: 5000, believe: plausible}, true
	case single:
		return preset{framing: alone, contentType: "application/json", mostBytes: 1 << 20, mostEvents: 1, believe: plausible}, true
	}
	return preset{}, false
}

// errNotOurs says that whoever answers is not the receiver: a balancer's page, a
// proxy's, half an answer.
var errNotOurs = errors.New("this is no answer of the receiver")

// plausible takes every answer but a page for people, JSON that is none, and one
// whose status says that its body has several, of which some may be no success. Of
// JSON that is longer than what is read of an answer, its beginning is believed.
func plausible(a webclient.Answer) error {
	switch {
	case a.Status == http.StatusMultiStatus:
		return fmt.Errorf("%w, but several, for each event one that is not understood", errNotOurs)
	case isPage(a):
		return fmt.Errorf("%w, but a page", errNotOurs)
	case !a.Cut && strings.Contains(a.Header.Get("Content-Type"), "json") && len(a.Body) > 0 && !json.Valid(a.Body):
		return fmt.Errorf("%w: it is JSON by its type, and is none", errNotOurs)
	}
	return nil
}

// faultless takes an answer of Datadog, unless it names errors.
func faultless(a webclient.Answer) error {
	var said struct{ Errors []json.RawMessage }
	if json.Unmarshal(a.Body, &said) == nil && len(said.Errors) > 0 {
		return fmt.Errorf("%w of success: it names errors", errNotOurs)
	}
	return plausible(a)
}

// noContent takes the one answer with which Loki says that it has the events.
func noContent(a webclient.Answer) error {
	if a.Status != 204 {
		return fmt.Errorf("%w: Loki says 204", errNotOurs)
	}
	return nil
}

// ok takes Loggly's answer.
func ok(a webclient.Answer) error {
	var said struct{ Response string }
	if err := json.Unmarshal(a.Body, &said); err != nil || said.Response != "ok" {
		return fmt.Errorf(`%w: Loggly says {"response":"ok"}`, errNotOurs)
	}
	return nil
}

// isPage reports whether an answer is a page for people.
func isPage(a webclient.Answer) bool {
	return strings.HasPrefix(strings.TrimSpace(a.Header.Get("Content-Type")), "text/html") || bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<"))
}
