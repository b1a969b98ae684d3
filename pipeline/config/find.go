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

// overridden returns the top mapping with the overrides set in it. The nodes of
// the file are left as they are: an anchor may use them elsewhere.
func (d *decoder) overridden(n *yaml.Node) *yaml.Node {
	for _, o := range d.override {
		val := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: o.Value}
		d.foreign[val] = o.Source
		n = d.put(n, o.Key, val)
	}
	return n
}

// put returns a copy of the mapping n with val at path. What is not a map is
// left, and its own check reports it.
func (d *decoder) put(n *yaml.Node, path []string, val *yaml.Node) *yaml.Node {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return n
	}
	fresh := *n
	fresh.Content = slices.Clone(n.Content)
	for i := 0; i+1 < len(fresh.Content); i += 2 {
		if fresh.Content[i].Value != path[0] {
			continue
		}
		if len(path) > 1 {
			val = d.put(fresh.Content[i+1], path[1:], val)
		}
		fresh.Content[i+1] = val
		return &fresh
	}
	for _, p := range slices.Backward(path) {
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p, Line: n.Line, Column: n.Column}
		if p != path[0] {
			val = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, val}, Line: n.Line, Column: n.Column}
			continue
		}
		fresh.Content = append(fresh.Content, key, val)
	}
	return &fresh
}
