package hec

import (
	"net/http"
	"strings"

	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/weblisten"
)

// Stream implements weblisten.Streamer.
func (h *handler) Stream(r *http.Request) (weblisten.Cutter, error) {
	switch endpoint(r.URL.Path) {
	case base:
		return &cutter{h: h}, nil
	case pathRaw:
		g, err := h.around(r)
		if err != nil {
			return nil, err
		}
		return &lines{all: g}, nil
	}
	return nil, nil
}

// MaxStream implements weblisten.Streamer.
func (h *handler) MaxStream() int64 { return int64(h.s.MaxStream) }

// lines implements weblisten.Cutter for the raw endpoint.
type lines struct{ all weblisten.Group }

// Cut implements weblisten.Cutter.
func (c *lines) Cut(text string, last bool) ([]weblisten.Group, int, error) {
	g, done := c.all, 0
	if g.Texts, done = weblisten.Lines(text, last); len(g.Texts) == 0 {
		return nil, done, nil
	}
	return []weblisten.Group{g}, done, nil
}

// cutter implements weblisten.Cutter for the event endpoint. It keeps what holds
// for the events that follow.
type cutter struct {
	h *handler
	v envelope
	n int // events that were taken
}

// Cut implements weblisten.Cutter.
func (c *cutter) Cut(text string, last bool) ([]weblisten.Group, int, error) {
	whole, ok := weblisten.Whole(text)
	groups, err := c.take(text[:whole])
	rest := strings.TrimLeft(text[whole:], " \t\r\n")
	switch {
	case err != nil:
		return groups, 0, err
	case rest == "":
		return groups, len(text), nil
	case !ok || last && whole == 0:
		return groups, 0, &wrong{http.StatusBadRequest, codeBadData, c.n}
	}
	return groups, whole, nil
}

// take takes events one after the other, and arrays of them. The groups beside an
// error are those of the events before it.
func (c *cutter) take(text string) (groups []weblisten.Group, err error) {
	s := jsonscan.New(text)
	first := c.n
	each := func() {
		if err != nil || c.n-first >= mostEvents {
			s.Skip()
			return
		}
		var g weblisten.Group
		if g, err = c.h.event(&s, &c.v, c.n); err == nil && s.OK() {
			groups = append(groups, g)
			c.n++
		}
	}
	for s.OK() && err == nil && !s.Done() && c.n-first < mostEvents {
		switch s.Peek() {
		case '{':
			each()
		case '[':
			s.Array(each)
		default:
			return groups, &wrong{http.StatusBadRequest, codeBadData, c.n}
		}
	}
	switch {
	case err != nil:
		return groups, err
	case !s.OK():
		return groups, &wrong{http.StatusBadRequest, codeBadData, c.n}
	case !s.Done():
		return groups, refuse(http.StatusRequestEntityTooLarge, codeBadData)
	}
	return groups, nil
}
