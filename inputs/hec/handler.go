package hec

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/weblisten"
)

// The endpoints.
const (
	base    = "/services/collector"
	pathAck = base + "/ack"
	pathRaw = base + "/raw"
)

// The codes that Splunk answers with, and their words.
const (
	codeOK         = 0
	codeNoToken    = 2
	codeBadAuth    = 3
	codeBadToken   = 4
	codeNoData     = 5
	codeBadData    = 6
	codeInternal   = 8
	codeBusy       = 9
	codeNoChannel  = 10
	codeBadChannel = 11
	codeNoEvent    = 12
	codeBlankEvent = 13
	codeHealthy    = 17
	codeTooMany    = 20
)

var words = map[int]string{codeOK: "Success", codeNoToken: "Token is required", codeBadAuth: "Invalid authorization", codeBadToken: "Invalid token", codeNoData: "No data",
	codeBadData: "Invalid data format", codeInternal: "Internal server error", codeBusy: "Server is busy", codeNoChannel: "Data channel is missing", codeBadChannel: "Invalid data channel",
	codeNoEvent: "Event field is required", codeBlankEvent: "Event field cannot be blank", codeHealthy: "HEC is healthy", codeTooMany: "Too many data channels"}

// wrong is what a sender is told, with the number of the event that is to blame.
type wrong struct {
	status, code, event int // event: -1 for none
}

func (w *wrong) Error() string { return words[w.code] }

func refuse(status, code int) error { return &wrong{status, code, -1} }

// handler implements weblisten.Answerer and weblisten.Streamer.
type handler struct {
	s     *Settings
	guard weblisten.Guard
	acks  *acks
}

// endpoint tells the endpoints apart, whatever version a path names.
func endpoint(path string) string {
	path = strings.TrimSuffix(path, "/")
	path = strings.TrimSuffix(path, "/1.0")
	switch path {
	case base, base + "/event", base + "/mint":
		return base
	case pathRaw, pathAck:
		return path
	case base + "/health":
		return path
	}
	return ""
}

// Admit implements weblisten.Handler.
func (h *handler) Admit(r *http.Request) error {
	e := endpoint(r.URL.Path)
	switch {
	case e == "":
		return &weblisten.Answer{Status: http.StatusNotFound, Text: "there is no such endpoint: post to " + base + "/event"}
	case e == base+"/health":
		if r.Method != http.MethodGet {
			return &weblisten.Answer{Status: http.StatusMethodNotAllowed, Text: "the health is asked for with GET"}
		}
		return refuse(http.StatusOK, codeHealthy)
	case r.Method == http.MethodOptions: // a log driver asks so whether the collector is there
		return refuse(http.StatusOK, codeHealthy)
	case r.Method != http.MethodPost:
		return &weblisten.Answer{Status: http.StatusMethodNotAllowed, Text: "events are posted"}
	}
	if err := h.authorised(r); err != nil {
		return err
	}
	if channel := channelOf(r); channel == "" && (e == pathAck) {
		return refuse(http.StatusBadRequest, codeNoChannel)
	} else if channel != "" && !isChannel(channel) {
		return refuse(http.StatusBadRequest, codeBadChannel)
	} else if channel != "" && !h.acks.room(channel) {
		return refuse(http.StatusServiceUnavailable, codeTooMany)
	}
	return nil
}

// authorised says what is wrong with a token as Splunk does: nothing shown, in
// another form, or another token.
func (h *handler) authorised(r *http.Request) error {
	shown := r.Header.Get("Authorization")
	if _, password, ok := r.BasicAuth(); ok { // Splunk takes it from there too
		r.Header.Set("Authorization", "Splunk "+password)
	}
	err := h.guard.Admit(r)
	var a *weblisten.Answer
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &a) || a.Status != http.StatusUnauthorized:
		return err
	case shown == "":
		return refuse(http.StatusUnauthorized, codeNoToken)
	case !strings.Contains(shown, " "):
		return refuse(http.StatusUnauthorized, codeBadAuth)
	}
	return refuse(http.StatusForbidden, codeBadToken)
}

func channelOf(r *http.Request) string {
	if c := r.Header.Get("X-Splunk-Request-Channel"); c != "" {
		return c
	}
	return r.URL.Query().Get("channel")
}

// isChannel reports whether a channel is a GUID, as Splunk asks for.
func isChannel(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// acknowledged is the answer to a question for acknowledgements.
type acknowledged struct{ text string }

func (a *acknowledged) Error() string { return a.text }

// Take implements weblisten.Handler.
func (h *handler) Take(r *http.Request, body string) ([]weblisten.Group, error) {
	switch endpoint(r.URL.Path) {
	case pathAck:
		return nil, h.ask(channelOf(r), body)
	case pathRaw:
		return h.raw(r, body)
	}
	return h.events(body)
}

// ask answers a question for acknowledgements.
func (h *handler) ask(channel, body string) error {
	var ids []uint64
	good := true
	s := jsonscan.New(body)
	s.Members(func(name string) {
		if name != "acks" {
			s.Skip()
			return
		}
		s.Items(func() {
			n, ok := s.Int()
			good = good && ok && n >= 0 && len(ids) < 1<<16
			if good {
				ids = append(ids, uint64(n))
			}
		})
	})
	if !s.Done() || !good {
		return refuse(http.StatusBadRequest, codeBadData)
	}
	var b strings.Builder
	b.WriteString(`{"acks":{`)
	for i, said := range h.acks.ask(channel, ids) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":%t`, ids[i], said)
	}
	b.WriteString("}}")
	return &acknowledged{b.String()}
}

// Answer implements weblisten.Answerer.
func (h *handler) Answer(r *http.Request, n int, err error) *weblisten.Answer {
	var w *wrong
	var a *weblisten.Answer
	var said *acknowledged
	switch {
	case errors.As(err, &said):
		return &weblisten.Answer{Status: http.StatusOK, Text: said.text, Type: "application/json"}
	case errors.As(err, &w):
		return answer(w.status, w.code, w.event, "")
	case errors.As(err, &a):
		return h.translated(a, n)
	case err != nil:
		return answer(http.StatusServiceUnavailable, codeBusy, stopsAt(n), "")
	case n == 0:
		return answer(http.StatusBadRequest, codeNoData, -1, "")
	}
	channel := channelOf(r)
	if channel == "" {
		return answer(http.StatusOK, codeOK, -1, "")
	}
	id, ok := h.acks.give(channel)
	if !ok {
		return answer(http.StatusOK, codeOK, -1, "") // they are on stable storage all the same
	}
	return answer(http.StatusOK, codeOK, -1, `,"ackId":`+strconv.FormatUint(id, 10))
}

// stopsAt is the first event that is not known to be on stable storage where n
// are, -1 where none is: then all are to be sent again, as ever.
func stopsAt(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// translated words what the listener refused as Splunk would.
func (h *handler) translated(a *weblisten.Answer, n int) *weblisten.Answer {
	code := codeBadData
	switch {
	case a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed:
		return a
	case a.Status == http.StatusServiceUnavailable:
		code = codeBusy
	case a.Status >= 500:
		code = codeInternal
	}
	t := answer(a.Status, code, stopsAt(n), "")
	t.Cause = a.Cause
	return t
}

func answer(status, code, event int, more string) *weblisten.Answer {
	if event >= 0 {
		more += `,"invalid-event-number":` + strconv.Itoa(event)
	}
	return &weblisten.Answer{Status: status, Type: "application/json", Text: fmt.Sprintf(`{"text":%q,"code":%d%s}`, words[code], code, more)}
}

// seconds reads a time as HEC has it: seconds since 1970 with a fraction, as a
// number or a text.
func seconds(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || sec < 0 {
		return time.Time{}, false
	}
	for len(whole) > 10 && sec > 1<<33 { // milliseconds and smaller, without a point
		fraction = whole[len(whole)-1:] + fraction
		whole = whole[:len(whole)-1]
		sec /= 10
	}
	if len(fraction) > 9 {
		fraction = fraction[:9]
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	t := time.Unix(sec, nanos).UTC()
	return t, t.Year() < 2262
}
