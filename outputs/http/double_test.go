package http

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// double is a receiver that takes what each preset sends, and behaves as badly as
// tests tell it.
type double struct {
	*httptest.Server
	t      testing.TB
	preset string

	mu       sync.Mutex // guards what follows
	ids      map[string]bool
	events   []string // each event's text, in order
	seen     []*http.Request
	bodies   [][]byte
	most     int                                     // bytes of a body, 0 for no limit
	trouble  func(n int, w http.ResponseWriter) bool // answers request n in place of the double
	after    func(n int, w http.ResponseWriter) bool // as trouble, when all was stored
	refuse   func(id, text string) string            // the item of a bulk answer, "" for one that is taken
	statuses func(body []byte) int                   // of others than a bulk interface; 0 takes it
}

func newDouble(t testing.TB, preset string, change func(*double)) *double {
	d := &double{t: t, preset: preset, ids: map[string]bool{}}
	if change != nil {
		change(d)
	}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// reset breaks the connection off.
func reset(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	body := d.unpack(r)
	n := len(d.seen)
	d.seen, d.bodies = append(d.seen, r), append(d.bodies, body)
	switch {
	case d.trouble != nil && d.trouble(n, w):
		return
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	case d.most > 0 && len(body) > d.most:
		say(w, 413, `{"error":"too large"}`)
		return
	case d.statuses != nil:
		if status := d.statuses(body); status != 0 {
			say(w, status, `{"error":"no"}`)
			return
		}
	}
	status, answer := d.take(r, body)
	if d.after != nil && d.after(n, w) {
		return
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	say(w, status, answer)
}

func (d *double) unpack(r *http.Request) []byte {
	var in io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		in, err = gzip.NewReader(r.Body)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r.Body); err == nil {
			defer z.Close()
			in = z
		}
	}
	if err != nil {
		d.t.Errorf("the body cannot be unpacked: %v", err)
		return nil
	}
	body, err := io.ReadAll(in)
	if err != nil {
		d.t.Errorf("read the body: %v", err)
	}
	return body
}

// take stores the events of a body and returns the answer.
func (d *double) take(r *http.Request, body []byte) (int, string) {
	switch d.preset {
	case elasticsearch, opensearch:
		return 200, d.bulk(r, body)
	case loki:
		return 204, d.push(body)
	case loggly, ndjson:
		for line := range strings.Lines(string(body)) {
			d.events = append(d.events, strings.TrimSuffix(line, "\n"))
		}
		return 200, `{"response":"ok"}`
	case single:
		d.events = append(d.events, string(body))
		return 200, `{}`
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		d.t.Errorf("the body is no array: %v", err)
	}
	for _, one := range list {
		d.events = append(d.events, string(one))
	}
	return 202, `{}`
}

func (d *double) bulk(r *http.Request, body []byte) string {
	if r.URL.Path != "/_bulk" || r.Header.Get("Content-Type") != "application/x-ndjson" {
		d.t.Errorf("%s %s", r.URL, r.Header)
	}
	var items []string
	rows := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	failed := false
	for i := 0; i+1 < len(rows); i += 2 {
		var act struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			}
		}
		if err := json.Unmarshal([]byte(rows[i]), &act); err != nil || act.Create.ID == "" || !json.Valid([]byte(rows[i+1])) {
			d.t.Errorf("%q, %v", rows[i], err)
		}
		item := ""
		if d.refuse != nil {
			item = d.refuse(act.Create.ID, rows[i+1])
		}
		switch {
		case item != "":
		case d.ids[act.Create.ID]:
			item = `{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"document already exists"}}`
		default:
			d.ids[act.Create.ID] = true
			d.events = append(d.events, rows[i+1])
			item = `{"status":201}`
		}
		failed = failed || item != `{"status":201}`
		items = append(items, `{"create":`+item+`}`)
	}
	return fmt.Sprintf(`{"took":3,"errors":%v,"items":[%s]}`, failed, strings.Join(items, ","))
}

func (d *double) push(body []byte) string {
	var in struct {
		Streams []struct {
			Stream map[string]string
			Values [][2]string
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		d.t.Errorf("the body is no push: %v", err)
	}
	for _, s := range in.Streams {
		for _, v := range s.Values {
			d.events = append(d.events, v[1])
		}
	}
	return ""
}

// stored are the events so far.
func (d *double) stored() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.events...)
}

func (d *double) with(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}
