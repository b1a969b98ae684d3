// Package jenkins reads what a Jenkins controller keeps on its disk: the
// audit-trail plugin's log, the system log, the access log, the console logs of
// builds as builds come and go, and the build.xml of each build that ends. Or it
// takes what the logstash plugin posts. What a record means is its decoder's; of
// build.xml the package knows when it has a result.
package jenkins

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
	"tallyman/pipeline/weblisten"
)

// Plugin is the input `jenkins`.
var Plugin = plugin.NewInput("jenkins", "The files of a Jenkins controller: audit trail, system log, access log, and the logs and results of builds; or what its logstash plugin posts.", defaults, build)

// The decoders that records wait for.
const (
	decodeAudit    = "jenkins_audit"
	decodeLog      = "jenkins_log"
	decodeAccess   = "jenkins_access"
	decodeBuild    = "jenkins_build"
	decodeBuildXML = "jenkins_build_xml"
	decodeLogstash = "jenkins_logstash"
)

// kind is patterns whose files have one decoder.
type kind struct {
	decode   string
	patterns []string
}

// input implements plugin.Input.
type input struct {
	*tail.Set
	env   plugin.Env
	kinds []kind
	known map[string]string // the decoder of a file, by its path

	builds builds
	set    []byte // the position of the Set, as last given
	enc    []byte
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	if s.Listen.Value != "" {
		h := &handler{guard: weblisten.Guard{Secret: s.Token, Ways: []weblisten.Proof{weblisten.Bearer, {Name: "Authorization: Basic", Header: "Authorization", Scheme: "Basic "}}}}
		return weblisten.New(&s.Settings, env, h)
	}
	in := &input{env: env, kinds: s.kinds(env.Dir), known: map[string]string{}}
	in.builds.forgotten = env.Meter.Counter("tallyman_input_jenkins_forgotten_builds_total", "Builds whose result was not waited for any more, because too many had none.",
		meter.Label{Name: "input", Value: env.Name})
	var patterns []string
	for _, k := range in.kinds {
		patterns = append(patterns, k.patterns...)
	}
	zone := s.Timezone
	in.Set = tail.NewSet(tail.SetOptions{
		Patterns: patterns, FromEnd: s.StartAt == "end", MaxLine: int(s.MaxLine), Decode: decodeBuild, Once: env.Once,
		Fields: func(path string) (f event.Fields) {
			if d := in.decode(path); d == decodeAudit || d == decodeLog {
				f.AddString(schema.EventTimezone, zone)
			}
			return f
		},
		Open: s.Open, Files: s.Files, Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
	})
	return in, nil
}

// decode returns the decoder of a file.
func (in *input) decode(path string) string {
	for _, k := range in.kinds {
		for _, p := range k.patterns {
			if ok, err := filepath.Match(p, path); ok && err == nil {
				return k.decode
			}
		}
	}
	return decodeBuild
}

// Open implements plugin.Input.
func (in *input) Open(ctx context.Context, from []byte) error {
	in.set = in.builds.restore(from)
	return in.Set.Open(ctx, in.set)
}

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	from := len(b.Events)
	err := in.Set.Read(ctx, b, wait)
	for i := from; i < len(b.Events); i++ {
		e := &b.Events[i]
		path := e.Get(schema.LogFilePath).Str()
		d, ok := in.known[path]
		if !ok {
			if len(in.known) >= tail.DefaultSetFiles {
				clear(in.known)
			}
			path = strings.Clone(path)
			d = in.decode(path)
			in.known[path] = d
		}
		e.Decode = d
		if d == decodeBuild && e.Offset == 0 {
			in.builds.begun(filepath.Dir(path), in.env.Log)
		}
	}
	if b.Position != nil {
		in.set = append(in.set[:0], b.Position...)
	}
	ended := in.builds.ended(in.env.Now(), err != nil && ctx.Err() == nil)
	for _, x := range ended {
		shared := slices.Concat(in.env.Shared, event.Fields{event.NewField(schema.LogFilePath, "", event.String(x.path))})
		b.Add(event.Event{Decode: decodeBuildXML, Raw: x.text, Records: 1, Seen: in.env.Now().UTC(), Shared: shared})
	}
	if len(b.Events) > from || b.Position != nil {
		in.enc = in.builds.encode(in.enc[:0], in.set)
		b.Position = in.enc
	}
	return err
}

// handler takes what the logstash plugin posts. It implements weblisten.Handler.
type handler struct{ guard weblisten.Guard }

// Admit implements weblisten.Handler.
func (h *handler) Admit(r *http.Request) error {
	if err := h.guard.Admit(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return weblisten.Refuse(http.StatusMethodNotAllowed, "records are posted")
	}
	return nil
}

// Take implements weblisten.Handler.
func (h *handler) Take(_ *http.Request, body string) ([]weblisten.Group, error) {
	texts, err := weblisten.Split(body, "json")
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	return []weblisten.Group{{Decode: decodeLogstash, Texts: texts}}, nil
}
