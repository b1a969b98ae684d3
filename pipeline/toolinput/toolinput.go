// Package toolinput is the input of a tool that posts what happens to a webhook,
// or writes it to log files: it listens, or follows the files, and names the
// decoder that knows the tool. It knows no tool.
package toolinput

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
	"tallyman/pipeline/weblisten"
)

// Settings are the keys of such an input.
type Settings struct {
	weblisten.Settings `yaml:",inline"`

	Token   *plugin.Secret `yaml:"token" doc:"What a client has to show: Authorization: Bearer TOKEN, or the bare token as the header's value where the tool sends it so. It is read again for each request."`
	Path    []plugin.Text  `yaml:"path" doc:"Log files to follow, by pattern, in the place of listening; a directory may be a pattern too." example:"[/var/log/registry/*.log]"`
	Roots   []plugin.Text  `yaml:"allowed_roots" doc:"Directories that the files must lie in, also through symbolic links."`
	StartAt string         `yaml:"start_at" doc:"Where a file is begun that was not read before: at its beginning, or at its end for those that are there at the first start." enum:"beginning,end"`
	MaxLine plugin.Size    `yaml:"max_line" doc:"The longest line of a file; what is longer is cut and flagged."`
	Open    int            `yaml:"open_files" doc:"How many files are open at the same time."`
	Files   int            `yaml:"max_files" doc:"How many files are followed; those beyond are counted and left alone."`
}

// Defaults are the settings of an input that listens at an address.
func Defaults(listen string) Settings {
	return Settings{Settings: weblisten.Defaults(listen), StartAt: "beginning", MaxLine: 1 << 20, Open: 64, Files: 1000}
}

// Check says what is wrong with the settings of an input of a type.
func (s *Settings) Check(input string) plugin.Problems {
	p := s.checkFiles(input)
	if s.Token != nil && s.Token.IsZero() {
		p = append(p, plugin.Problem{Key: "token", Text: "token refers to nothing", Hint: "write {file: PATH} or {env: NAME}"})
	}
	if len(s.Path) == 0 {
		p = append(p, s.Settings.Check(input, s.Token)...)
	}
	return p
}

func (s *Settings) checkFiles(input string) (p plugin.Problems) {
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{s.MaxLine < 1<<10 || s.MaxLine > 64<<20, "max_line", "must lie between 1KiB and 64MiB"},
		{s.Open < 1 || s.Open > 1<<16, "open_files", "must lie between 1 and 65536"},
		{s.Files < 1 || s.Files > 1<<20, "max_files", "must lie between 1 and 1048576"},
	} {
		if c.bad {
			p = append(p, plugin.Problem{Key: c.key, Text: c.key + " of input " + input + " " + c.text})
		}
	}
	for _, t := range append(append([]plugin.Text{}, s.Path...), s.Roots...) {
		if _, err := filepath.Match(t.Value, ""); err != nil || t.Value == "" {
			p = append(p, plugin.Problem{Key: "path", Pos: t.Pos, Width: len(t.Value), Text: "the pattern " + strconv.Quote(t.Value) + " cannot be read"})
		}
	}
	return p
}

// Claims returns the files that are read.
func (s *Settings) Claims() (list []plugin.Claim) {
	for _, t := range s.Path {
		if !tail.IsPattern(t.Value) {
			list = append(list, plugin.Claim{Key: "path", Use: plugin.UseRead, Path: t.Value})
		}
	}
	return list
}

// Options is what a tool is.
type Options struct {
	Decode string            // the decoder of its records
	Ways   []weblisten.Proof // how its clients show the token
	// Split takes a body apart into records, which are views of it; nil for one
	// JSON text after the other, or lines.
	Split func(body string) ([]string, error)
}

// New returns the input. The settings were checked.
func New(s *Settings, env plugin.Env, o Options) (plugin.Input, error) {
	if len(s.Path) > 0 {
		return tail.NewSet(tail.SetOptions{
			Patterns: paths(s.Path, env.Dir), Roots: paths(s.Roots, env.Dir), FromEnd: s.StartAt == "end", MaxLine: int(s.MaxLine), Decode: o.Decode, Open: s.Open, Files: s.Files,
			Once: env.Once, Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
		}), nil
	}
	if o.Split == nil {
		o.Split = func(body string) ([]string, error) { return weblisten.Split(body, "auto") }
	}
	web, err := weblisten.New(&s.Settings, env, &handler{o: o, guard: weblisten.Guard{Secret: s.Token, Ways: o.Ways}})
	if err != nil {
		return nil, err
	}
	return &Listener{web: web}, nil
}

func paths(list []plugin.Text, dir string) (all []string) {
	for _, t := range list {
		p := t.Value
		if !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		all = append(all, p)
	}
	return all
}

// Listener is an input that listens.
type Listener struct{ web *weblisten.Server }

// Addr is where it listens, once it is open.
func (l *Listener) Addr() string { return l.web.Addr().String() }

// Open implements plugin.Input.
func (l *Listener) Open(ctx context.Context, from []byte) error { return l.web.Open(ctx, from) }

// Read implements plugin.Input.
func (l *Listener) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	return l.web.Read(ctx, b, wait)
}

// Close implements plugin.Input.
func (l *Listener) Close() error { return l.web.Close() }

// handler implements weblisten.Handler.
type handler struct {
	o     Options
	guard weblisten.Guard
}

// Admit implements weblisten.Handler.
func (h *handler) Admit(r *http.Request) error {
	if err := h.guard.Admit(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return weblisten.Refuse(http.StatusMethodNotAllowed, "notifications are posted")
	}
	return nil
}

// Take implements weblisten.Handler.
func (h *handler) Take(r *http.Request, body string) ([]weblisten.Group, error) {
	if err := h.guard.Verify(r, body); err != nil {
		return nil, err
	}
	texts, err := h.o.Split(body)
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	return []weblisten.Group{{Decode: h.o.Decode, Texts: texts}}, nil
}
