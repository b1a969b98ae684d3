package jenkins

import (
	"path/filepath"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
	"tallyman/pipeline/weblisten"
	"tallyman/pipeline/zone"
)

// Settings are the keys of a jenkins input: files of the controller, or listen.
type Settings struct {
	Home     plugin.Text   `yaml:"home" doc:"JENKINS_HOME. Where it is set, the logs of the builds of every job in it are followed, folders of jobs and branches of pipelines five deep, and of each build that ends its build.xml is read." example:"/var/lib/jenkins"`
	Builds   []plugin.Text `yaml:"builds" doc:"Further build logs, as patterns; build.xml lies beside each." example:"/srv/jenkins/jobs/*/builds/[0-9]*/log"`
	Audit    []plugin.Text `yaml:"audit" doc:"Files of the audit-trail plugin." example:"/var/log/jenkins/audit*.log"`
	System   []plugin.Text `yaml:"system" doc:"Files of the system log." example:"/var/log/jenkins/jenkins.log"`
	Access   []plugin.Text `yaml:"access" doc:"Files of the access log." example:"/var/log/jenkins/access.log"`
	Timezone string        `yaml:"timezone" doc:"The zone of the times in audit and system files, which do not say it: that of the controller's JVM. Where it is not set it is that of this host." example:"Europe/Berlin"`
	StartAt  string        `yaml:"start_at" doc:"Where files are begun that are there at the very first start: at their beginning, or at their end. What comes later is read from its beginning." enum:"beginning,end"`
	MaxLine  plugin.Size   `yaml:"max_line" doc:"The longest line that is kept whole. Of a longer one the start is kept, tagged tallyman_truncated, and the rest is counted."`
	Open     int           `yaml:"open" doc:"How many files are held open at most. The others are looked at now and then, and opened when they grow."`
	Files    int           `yaml:"files" doc:"How many files are followed at most; what is more is counted and said."`

	Token *plugin.Secret `yaml:"token" doc:"What the logstash plugin must show where listen is set: Authorization: Bearer TOKEN, or, since its Elasticsearch indexer knows a user and a password alone, Authorization: Basic TOKEN, with TOKEN the base64 of user:password. It is read again for each request."`

	weblisten.Settings `yaml:",inline"`
}

func defaults() Settings {
	return Settings{StartAt: "beginning", MaxLine: tail.DefaultMaxLine, Open: tail.DefaultSetOpen, Files: tail.DefaultSetFiles, Settings: weblisten.Defaults("")}
}

// lists are the patterns of files, with the keys that name them.
func (s *Settings) lists() []struct {
	key    string
	decode string
	list   []plugin.Text
} {
	return []struct {
		key    string
		decode string
		list   []plugin.Text
	}{{"audit", decodeAudit, s.Audit}, {"system", decodeLog, s.System}, {"access", decodeAccess, s.Access}, {"builds", decodeBuild, s.Builds}}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	files := s.Home.Value != ""
	for _, l := range s.lists() {
		files = files || len(l.list) > 0
		for _, t := range l.list {
			if _, err := filepath.Match(t.Value, ""); err != nil || t.Value == "" {
				p = append(p, plugin.Problem{Pos: t.Pos, Text: "the pattern \"" + t.Value + "\" cannot be read", Hint: "a [ needs its ], and a path must not be empty"})
			}
		}
	}
	switch listens := s.Listen.Value != ""; {
	case listens && files:
		add("listen", "input jenkins has files and listen", "make two inputs of it, one with each")
	case !listens && !files:
		add("home", "input jenkins has nothing to read", "set home: /var/lib/jenkins, or audit, system, access or builds; or listen, for the logstash plugin")
	case listens:
		p = append(p, s.Settings.Check("jenkins", s.Token)...)
		if s.Token != nil && s.Token.IsZero() {
			add("token", "token refers to nothing", "write {file: PATH} or {env: NAME}")
		}
	case s.Token != nil:
		add("token", "token is for listen alone", "files are read, and have no token")
	}
	if _, err := zone.Parse(s.Timezone); err != nil {
		add("timezone", err.Error(), zone.Hint)
	}
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{s.MaxLine < 1024 || s.MaxLine > 64<<20, "max_line", "must lie between 1KiB and 64MiB"},
		{s.Open < 1 || s.Open > 1<<20, "open", "must lie between 1 and 1048576"},
		{s.Files < 1 || s.Files > 1<<20, "files", "must lie between 1 and 1048576"},
	} {
		if c.bad {
			add(c.key, c.key+" of input jenkins "+c.text, "")
		}
	}
	return p
}

// Claims says what no other input may read, as far as it is known: a pattern's
// files are not.
func (s *Settings) Claims() []plugin.Claim {
	var list []plugin.Claim
	for _, l := range s.lists() {
		for _, t := range l.list {
			if !tail.IsPattern(t.Value) {
				list = append(list, plugin.Claim{Key: l.key, Use: plugin.UseRead, Path: t.Value})
			}
		}
	}
	return list
}

// deep is how deep folders of jobs are looked into.
const deep = 5

// kinds returns the files of each decoder, as absolute patterns.
func (s *Settings) kinds(dir string) []kind {
	absolute := func(p string) string {
		if filepath.IsAbs(p) {
			return filepath.Clean(p)
		}
		return filepath.Join(dir, p)
	}
	var list []kind
	for _, l := range s.lists() {
		k := kind{decode: l.decode}
		for _, t := range l.list {
			k.patterns = append(k.patterns, absolute(t.Value))
		}
		if l.decode == decodeBuild && s.Home.Value != "" {
			// A build has a number; lastStableBuild is a link to one.
			at := absolute(s.Home.Value)
			for range deep {
				at = filepath.Join(at, "jobs", "*")
				k.patterns = append(k.patterns, filepath.Join(at, "builds", "[0-9]*", "log"), filepath.Join(at, "branches", "*", "builds", "[0-9]*", "log"))
			}
		}
		list = append(list, k)
	}
	return list
}
