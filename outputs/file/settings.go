package file

import (
	"io/fs"
	"path/filepath"
	"strconv"

	"tallyman/outputs/format"
	"tallyman/pipeline/plugin"
)

// Settings are the keys of a file output.
type Settings struct {
	Path            plugin.Text `yaml:"path" doc:"The file that is appended to. Its folder must exist; the file is made when it is absent, also after it was moved away (logrotate needs neither a signal nor copytruncate)." example:"/var/log/tallyman/events.jsonl" required:"true"`
	format.Settings `yaml:",inline"`
	Mode            string `yaml:"mode" doc:"The permissions of a file that is made, in octal. One that exists keeps its own." example:"0640"`
	Sync            bool   `yaml:"sync" doc:"Events count as delivered when they are on stable storage (fsync after each batch). Without it they count as unconfirmed, and a power failure may take some."`
}

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Settings: format.Settings{Format: format.JSON}, Mode: "0600", Sync: true}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	p := c.Settings.Check()
	if c.Path.Value == "" {
		p = append(p, plugin.Problem{Pos: c.Path.Pos, Text: "path is empty", Hint: "name the file that events are appended to"})
	}
	switch mode, err := c.mode(); {
	case err != nil:
		p = append(p, plugin.Problem{Key: "mode", Text: "mode " + strconv.Quote(c.Mode) + " is no set of permissions", Hint: `write it in octal, as "0640"`})
	case mode&0o200 == 0:
		p = append(p, plugin.Problem{Key: "mode", Text: "mode " + strconv.Quote(c.Mode) + " does not let the owner write", Hint: `the default is "0600"`})
	case mode&0o002 != 0:
		p = append(p, plugin.Problem{Key: "mode", Text: "mode " + strconv.Quote(c.Mode) + " lets everybody change the file", Warn: true})
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

// path returns where the file is.
func (c *Settings) path(dir string) string {
	if filepath.IsAbs(c.Path.Value) {
		return filepath.Clean(c.Path.Value)
	}
	return filepath.Join(dir, c.Path.Value)
}
