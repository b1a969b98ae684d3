package rules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// maxFile bounds one file of rules.
const maxFile = 4 << 20

// loader reads files into definitions and lists, in the order of the settings;
// a later file may change what an earlier one said.
type loader struct {
	schema   *catalog
	docs     map[string]*document // by name
	names    []string             // of docs, in order
	rules    []*definition
	byID     map[string]*definition
	lists    map[string][]string
	problems plugin.Problems // of the settings themselves
}

// all returns every problem, those of the settings first.
func (l *loader) all() plugin.Problems {
	out := slices.Clone(l.problems)
	for _, name := range l.names {
		out = append(out, l.docs[name].problems...)
	}
	return out
}

func (l *loader) settings(pos plugin.Pos, hint, format string, args ...any) {
	l.problems = append(l.problems, plugin.Problem{Pos: pos, Hint: hint, Text: fmt.Sprintf(format, args...)})
}

// load reads what the settings name.
func load(s *Settings, dir string) *loader {
	l := newLoader()
	for _, f := range s.Files {
		for _, path := range l.expand(f, dir) {
			if _, again := l.docs[path]; !again {
				l.file(f, path)
			}
		}
	}
	l.fromSettings(s)
	return l
}

func newLoader() *loader {
	return &loader{schema: newCatalog(), docs: map[string]*document{}, byID: map[string]*definition{}, lists: map[string][]string{}}
}

// expand returns the files that a pattern names, in the order of their names.
func (l *loader) expand(f plugin.Text, dir string) []string {
	pattern := f.Value
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	found, err := filepath.Glob(pattern)
	switch {
	case err != nil:
		l.settings(f.Pos, "", "%q is no pattern of file names", f.Value)
	case len(found) == 0:
		l.settings(f.Pos, "", "no file matches %s", pattern)
	}
	return found
}

func (l *loader) file(f plugin.Text, path string) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%d bytes are more than the %d that are allowed", info.Size(), maxFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		l.settings(f.Pos, "", "cannot read the rules of %s: %v", path, reason(err))
		return
	}
	l.read(path, text)
}

// read takes in the text of one file.
func (l *loader) read(name string, text []byte) {
	d := newDocument(name, text, l.schema)
	l.docs[name] = d
	l.names = append(l.names, name)
	if n := d.root(text); n != nil {
		l.document(d, n)
	}
}

// reason is an error without the operation and the path that the message names
// already.
func reason(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (l *loader) document(d *document, n *yaml.Node) {
	var pack, version string
	// The pack's name may stand after its rules, so these are read last.
	var rest []func()
	later := func(f func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) { rest = append(rest, func() { f(n) }) }
	}
	d.mapping(n, "a file of rules", keys{
		"pack": d.str(&pack, "pack"), "version": d.str(&version, "version"),
		"lists":   func(n *yaml.Node) { l.listsOf(d, n) },
		"samples": func(n *yaml.Node) { d.granted = d.grants(n) },
		"rules": later(func(n *yaml.Node) {
			d.sequence(n, "rules", func(n *yaml.Node) { l.add(d, d.rule(n, pack, version)) })
		}),
		"override": later(func(n *yaml.Node) {
			if n.Kind == yaml.MappingNode {
				l.override(d, n)
				return
			}
			d.sequence(n, "override", func(n *yaml.Node) { l.override(d, n) })
		}),
		"disable": later(func(n *yaml.Node) {
			var ids []plugin.Text
			d.texts(&ids, "disable")(n)
			for _, id := range ids {
				if r := l.find(d, id); r != nil {
					r.enabled = false
				}
			}
		}),
	})
	for _, f := range rest {
		f()
	}
}

func (l *loader) add(d *document, r *definition) {
	if first, again := l.byID[r.id.Value]; again {
		d.add(r.at(r.id), "change it with override", "rule %s stands at %s already", r.id.Value, first.pos)
		return
	}
	l.byID[r.id.Value] = r
	l.rules = append(l.rules, r)
}

// find returns a rule of this or an earlier file.
func (l *loader) find(d *document, id plugin.Text) *definition {
	r := l.byID[id.Value]
	if r == nil {
		d.add(id.Pos, didYouMean(id.Value, l.byID), "there is no rule %s here or in an earlier file", id.Value)
	}
	return r
}

func (l *loader) override(d *document, n *yaml.Node) {
	var id plugin.Text
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "id" {
			d.text(&id, "id")(n.Content[i+1])
		}
	}
	if id.Value == "" {
		d.bad(n, "", "an override needs the id of a rule")
		return
	}
	if r := l.find(d, id); r != nil {
		r.merge(d, n)
	}
}

// listsOf reads `lists:`. A sequence makes a list; append and replace change
// one of an earlier file.
func (l *loader) listsOf(d *document, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, "", "lists must be a mapping")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], d.follow(n.Content[i+1])
		name := k.Value
		_, known := l.lists[name]
		if v.Kind == yaml.SequenceNode {
			if known {
				d.bad(k, "write append or replace below it", "there is a list %s already", name)
				continue
			}
			var words []string
			d.strs(&words, "list "+name)(v)
			l.lists[name] = words
			continue
		}
		var list List
		d.mapping(v, "list "+name, keys{"append": d.strs(&list.Append, "append"), "replace": d.strs(&list.Replace, "replace")})
		if !known {
			d.bad(k, didYouMean(name, l.lists), "there is no list %s to change here or in an earlier file", name)
			continue
		}
		l.change(name, list)
	}
}

func (l *loader) change(name string, by List) {
	if by.Replace != nil {
		l.lists[name] = by.Replace
	}
	l.lists[name] = append(slices.Clone(l.lists[name]), by.Append...)
}

// fromSettings applies what the configuration itself says about lists and rules.
func (l *loader) fromSettings(s *Settings) {
	for name, list := range s.Lists {
		if _, known := l.lists[name]; !known && list.Replace == nil {
			l.settings(plugin.Pos{}, didYouMean(name, l.lists), "the settings append to a list %s that no file has", name)
		}
		l.change(name, list)
	}
	for _, ids := range []struct {
		list []plugin.Text
		on   bool
	}{{s.Enable, true}, {s.Disable, false}} {
		for _, id := range ids.list {
			r := l.byID[id.Value]
			if r == nil {
				l.settings(id.Pos, didYouMean(id.Value, l.byID), "there is no rule %s in the files", id.Value)
				continue
			}
			r.enabled = ids.on
		}
	}
}

// report keeps the problems of a text with the document that it stands in.
func (l *loader) report(t plugin.Text, err error) {
	if d := l.docs[t.Pos.File]; d != nil {
		d.compiled(t, err)
		return
	}
	l.settings(t.Pos, "", "%v", err)
}
