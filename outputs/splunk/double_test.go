package splunk

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

const goodToken = "0f4b9c11-2233-4455-6677-8899aabbccdd"

// indexer is one indexer of a double of Splunk: what it has stored, and how far
// each channel's numbers are.
type indexer struct {
	name     string
	channels map[string]*numbers
	events   []envelope // what the search head would find here, in order
}

type numbers struct {
	next    int64
	pending map[int64]bool // true once it is acknowledged
}

type envelope struct {
	Time       float64           `json:"time"`
	Host       string            `json:"host"`
	Source     string            `json:"source"`
	Sourcetype string            `json:"sourcetype"`
	Index      string            `json:"index"`
	Fields     map[string]string `json:"fields"`
	Event      json.RawMessage   `json:"event"`
}

// splunkDouble is a receiver that behaves as Splunk's HTTP Event Collector does,
// and as badly as tests tell it. Behind one address stand some indexers, to which
// a balancer leads.
type splunkDouble struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex // guards what follows
	token    string
	ack      bool  // the token has indexer acknowledgement
	manual   bool  // acknowledgements come with acknowledge, not by themselves
	first    int64 // the first number of a channel
	cookies  bool  // the balancer leads back by a cookie
	turn     int   // where the balancer is without one
	indexers []*indexer
	indexes  []string                                             // that the token may write to
	trouble  func(path string, n int, w http.ResponseWriter) bool // answers request n in place of the double; true when it did
	after    func(path string, n int, w http.ResponseWriter) bool // as trouble, when all was stored
	refuse   func(event string) (bad, named bool)                 // whether an event is refused, and the answer says which it was
	requests []string                                             // "path events" of each request
	asked    [][]int64                                            // each question for acknowledgements
}

func newDouble(t testing.TB, change func(*splunkDouble)) *splunkDouble {
	d := &splunkDouble{t: t, token: goodToken, indexers: []*indexer{newIndexer("a")}}
	if change != nil {
		change(d)
	}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func newIndexer(name string) *indexer {
	return &indexer{name: name, channels: map[string]*numbers{}}
}

func (d *splunkDouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.requests)
	d.requests = append(d.requests, r.URL.Path)
	if d.trouble != nil && d.trouble(r.URL.Path, n, w) {
		return
	}
	switch auth := r.Header.Get("Authorization"); {
	case auth == "":
		say(w, 401, `{"text":"Token is required","code":2}`)
		return
	case auth != "Splunk "+d.token:
		say(w, 403, `{"text":"Invalid token","code":4}`)
		return
	}
	at := d.balance(w, r)
	channel := r.Header.Get(channelHeader)
	switch {
	case d.ack && channel == "":
		say(w, 400, `{"text":"Data channel is missing","code":10}`)
	case r.URL.Path == "/services/collector/ack":
		d.acks(w, r, at, channel)
	case r.URL.Path == "/services/collector/event" || r.URL.Path == "/services/collector/raw":
		d.take(w, r, at, channel, n)
	default:
		http.NotFound(w, r)
	}
}

// balance chooses an indexer.
func (d *splunkDouble) balance(w http.ResponseWriter, r *http.Request) *indexer {
	if c, err := r.Cookie("node"); err == nil && d.cookies {
		for _, one := range d.indexers {
			if one.name == c.Value {
				return one
			}
		}
	}
	d.turn++
	one := d.indexers[d.turn%len(d.indexers)]
	if d.cookies {
		http.SetCookie(w, &http.Cookie{Name: "node", Value: one.name})
	}
	return one
}

func (d *splunkDouble) take(w http.ResponseWriter, r *http.Request, at *indexer, channel string, n int) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			d.t.Errorf("the body is no gzip: %v", err)
			return
		}
		in = unpacked
	}
	body, err := io.ReadAll(in)
	if err != nil {
		d.t.Errorf("read the body: %v", err)
	}
	events, code, bad := d.parse(r, body)
	d.requests[n] = fmt.Sprintf("%s %d", r.URL.Path, len(events))
	if code != 0 {
		texts := map[int]string{5: "No data", 6: "Invalid data format", 7: "Incorrect index", 12: "Event field is required"}
		if bad < 0 {
			say(w, 400, fmt.Sprintf(`{"text":%q,"code":%d}`, texts[code], code))
		} else {
			say(w, 400, fmt.Sprintf(`{"text":%q,"code":%d,"invalid-event-number":%d}`, texts[code], code, bad))
		}
		return
	}
	at.events = append(at.events, events...)
	if d.after != nil && d.after(r.URL.Path, n, w) {
		return
	}
	if !d.ack {
		say(w, 200, `{"text":"Success","code":0}`)
		return
	}
	ch := at.channels[channel]
	if ch == nil {
		ch = &numbers{next: d.first, pending: map[int64]bool{}}
		at.channels[channel] = ch
	}
	ch.pending[ch.next] = !d.manual
	say(w, 200, fmt.Sprintf(`{"text":"Success","code":0,"ackId":%d}`, ch.next))
	ch.next++
}

// parse reads the events of a body, and the code and place of the first bad one.
func (d *splunkDouble) parse(r *http.Request, body []byte) (events []envelope, code, bad int) {
	if len(body) == 0 {
		return nil, 5, -1
	}
	if strings.HasSuffix(r.URL.Path, "/raw") {
		q := r.URL.Query()
		for line := range strings.Lines(string(body)) {
			events = append(events, envelope{Host: q.Get("host"), Source: q.Get("source"), Sourcetype: q.Get("sourcetype"), Index: q.Get("index"), Event: []byte(strings.TrimSuffix(line, "\n"))})
		}
		return events, 0, 0
	}
	for in := json.NewDecoder(strings.NewReader(string(body))); in.More(); {
		var e envelope
		if err := in.Decode(&e); err != nil {
			d.t.Errorf("an envelope is no JSON: %v in %.300q", err, body)
			return events, 6, len(events)
		}
		bad, named := false, false
		if d.refuse != nil {
			bad, named = d.refuse(string(e.Event))
		}
		switch {
		case len(e.Event) == 0:
			return events, 12, len(events)
		case bad && !named:
			return events, 6, -1
		case bad, strings.Contains(string(e.Event), "poison"):
			return events, 6, len(events)
		case strings.Contains(string(e.Event), "unnamed"):
			return events, 6, -1
		case d.indexes != nil && !slices.Contains(d.indexes, e.Index):
			return events, 7, len(events)
		}
		events = append(events, e)
	}
	return events, 0, 0
}

func (d *splunkDouble) acks(w http.ResponseWriter, r *http.Request, at *indexer, channel string) {
	if !d.ack {
		say(w, 400, `{"text":"ACK is disabled","code":14}`)
		return
	}
	var q struct{ Acks []int64 }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		d.t.Errorf("the question is no JSON: %v", err)
	}
	d.asked = append(d.asked, q.Acks)
	ch := at.channels[channel]
	if ch == nil {
		say(w, 400, `{"text":"Invalid data channel","code":11,"invalid-event-number":0}`)
		return
	}
	// What is told to be true is forgotten, as Splunk does.
	list := map[string]bool{}
	for _, n := range q.Acks {
		if list[fmt.Sprint(n)] = ch.pending[n]; ch.pending[n] {
			delete(ch.pending, n)
		}
	}
	out, _ := json.Marshal(map[string]any{"acks": list})
	say(w, 200, string(out))
}

// acknowledge has the first indexer acknowledge what it has.
func (d *splunkDouble) acknowledge() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ch := range d.indexers[0].channels {
		for n := range ch.pending {
			ch.pending[n] = true
		}
	}
}

// restart has an indexer forget its channels, as a restart does.
func (d *splunkDouble) restart(i int) { d.with(func() { clear(d.indexers[i].channels) }) }

func (d *splunkDouble) with(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// stored is what all indexers have, by the id of the event: how often.
func (d *splunkDouble) stored() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := map[string]int{}
	for _, one := range d.indexers {
		for _, e := range one.events {
			count[e.Fields[idField]]++
		}
	}
	return count
}

// texts are the events of all indexers, in order.
func (d *splunkDouble) texts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for _, one := range d.indexers {
		for _, e := range one.events {
			list = append(list, string(e.Event))
		}
	}
	return list
}

// posts counts the requests with events.
func (d *splunkDouble) posts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, r := range d.requests {
		if !strings.HasSuffix(r, "/ack") {
			n++
		}
	}
	return n
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// reset breaks a connection off.
func reset(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// once returns the ids that stand in stored, and fails where one stands there
// more often than most times.
func once(t testing.TB, stored map[string]int, most int) []string {
	t.Helper()
	for id, n := range stored {
		if n > most {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
	return slices.Sorted(maps.Keys(stored))
}
