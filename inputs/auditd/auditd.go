// Package auditd reads the kernel's audit records: what auditd(8) writes, from
// its log file through every rotation, from the socket of its af_unix plugin or
// from standard input as an audisp plugin; or what the kernel gives, through
// netlink, beside auditd or in its place. It yields one source record per line;
// what a record says is the business of the transform that decodes it. It also
// asks the kernel how many records it lost, and whether auditing goes on.
package auditd

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// Plugin is the input `auditd`.
var Plugin = plugin.NewInput("auditd", "Audit records: auditd's log file, its af_unix socket, standard input as an audisp plugin, or the kernel itself through netlink.", defaults, build)

// Settings are the keys of the input.
type Settings struct {
	Path    plugin.Text `yaml:"path" doc:"The log file to follow, through rotation. Where none of path, socket, stdin and netlink is set it is /var/log/audit/audit.log." example:"/var/log/audit/audit.log"`
	Socket  plugin.Text `yaml:"socket" doc:"The unix socket of auditd's af_unix plugin, with format = string, to read from in place of a file." example:"/var/run/audispd_events"`
	Stdin   bool        `yaml:"stdin" doc:"Read records from standard input, as auditd's dispatcher gives them to a plugin; the end of input ends the source."`
	Netlink string      `yaml:"netlink" doc:"Read from the kernel: multicast beside auditd or without one, with CAP_AUDIT_READ; unicast in place of auditd, with CAP_AUDIT_CONTROL as well." enum:"multicast,unicast"`
	StartAt string      `yaml:"start_at" doc:"Where a file is begun that was never read before: at its beginning, or at its end, so that only what is written from now on is read." enum:"beginning,end"`
	MaxLine plugin.Size `yaml:"max_line" doc:"The longest record that is kept whole. Of a longer one the start is kept, tagged tallyman_truncated, and the rest is counted."`
	Serials bool        `yaml:"serials" doc:"Tell which serials are missing, of every source but a file (where it is always told). Set it to false where something on the way leaves events out, such as audisp-filter, or where auditd gathers hosts that have no node names."`
	Decode  string      `yaml:"decode" doc:"The decoder that the records wait for."`

	Buffer       plugin.Size   `yaml:"buffer" doc:"How much is read ahead of the pipeline, of every source but a file. When it is full, auditd has to wait; with netlink what comes is dropped, counted and raised, for the host never waits."`
	Rules        plugin.Text   `yaml:"rules" doc:"With netlink: unicast, a file of audit rules in the form of auditctl, loaded at the start; those that were loaded are removed at the end. Lines that are no rules (-D, -b, -f, -e …) are passed over." example:"/etc/tallyman/audit.rules"`
	BacklogLimit int           `yaml:"backlog_limit" doc:"With netlink: unicast, how many records the kernel keeps waiting; 0 leaves it as it is."`
	BacklogWait  int           `yaml:"backlog_wait_time" doc:"With netlink: unicast, how long a process waits when the kernel's backlog is full, in the kernel's ticks: 0, so that none ever does; -1 leaves it as it is."`
	StatusEvery  time.Duration `yaml:"status_interval" doc:"How often the kernel is asked what it lost and whether auditing goes on, 0 for never. It takes CAP_AUDIT_CONTROL in the host's pid namespace."`
}

const defaultPath = "/var/log/audit/audit.log"

func defaults() Settings {
	return Settings{StartAt: "beginning", MaxLine: 1 << 20, Serials: true, Decode: "audit", Buffer: 8 << 20, BacklogLimit: 8192, StatusEvery: 10 * time.Second}
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
	if s.Netlink != "" {
		set++
	}
	if set > 1 {
		pos := s.Socket.Pos
		if s.Socket.Value == "" {
			pos = s.Path.Pos
		}
		p = append(p, plugin.Problem{Pos: pos, Text: "an auditd input has one source", Hint: "keep one of path, socket, stdin and netlink"})
	}
	if s.MaxLine < 1024 || s.MaxLine > 64<<20 {
		p = append(p, plugin.Problem{Key: "max_line", Text: "max_line of input auditd must lie between 1KiB and 64MiB"})
	}
	return append(p, s.checkKernel()...)
}

// checkKernel looks at what concerns the kernel.
func (s *Settings) checkKernel() plugin.Problems {
	var p plugin.Problems
	if s.Buffer < 256<<10 || s.Buffer > 1<<30 {
		p = append(p, plugin.Problem{Key: "buffer", Text: "buffer of input auditd must lie between 256KiB and 1GiB"})
	}
	if s.Rules.Value != "" && s.Netlink != "unicast" {
		p = append(p, plugin.Problem{Pos: s.Rules.Pos, Text: "rules are loaded with netlink: unicast alone", Hint: "load them with auditctl -R or augenrules"})
	}
	if s.BacklogLimit < 0 || s.BacklogLimit > 1<<20 {
		p = append(p, plugin.Problem{Key: "backlog_limit", Text: "backlog_limit of input auditd must lie between 0 and 1048576"})
	}
	if s.BacklogWait < -1 || s.BacklogWait > 600_000 {
		p = append(p, plugin.Problem{Key: "backlog_wait_time", Text: "backlog_wait_time of input auditd must lie between -1 and 600000"})
	}
	if s.StatusEvery < 0 || s.StatusEvery > 0 && s.StatusEvery < time.Second {
		p = append(p, plugin.Problem{Key: "status_interval", Text: "status_interval of input auditd must be 0, or 1s at least"})
	}
	return p
}

// Claims says what no other input may read. A socket gives each who connects all
// records, and is left to auditd.
func (s *Settings) Claims() []plugin.Claim {
	switch {
	case s.Stdin:
		return []plugin.Claim{{Key: "stdin", Use: plugin.UseStdin}}
	case s.Socket.Value != "", s.Netlink != "":
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
		return watched(s, env, newStream(env, lines, true, ahead(openStdin, int(s.Buffer), env.Once))).numbered(s, event.SerialsWhole), nil
	case s.Socket.Value != "":
		return watched(s, env, newStream(env, lines, env.Once, ahead(dialer(at(s.Socket.Value), env.Once), int(s.Buffer), env.Once))).numbered(s, event.SerialsWhole), nil
	case s.Netlink == "multicast":
		return watched(s, env, newNetlink(s, env, lines, openMulticast, false)).numbered(s, event.SerialsWhole), nil
	case s.Netlink == "unicast" && env.Dry:
		return nil, errors.New("netlink: unicast takes the place of auditd, which a dry run must not; use netlink: multicast for it")
	case s.Netlink == "unicast":
		return buildUnicast(s, env, lines, at(s.Rules.Value))
	}
	return watched(s, env, tail.New(tail.Options{
		Path: at(s.path()), MaxLine: int(s.MaxLine), FromEnd: s.StartAt == "end", Once: env.Once, Decode: s.Decode, Hint: hint,
		Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
	})), nil
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
