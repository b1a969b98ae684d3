package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tallyman/pipeline/engine"
)

// Bounds of an explanation.
const (
	mostPasted = 64 << 10 // bytes
	mostLines  = 200
	mostShown  = 50 // events
	explainFor = 20 * time.Second
)

// tried is the playground and what came of it.
type tried struct {
	Inputs         []string
	Input, Text    string
	Problem, Claim string
	Lines          int
	Events         []opened
	More           bool
}

var errEnough = errors.New("enough events are shown")

func (s *Server) playground(w http.ResponseWriter, r *http.Request) {
	body := tried{}
	for _, in := range s.o.Engine.Config().Inputs {
		body.Inputs = append(body.Inputs, in.Name)
	}
	code := http.StatusOK
	if r.Method == http.MethodPost {
		body.Input, body.Text = r.PostForm.Get("input"), r.PostForm.Get("text")
		code = s.try(r.Context(), &body)
	}
	s.render(w, r, code, "playground", "Playground", body)
}

// try explains what was pasted and returns the status of the answer.
func (s *Server) try(ctx context.Context, t *tried) int {
	fail := func(code int, why string) int {
		t.Problem = inert(why)
		return code
	}
	lines, why := pasted(t.Text)
	if why != "" {
		return fail(http.StatusBadRequest, why)
	}
	select {
	case s.play <- struct{}{}:
		defer func() { <-s.play }()
	default:
		return fail(http.StatusTooManyRequests, "Another explanation is under way: try again.")
	}
	if !s.allowed.take() {
		return fail(http.StatusTooManyRequests, "There were too many explanations within a minute: wait a little.")
	}
	ctx, cancel := context.WithTimeout(ctx, explainFor)
	defer cancel()
	decoder, err := s.o.Explain(ctx, t.Input, lines, func(x *engine.Explained) error {
		if len(t.Events) == mostShown {
			return errEnough
		}
		t.Events = append(t.Events, s.explained(x))
		return nil
	})
	t.Lines, t.Claim = len(lines), oneLine(decoder)
	t.More = errors.Is(err, errEnough)
	if err != nil && !t.More {
		return fail(http.StatusUnprocessableEntity, err.Error())
	}
	return http.StatusOK
}

// pasted splits what was pasted into lines, or says what is wrong with it.
func pasted(text string) (lines []string, why string) {
	if len(text) > mostPasted {
		return nil, "That is more than 64 KiB: the playground is for a few lines."
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	switch {
	case len(lines) == 0:
		return nil, "There is no line to explain."
	case len(lines) > mostLines:
		return nil, "Those are more than 200 lines: the playground is for a few."
	}
	return lines, ""
}

// explained is an opened event with what was found on the way; rules that do not
// apply are left out.
func (s *Server) explained(x *engine.Explained) opened {
	o := s.open(&x.Event)
	for _, f := range x.Findings {
		if f.Verdict != "skipped" {
			o.Finding = append(o.Finding, found{oneLine(f.Subject), oneLine(f.Verdict), inert(f.Detail)})
		}
	}
	return o
}
