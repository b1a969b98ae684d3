package git

import (
	"path/filepath"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
	"tallyman/pipeline/weblisten"
)

// Settings are the keys of a git input: either path, or listen.
type Settings struct {
	Path    []plugin.Text `yaml:"path" doc:"Log files to follow: paths, or patterns with the wildcards *, ? and [a-z]. An input has either path or listen." example:"/var/log/gitlab/gitlab-rails/audit_json.log"`
	Decode  string        `yaml:"decode" doc:"The decoder that the lines of path wait for: gitlab, gitea, gitolite, git_access, github_audit or git_webhook (one payload a line)."`
	StartAt string        `yaml:"start_at" doc:"Where files are begun that are there at the very first start: at their beginning, or at their end. What comes later is read from its beginning." enum:"beginning,end"`
	MaxLine plugin.Size   `yaml:"max_line" doc:"The longest line that is kept whole. Of a longer one the start is kept, tagged tallyman_truncated, and the rest is counted."`

	Secret *plugin.Secret `yaml:"secret" doc:"The secret of the webhooks: GitHub, Gitea, Forgejo and Gogs sign with it (HMAC-SHA256), GitLab sends it (X-Gitlab-Token). What shows no proof of it is refused with 401. It is read again for each request."`

	weblisten.Settings `yaml:",inline"`
}

func defaults() Settings {
	return Settings{Decode: "git_access", StartAt: "beginning", MaxLine: tail.DefaultMaxLine, Settings: weblisten.Defaults("")}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	switch listens := s.Listen.Value != ""; {
	case listens && len(s.Path) > 0:
		add("listen", "input git has path and listen", "make two inputs of it, one with each")
	case !listens && len(s.Path) == 0:
		add("path", "input git has neither path nor listen", "name log files: path: [/var/log/gitlab/gitlab-rails/audit_json.log], or an address for webhooks: listen: 127.0.0.1:8089")
	case listens:
		p = append(p, s.Settings.Check("git", s.Secret)...)
		if s.Secret == nil {
			p = append(p, plugin.Problem{Key: "secret", Warn: true, Text: "webhooks are not verified: anyone who reaches " + s.Listen.Value + " can make up pushes", Hint: "set secret: {file: PATH}, and the same secret at the git server"})
		} else if s.Secret.IsZero() {
			add("secret", "secret refers to nothing", "write {file: PATH} or {env: NAME}")
		}
	default:
		if s.Secret != nil {
			add("secret", "secret is for listen alone", "files are read, and have no secret")
		}
	}
	for _, t := range s.Path {
		if _, err := filepath.Match(t.Value, ""); err != nil || t.Value == "" {
			p = append(p, plugin.Problem{Pos: t.Pos, Text: "the pattern \"" + t.Value + "\" cannot be read", Hint: "a [ needs its ], and a path must not be empty"})
		}
	}
	if s.Decode == "" {
		add("decode", "decode of input git is empty", "gitlab, gitea, gitolite, git_access, github_audit or git_webhook")
	}
	if s.MaxLine < 1024 || s.MaxLine > 64<<20 {
		add("max_line", "max_line of input git must lie between 1KiB and 64MiB", "")
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

// patterns returns absolute paths.
func (s *Settings) patterns(dir string) []string {
	var all []string
	for _, t := range s.Path {
		if all = append(all, t.Value); !filepath.IsAbs(t.Value) {
			all[len(all)-1] = filepath.Join(dir, t.Value)
		}
	}
	return all
}
