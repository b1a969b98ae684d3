// Package journald reads systemd's journal: what `journalctl --output=export
// --follow` prints, or files in that format. It yields one record for each entry, as
// it came; what an entry means is the decoder's business. It knows the form of
// the format (entry.go) and the cursor that names an entry, and no field else.
package journald

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// Plugin is the input `journald`.
var Plugin = plugin.NewInput("journald", "Entries of systemd's journal, through journalctl, or from files in the journal's export format.", defaults, build)

// Settings are the keys of the input.
type Settings struct {
	Path      string        `yaml:"path" doc:"A file in the journal's export format, or a folder of such files (*.export), read in the order of their names. Without it journalctl reads the host's own journal." example:"/var/log/journal/remote/web-1.export"`
	Directory string        `yaml:"directory" doc:"The folder whose journal files journalctl reads, in place of the host's own." example:"/var/log/journal/remote"`
	Matches   []plugin.Text `yaml:"matches" doc:"Which entries journalctl reads, as FIELD=VALUE: of one field any of its values, of several fields all. Without it every entry." example:"_SYSTEMD_UNIT=ssh.service"`
	StartAt   string        `yaml:"start_at" doc:"What is read at the very first start: all that the journal holds, or only what comes then." enum:"beginning,end"`
	Program   string        `yaml:"program" doc:"The program journalctl: a name that is looked for in PATH, or a path."`
	MaxEntry  plugin.Size   `yaml:"max_entry" doc:"The longest entry that is kept whole. Of a longer one nothing is kept but its cursor and its first fields, tagged tallyman_truncated."`
	Decode    string        `yaml:"decode" doc:"The decoder that the entries wait for."`
}

func defaults() Settings {
	return Settings{StartAt: "beginning", Program: "journalctl", MaxEntry: 1 << 20, Decode: "journald"}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	if s.Path != "" && (s.Directory != "" || len(s.Matches) > 0) {
		p = append(p, plugin.Problem{Key: "path", Text: "path is read without journalctl, directory and matches are for journalctl", Hint: "leave one of them out"})
	}
	for _, m := range s.Matches {
		name, _, ok := strings.Cut(m.Value, "=")
		if !ok || !isName(name) {
			p = append(p, plugin.Problem{Pos: m.Pos, Text: `"` + m.Value + `" is no FIELD=VALUE`, Hint: "_SYSTEMD_UNIT=ssh.service"})
		}
	}
	if s.StartAt != "beginning" && s.StartAt != "end" {
		p = append(p, plugin.Problem{Key: "start_at", Text: `start_at is "` + s.StartAt + `"`, Hint: "beginning or end"})
	}
	if s.Program == "" {
		p = append(p, plugin.Problem{Key: "program", Text: "program is empty", Hint: "journalctl"})
	}
	if s.MaxEntry < 4<<10 || s.MaxEntry > 64<<20 {
		p = append(p, plugin.Problem{Key: "max_entry", Text: "max_entry of input journald must lie between 4KiB and 64MiB"})
	}
	if s.Decode == "" {
		p = append(p, plugin.Problem{Key: "decode", Text: "decode is empty", Hint: "journald"})
	}
	return p
}

// Claims says what no other input may read.
func (s *Settings) Claims() []plugin.Claim {
	if s.Path == "" {
		return nil
	}
	return []plugin.Claim{{Key: "path", Use: plugin.UseRead, Path: s.Path}}
}

// mostRecords is how many records one Read adds to a batch at most.
const mostRecords = 1024

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	label := meter.Label{Name: "input", Value: env.Name}
	c := common{s: s, env: env, cut: env.Meter.Counter("tallyman_input_cut_lines_total", "Lines that were longer than the limit and kept up to it.", label)}
	if s.Path != "" {
		return &files{common: c, path: absolute(env.Dir, s.Path)}, nil
	}
	return &journal{common: c, starts: env.Meter.Counter("tallyman_input_journalctl_starts_total", "Times that journalctl was started.", label)}, nil
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// common is what both ways of reading have.
type common struct {
	s   *Settings
	env plugin.Env
	cut *meter.Counter
}

// add adds one entry.
func (c *common) add(b *event.Batch, e *entry, offset int64, shared event.Fields) {
	r := b.Add(event.Event{Decode: c.s.Decode, Raw: e.text, Records: 1, Offset: offset, Seen: c.env.Now(), Shared: shared})
	if e.lost > 0 {
		c.cut.Inc()
		mark(r, fmt.Sprintf("the entry has %d bytes more than max_entry; they are left out", e.lost))
	}
}

// exists says whether a path is there, as an error that a person can act on.
func exists(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("journald: %w (check path, and that the user that runs tallyman may read it)", err)
	}
	return nil
}

// pause lets time pass until ctx is done.
func pause(ctx context.Context, wait time.Duration) error {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
