package weblisten

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"
	"unsafe"

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

func (l *Server) newServer() *http.Server {
	s := &http.Server{Handler: http.HandlerFunc(l.serve), MaxHeaderBytes: mostHead, ReadHeaderTimeout: l.s.HeaderTime, ReadTimeout: l.s.RequestTime,
		IdleTimeout: l.s.IdleTime, WriteTimeout: l.s.RequestTime + l.s.AcceptTime + l.s.HeaderTime,
		ErrorLog: slog.NewLogLogger(l.env.Log.Handler(), slog.LevelDebug)}
	// One version of HTTP, whose limits are those of one connection.
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	if l.certs != nil {
		s.TLSConfig = l.certs.Current().Clone()
		s.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.certs.Current(), nil }
	}
	return s
}

// serve answers one request.
func (l *Server) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		l.reply(w, r, 0, Refuse(http.StatusServiceUnavailable, "tallyman is stopping"))
		return
	}
	l.busy.Add(1)
	l.mu.Unlock()
	defer l.busy.Done()
	n, err := l.post(w, r)
	l.reply(w, r, n, err)
}

// answer is what a request came to.
func (l *Server) answer(r *http.Request, n int, err error) *Answer {
	if h, ok := l.h.(Answerer); ok {
		return h.Answer(r, n, err)
	}
	var a *Answer
	var p *partial
	switch {
	case errors.As(err, &a) && errors.As(err, &p):
		return &Answer{Status: a.Status, Text: p.Error(), Type: a.Type, Cause: a.Cause}
	case errors.As(err, &a):
		return a
	case err != nil:
		return &Answer{Status: http.StatusServiceUnavailable, Text: "not accepted: " + err.Error()}
	}
	return &Answer{Status: http.StatusOK, Text: strconv.Itoa(n) + " records accepted"}
}

// reply writes the answer. A body that was not read to its end ends its
// connection.
func (l *Server) reply(w http.ResponseWriter, r *http.Request, n int, err error) {
	a := l.answer(r, n, err)
	if a.Cause != nil {
		l.say.say(a.Text, r.RemoteAddr, a.Cause)
	}
	l.count.answer(a.Status)
	h := w.Header()
	switch a.Status {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(l.s.RetryAfter/time.Second)))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
		h.Set("Connection", "close")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "POST, PUT")
	case http.StatusUnsupportedMediaType:
		h.Set("Accept-Encoding", "gzip, zstd")
	default:
		h.Set("Connection", "close")
	}
	kind := a.Type
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(a.Text)+1))
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Text+"\n")     // a client that is gone sends again
	_ = http.NewResponseController(w).Flush() // a stop does not wait for it otherwise
}

// post takes a request into the journal and returns how many records it had.
func (l *Server) post(w http.ResponseWriter, r *http.Request) (int, error) {
	if err := l.h.Admit(r); err != nil {
		return 0, err
	}
	if h, ok := l.h.(Streamer); ok {
		cut, err := h.Stream(r)
		if err != nil {
			return 0, err
		}
		if cut != nil {
			return l.stream(w, r, h, cut)
		}
	}
	text, held, err := l.body(w, r)
	defer func() { l.held.Add(-held) }()
	if err != nil {
		return 0, err
	}
	return l.whole(w, r, text, held)
}

// whole takes a body that is held whole, which takes held of the buffer.
func (l *Server) whole(w http.ResponseWriter, r *http.Request, text string, held int64) (int, error) {
	groups, err := l.h.Take(r, text)
	if err != nil {
		return 0, err
	}
	n, weight := weigh(groups)
	if n == 0 {
		return 0, nil
	}
	// A request that has no other beside it gets through, however small buffer is.
	defer l.held.Add(-weight)
	if all := l.held.Add(weight); all > int64(l.s.Buffer) && all != held+weight {
		return 0, tooMuch()
	}
	k := keyOf(r)
	if err := l.give(w, r, groups, n, &k); err != nil {
		return 0, err
	}
	return n, nil
}

// give hands n records to the lane and waits until they are accepted.
func (l *Server) give(w http.ResponseWriter, r *http.Request, groups []Group, n int, k *keyed) error {
	l.count.records.Add(uint64(n))
	// The time for the body is over, and no reason to take the client for gone.
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	q := newRequest(client(r), groups, l.env.Now())
	q.keys = *k
	k.skip(groups)
	return l.hand(r, q)
}

// weigh counts the records, and the bytes that their being apart takes.
func weigh(groups []Group) (n int, bytes int64) {
	for i := range groups {
		g := &groups[i]
		n += len(g.Texts)
		bytes += int64(unsafe.Sizeof(*g)) + int64(len(g.Texts))*int64(unsafe.Sizeof("")) + int64(len(g.Fields))*int64(unsafe.Sizeof(event.Field{}))
	}
	return n, bytes
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
func (l *Server) hand(r *http.Request, q *request) error {
	deadline := time.NewTimer(l.s.AcceptTime)
	defer deadline.Stop()
	late := Refuse(http.StatusServiceUnavailable, "the journal did not take the records in time; send them again")
	stopping := stopped()
	select {
	case l.queue <- q:
	case <-deadline.C:
		return late
	case <-l.closing:
		return stopping
	case <-r.Context().Done():
		return Refuse(http.StatusServiceUnavailable, "the client is gone")
	}
	gone, closing := r.Context().Done(), l.closing
	for {
		select {
		case err := <-q.answer:
			return err
		case <-l.over:
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
				return Refuse(http.StatusServiceUnavailable, "the client is gone")
			}
			gone = nil
		}
	}
}

func stopped() error {
	return Refuse(http.StatusServiceUnavailable, "tallyman is stopping; send the records again")
}

// timedOut reports whether a body did not come in time.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
