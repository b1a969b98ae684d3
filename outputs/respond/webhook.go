package respond

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// The header fields of a webhook. A receiver computes the signature anew over
// the timestamp, a dot and the body, and refuses what is old.
const (
	headTime  = "X-Tallyman-Timestamp" // seconds since 1970
	headSign  = "X-Tallyman-Signature" // "v1=" and the HMAC-SHA256 in hexadecimal
	headEvent = "X-Tallyman-Event"     // event.id of the alert, the same for each try
)

// leastSecret is the shortest secret that is signed with: a shorter one can be
// found from a signature.
const leastSecret = 16

// errPage says that who answered is no webhook: a page to sign in, or a server
// that has a page for everything.
var errPage = errors.New("the answer is a page for people: something else listens at webhook.url, or stands in between")

// errSecret says that nothing can be signed, so that nothing is sent.
var errSecret = errors.New("webhook.secret")

// hook posts alerts to one receiver.
type hook struct {
	client *webclient.Client
	secret plugin.Secret
	json   *json.Encoder
	body   []byte
}

func newHook(w *Webhook, env plugin.Env) (*hook, error) {
	s := w.client()
	c, err := webclient.New(&s, env, webclient.Options{})
	if err != nil {
		return nil, err
	}
	return &hook{client: c, secret: w.Secret, json: json.New(false)}, nil
}

// post makes one try. The status is 0 where there was no answer; an error is of a
// kind of package plugin.
func (h *hook) post(ctx context.Context, e *event.Event, now time.Time) (status int, err error) {
	secret, err := h.secret.Read()
	if err != nil {
		return 0, plugin.Retry(fmt.Errorf("%w: %w", errSecret, err))
	}
	if len(secret) < leastSecret {
		return 0, plugin.Retry(fmt.Errorf("%w is shorter than %d bytes; make one with `openssl rand -hex 32`", errSecret, leastSecret))
	}
	if h.body, err = h.json.Append(h.body[:0], e); err != nil {
		return 0, plugin.Permanent(fmt.Errorf("render the alert: %w", err))
	}
	at := strconv.FormatInt(now.Unix(), 10)
	signature := sign(secret, at, h.body)
	a, err := h.client.Do(ctx, &webclient.Request{
		Body: h.body, Events: 1,
		Header: http.Header{"Content-Type": {"application/json"}, headTime: {at}, headEvent: {e.ID.String()}},
		Secret: http.Header{headSign: {signature}},
	})
	if err != nil {
		return statusOf(err), kindOf(err)
	}
	if isPage(&a) {
		return a.Status, plugin.Retry(errPage)
	}
	return a.Status, nil
}

// sign returns the value of the signature's header field.
func sign(secret, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// kindOf makes an error permanent where the receiver understood who asks, and
// does not take the alert.
func kindOf(err error) error {
	if refused := webclient.Refused(err); refused != nil {
		return plugin.Permanent(refused)
	}
	return err
}

func statusOf(err error) int {
	var e *webclient.StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// isPage reports whether an answer is HTML. A webhook answers with nothing, a
// word or JSON.
func isPage(a *webclient.Answer) bool {
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml") || bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("<"))
}

// reasonOf says in a word why a try failed.
func reasonOf(status int, err error) string {
	kind, _ := plugin.KindOf(err)
	switch {
	case errors.Is(err, errSecret):
		return "no_secret"
	case errors.Is(err, errPage), status >= 300 && status < 400:
		return "no_webhook"
	case kind == plugin.KindPermanent:
		return "receiver_refused"
	case status == 0:
		return "no_answer"
	}
	return "receiver_failed"
}

// call has the webhook called for one alert. Each try is said; one that may
// succeed later is returned as well, of the kind that says when.
func (o *output) call(ctx context.Context, e *event.Event, id string, now time.Time) error {
	if o.settings.Mode != act || o.env.Dry {
		return o.finish(e, id, "unknown", dryRun, now)
	}
	status, err := o.hook.post(ctx, e, now)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return o.finish(e, id, "success", "sent", now)
	}
	if kind, _ := plugin.KindOf(err); kind == plugin.KindPermanent {
		o.done = append(o.done, done{At: now}) // it counts for per_minute, and is no alert that was dealt with
	}
	o.sayAnswer(e, id, "failure", reasonOf(status, err), status)
	return err
}
