package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/trend"
)

// Bounds of what is sent to a page that is kept live.
const (
	rowsASecond = 50
	mostFilter  = 4096             // bytes of an expression
	sendWithin  = 10 * time.Second // or the page is gone
)

// sender writes server-sent events.
type sender struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// sending answers with a stream, or refuses where too many are open. Call end.
func (s *Server) sending(w http.ResponseWriter) (out *sender, end func(), ok bool) {
	select {
	case s.streams <- struct{}{}:
	default:
		http.Error(w, "too many pages are kept live: close some", http.StatusTooManyRequests)
		return nil, nil, false
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	return &sender{w, http.NewResponseController(w)}, func() { <-s.streams }, true
}

// send writes one event; false says that the page is gone.
func (o *sender) send(name string, v any) bool {
	b, err := json.Marshal(v) // one line: it escapes what would end it, and < and > besides
	if err != nil {
		return false
	}
	if err := o.c.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
		return false
	}
	if _, err := fmt.Fprintf(o.w, "event: %s\ndata: %s\n\n", name, b); err != nil {
		return false
	}
	return o.c.Flush() == nil
}

// live sends the texts that change, once a second.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	out, end, ok := s.sending(w)
	if !ok {
		return
	}
	defer end()
	defer s.stays(r.Context())()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var now words
		s.history.view(func(st *engine.Status, t *trend.Trend) { now = live(st, t) })
		if !out.send("live", now) {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	body := struct {
		Filter, Problem string
		Rows            []row
		Passed, Missed  uint64
	}{Filter: r.URL.Query().Get("filter")}
	p, err := compile(body.Filter)
	code := http.StatusOK
	if err != nil {
		body.Problem, code = inert(err.Error()), http.StatusBadRequest
	} else {
		body.Rows = s.filtered(p, 100)
	}
	s.memory.mu.Lock()
	body.Passed, body.Missed = s.memory.passed, s.memory.missed
	s.memory.mu.Unlock()
	s.render(w, r, code, "events", "Events", body)
}

// filtered returns the newest rows whose events meet a condition.
func (s *Server) filtered(p *expr.Program, n int) []row {
	if p == nil {
		return s.memory.last(false, n, nil)
	}
	dec, m, b := codec.NewDecoder(), expr.NewMachine(), &event.Batch{}
	s.memory.mu.Lock()
	list := append([]kept(nil), s.memory.events.list...)
	s.memory.mu.Unlock()
	var rows []row
	for i := len(list) - 1; i >= 0 && len(rows) < n; i-- {
		b.Reset()
		if dec.Decode(list[i].payload, b) == nil && len(b.Events) == 1 && meets(p, m, &b.Events[0]) {
			rows = append(rows, list[i].row)
		}
	}
	return rows
}

// compile reads the expression of a filter; nil for none.
func compile(text string) (*expr.Program, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > mostFilter {
		return nil, fmt.Errorf("the filter has more than %d bytes", mostFilter)
	}
	return expr.NewCompiler(expr.Options{}).Bool(plugin.Text{Value: text, Pos: plugin.Pos{File: "filter", Line: 1, Col: 1}})
}

// meets reports whether an event is to be shown. One that the expression cannot judge
// is.
func meets(p *expr.Program, m *expr.Machine, e *event.Event) bool {
	if p == nil {
		return true
	}
	ok, err := p.Test(m, e)
	return ok || err != nil
}

// stream sends rows as they come.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	p, err := compile(r.URL.Query().Get("filter"))
	if err != nil {
		http.Error(w, inert(err.Error()), http.StatusBadRequest)
		return
	}
	enc, err := s.o.Line()
	if err != nil {
		http.Error(w, "the format of lines cannot be made", http.StatusInternalServerError)
		return
	}
	out, end, ok := s.sending(w)
	if !ok {
		return
	}
	defer end()
	defer s.stays(r.Context())()
	tap := s.o.Engine.Tap("", "")
	defer tap.Close()
	f := &flow{out: out, enc: enc, filter: p, machine: expr.NewMachine(), tap: tap, now: s.o.Now}
	if out.send("begin", struct{}{}) {
		f.run(r.Context().Done())
	}
}

// flow is one page's stream of rows.
type flow struct {
	out     *sender
	enc     plugin.Encoder
	buf     []byte
	filter  *expr.Program
	machine *expr.Machine
	tap     *engine.Tap
	now     func() time.Time

	second time.Time
	rows   int
	over   uint64 // events that were not shown since the page was told
	told   uint64 // of the tap's misses
}

func (f *flow) run(done <-chan struct{}) {
	dec, b := codec.NewDecoder(), &event.Batch{}
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for {
		select {
		case <-done:
			return
		case <-alive.C:
			if !f.out.send("alive", struct{}{}) {
				return
			}
		case payload := <-f.tap.C:
			b.Reset()
			if dec.Decode(payload, b) == nil && !f.batch(b) {
				return
			}
		}
	}
}

// batch sends what of a batch is wanted; false says that the page is gone.
func (f *flow) batch(b *event.Batch) bool {
	for i := range b.Events {
		e := &b.Events[i]
		if !meets(f.filter, f.machine, e) {
			continue
		}
		if s := f.now().Truncate(time.Second); !s.Equal(f.second) {
			f.second, f.rows = s, 0
		}
		if f.rows++; f.rows > rowsASecond {
			f.over++
			continue
		}
		missed := f.tap.Missed()
		one := struct {
			row
			Over uint64
		}{rowOf(e, f.enc, &f.buf), f.over + missed - f.told}
		f.over, f.told = 0, missed
		if !f.out.send("row", one) {
			return false
		}
	}
	return true
}

// historyJSON gives the lines of the charts.
func (s *Server) historyJSON(w http.ResponseWriter, _ *http.Request) {
	var d struct {
		At      []int64   `json:"at"` // seconds since 1970
		In      []float64 `json:"in"`
		Out     []float64 `json:"out"`
		Waiting []uint64  `json:"waiting"`
	}
	s.history.view(func(_ *engine.Status, t *trend.Trend) {
		for _, p := range t.Points() {
			d.At, d.In, d.Out, d.Waiting = append(d.At, p.At.Unix()), append(d.In, p.In), append(d.Out, p.Out), append(d.Waiting, p.Waiting)
		}
	})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d) // the browser has gone; nobody is left to tell
}
