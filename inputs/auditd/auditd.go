// Package auditd reads what auditd(8) writes: its log file through every
// rotation, the socket of its af_unix plugin, or standard input as an audisp
// plugin. It yields one source record per line; what a record says is the
// business of the transform that decodes it.
package auditd

import (
	"context"
	"path/filepath"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// Plugin is the input `auditd`.
var Plugin = plugin.NewInput("auditd", "Audit records of auditd: its log file, its af_unix socket, or standard input as an audisp plugin.", defaults, build)

// Settings are the keys of the input.
type Settings struct {
	Path    plugin.Text `yaml:"path" doc:"The log file to follow, through rotation. Where neither path, socket nor stdin is set it is /var/log/audit/audit.log." example:"/var/log/audit/audit.log"`
	Socket  plugin.Text `yaml:"socket" doc:"The unix socket of auditd's af_unix plugin, with format = string, to read from in place of a file." example:"/var/run/audispd_events"`
	Stdin   bool        `yaml:"stdin" doc:"Read records from standard input, as auditd's dispatcher gives them to a plugin; the end of input ends the source."`
	StartAt string      `yaml:"start_at" doc:"Where a file is begun that was never read before: at its beginning, or at its end, so that only what is written from now on is read." enum:"beginning,end"`
	MaxLine plugin.Size `yaml:"max_line" doc:"The longest record that is kept whole. Of a longer one the start is kept, tagged tallyman_truncated, and the rest is counted."`
	Decode  string      `yaml:"decode" doc:"The decoder that the records wait for."`
}

const defaultPath = "/var/log/audit/audit.log"

func defaults() Settings {
	return Settings{StartAt: "beginning", MaxLine: 1 << 20, Decode: "audit"}
}

// Check says what is wrong with the settings.
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
		p = append(p, plugin.Problem{Key: "max_line", Text: "max_line of input auditd must lie between 1KiB and 64MiB"})
	}
	return p
}

// Claims says what no other input may read. A socket gives each who connects all
// records, and is left to auditd.
func (s *Settings) Claims() []plugin.Claim {
	switch {
	case s.Stdin:
		return []plugin.Claim{{Key: "stdin", Use: plugin.UseStdin}}
	case s.Socket.Value != "":
		return nil
	}
	return []plugin.Claim{{Key: "path", Use: plugin.UseRead, Path: s.path()}}
}

// path is the log that is followed.
func (s *Settings) path() string {
	if s.Path.Value == "" {
		return defaultPath
	}
	return s.Path.Value
}

// hint is what to do when the log may not be read.
const hint = "run tallyman as root, or set log_group in auditd.conf to a group of its user and reload auditd"

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	at := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(env.Dir, path)
	}
	lines := tail.NewLines(tail.LineOptions{Input: env.Name, Decode: s.Decode, Max: int(s.MaxLine), Shared: env.Shared, Meter: env.Meter})
	switch {
	case s.Stdin:
		return &stream{lines: lines, now: env.Now, ends: true, dial: openStdin}, nil
	case s.Socket.Value != "":
		return &stream{lines: lines, now: env.Now, ends: env.Once, dial: dialer(at(s.Socket.Value), env.Once)}, nil
	}
	return tail.New(tail.Options{
		Path: at(s.path()), MaxLine: int(s.MaxLine), FromEnd: s.StartAt == "end", Once: env.Once, Decode: s.Decode, Hint: hint,
		Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
	}), nil
}

// dialer connects to path; a failure is tried again, but not in a run that has
// an end.
func dialer(path string, once bool) func(context.Context) (source, error) {
	return func(ctx context.Context) (source, error) {
		src, err := dial(ctx, path)
		switch {
		case err == nil:
			return src, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case once:
			return nil, plugin.Permanent(err)
		}
		return nil, plugin.Retry(err)
	}
}
