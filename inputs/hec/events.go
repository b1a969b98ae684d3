package hec

import (
	"net/http"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/weblisten"
)

const (
	// mostEvents is how many events one body may hold.
	mostEvents = 100_000
	// mostFields is how many indexed fields of an event are kept.
	mostFields = 128
)

// envelope is what stands around an event. In a body, what an event does not say
// holds as the one before it said it.
type envelope struct {
	time                            string
	host, source, sourcetype, index string
}

// fields are what an envelope says, beside the time.
func (v *envelope) fields() (f event.Fields) {
	f.AddString(schema.HostName, v.host)
	for _, l := range [...][2]string{{"splunk_source", v.source}, {"splunk_sourcetype", v.sourcetype}, {"splunk_index", v.index}} {
		if l[1] != "" {
			f.AddNamed(schema.Labels, l[0], event.String(l[1]))
		}
	}
	return f
}

func (h *handler) decoder(sourcetype string) string {
	if d, ok := h.s.Sourcetypes[sourcetype]; ok {
		return d
	}
	return h.s.Decode
}

// events takes a body of the event endpoint apart: JSON objects one after the
// other, or an array of them. Nothing of a body is taken where one is wrong.
func (h *handler) events(body string) ([]weblisten.Group, error) {
	c := cutter{h: h}
	groups, err := c.take(body)
	switch {
	case err != nil:
		return nil, err
	case c.n == 0:
		return nil, refuse(http.StatusBadRequest, codeNoData)
	}
	return groups, nil
}

// event reads one event. A text is the record, anything else its JSON.
func (h *handler) event(s *jsonscan.Scanner, v *envelope, n int) (g weblisten.Group, err error) {
	text, found := "", false
	var extra event.Fields
	s.Members(func(name string) {
		switch name {
		case "event":
			found = true
			switch s.Peek() {
			case '"':
				text = s.Text()
			case 'n':
				s.Skip()
				found = false
			default:
				text = s.Raw()
			}
		case "time":
			if s.Peek() == '"' {
				v.time = s.Text()
			} else {
				v.time = s.Raw()
			}
		case "host":
			v.host, _ = s.Str()
		case "source":
			v.source, _ = s.Str()
		case "sourcetype":
			v.sourcetype, _ = s.Str()
		case "index":
			v.index, _ = s.Str()
		case "fields":
			extra = indexed(s)
		default:
			s.Skip() // Splunk ignores it as well
		}
	})
	switch {
	case !s.OK():
		return g, &wrong{http.StatusBadRequest, codeBadData, n}
	case !found:
		return g, &wrong{http.StatusBadRequest, codeNoEvent, n}
	case strings.TrimSpace(text) == "":
		return g, &wrong{http.StatusBadRequest, codeBlankEvent, n}
	}
	var at time.Time
	if v.time != "" && v.time != "null" {
		ok := false
		if at, ok = seconds(v.time); !ok {
			return g, &wrong{http.StatusBadRequest, codeBadData, n}
		}
	}
	return weblisten.Group{Decode: h.decoder(v.sourcetype), Fields: append(v.fields(), extra...), Time: at, Texts: []string{text}}, nil
}

// indexed reads the fields beside an event: texts, and lists of them.
func indexed(s *jsonscan.Scanner) (f event.Fields) {
	add := func(name string) {
		value := ""
		switch s.Peek() {
		case '"':
			value = s.Text()
		default:
			value = s.Raw()
		}
		if value != "" && value != "null" && len(f) < mostFields {
			f.AddNamed(schema.Labels, name, event.String(value))
		}
	}
	s.Members(func(name string) {
		if s.Peek() == '[' {
			s.Array(func() { add(name) })
			return
		}
		add(name)
	})
	return f
}

// raw takes a body of the raw endpoint: each line is an event, and what stands
// around it is said in the query.
func (h *handler) raw(r *http.Request, body string) ([]weblisten.Group, error) {
	g, err := h.around(r)
	if err != nil {
		return nil, err
	}
	if g.Texts, err = weblisten.Split(body, "lines"); err != nil {
		return nil, err
	}
	if len(g.Texts) == 0 {
		return nil, refuse(http.StatusBadRequest, codeNoData)
	}
	return []weblisten.Group{g}, nil
}

// around returns what a query says of the lines of its body.
func (h *handler) around(r *http.Request) (g weblisten.Group, err error) {
	q := r.URL.Query()
	v := envelope{host: q.Get("host"), source: q.Get("source"), sourcetype: q.Get("sourcetype"), index: q.Get("index")}
	if t := q.Get("time"); t != "" {
		ok := false
		if g.Time, ok = seconds(t); !ok {
			return g, refuse(http.StatusBadRequest, codeBadData)
		}
	}
	g.Decode, g.Fields = h.decoder(v.sourcetype), v.fields()
	return g, nil
}
