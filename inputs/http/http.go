// Package http takes records over HTTP and HTTPS: what a client posts is taken
// apart into records, each of which waits for the decoder of its path. How they
// get into the journal, and when the client is told so, is weblisten's.
package http

import (
	"context"
	"net/http"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/weblisten"
)

// Plugin is the input `http`.
var Plugin = plugin.NewInput("http", "Records that clients post over HTTP or HTTPS: JSON objects, arrays and Kubernetes lists, lines of JSON or text, plain, in gzip or in zstd.", defaults, build)

// input implements plugin.Input.
type input struct {
	web *weblisten.Server
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	h := &handler{s: s, paths: s.paths(), guard: weblisten.Guard{Secret: s.Token, Ways: []weblisten.Proof{weblisten.Bearer}}}
	web, err := weblisten.New(&s.Settings, env, h)
	if err != nil {
		return nil, err
	}
	return &input{web: web}, nil
}

// Open implements plugin.Input.
func (in *input) Open(ctx context.Context, from []byte) error { return in.web.Open(ctx, from) }

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	return in.web.Read(ctx, b, wait)
}

// Close implements plugin.Input.
func (in *input) Close() error { return in.web.Close() }

// handler implements weblisten.Streamer.
type handler struct {
	s     *Settings
	paths []string // the longest first
	guard weblisten.Guard
}

// Admit implements weblisten.Handler.
func (h *handler) Admit(r *http.Request) error {
	if err := h.guard.Admit(r); err != nil {
		return err
	}
	switch _, ok := h.route(r.URL.Path); {
	case !ok:
		return weblisten.Refuse(http.StatusNotFound, "no records are taken at this path")
	case r.Method != http.MethodPost && r.Method != http.MethodPut:
		return weblisten.Refuse(http.StatusMethodNotAllowed, "records are posted")
	}
	return nil
}

// Take implements weblisten.Handler.
func (h *handler) Take(r *http.Request, body string) ([]weblisten.Group, error) {
	texts, err := weblisten.Split(body, h.s.Body)
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	decode, _ := h.route(r.URL.Path)
	return []weblisten.Group{{Decode: decode, Texts: texts}}, nil
}

// Stream implements weblisten.Streamer.
func (h *handler) Stream(r *http.Request) (weblisten.Cutter, error) {
	decode, _ := h.route(r.URL.Path)
	return &cutter{decode: decode, split: weblisten.Splitter{Form: h.s.Body}}, nil
}

// MaxStream implements weblisten.Streamer.
func (h *handler) MaxStream() int64 { return int64(h.s.MaxStream) }

// cutter implements weblisten.Cutter.
type cutter struct {
	decode string
	split  weblisten.Splitter
}

// Cut implements weblisten.Cutter.
func (c *cutter) Cut(text string, last bool) ([]weblisten.Group, int, error) {
	texts, done, err := c.split.Cut(text, last)
	if len(texts) == 0 {
		return nil, done, err
	}
	return []weblisten.Group{{Decode: c.decode, Texts: texts}}, done, err
}

// route returns the decoder of a path.
func (h *handler) route(path string) (string, bool) {
	for _, p := range h.paths {
		if path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return h.s.decoder(p), true
		}
	}
	return "", false
}
