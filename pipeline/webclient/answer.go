package webclient

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tallyman/pipeline/plugin"
)

// Answer is what a receiver said.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte // at most Options.MaxAnswer bytes of it
	Cut     bool   // there is more of it
	Backend *Backend

	encoded bool                // the body was compressed
	told    func(Answer) string // Options.Hint
	where   string              // "POST https://hec:8088/services/collector/event"
	secrets []string            // what must not be repeated of Body
}

// StatusError is an answer that is no success.
type StatusError struct {
	Status int
	Answer Answer
	text   string
}

func (e *StatusError) Error() string { return e.text }

// Refused reports whether the receiver understood who asks and where, and does
// not take the content: 400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422
// and other 4xx that have no meaning of their own here. What is to be done then
// depends on the protocol.
func (e *StatusError) Refused() bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusRequestTimeout,
		http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.Status >= 400 && e.Status < 500
}

// Refused returns the answer behind err where the content was refused, else nil.
func Refused(err error) *StatusError {
	var e *StatusError
	if errors.As(err, &e) && e.Refused() {
		return e
	}
	return nil
}

// Err returns nil for a status of 2xx, else what is to be done about the answer:
// 429 and 503 with a Retry-After are of kind after; everything else is of kind
// retry, because a person can mend it and nothing may be lost meanwhile (401, 403,
// a redirect) or because it mends itself (5xx). A *StatusError that is Refused is
// the caller's to judge.
func (a Answer) Err(now time.Time) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	e := &StatusError{Status: a.Status, Answer: a, text: fmt.Sprintf("%s: %d %s", a.where, a.Status, http.StatusText(a.Status))}
	if said := a.Excerpt(); said != "" {
		e.text += ": " + said
	}
	if hint := a.hint(); hint != "" {
		e.text += " (" + hint + ")"
	}
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		if d, ok := RetryAfter(a.Header.Get("Retry-After"), now); ok {
			return plugin.After(e, d)
		}
	}
	return plugin.Retry(e)
}

func (a Answer) hint() string {
	if a.told != nil {
		if hint := a.told(a); hint != "" {
			return hint
		}
	}
	switch {
	case a.Status == http.StatusUnauthorized:
		return "the receiver does not know us: check the token or the password; nothing is lost meanwhile"
	case a.Status == http.StatusForbidden:
		return "the receiver knows us and does not let us in: check the token and what it may do; nothing is lost meanwhile"
	case a.Status == http.StatusProxyAuthRequired:
		return "the proxy asks for a password: see proxy_auth"
	case a.Status >= 300 && a.Status < 400:
		return "redirects are not followed: set url to where the receiver is, " + short(a.Header.Get("Location"), a.secrets)
	case a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed:
		return "check the path of url"
	case a.Status == http.StatusRequestEntityTooLarge:
		return "the receiver takes less in one request"
	case a.Status == http.StatusUnsupportedMediaType && a.encoded:
		return "the receiver may not unpack bodies: see compression"
	}
	return ""
}

// mostExcerpt is how much of an answer stands in an error, in bytes.
const mostExcerpt = 200

// Excerpt is the beginning of the answer on one line, without secrets.
func (a Answer) Excerpt() string { return short(string(a.Body), a.secrets) }

// short makes of what a stranger wrote a short line that can be shown: without
// secrets (before it is cut, so that no half of one stays), without controls.
func short(s string, secrets []string) string {
	for _, one := range secrets {
		if one != "" {
			s = strings.ReplaceAll(s, one, "[redacted]")
		}
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(s) > mostExcerpt {
		s = strings.ToValidUTF8(s[:mostExcerpt], "") + "…"
	}
	return s
}

// mostAfter is the longest pause that is believed: a date in the next year is a
// broken clock.
const mostAfter = time.Hour

// RetryAfter reads the value of a Retry-After (RFC 9110 section 10.2.3), seconds or a
// date, and reports whether it is one. No pause is longer than an hour.
func RetryAfter(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return time.Duration(min(n, uint64(mostAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), mostAfter), true
}

// untaken reports whether the receiver has surely taken nothing.
func untaken(err error) bool {
	var call *callError
	if errors.As(err, &call) {
		return call.untaken
	}
	var status *StatusError
	return errors.As(err, &status) && (status.Status == http.StatusTooManyRequests || status.Status == http.StatusServiceUnavailable)
}
