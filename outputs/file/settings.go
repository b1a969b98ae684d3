package file

import (
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"tallyman/outputs/format"
	"tallyman/pipeline/plugin"
)

// Settings are the keys of a file output.
type Settings struct {
	Path            plugin.Text `yaml:"path" doc:"The file that is appended to; it is made when it is absent, also after it was moved away (logrotate needs neither a signal nor copytruncate). Its folder must exist. The text may have places, {{ container.name | host.name }} or {{ time \"2006-01-02\" }}, each of which becomes a part of a name; folders below the text before the first place are made." example:"/var/log/tallyman/events.jsonl" required:"true"`
	format.Settings `yaml:",inline"`
	Mode            string  `yaml:"mode" doc:"The permissions of a file that is made, in octal. One that exists keeps its own." example:"0600"`
	Owner           string  `yaml:"owner" doc:"The user whom a file that is made is given to, by name or number; that takes CAP_CHOWN." example:"splunk"`
	Group           string  `yaml:"group" doc:"The group whom a file that is made is given to, by name or number." example:"adm"`
	Sync            bool    `yaml:"sync" doc:"Events count as delivered when they are on stable storage (fsync when nothing waits behind them, else for some batches at once). Without it they count as unconfirmed, and a power failure may take some."`
	Symlink         bool    `yaml:"symlink" doc:"A path that is a symbolic link is followed. Without it such a path is refused."`
	OpenFiles       int     `yaml:"open_files" doc:"How many files a path with places keeps open; beyond that the one that was not written to for longest is closed."`
	MaxFiles        int     `yaml:"max_files" doc:"How many different files a path with places leads to in a day (UTC, or since the start); the events of further ones go to one file, whose path has overflow in each place. 0 for no limit."`
	Rotate          *Rotate `yaml:"rotate" doc:"When the file is renamed and a new one begun, and what becomes of the old ones. Without it the file grows, or something else moves it away."`
}

// Rotate is when and how a file is rotated. Its limits are those of one path: of
// a path with places, each file has them for itself.
type Rotate struct {
	Size     plugin.Size   `yaml:"size" doc:"A file that the next batch would make larger than this is rotated before it. A file with nothing in it takes a batch of any size." example:"100MiB"`
	Every    time.Duration `yaml:"every" doc:"A file whose last event was written in an earlier period than the next one is rotated before it. Periods begin at multiples in UTC: 1h at the full hour, 24h at midnight." example:"24h"`
	Compress string        `yaml:"compress" doc:"How rotated files are compressed, one at a time beside the delivery. Not at all where it is not set." enum:"gzip,zstd"`
	Keep     int           `yaml:"keep" doc:"How many rotated files are kept; 0 for any number." example:"14"`
	MaxTotal plugin.Size   `yaml:"max_total" doc:"How many bytes the rotated files may have together, the file in use not among them; the oldest go first. 0 for no limit." example:"10GiB"`
	MaxAge   time.Duration `yaml:"max_age" doc:"How long after its rotation a file is kept; 0s for ever." example:"2160h"`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Settings: format.Settings{Format: format.JSON}, Mode: "0640", Sync: true, OpenFiles: 64, MaxFiles: 10_000}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	p := c.Settings.Check()
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.Path.Value == "" {
		p = append(p, plugin.Problem{Pos: c.Path.Pos, Text: "path is empty", Hint: "name the file that events are appended to"})
	} else if _, found := compile(c.Path); found != nil {
		p = append(p, found...)
	}
	switch mode, err := c.mode(); {
	case err != nil:
		add("mode", "mode "+strconv.Quote(c.Mode)+" is no set of permissions", `write it in octal, as "0640"`)
	case mode&0o200 == 0:
		add("mode", "mode "+strconv.Quote(c.Mode)+" does not let the owner write", `the default is "0640"`)
	case mode&0o002 != 0:
		p = append(p, plugin.Problem{Key: "mode", Text: "mode " + strconv.Quote(c.Mode) + " lets everybody change the file", Warn: true})
	}
	if c.OpenFiles < 1 || c.OpenFiles > 4096 {
		add("open_files", fmt.Sprintf("open_files is %d, and must be between 1 and 4096", c.OpenFiles), "the default is 64")
	}
	if c.MaxFiles < 0 {
		add("max_files", "max_files is less than nothing", "the default is 10000; 0 sets no limit")
	}
	return append(p, c.Rotate.check()...)
}

func (r *Rotate) check() plugin.Problems {
	if r == nil {
		return nil
	}
	var p plugin.Problems
	add := func(key, text, hint string) {
		p = append(p, plugin.Problem{Key: "rotate" + key, Text: text, Hint: hint})
	}
	if r.Size == 0 && r.Every == 0 {
		add("", "rotate says neither size nor every, so that no file would be rotated", "set size: 100MiB or every: 24h")
	}
	if r.Every != 0 && r.Every < time.Second {
		add(".every", fmt.Sprintf("rotate.every is %v, and must be a second at least", r.Every), "a day is 24h")
	}
	for _, n := range []struct {
		key   string
		value int64
	}{{"size", int64(r.Size)}, {"keep", int64(r.Keep)}, {"max_total", int64(r.MaxTotal)}, {"max_age", int64(r.MaxAge)}} {
		if n.value < 0 {
			add("."+n.key, "rotate."+n.key+" is less than nothing", "0 is for no limit")
		}
	}
	return p
}

// Claims implements the claims of settings.
func (c *Settings) Claims() []plugin.Claim {
	return []plugin.Claim{{Key: "path", Use: plugin.UseWrite, Path: c.Path.Value}}
}

// mode returns the permissions of a new file.
func (c *Settings) mode() (fs.FileMode, error) {
	n, err := strconv.ParseUint(c.Mode, 8, 9)
	return fs.FileMode(n), err
}

// absolute returns where a path of the settings is.
func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// owner is whom a new file is given to, -1 for no change, and its permissions.
type owner struct {
	mode     fs.FileMode
	uid, gid int
}

// owner looks up whom new files are given to.
func (c *Settings) owner() (owner, error) {
	mode, err := c.mode()
	if err != nil {
		return owner{}, plugin.Problems{{Key: "mode", Text: "mode " + strconv.Quote(c.Mode) + " is no set of permissions", Hint: `write it in octal, as "0640"`}}
	}
	own := owner{mode: mode, uid: -1, gid: -1}
	if own.uid, err = number(c.Owner, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	}); err != nil {
		return owner{}, plugin.Problems{{Key: "owner", Text: fmt.Sprintf("owner %q: %v", c.Owner, err), Hint: "name a user of this host, or its number"}}
	}
	if own.gid, err = number(c.Group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	}); err != nil {
		return owner{}, plugin.Problems{{Key: "group", Text: fmt.Sprintf("group %q: %v", c.Group, err), Hint: "name a group of this host, or its number"}}
	}
	return own, nil
}

// number returns the number of a user or group, -1 for the empty name.
func number(name string, look func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	text, err := look(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}
