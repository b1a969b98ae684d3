package http

import (
	"context"
	"encoding/base64"
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

// deliver renders the events and posts them until each is taken or refused. What
// is refused as a whole for what is in it is narrowed down by halves. The error is
// as that of Send.
func (o *output) deliver(ctx context.Context, events []event.Event) error {
	failed := o.render(events)
	taken := false
	o.todo = o.bodies(o.todo[:0])
	slices.Reverse(o.todo) // the last is the next one
	for n := len(o.todo); n > 0; n = len(o.todo) {
		spans := o.todo[n-1]
		o.todo = o.todo[:n-1]
		bad, err := o.post(ctx, spans)
		failed = append(failed, bad...)
		if err == nil {
			taken = taken || len(bad) < len(spans)
			if busy := busyIn(bad); busy != nil { // the rest would be refused as well
				return plugin.Partial(sorted(o.rest(o.todo, failed, busy)))
			}
			continue
		}
		if !o.narrows(err) {
			if !taken && len(failed) == 0 {
				return err
			}
			return plugin.Partial(sorted(o.rest(append(o.todo, spans), failed, err)))
		}
		if len(spans) == 1 {
			failed = append(failed, plugin.Failure{Index: spans[0].event, Err: plugin.Permanent(fmt.Errorf("http: the event is refused: %w", err))})
			continue
		}
		half := len(spans) / 2
		o.todo = append(o.todo, spans[half:], spans[:half])
	}
	return plugin.Partial(sorted(failed))
}

// busyIn returns the error of an event that was refused because the receiver has
// too much to do.
func busyIn(failed []plugin.Failure) error {
	for _, f := range failed {
		if errors.Is(f.Err, errBusy) {
			return f.Err
		}
	}
	return nil
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

// narrows reports whether a body was refused for what is in it, so that its halves
// may fare better. A page says that whoever refused is not the receiver.
func (o *output) narrows(err error) bool {
	if errors.Is(err, errCut) {
		return true
	}
	e := webclient.Refused(err)
	switch {
	case e == nil:
		return false
	case e.Status == http.StatusRequestEntityTooLarge:
		return true
	case e.Status != http.StatusBadRequest && e.Status != http.StatusUnprocessableEntity || isPage(e.Answer):
		return false
	}
	return !o.bulk || isContent(e.Answer.Body)
}

// post makes one attempt with one body. It returns the events that the receiver
// took exception to, or an error for all of them.
func (o *output) post(ctx context.Context, spans []span) ([]plugin.Failure, error) {
	wire, err := o.encoder.Encode(o.body(spans))
	if err != nil {
		return nil, plugin.Retry(fmt.Errorf("http: %w", err))
	}
	r, err := o.request(wire, len(spans))
	if err != nil {
		return nil, err
	}
	got, err := o.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	if o.bulk {
		return o.judge(got, spans)
	}
	if err = o.believe(got); err == nil && o.settings.Expect != "" && !strings.Contains(string(got.Body), o.settings.Expect) {
		err = fmt.Errorf("%w: it does not hold what expect says", errNotOurs)
	}
	if err != nil {
		return nil, o.doubt(got, err)
	}
	return nil, nil
}

// doubt makes an error of an answer that cannot be believed.
func (o *output) doubt(got webclient.Answer, err error) error {
	err = plugin.Retry(fmt.Errorf("http: %s answered with status %d: %w: %q", got.Backend.URL(), got.Status, err, got.Excerpt()))
	o.client.Doubt(got.Backend, err)
	return err
}

// judge reads the answer of a bulk interface.
func (o *output) judge(got webclient.Answer, spans []span) ([]plugin.Failure, error) {
	var err error
	if o.items, err = readBulk(o.items[:0], got, len(spans)); errors.Is(err, errCut) && len(spans) > 1 {
		return nil, plugin.Retry(err) // the halves have shorter answers
	} else if err != nil {
		return nil, o.doubt(got, err)
	}
	var failed []plugin.Failure
	for i := range o.items {
		there, err := o.items[i].verdict()
		if there {
			o.duplicates.Inc()
		}
		if err != nil {
			failed = append(failed, plugin.Failure{Index: spans[i].event, Err: err})
		}
	}
	return failed, nil
}

// request makes the request of a body, with the secrets as they are now.
func (o *output) request(body []byte, events int) (*webclient.Request, error) {
	r := &webclient.Request{Method: o.settings.Method, Path: o.path, Body: body, Events: events, Header: http.Header{}, Secret: http.Header{}}
	r.Header.Set("Content-Type", o.bodyType())
	if name := o.encoder.Name(); name != "" {
		r.Header.Set("Content-Encoding", name)
	}
	for name, value := range o.settings.Headers {
		r.Header.Set(name, value)
	}
	if o.bulk {
		r.Query = url.Values{"filter_path": {bulkFilter}}
	}
	return r, o.authorize(r)
}

// bodyType is the Content-Type of bodies.
func (o *output) bodyType() string {
	switch {
	case o.settings.ContentType != "":
		return o.settings.ContentType
	case (o.framing == lines || o.framing == alone) && !isObject(o.settings.Format.Format):
		return "text/plain; charset=utf-8"
	}
	return o.contentType
}

// authorize adds the secrets. Nothing of them stands in an error.
func (o *output) authorize(r *webclient.Request) error {
	c := o.settings
	for name, secret := range c.SecretHeaders {
		value, err := read("secret_headers", secret)
		if err != nil {
			return err
		}
		r.Secret.Set(name, value)
	}
	for _, one := range []struct {
		key    string
		secret plugin.Secret
		put    func(value string)
	}{
		{"bearer", c.Bearer, func(v string) { r.Secret.Set("Authorization", "Bearer "+v) }},
		{"basic", c.Basic, func(v string) { r.Secret.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(v))) }},
		{"api_key", c.APIKey, func(v string) { o.putKey(r, v) }},
	} {
		if one.secret.IsZero() {
			continue
		}
		value, err := read(one.key, one.secret)
		if err != nil {
			return err
		}
		one.put(value)
	}
	if o.settings.Preset == loggly && strings.ContainsAny(r.Conceal[0], "/?#%") {
		return plugin.Retry(errors.New("http: api_key: what is there is no token of Loggly"))
	}
	return nil
}

// putKey puts an API key where the receiver looks for it. Loggly has it in the
// path.
func (o *output) putKey(r *webclient.Request, key string) {
	switch o.settings.Preset {
	case elasticsearch, opensearch:
		r.Secret.Set("Authorization", "ApiKey "+key)
	case datadog:
		r.Secret.Set("DD-API-KEY", key)
	case loggly:
		tags := "tallyman"
		if len(o.settings.Tags) > 0 {
			tags = strings.Join(o.settings.Tags, ",")
		}
		r.Path += "/" + key + "/tag/" + tags + "/"
		r.Conceal = []string{key}
	}
}

// read reads a secret that becomes a part of a header or of a path.
func read(key string, s plugin.Secret) (string, error) {
	value, err := s.Read()
	if err != nil {
		return "", plugin.Retry(fmt.Errorf("http: %s: %w", key, err))
	}
	if value = strings.TrimSpace(value); value == "" || !isValue(value) {
		return "", plugin.Retry(fmt.Errorf("http: %s: what is there is no secret (it is empty, or has control characters in it)", key))
	}
	return value, nil
}
