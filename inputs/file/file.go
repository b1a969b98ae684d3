// Package file reads log files of any kind: those that its patterns match, as
// they come and go, each through rotation, truncation and restart. It yields one
// record per line, or of the lines that a setting says are one, and leaves to a
// decoder what a record means.
package file

import (
	"path/filepath"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
	"tallyman/pipeline/zone"
)

// Plugin is the input `file`.
var Plugin = plugin.NewInput("file", "Lines of log files, one record each or several that are one together: the files that patterns match, as they come and go, through every rotation.", defaults, build)

// Settings are the keys of the input.
type Settings struct {
	Path      []plugin.Text `yaml:"path" doc:"The files to follow: paths, or patterns with the wildcards *, ? and [a-z] in any part between slashes. What was rotated away from a file (app.log.1, app.log-20261125) is read as a part of it; compressed files are not read." example:"/var/log/app/*.log" required:"true"`
	Exclude   []plugin.Text `yaml:"exclude" doc:"Patterns for files that are left out: for the whole path or for the name alone." example:"debug*.log"`
	Roots     []plugin.Text `yaml:"roots" doc:"Folders that symbolic links may lead into, beside those where the patterns of path begin. A link that leads elsewhere is not followed, but said and counted." example:"/srv/logs"`
	StartAt   string        `yaml:"start_at" doc:"Where files are begun that are there at the very first start: at their beginning, or at their end. What comes later is read from its beginning." enum:"beginning,end"`
	MaxLine   plugin.Size   `yaml:"max_line" doc:"The longest line that is kept whole. Of a longer one the start is kept, tagged tallyman_truncated, and the rest is counted."`
	Decode    string        `yaml:"decode" doc:"The decoder that the lines wait for."`
	Timezone  string        `yaml:"timezone" doc:"The zone of the times that lines have without one, for the decoders syslog and those of Jenkins. Where it is not set it is that of this host." example:"Europe/Berlin"`
	Multiline *Multiline    `yaml:"multiline" doc:"Lines that are one record together. The record is what decode is given, with its lines parted by line feeds, and counts as one. Without it each line is a record."`
	Open      int           `yaml:"open" doc:"How many files are held open at most. The others are looked at now and then, and opened when they grow."`
	Files     int           `yaml:"files" doc:"How many files are followed at most; what is more is counted and said."`
}

func defaults() Settings {
	return Settings{StartAt: "beginning", MaxLine: tail.DefaultMaxLine, Decode: "plain", Open: tail.DefaultSetOpen, Files: tail.DefaultSetFiles}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	if len(s.Path) == 0 {
		p = append(p, plugin.Problem{Key: "path", Text: "input file has no path", Hint: "name the files to follow: path: [/var/log/app/*.log]"})
	}
	for _, list := range [][]plugin.Text{s.Path, s.Exclude} {
		for _, t := range list {
			if _, err := filepath.Match(t.Value, ""); err != nil || t.Value == "" {
				p = append(p, plugin.Problem{Pos: t.Pos, Text: "the pattern \"" + t.Value + "\" cannot be read", Hint: "a [ needs its ], and a path must not be empty"})
			}
		}
	}
	if s.MaxLine < 1024 || s.MaxLine > 64<<20 {
		p = append(p, plugin.Problem{Key: "max_line", Text: "max_line of input file must lie between 1KiB and 64MiB"})
	}
	if s.Open < 1 || s.Open > 1<<20 {
		p = append(p, plugin.Problem{Key: "open", Text: "open of input file must lie between 1 and 1048576"})
	}
	if s.Files < 1 || s.Files > 1<<20 {
		p = append(p, plugin.Problem{Key: "files", Text: "files of input file must lie between 1 and 1048576"})
	}
	p = append(p, s.Multiline.check()...)
	if _, err := zone.Parse(s.Timezone); err != nil {
		p = append(p, plugin.Problem{Key: "timezone", Text: err.Error(), Hint: zone.Hint})
	}
	return p
}

// Claims says what no other input may read, as far as it is known: a pattern's
// files are not.
func (s *Settings) Claims() []plugin.Claim {
	var list []plugin.Claim
	for _, t := range s.Path {
		if !tail.IsPattern(t.Value) {
			list = append(list, plugin.Claim{Key: "path", Use: plugin.UseRead, Path: t.Value})
		}
	}
	return list
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	join, err := s.Multiline.join()
	if err != nil {
		return nil, err
	}
	var own event.Fields
	own.AddString(schema.EventTimezone, s.Timezone)
	return tail.NewSet(tail.SetOptions{
		Patterns: paths(s.Path, env.Dir), Roots: paths(s.Roots, env.Dir), Exclude: texts(s.Exclude), Fields: func(string) event.Fields { return own },
		FromEnd: s.StartAt == "end", MaxLine: int(s.MaxLine), Decode: s.Decode, Open: s.Open, Files: s.Files, Once: env.Once, Join: join,
		Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
	}), nil
}

func texts(list []plugin.Text) []string {
	all := make([]string, 0, len(list))
	for _, t := range list {
		all = append(all, t.Value)
	}
	return all
}

// paths returns absolute paths.
func paths(list []plugin.Text, dir string) []string {
	all := texts(list)
	for i, p := range all {
		if !filepath.IsAbs(p) {
			all[i] = filepath.Join(dir, p)
		}
	}
	return all
}
