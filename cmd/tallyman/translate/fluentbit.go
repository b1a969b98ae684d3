package translate

import (
	"net"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
)

// section is one [INPUT], [FILTER] or [OUTPUT], in the classic form or in YAML.
type section struct {
	kind  string // service, input, filter, output, parser …
	line  int
	props []prop
}

// prop is one property of a section; its key is in lower case.
type prop struct {
	key, value string
	line       int
	used       bool
}

// get takes the first property of a name, "" for none.
func (s *section) get(key string) string {
	for i := range s.props {
		if p := &s.props[i]; p.key == key && !p.used {
			p.used = true
			return p.value
		}
	}
	return ""
}

// all takes every property of a name.
func (s *section) all(key string) (list []string) {
	for i := range s.props {
		if p := &s.props[i]; p.key == key && !p.used {
			p.used, list = true, append(list, p.value)
		}
	}
	return list
}

// on takes a switch.
func (s *section) on(key string) bool {
	switch strings.ToLower(s.get(key)) {
	case "on", "true", "yes", "1":
		return true
	}
	return false
}

// fluentBit translates the classic form and YAML.
func fluentBit(text string) *Result {
	w := newWork(FluentBit, text)
	sections := w.classic()
	if len(sections) == 0 {
		sections = w.yaml(text)
	}
	for i := range sections {
		s := &sections[i]
		w.claim(s.line, s.line)
		name := s.get("name")
		translated := false
		switch s.kind {
		case "input":
			translated = w.fluentInput(s, name)
		case "filter":
			translated = w.fluentFilter(s, name)
		case "output":
			translated = w.fluentOutput(s, name)
		case "service":
			w.fluentService(s)
			continue
		}
		w.fluentRest(s, name, translated)
	}
	return w.finish()
}

// fluentRest lists what of a section nobody took.
func (w *work) fluentRest(s *section, name string, translated bool) {
	if !translated {
		w.left(s.line, s.kind+" "+name, "this has no counterpart")
	}
	for _, p := range s.props {
		w.claim(p.line, p.line)
		if p.used && translated || p.key == "name" && !translated || p.key == "match" && p.value == "*" {
			continue
		}
		why := "belongs to " + s.kind + " " + name + ", which was left"
		if translated {
			why = fluentWhy(s.kind, p.key)
		}
		if why != "" {
			w.left(p.line, p.key+" "+secretOr(p.key, p.value), "%s", why)
		}
	}
}

// secretOr does not repeat what may be a secret.
func secretOr(key, value string) string {
	if regexp.MustCompile(`(?i)token|passw|secret|key|header|auth`).MatchString(key) {
		return "(not shown)"
	}
	return value
}

// fluentWhy says why a property of a section that was translated was left, "" where
// it is done anyway.
func fluentWhy(kind, key string) string {
	switch key {
	case "tag", "db", "db.sync", "db.locking", "db.journal_mode", "refresh_interval", "skip_long_lines", "skip_empty_lines", "mem_buf_limit", "storage.type", "retry_limit", "rotate_wait",
		"buffer_chunk_size", "buffer_max_size", "workers", "inotify_watcher", "tls.verify":
		return "" // positions, retries and bounds of memory are the journal's and the engine's
	case "match", "match_regex":
		return "there are no tags: an output gets all events that meet its `when`; tallyman.input names the input"
	}
	if kind == "input" && strings.HasPrefix(key, "parser") {
		return "see `decode` of the input"
	}
	return "this property has no counterpart"
}

func (w *work) fluentService(s *section) {
	for i := range s.props {
		p := &s.props[i]
		w.claim(p.line, p.line)
		switch p.key {
		case "flush", "daemon", "grace", "http_server", "http_listen", "http_port", "storage.path", "storage.sync", "storage.checksum", "storage.backlog.mem_limit", "storage.metrics", "health_check", "scheduler.cap", "scheduler.base", "hot_reload":
			// The journal, admin and grace of the configuration do it.
		case "log_level":
			// The level is one of ours but for the finest.
		case "parsers_file", "plugins_file", "streams_file":
			w.left(p.line, p.key+" "+p.value, "parsers and plugins are built in: see `decode` of the inputs")
		default:
			w.left(p.line, p.key+" "+p.value, "this property has no counterpart")
		}
	}
}

var classicSection = lazy.Regexp(`^\[([A-Za-z_]+)\]$`)

// classic reads the form of brackets and indented pairs.
func (w *work) classic() []section {
	var list []section
	for i, raw := range w.lines {
		line := strings.TrimSpace(raw)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := classicSection().FindStringSubmatch(line); m != nil {
			list = append(list, section{kind: strings.ToLower(m[1]), line: i + 1})
			continue
		}
		switch {
		case strings.HasPrefix(line, "@INCLUDE") || strings.HasPrefix(line, "@include"):
			w.left(i+1, line, "included files are not read: translate each with --from")
		case strings.HasPrefix(line, "@"):
			w.left(i+1, line, "variables of Fluent Bit: ours are of the environment, ${NAME}")
		case len(list) > 0:
			key, value, _ := strings.Cut(line, " ")
			if at := strings.IndexAny(line, " \t"); at >= 0 {
				key, value = line[:at], line[at:]
			}
			s := &list[len(list)-1]
			s.props = append(s.props, prop{key: strings.ToLower(key), value: strings.TrimSpace(value), line: i + 1})
		}
	}
	return list
}

// yaml reads the form of Fluent Bit's YAML: service, and pipeline with lists of
// inputs, filters and outputs.
func (w *work) yaml(text string) []section {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	var list []section
	pairs(doc.Content[0], func(key, value *yaml.Node) {
		w.claim(key.Line, key.Line)
		switch key.Value {
		case "service":
			list = append(list, sectionOf("service", value))
		case "pipeline":
			pairs(value, func(kind, items *yaml.Node) {
				w.claim(kind.Line, kind.Line)
				for _, item := range items.Content {
					list = append(list, sectionOf(strings.TrimSuffix(kind.Value, "s"), item))
				}
			})
		case "env":
			w.left(key.Line, "env", "variables of Fluent Bit: ours are of the environment, ${NAME}")
		case "includes":
			w.left(key.Line, "includes", "included files are not read: translate each with --from")
		default:
			w.left(key.Line, key.Value, "this has no counterpart")
		}
	})
	return list
}

func sectionOf(kind string, n *yaml.Node) section {
	s := section{kind: kind, line: n.Line}
	pairs(n, func(key, value *yaml.Node) {
		items := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			items = value.Content
		}
		for _, item := range items {
			text := item.Value
			if item.Kind != yaml.ScalarNode {
				text = "(more below)"
			}
			s.props = append(s.props, prop{key: strings.ToLower(key.Value), value: text, line: item.Line})
		}
	})
	return s
}

// pairs calls f with each key and value of a map.
func pairs(n *yaml.Node, f func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], n.Content[i+1])
	}
}

// hostPort joins a host and a port, with what counts where one is missing.
func hostPort(host, port, otherHost, otherPort string) string {
	if host == "" {
		host = otherHost
	}
	if port == "" {
		port = otherPort
	}
	return net.JoinHostPort(host, port)
}
