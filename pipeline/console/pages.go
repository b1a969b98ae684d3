package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/trend"
)

// parse reads the templates: each page with the frame around it.
func parse() (map[string]*template.Template, error) {
	funcs := template.FuncMap{"inert": inert, "count": count, "bars": bars, "step": func(i int) int { return 46 + 20*i }}
	frame, err := template.New("").Funcs(funcs).ParseFS(templates, "templates/frame.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "frame" {
			continue
		}
		t, err := frame.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, file)
		}
		if err != nil {
			return nil, err
		}
		pages[name] = t
	}
	return pages, nil
}

// page is what a template is given.
type page struct {
	Title, Path, Form, Version, Host string
	Locked                           bool // a token opens it, so there is a way out
	words
	Body any
}

// L returns a live text: its key in parts.
func (p *page) L(parts ...string) string { return p.Text[strings.Join(parts, ".")] }

// S returns the state of a part.
func (p *page) S(key string) string { return p.State[key] }

// render writes a page. It is made whole before it is sent.
func (s *Server) render(w http.ResponseWriter, r *http.Request, code int, name, title string, body any) {
	c := s.o.Engine.Config()
	p := &page{Title: title, Path: "/" + strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)[0], Form: s.guard.form(r),
		Host: oneLine(c.Host.Name), Locked: !s.guard.set.Token.IsZero(), Body: body}
	if name != "login" { // whoever is not in yet is shown nothing
		s.history.view(func(st *engine.Status, t *trend.Trend) { p.words, p.Version = live(st, t), st.Version })
	}
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "frame", p); err != nil {
		s.o.Log.Error("a page of the console could not be written", "page", name, "error", err)
		http.Error(w, "this page could not be written; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // the browser has gone; nobody is left to tell
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "overview", "Pipeline", struct {
		Picture picture
		Alerts  []row
	}{draw(s.o.Engine.Config()), s.memory.last(true, 8, nil)})
}

func (s *Server) rules(w http.ResponseWriter, r *http.Request) {
	list := s.history.hour() // those that matched lately come first
	n := slices.IndexFunc(list, func(one ruleRow) bool { return one.Hour == 0 })
	if n < 0 {
		n = len(list)
	}
	s.render(w, r, http.StatusOK, "rules", "Rules", struct {
		Fired, Quiet []ruleRow
		Alerts       []row
	}{list[:n], list[n:], s.memory.last(true, 20, nil)})
}

// bars draws counts as the path of a small bar chart, 120 wide and 20 high.
func bars(line []uint64) string {
	top := slices.Max(append([]uint64{1}, line...))
	var b strings.Builder
	for i, n := range line {
		if n > 0 {
			h := max(1, 20*float64(n)/float64(top))
			fmt.Fprintf(&b, "M%d 20v-%.1fh1.6v%.1fz", 2*i, h, h)
		}
	}
	return b.String()
}

func (s *Server) containers(w http.ResponseWriter, r *http.Request) {
	s.memory.mu.Lock()
	list := make([]containerSeen, 0, len(s.memory.containers))
	for _, c := range s.memory.containers {
		list = append(list, containerSeen{ID: c.ID, Name: c.Name, Image: c.Image, First: c.First, Last: c.Last, Events: c.Events, Alerts: c.Alerts})
	}
	s.memory.mu.Unlock()
	slices.SortFunc(list, func(a, b containerSeen) int { return b.Last.Compare(a.Last) })
	s.render(w, r, http.StatusOK, "containers", "Containers", list)
}

// Clock writes when something was seen.
func (c containerSeen) Clock() string { return clock(c.Last) }

// Began writes when the first event was seen.
func (c containerSeen) Began() string { return clock(c.First) }

// Short is the id as people write it.
func (c containerSeen) Short() string { return strings.TrimSuffix(short(c.ID, 12), "…") }

func (s *Server) container(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.memory.mu.Lock()
	c, ok := s.memory.containers[id]
	var body struct {
		containerSeen
		Did, Ran      []tallied
		Found, Recent []row
	}
	if ok {
		body.containerSeen, body.Did, body.Ran = *c, sorted(c.Actions), sorted(c.Programs)
	}
	s.memory.mu.Unlock()
	if !ok {
		s.lost(w, r, "No event of this container is remembered.")
		return
	}
	mine := func(r *row) bool { return r.ContainerID == id }
	body.Found, body.Recent = s.memory.last(true, 20, mine), s.memory.last(false, 50, mine)
	name := body.Name
	if name == "" {
		name = body.Short()
	}
	s.render(w, r, http.StatusOK, "container", name, body)
}

func (s *Server) books(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Outputs []engine.BookStatus
		Columns []string
	}
	s.history.view(func(st *engine.Status, _ *trend.Trend) { body.Outputs = slices.Clone(st.Outputs) })
	seen := map[string]bool{}
	for _, o := range body.Outputs {
		for name, n := range o.Book {
			if strings.HasPrefix(name, "dropped_") && n+o.Generated[name] > 0 {
				seen[name] = true
			}
		}
	}
	for name := range seen {
		body.Columns = append(body.Columns, name)
	}
	slices.Sort(body.Columns)
	s.render(w, r, http.StatusOK, "books", "Delivery", body)
}

func (s *Server) lost(w http.ResponseWriter, r *http.Request, why string) {
	s.render(w, r, http.StatusNotFound, "lost", "Not here", why)
}

// opened is an event, whole.
type opened struct {
	Row     row
	Source  string
	Records uint32
	Fields  []shown
	Renders []shown
	Finding []found
}

// shown is a name and a text.
type shown struct{ Name, Type, Value string }

// found is what a transform said of an event.
type found struct{ Subject, Verdict, Detail string }

func (s *Server) event(w http.ResponseWriter, r *http.Request) {
	e, ok := s.memory.find(r.PathValue("id"))
	if !ok {
		s.lost(w, r, "This event is not remembered any more. `tallyman query` finds it in the journal.")
		return
	}
	s.render(w, r, http.StatusOK, "event", "Event", s.open(e))
}

// open makes an event readable; every text is inert.
func (s *Server) open(e *event.Event) opened {
	o := opened{Source: inert(e.Raw), Records: e.Records}
	if enc, err := s.o.Line(); err == nil {
		o.Row = rowOf(e, enc, &[]byte{})
	}
	for _, f := range s.o.Formats {
		enc, err := f.New()
		if err != nil {
			o.Renders = append(o.Renders, shown{Name: f.Name, Value: "not rendered: " + err.Error()})
			continue
		}
		b, err := enc.Append(nil, e)
		if err != nil {
			b = []byte("not rendered: " + err.Error())
		}
		o.Renders = append(o.Renders, shown{Name: f.Name, Value: inert(pretty(b))})
	}
	head := event.Fields{}
	for _, k := range []schema.Key{schema.Timestamp, schema.EventID, schema.EventDataset, schema.EventCreated} {
		head.Add(k, e.Get(k))
	}
	for _, f := range slices.Concat(head, e.Fields, e.Shared) {
		name := f.Key.String()
		if f.Name() != "" {
			name += "." + f.Name()
		}
		o.Fields = append(o.Fields, shown{oneLine(name), f.Key.Info().Type.String(), inert(string(f.Value().Append(nil)))})
	}
	slices.SortStableFunc(o.Fields, func(a, b shown) int { return strings.Compare(a.Name, b.Name) })
	return o
}

// pretty breaks an object of JSON into lines; anything else stays as it is.
func pretty(b []byte) string {
	var out bytes.Buffer
	if len(b) > 0 && b[0] == '{' && json.Indent(&out, b, "", "  ") == nil {
		return out.String()
	}
	return string(b)
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if s.guard.set.Token.IsZero() {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if r.Method == http.MethodGet {
		s.render(w, r, http.StatusOK, "login", "Token", "")
		return
	}
	if !s.guard.right(r.PostForm.Get("token")) {
		s.render(w, r, http.StatusUnauthorized, "login", "Token", "That is not the token, or there were too many wrong ones within a minute.")
		return
	}
	s.guard.enter(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.guard.leave(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
