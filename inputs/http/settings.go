package http

import (
	"sort"
	"strconv"
	"strings"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/weblisten"
)

// Settings are the keys of an http input.
type Settings struct {
	weblisten.Settings `yaml:",inline"`

	Token  *plugin.Secret    `yaml:"token" doc:"The token that a client must show, as Authorization: Bearer TOKEN. It is read again for each request."`
	Path   string            `yaml:"path" doc:"The path that records are posted to; what follows it after a slash is taken too."`
	Decode string            `yaml:"decode" doc:"The decoder that the records of path wait for." example:"kubernetes_audit"`
	Paths  map[string]string `yaml:"paths" doc:"Further paths, each with the decoder of its records. The longest path that fits a request counts." example:"{/audit: kubernetes_audit, /events: kubernetes_event}"`
	Body   string            `yaml:"body" doc:"What a body is: lines (each is a record), json (an object, an array or a list of Kubernetes, whose items are records, or several one after the other); auto tells by its first byte." enum:"auto,json,lines"`

	MaxStream plugin.Size `yaml:"max_stream" doc:"The longest body whose records are taken while it comes: lines, JSON texts one after the other. In bytes after it was unpacked, up to 1TiB; a longer one is refused with 413. max_body bounds each record of it."`
}

func defaults() Settings {
	return Settings{Settings: weblisten.Defaults("127.0.0.1:8088"), Path: "/", Decode: "plain", Body: "auto", MaxStream: 16 << 30}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	p := s.Settings.Check("http", s.Token)
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if s.Token != nil && s.Token.IsZero() {
		add("token", "token refers to nothing", "write {file: PATH} or {env: NAME}")
	}
	if s.Path == "" && len(s.Paths) == 0 {
		add("path", "path of input http must be set where paths is not", "")
	}
	if s.MaxStream < s.MaxBody || s.MaxStream > 1<<40 {
		add("max_stream", "max_stream of input http must lie between max_body and 1TiB", "")
	}
	for _, path := range s.paths() {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?# ") {
			add("paths", "path "+strconv.Quote(path)+" is no path", "it begins with a slash, and has no query")
		}
		if s.decoder(path) == "" {
			add("paths", "path "+strconv.Quote(path)+" has no decoder", "plain takes lines as they are")
		}
	}
	return p
}

// paths returns every path, the longest first.
func (s *Settings) paths() []string {
	var list []string
	if s.Path != "" {
		list = append(list, s.Path)
	}
	for path := range s.Paths {
		if path != s.Path {
			list = append(list, path)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		return len(list[i]) > len(list[j]) || len(list[i]) == len(list[j]) && list[i] < list[j]
	})
	return list
}

// decoder returns the decoder of one of paths.
func (s *Settings) decoder(path string) string {
	if d, ok := s.Paths[path]; ok {
		return d
	}
	return s.Decode
}
