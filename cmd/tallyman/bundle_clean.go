package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
)

// concealed stands in the place of a secret.
const concealed = "[redacted]"

// leastSecret is how long a referred secret is at least to be searched for: a shorter
// one would be found in every word.
const leastSecret = 4

// cleaner takes secrets out of texts: those that the configuration refers to by their
// value, and others by what stands before them.
type cleaner struct {
	known *strings.Replacer // of the values that the configuration refers to
}

// secretKey are the names of keys, headers, variables and options whose values are
// secrets. Names that end in _file are paths.
var secretKey = lazy.Regexp(`(?i)(?:token|passw(?:or)?d|passphrase|secret|credentials?|auth(?:orization)?|api[-_]?key|access[-_]?key|private[-_]?key|cookie)(?:[-_](?:key|id|value))?$`)

// secretShapes find secrets in texts; what a group holds stays.
var secretShapes = []func() *regexp.Regexp{
	lazy.Regexp(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`),
	lazy.Regexp(`(?i)(\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:basic|bearer|splunk|digest)\s+)?)[^\s"',]+`),
	lazy.Regexp(`(?i)(\b(?:bearer|splunk)\s+)[A-Za-z0-9._~+/=-]{8,}`),
	lazy.Regexp(`(://)[^/\s@"']+(?:@)`),
	lazy.Regexp(`(?i)((?:token|passw(?:or)?d|passphrase|secret|api[-_]?key|access[-_]?key|private[-_]?key)(?:[-_](?:key|id|value))?\\?["']?\s*[:=]\s*)(?:"(?:\\.|[^"\\])*"|'[^']*'|\\"[^"]*\\"|[^\s"',;}&{\[][^\s,;}&]*)`),
	lazy.Regexp(`(?i)((?:^|\s)--?[a-z-]*(?:token|password|passphrase|secret|api-key)\s+)[^\s-][^\s]*`),
	lazy.Regexp(`()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`),
	lazy.Regexp(`()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`),
}

// newCleaner knows the secrets that a configuration refers to. What cannot be read
// can also not have got into a text.
func newCleaner(path string, text []byte) *cleaner {
	var values []string
	add := func(v string) {
		if v = strings.TrimSpace(v); len(v) >= leastSecret {
			values = append(values, v)
			if at := strings.IndexByte(v, ':'); at > 0 && len(v)-at-1 >= leastSecret { // user:password
				values = append(values, v[at+1:])
			}
		}
	}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) == nil {
		referred(&doc, func(key, value string) {
			if key == "env" {
				add(os.Getenv(value))
				return
			}
			if info, err := os.Stat(absoluteIn(filepath.Dir(path), value)); err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 {
				return
			}
			if b, err := os.ReadFile(absoluteIn(filepath.Dir(path), value)); err == nil {
				add(string(b))
			}
		})
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // the longer one first
	var pairs []string
	for _, v := range values {
		pairs = append(pairs, v, concealed)
	}
	return &cleaner{known: strings.NewReplacer(pairs...)}
}

// referred calls found with the key and value of each reference, {file: …} or {env: …}.
func referred(n *yaml.Node, found func(key, value string)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key, v := n.Content[i].Value, n.Content[i+1]; v.Kind == yaml.ScalarNode && (key == "file" || key == "env") {
				found(key, v.Value)
			}
		}
	}
	for _, c := range n.Content {
		referred(c, found)
	}
}

// text takes secrets out of a text of any kind.
func (c *cleaner) text(s string) string {
	s = c.known.Replace(s)
	for _, re := range secretShapes {
		s = re().ReplaceAllString(s, "${1}"+concealed)
	}
	return s
}

// configuration is a configuration without comments, secrets and arguments of
// programs. One that is not YAML is left out: nobody knows what is a value in it.
func (c *cleaner) configuration(text []byte) string {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || doc.Kind == 0 {
		return ""
	}
	c.node(&doc, "", "")
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return ""
	}
	return b.String()
}

// node cleans what stands under a key, which stands under another.
func (c *cleaner) node(n *yaml.Node, key, above string) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	switch n.Kind {
	case yaml.ScalarNode:
		if secretName(key, above) && n.Value != "" {
			conceal(n)
			return
		}
		n.Value = c.text(n.Value)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.node(n.Content[i], "", "")
			c.node(n.Content[i+1], n.Content[i].Value, key)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if key == "command" && i > 0 && item.Kind == yaml.ScalarNode {
				conceal(item)
				continue
			}
			c.node(item, key, above)
		}
	case yaml.DocumentNode, yaml.AliasNode:
		for _, item := range n.Content {
			c.node(item, "", "")
		}
	}
}

func conceal(n *yaml.Node) { n.Value, n.Tag, n.Style = concealed, "!!str", yaml.DoubleQuotedStyle }

// secretName says whether the text under a key is a secret. The key of tls is a path,
// and those of a filter are names of audit rules.
func secretName(key, above string) bool {
	if key == "key" {
		return above != "tls" && above != "drop" && above != "keep"
	}
	return secretKey().MatchString(key)
}
