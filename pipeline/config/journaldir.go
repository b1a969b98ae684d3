package config

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// JournalDir returns the folder of the journal that the file at path names,
// absolute, whatever else may be wrong in the file: that is where a running
// process is found. An override of journal.dir wins, and then the file need not
// even exist.
func JournalDir(path string, o Options) (string, plugin.Problems) {
	for _, one := range o.Override {
		if slices.Equal(one.Key, []string{"journal", "dir"}) && one.Value != "" {
			return absolute(one.Value), nil
		}
	}
	text, problem := read(path)
	if problem != nil {
		return "", plugin.Problems{*problem}
	}
	d := newDecoder(path, text, o)
	doc := d.parse(text)
	if doc == nil {
		return "", Tidy(d.problems)
	}
	at := doc
	for _, key := range []string{"journal", "dir"} {
		list := []pair(nil)
		if at.Kind == yaml.MappingNode {
			list = d.pairs(at, top)
		}
		i := slices.IndexFunc(list, func(p pair) bool { return resolve(p.key).Value == key })
		if i < 0 {
			return "", plugin.Problems{{Pos: d.pos(at), Text: "the configuration names no journal.dir", Hint: "name the folder with --journal-dir"}}
		}
		at = list[i].val
	}
	d.problems = nil // mistakes elsewhere are for others to tell
	dir, _, ok := "", false, at.Kind == yaml.ScalarNode
	if ok {
		dir, _, ok = d.expand(at, top.child("journal.dir"))
	}
	if !ok || dir == "" {
		d.add(at, "name the folder with --journal-dir", "the folder of the journal is not known")
		return "", Tidy(d.problems)
	}
	return d.journalDir(dir), nil
}
