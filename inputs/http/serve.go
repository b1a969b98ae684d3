package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/servertls"
)

const (
	// mostHead is how long the head of a request may be, in bytes; net/http adds a
	// little. What is longer is refused with 431.
	mostHead = 32 << 10
	// clientLabel is the label with the name in a client's certificate.
	clientLabel = "tls_client"
)

func (in *input) newServer() *http.Server {
	s := &http.Server{Handler: http.HandlerFunc(in.serve), MaxHeaderBytes: mostHead, ReadHeaderTimeout: in.s.HeaderTime, ReadTimeout: in.s.RequestTime,
		IdleTimeout: in.s.IdleTime, WriteTimeout: in.s.RequestTime + in.s.AcceptTime + in.s.HeaderTime,
		ErrorLog: slog.NewLogLogger(in.env.Log.Handler(), slog.LevelDebug)}
	// One version of HTTP, whose limits are those of one connection.
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	if in.certs != nil {
		s.TLSConfig = in.certs.Current().Clone()
		s.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return in.certs.Current(), nil }
	}
	return s
}

// refusal is an answer that is not 200, in words for whoever set up the client.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, text string) error { return &refusal{status, text} }

// serve answers one request.
func (in *input) serve(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		in.reply(w, refuse(http.StatusServiceUnavailable, "tallyman is stopping"), 0)
		return
	}
	in.busy.Add(1)
	in.mu.Unlock()
	defer in.busy.Done()
	n, err := in.post(w, r)
	in.reply(w, err, n)
}

// reply writes the answer. A body that was not read to its end ends its
// connection.
func (in *input) reply(w http.ResponseWriter, err error, n int) {
	status, text := http.StatusOK, strconv.Itoa(n)+" records accepted\n"
	var no *refusal
	switch {
	case errors.As(err, &no):
		status, text = no.status, no.text+"\n"
	case err != nil:
		status, text = http.StatusServiceUnavailable, "not accepted: "+err.Error()+"\n"
	}
	in.count.answer(status)
	h := w.Header()
	switch status {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(in.s.RetryAfter/time.Second)))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
		h.Set("Connection", "close")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "POST, PUT")
	case http.StatusUnsupportedMediaType:
		h.Set("Accept-Encoding", "gzip")
	default:
		h.Set("Connection", "close")
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)            // a client that is gone sends again
	_ = http.NewResponseController(w).Flush() // a stop does not wait for it otherwise
}

// post takes a request into the journal and returns how many records it had.
func (in *input) post(w http.ResponseWriter, r *http.Request) (int, error) {
	if err := in.authorised(r); err != nil {
		return 0, err
	}
	decode, ok := in.route(r.URL.Path)
	switch {
	case !ok:
		return 0, refuse(http.StatusNotFound, "no records are taken at this path")
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		return 0, refuse(http.StatusMethodNotAllowed, "records are posted")
	}
	text, held, err := in.body(w, r)
	defer func() { in.held.Add(-held) }()
	if err != nil {
		return 0, err
	}
	records, err := split(text, in.s.Body)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	in.count.records.Add(uint64(len(records)))
	// The time for the body is over, and no reason to take the client for gone.
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	return len(records), in.hand(r, newRequest(decode, client(r), records, in.env.Now()))
}

// authorised compares the token in a time that says nothing about it.
func (in *input) authorised(r *http.Request) error {
	if in.s.Token == nil {
		return nil
	}
	want, err := in.s.Token.Read()
	if err != nil || want == "" {
		in.say.say("the token cannot be read; nothing is taken", "", err)
		return refuse(http.StatusServiceUnavailable, "the token of this input cannot be read")
	}
	scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a, b := sha256.Sum256([]byte(strings.TrimSpace(got))), sha256.Sum256([]byte(want))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return refuse(http.StatusUnauthorized, "the token is missing or wrong: send Authorization: Bearer TOKEN")
	}
	return nil
}

// route returns the decoder of a path.
func (in *input) route(path string) (string, bool) {
	for _, p := range in.s.paths() {
		if path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return in.s.decoder(p), true
		}
	}
	return "", false
}

// client is what every record of a request says of who sent it.
func client(r *http.Request) event.Fields {
	var f event.Fields
	f.AddString(schema.LogSourceAddress, r.RemoteAddr)
	if r.TLS != nil {
		if name := servertls.ClientName(*r.TLS); name != "" {
			f.AddNamed(schema.Labels, clientLabel, event.String(name))
		}
	}
	return f
}

// hand gives a request to the lane and waits until its records are on stable
// storage.
func (in *input) hand(r *http.Request, q *request) error {
	deadline := time.NewTimer(in.s.AcceptTime)
	defer deadline.Stop()
	late := refuse(http.StatusServiceUnavailable, "the journal did not take the records in time; send them again")
	stopping := refuse(http.StatusServiceUnavailable, "tallyman is stopping; send the records again")
	select {
	case in.queue <- q:
	case <-deadline.C:
		return late
	case <-in.closing:
		return stopping
	case <-r.Context().Done():
		return refuse(http.StatusServiceUnavailable, "the client is gone")
	}
	gone, closing := r.Context().Done(), in.closing
	for {
		select {
		case err := <-q.answer:
			return err
		case <-in.over:
			return stopping
		case <-closing:
			if q.state.CompareAndSwap(waiting, withdrawn) {
				return stopping
			}
			closing = nil // the lane has it: the journal decides
		case <-deadline.C:
			q.state.CompareAndSwap(waiting, withdrawn)
			return late
		case <-gone:
			if q.state.CompareAndSwap(waiting, withdrawn) {
				return refuse(http.StatusServiceUnavailable, "the client is gone")
			}
			gone = nil
		}
	}
}

// timedOut reports whether a body did not come in time.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
