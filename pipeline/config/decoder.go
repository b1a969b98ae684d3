package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// Bounds of one document: what aliases expand to, and how deep. A file of a few
// hundred bytes can otherwise stand for a billion values.
const (
	maxValues = 100_000
	maxDepth  = 50
)

// decoder goes through the nodes of one file and collects what is wrong. The
// file positions of a node are those of its text, also where an alias uses it.
type decoder struct {
	file     string
	dir      string // the folder of file, absolute
	lines    []string
	env      func(string) (string, bool)
	plugins  []plugin.Plugin
	override []Override

	problems plugin.Problems
	claims   []claim               // of the components so far
	secrets  []Secret              // that are referred to
	broken   map[any]bool          // the settings in which something is wrong
	foreign  map[*yaml.Node]string // values that came from a flag or the environment, and its name
	values   int
	depth    int
	full     bool // the bounds were met: nothing more is decoded
}

func newDecoder(file string, text []byte, o Options) *decoder {
	env := o.LookupEnv
	if env == nil {
		env = os.LookupEnv
	}
	return &decoder{file: file, dir: filepath.Dir(absolute(file)), lines: splitLines(text), env: env, plugins: o.Plugins,
		override: o.Override, foreign: map[*yaml.Node]string{}, broken: map[any]bool{}}
}

// where names a value in messages: the key in the thing.
type where struct {
	in  string // `output "siem"`, "the configuration"
	key string // "tls.cert", "" for the thing itself
}

func (w where) child(key string) where {
	if w.key != "" {
		key = w.key + "." + key
	}
	return where{in: w.in, key: key}
}

func (w where) String() string {
	if w.key == "" {
		return w.in
	}
	if w.in == top.in {
		return strconv.Quote(w.key)
	}
	return strconv.Quote(w.key) + " of " + w.in
}

// top names the whole file.
var top = where{in: "the configuration"}

// line returns a line of the file by its number, "" where there is none.
func (d *decoder) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	return d.lines[n-1]
}

// pos returns where a node stands. The library counts columns in characters.
func (d *decoder) pos(n *yaml.Node) plugin.Pos {
	if name, ok := d.foreign[n]; ok {
		return plugin.Pos{File: name}
	}
	p := plugin.Pos{File: d.file, Line: n.Line, Col: 1}
	line := d.line(n.Line)
	for i := 1; i < n.Column && p.Col <= len(line); i++ {
		_, size := utf8.DecodeRuneInString(line[p.Col-1:])
		p.Col += size
	}
	return p
}

// add adds a problem at a node and underlines its text.
func (d *decoder) add(n *yaml.Node, hint, format string, args ...any) {
	p := plugin.Problem{Pos: d.pos(n), Text: fmt.Sprintf(format, args...), Hint: hint}
	if n.Kind == yaml.ScalarNode && !strings.Contains(n.Value, "\n") {
		p.Width = len(n.Value)
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			p.Width += 2
		}
		p.Width = max(1, min(p.Width, len(d.line(n.Line))-p.Pos.Col+1))
	}
	d.problems = append(d.problems, p)
}

// addHidden adds a problem whose source line is not to be shown, because it
// may hold a secret.
func (d *decoder) addHidden(n *yaml.Node, hint, format string, args ...any) {
	d.add(n, hint, format, args...)
	d.problems[len(d.problems)-1].Width = hidden
}

// enter counts a value against the bounds; every true is paired with a leave.
func (d *decoder) enter(n *yaml.Node) bool {
	if d.full {
		return false
	}
	d.values++
	d.depth++
	if d.values > maxValues || d.depth > maxDepth {
		d.full = true
		d.depth--
		d.add(n, "use fewer aliases of aliases", "the configuration expands to more than %d values or %d levels", maxValues, maxDepth)
		return false
	}
	return true
}

func (d *decoder) leave() { d.depth-- }

// resolve follows aliases to what they stand for.
func resolve(n *yaml.Node) *yaml.Node {
	for i := 0; n.Kind == yaml.AliasNode && i < maxDepth; i++ {
		n = n.Alias
	}
	return n
}

// pair is one key of a map and its value, aliases resolved.
type pair struct {
	key *yaml.Node
	val *yaml.Node
}

// pairs returns the keys and values of a map in the order of the file, without
// duplicates; what `<<` merges in comes after, and only what is not set there.
func (d *decoder) pairs(n *yaml.Node, w where) []pair {
	var list []pair
	var merged []*yaml.Node
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := resolve(n.Content[i]), resolve(n.Content[i+1])
		switch {
		case key.Kind != yaml.ScalarNode:
			d.add(key, "", "a key of %s is %s, not a word", w, kindOf(key))
			continue
		case key.ShortTag() == "!!merge":
			merged = append(merged, val)
			continue
		}
		if before := first[key.Value]; before != nil {
			d.add(n.Content[i], fmt.Sprintf("the first is at line %d; remove one of them", before.Line),
				"duplicate key %q in %s", key.Value, w)
			continue
		}
		first[key.Value] = key
		list = append(list, pair{n.Content[i], val})
	}
	for _, m := range merged {
		for _, p := range d.merge(m, w) {
			if k := resolve(p.key).Value; first[k] == nil {
				first[k] = p.key
				list = append(list, p)
			}
		}
	}
	return list
}

// merge returns the pairs that the value of a `<<` stands for.
func (d *decoder) merge(n *yaml.Node, w where) []pair {
	if !d.enter(n) {
		return nil
	}
	defer d.leave()
	switch n.Kind {
	case yaml.MappingNode:
		list := d.pairs(n, w)
		d.values += len(list)
		return list
	case yaml.SequenceNode:
		var list []pair
		for _, one := range n.Content {
			list = append(list, d.merge(resolve(one), w)...)
		}
		return list
	}
	d.add(n, "write `<<: *name`", "what %s merges in is %s, not a map", w, kindOf(n))
	return nil
}

// kindOf says what a value is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "the boolean " + n.Value
	case "!!int", "!!float":
		return "the number " + n.Value
	}
	if len(n.Value) > 60 || strings.ContainsAny(n.Value, "\n") {
		return "a text"
	}
	return "the text " + strconv.Quote(n.Value)
}

// suggestAndList is the hint for a word that is not in a list of known ones.
func suggestAndList(word, what string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	list := what + ": " + strings.Join(known, ", ")
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, list)
	}
	return list
}
