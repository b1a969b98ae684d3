package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// DefaultPath is the file that is read when none is named.
const DefaultPath = "/etc/tallyman/tallyman.yaml"

const (
	envPrefix = "TALLYMAN"
	envConfig = "TALLYMAN_CONFIG"
	delimiter = "::" // viper's own, the dot, occurs in keys
)

// scalars are the keys that a flag or variable may set: log::level is
// --log-level and TALLYMAN_LOG_LEVEL.
var scalars = []string{
	"grace", "journal::dir", "journal::max_size", "host::name", "host::id", "admin::listen", "log::level", "log::format",
}

// Override is a value from a flag or the environment, which wins over the file.
type Override struct {
	Key    []string // the path in the document
	Value  string
	Source string // for messages: "--log-level", "TALLYMAN_LOG_LEVEL"
}

// Find returns the file to read (the flag --config, else TALLYMAN_CONFIG, else
// DefaultPath) and what flags and the environment set beside it. Flags may be
// nil, and need not have all of the flags that would be bound.
func Find(flags *pflag.FlagSet) (path string, o []Override, err error) {
	v := viper.NewWithOptions(viper.KeyDelimiter(delimiter))
	v.SetDefault("config", DefaultPath)
	changed := map[string]bool{}
	for _, key := range append([]string{"config"}, scalars...) {
		if err := v.BindEnv(key, envName(key)); err != nil {
			return "", nil, fmt.Errorf("config: bind %s: %w", envName(key), err)
		}
		if flags == nil || flags.Lookup(flagName(key)) == nil {
			continue
		}
		changed[key] = flags.Changed(flagName(key))
		if err := v.BindPFlag(key, flags.Lookup(flagName(key))); err != nil {
			return "", nil, fmt.Errorf("config: bind --%s: %w", flagName(key), err)
		}
	}
	for _, key := range scalars {
		value := v.GetString(key)
		if !v.IsSet(key) || value == "" && !changed[key] {
			continue
		}
		one := Override{Key: strings.Split(key, delimiter), Value: value, Source: envName(key)}
		if changed[key] {
			one.Source = "--" + flagName(key)
		}
		o = append(o, one)
	}
	if path = v.GetString("config"); path == "" {
		path = DefaultPath
	}
	return path, o, nil
}

func envName(key string) string {
	return envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(key, delimiter, "_"))
}

func flagName(key string) string {
	return strings.NewReplacer(delimiter, "-", "_", "-").Replace(key)
}

// overridden returns the pairs of the top mapping n with the overrides set in
// them. The nodes of the file are left as they are: an anchor may use them
// elsewhere.
func (d *decoder) overridden(list []pair, n *yaml.Node) []pair {
	for _, o := range d.override {
		if len(o.Key) == 0 {
			continue
		}
		val := d.foreignNode(o.Value, o.Source)
		i := slices.IndexFunc(list, func(p pair) bool { return resolve(p.key).Value == o.Key[0] })
		if i < 0 {
			list = append(list, pair{d.foreignNode(o.Key[0], o.Source), d.nest(n, o, 1, val)})
			continue
		}
		list[i].val = d.put(list[i].val, o, 1, val)
	}
	return list
}

// put returns a copy of n with val at the path o.Key[depth:]. What is not a map
// is left, and its own check reports it.
func (d *decoder) put(n *yaml.Node, o Override, depth int, val *yaml.Node) *yaml.Node {
	if depth == len(o.Key) {
		return val
	}
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return n
	}
	fresh := *n
	fresh.Content = slices.Clone(n.Content)
	for i := 0; i+1 < len(fresh.Content); i += 2 {
		if resolve(fresh.Content[i]).Value == o.Key[depth] {
			fresh.Content[i+1] = d.put(fresh.Content[i+1], o, depth+1, val)
			return &fresh
		}
	}
	fresh.Content = append(fresh.Content, d.foreignNode(o.Key[depth], o.Source), d.nest(n, o, depth+1, val))
	return &fresh
}

// nest wraps val in maps for the path o.Key[depth:]; they stand where n does.
func (d *decoder) nest(n *yaml.Node, o Override, depth int, val *yaml.Node) *yaml.Node {
	for i := len(o.Key) - 1; i >= depth; i-- {
		val = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column,
			Content: []*yaml.Node{d.foreignNode(o.Key[i], o.Source), val}}
	}
	return val
}

// foreignNode is a word that stands in no file, and the name of where it stands.
func (d *decoder) foreignNode(word, source string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: word}
	d.foreign[n] = source
	return n
}
