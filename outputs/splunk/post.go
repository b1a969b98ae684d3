package splunk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// parcel is one body on its way, as it goes over the wire.
type parcel struct {
	body   []byte
	query  url.Values // of endpoint raw
	events int
}

// post makes one attempt with a parcel; an error is judged by deliver. The
// parcel's memory is used again after the return.
type post func(ctx context.Context, p *parcel) error

// deliver renders the events and posts them until each is taken or refused. What
// is refused is narrowed down: by the number that Splunk names, else by halves. An
// event that another one's refusal went with is posted again, with its id. The
// error is as that of Send.
func (o *output) deliver(ctx context.Context, events []event.Event, post post) error {
	failed := o.render(events)
	taken := false
	o.todo = o.bodies(o.todo[:0])
	slices.Reverse(o.todo) // the last is the next one
	for n := len(o.todo); n > 0; n = len(o.todo) {
		spans := o.todo[n-1]
		o.todo = o.todo[:n-1]
		err := o.attempt(ctx, spans, post)
		if err == nil {
			taken = true
			continue
		}
		r, refused := o.refused(err)
		if !refused {
			if !taken && len(failed) == 0 {
				return err
			}
			return plugin.Partial(sorted(o.rest(append(o.todo, spans), failed, err)))
		}
		failed = o.narrow(spans, r, err, failed)
	}
	return plugin.Partial(sorted(failed))
}

// attempt compresses and posts one body.
func (o *output) attempt(ctx context.Context, spans []span, post post) error {
	wire, err := o.encoder.Encode(o.body(spans))
	if err != nil {
		return plugin.Retry(fmt.Errorf("splunk: %w", err))
	}
	p := &parcel{body: wire, events: len(spans)}
	if o.settings.Endpoint == endpointRaw {
		p.query = o.meta[spans[0].meta].query
	}
	return post(ctx, p)
}

// narrow puts what is left of a refused body among what is to be posted, and the
// event that is at fault, once it is known, among the failures.
func (o *output) narrow(spans []span, r refusal, err error, failed []plugin.Failure) []plugin.Failure {
	bad := r.event
	if len(spans) == 1 {
		bad = 0
	}
	if bad < 0 || bad >= len(spans) {
		half := len(spans) / 2
		o.todo = append(o.todo, spans[half:], spans[:half])
		return failed
	}
	if bad+1 < len(spans) {
		o.todo = append(o.todo, spans[bad+1:])
	}
	if bad > 0 {
		o.todo = append(o.todo, spans[:bad])
	}
	return append(failed, plugin.Failure{Index: spans[bad].event, Err: plugin.Permanent(fmt.Errorf("splunk: the event is refused: %w", err))})
}

// rest adds the events of bodies that were not posted to the failures.
func (o *output) rest(bodies [][]span, failed []plugin.Failure, err error) []plugin.Failure {
	for _, spans := range bodies {
		for _, s := range spans {
			failed = append(failed, plugin.Failure{Index: s.event, Err: err})
		}
	}
	return failed
}

func sorted(failed []plugin.Failure) []plugin.Failure {
	slices.SortFunc(failed, func(a, b plugin.Failure) int { return a.Index - b.Index })
	return failed
}

// request makes the request of a parcel, with the token as it is now.
func (o *output) request(p *parcel) (*webclient.Request, error) {
	secret, err := o.authorization()
	if err != nil {
		return nil, err
	}
	path, kind := "services/collector/event", "application/json"
	if o.settings.Endpoint == endpointRaw {
		path, kind = "services/collector/raw", "text/plain; charset=utf-8"
	}
	r := &webclient.Request{Path: path, Query: p.query, Secret: secret, Body: p.body, Events: p.events, Header: http.Header{"Content-Type": {kind}}}
	if name := o.encoder.Name(); name != "" {
		r.Header.Set("Content-Encoding", name)
	}
	return r, nil
}

// authorization reads the token. Nothing of it stands in an error.
func (o *output) authorization() (http.Header, error) {
	token, err := o.settings.Token.Read()
	if err != nil {
		return nil, plugin.Retry(fmt.Errorf("splunk: token: %w", err))
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, plugin.Retry(errors.New("splunk: token: what is there is no token (it is empty, or has blanks or control characters in it)"))
	}
	return http.Header{"Authorization": {"Splunk " + token}}, nil
}

// send posts a parcel to one receiver and returns what it said. Prepare, unless
// nil, completes the request.
func (o *output) send(ctx context.Context, p *parcel, prepare func(*webclient.Request)) (answer, *webclient.Backend, error) {
	r, err := o.request(p)
	if err != nil {
		return answer{}, nil, err
	}
	if prepare != nil {
		prepare(r)
	}
	got, err := o.client.Do(ctx, r)
	if err != nil {
		return answer{}, got.Backend, err
	}
	a, err := o.believe(got, false)
	return a, got.Backend, err
}

// believe reads an answer whose status is 2xx: what is no success of a collector
// was not delivered. Acks says that the answer may be one to a question, which has
// no code.
func (o *output) believe(got webclient.Answer, acks bool) (answer, error) {
	a, err := read(got.Body)
	if err == nil && a.Code == nil && !acks {
		err = fmt.Errorf("%w: it has no code", errNoHEC)
	}
	if err == nil && a.Code != nil && *a.Code != codeSuccess {
		err = fmt.Errorf("code %d: %s", *a.Code, a.Text)
		if hint := hintOf(*a.Code); hint != "" {
			err = fmt.Errorf("%w (%s)", err, hint)
		}
	}
	if err == nil {
		return a, nil
	}
	err = plugin.Retry(fmt.Errorf("splunk: %s answered with status %d: %w: %q", got.Backend.URL(), got.Status, err, got.Excerpt()))
	o.client.Doubt(got.Backend, err)
	return answer{}, err
}
