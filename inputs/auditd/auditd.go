// Package auditd reads what auditd(8) writes: its log file through every
// rotation, the socket of its af_unix plugin, or standard input as an audisp
// plugin. It yields one source record per line; what a record says is the
// business of the transform that decodes it.
package auditd

import (
	"context"
	"path/filepath"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
)

// Plugin is the input `auditd`.
var Plugin = plugin.NewInput("auditd", "Audit records of auditd: its log file, its af_unix socket, or standard input as an audisp plugin.", defaults, build)

// Settings are the keys of the input.
type Settings struct {
	Path    plugin.Text `yaml:"path" doc:"The log file to follow, through rotation. It is the source when neither socket nor stdin is set." example:"/var/log/audit/audit.log"`
	Socket  plugin.Text `yaml:"socket" doc:"The unix socket of auditd's af_unix plugin, with format = string, to read from in place of a file." example:"/var/run/audispd_events"`
	Stdin   bool        `yaml:"stdin" doc:"Read records from standard input, as auditd's dispatcher gives them to a plugin; the end of input ends the source."`
	StartAt string      `yaml:"start_at" doc:"Where a file is begun that was never read before." enum:"beginning,end"`
	MaxLine plugin.Size `yaml:"max_line" doc:"The longest record that is kept whole. Of a longer one the start is kept and flagged."`
	Decode  string      `yaml:"decode" doc:"The decoder that the records wait for."`
}

const defaultPath = "/var/log/audit/audit.log"

func defaults() Settings { return Settings{StartAt: "beginning", MaxLine: 1 << 20, Decode: "audit"} }

// Check implements the check of settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	set := 0
	for _, t := range []plugin.Text{s.Path, s.Socket} {
		if t.Value != "" {
			set++
		}
	}
	if s.Stdin {
		set++
	}
	if set > 1 {
		pos := s.Socket.Pos
		if s.Socket.Value == "" {
			pos = s.Path.Pos
		}
		p = append(p, plugin.Problem{Pos: pos, Text: "an auditd input has one source", Hint: "keep one of path, socket and stdin"})
	}
	if s.MaxLine < 1024 || s.MaxLine > 64<<20 {
		p = append(p, plugin.Problem{Pos: s.Path.Pos, Text: "max_line must lie between 1KiB and 64MiB"})
	}
	return p
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	at := func(t plugin.Text) string {
		if filepath.IsAbs(t.Value) {
			return t.Value
		}
		return filepath.Join(env.Dir, t.Value)
	}
	l := meter.Label{Name: "input", Value: env.Name}
	st := stream{
		max: int(s.MaxLine), decode: s.Decode, shared: env.Shared, now: env.Now,
		cut: env.Meter.Counter("tallyman_file_cut_lines_total", "Lines longer than max_line, of which the rest was passed over.", l),
	}
	switch {
	case s.Stdin:
		st.dial, st.ends = openStdin, true
		return &st, nil
	case s.Socket.Value != "":
		path := at(s.Socket)
		st.ends = env.Once
		st.dial = func(ctx context.Context) (source, error) { return dial(ctx, path) }
		return &st, nil
	}
	path := s.Path
	if path.Value == "" {
		path.Value = defaultPath
	}
	name := at(path)
	shared := append(event.Fields(nil), env.Shared...)
	shared.AddString(schema.LogFilePath, name)
	return tail.New(tail.Options{
		Path: name, MaxLine: int(s.MaxLine), FromEnd: s.StartAt == "end", Once: env.Once, Decode: s.Decode,
		Shared: shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
	}), nil
}

// source is a connection, or standard input.
type source interface {
	Read(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
	Close() error
}
